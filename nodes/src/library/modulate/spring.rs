//! A body on a spring.

use crate::library::modulate::oscillator::Swing;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "Where the spring is fixed.");
const STIFFNESS: Input = Input::number(
    "stiffness",
    10.0,
    "How hard the spring pulls, per second squared: 10 swings every two seconds, 40 every second.",
)
.soft(0.1, 1000.0)
.hard(0.01, 1e6)
.unit("/s²")
.log();
const DAMPING: Input = Input::number(
    "damping",
    0.2,
    "How soon it comes to rest: 0 swings for ever, 1 is the quickest way without swinging, more is slower.",
)
.soft(0.0, 2.0)
.hard(0.0, 100.0);
const IMPULSE: Input = Input::gate("impulse", false, "A blow each time it goes on.");
const STRENGTH: Input =
    Input::number("strength", 1.0, "How far a blow would throw it without damping.").soft(-2.0, 2.0).hard(-1e6, 1e6);
const OUT: Output = Output::number("out", "Where it is.").passes(&IN);

const LEVEL: usize = 0;
/// See [`Swing`].
const SPEED: usize = 1;
const BEGUN: usize = 2;

/// Follows a value as if it hung on a spring.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.spring",
    title: "Spring",
    about: "Follows a value as if it hung on a spring, swings beyond it, and can be struck.",
    inputs: &[IN, STIFFNESS, DAMPING, IMPULSE, STRENGTH],
    outputs: &[OUT],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let target = ctx.number(&IN);
    let &mut [level, speed, begun] = ctx.memory() else { return };
    let away = if begun == 0.0 { 0.0 } else { level - target };
    let blows = f64::from(ctx.hits(&IMPULSE)) * ctx.number(&STRENGTH);
    let angle = ctx.number(&STIFFNESS).sqrt() * ctx.dt_secs();
    let swing = Swing { away, speed: speed + blows }.after(angle, ctx.number(&DAMPING));
    ctx.memory()[LEVEL] = target + swing.away;
    ctx.memory()[SPEED] = swing.speed;
    ctx.memory()[BEGUN] = 1.0;
    ctx.set(&OUT, target + swing.away);
}
