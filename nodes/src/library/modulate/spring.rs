//! A mass on a spring.

use crate::library::modulate::oscillator::Swing;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "Position of the anchor.");
const STIFFNESS: Input =
    Input::number("stiffness", 10.0, "Stiffness in 1/s²: 10 swings once in two seconds, 40 once per second.")
        .soft(0.1, 1000.0)
        .hard(0.01, 1e6)
        .unit("/s²")
        .log();
const DAMPING: Input =
    Input::number("damping", 0.2, "Damping ratio: 0 swings forever, 1 is critical, above 1 is slower.")
        .soft(0.0, 2.0)
        .hard(0.0, 100.0);
const IMPULSE: Input = Input::gate("impulse", false, "Trigger: an impulse to the mass.");
const STRENGTH: Input = Input::number("strength", 1.0, "Travel that one impulse would cause without damping.")
    .soft(-2.0, 2.0)
    .hard(-1e6, 1e6);
const OUT: Output = Output::number("out", "Position of the mass.").passes(&IN);

const LEVEL: usize = 0;
/// See [`Swing`].
const SPEED: usize = 1;
const BEGUN: usize = 2;

/// A mass on a spring: follows a number, overshoots, and reacts to triggers.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.spring",
    title: "Spring",
    about: "A mass on a spring: follows a number, overshoots, and reacts to triggers.",
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
    let impulse = f64::from(ctx.hits(&IMPULSE)) * ctx.number(&STRENGTH);
    let angle = ctx.number(&STIFFNESS).sqrt() * ctx.dt_secs();
    let swing = Swing { away, speed: speed + impulse }.after(angle, ctx.number(&DAMPING));
    ctx.memory()[LEVEL] = target + swing.away;
    ctx.memory()[SPEED] = swing.speed;
    ctx.memory()[BEGUN] = 1.0;
    ctx.set(&OUT, target + swing.away);
}
