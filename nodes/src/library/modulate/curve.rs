//! A curve through keys.

use crate::choice::choices;
use crate::library::time::division::whole;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const KEYS: Input = Input::text(
    "keys",
    "0 0, 2 1 bezier, 4 0 bezier",
    "Keys separated by commas: time, value, then linear, hold or bezier for the segment that follows.",
)
.keys();

choices! {
    /// Unit of the key times.
    enum Time {
        Seconds = "seconds",
        Frames = "frames",
        Beats = "beats",
        Scrub = "scrub",
    }
}

const UNIT: Input = Input::choice_of::<Time>(
    "unit",
    "Unit of the key times: seconds, latent frames or beats. Scrub follows `position` instead.",
);

choices! {
    /// Behaviour after the last key.
    enum AtEnd {
        Hold = "hold",
        Loop = "loop",
        PingPong = "ping_pong",
    }
}

const AT_END: Input =
    Input::choice_of::<AtEnd>("at_end", "Behaviour after the last key: hold, repeat, or play back and forth.");
const SPEED: Input = Input::number("speed", 1.0, "Playback speed: 1 is normal, below 0 plays backwards.")
    .soft(-4.0, 4.0)
    .hard(-64.0, 64.0)
    .unit("×");
const RESET: Input = Input::gate("reset", false, "Trigger: back to the first key.");
const POSITION: Input =
    Input::direct("position", 0.0, "Position for scrub: 0 is the first key, 1 the last.").hard(0.0, 1.0);
const OUT: Output = Output::number("out", "Value of the curve.");
const END: Output = Output::gate("end", "Trigger at each end of the curve.");

/// Position: 0 is the first key, 1 the last; from 1 to 2 it returns.
const PLACE: usize = 0;
/// Number of ends passed on the way to this frame.
const ENDS: usize = 1;
const BEGUN: usize = 2;

/// Plays a curve through written keys.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.curve",
    title: "Curve",
    about: "Plays a curve through written keys.",
    inputs: &[KEYS, UNIT, AT_END, SPEED, RESET, POSITION],
    outputs: &[OUT, END],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(curve) = ctx.curve(&KEYS) else { return };
    let length = curve.end() - curve.start();
    let frame = match ctx.chosen::<Time>(&UNIT) {
        Time::Seconds => ctx.dt_secs(),
        Time::Frames => 1.0,
        Time::Beats => ctx.dt_beats(),
        Time::Scrub => {
            ctx.set(&OUT, curve.at(curve.start() + length * ctx.number(&POSITION)));
            ctx.set(&END, Gate::fired(0));
            return;
        }
    };
    let step = if length > 0.0 { ctx.number(&SPEED) * frame / length } else { 0.0 };
    if ctx.memory()[BEGUN] == 0.0 || ctx.rises(&RESET) {
        // Backward playback starts at the last key.
        ctx.memory().copy_from_slice(&[f64::from(u8::from(step < 0.0)), 0.0, 1.0]);
    }
    let (place, ends) = (ctx.memory()[PLACE], ctx.memory()[ENDS]);
    let way = if place > 1.0 { 2.0 - place } else { place };
    ctx.set(&OUT, curve.at(curve.start() + length * way));
    ctx.set(&END, Gate::fired(ends as u16));
    let (next, ends) = advance(way, place, step, ctx.chosen::<AtEnd>(&AT_END));
    ctx.memory()[PLACE] = next;
    ctx.memory()[ENDS] = ends;
}

/// Next position, and number of ends passed on the way.
fn advance(way: f64, place: f64, step: f64, at_end: AtEnd) -> (f64, f64) {
    let place = if at_end == AtEnd::PingPong { place } else { way };
    let to = whole(place + step);
    let to = if at_end == AtEnd::Hold { to.clamp(0.0, 1.0) } else { to };
    let ends = if step < 0.0 { place.ceil() - to.ceil() } else { to.floor() - place.floor() };
    let next = match at_end {
        AtEnd::PingPong => to.rem_euclid(2.0),
        AtEnd::Loop if step > 0.0 => to - to.floor(),
        AtEnd::Loop if step < 0.0 => to - to.ceil() + 1.0,
        _ => to,
    };
    (next, ends)
}
