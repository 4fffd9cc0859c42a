//! A curve through keys.

use crate::choice::choices;
use crate::library::time::division::whole;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const KEYS: Input = Input::text(
    "keys",
    "0 0, 2 1 bezier, 4 0 bezier",
    "Times and values, separated by commas; behind them linear, hold or bezier says how it goes on.",
)
.keys();

choices! {
    /// The unit of the times of keys.
    enum Time {
        Seconds = "seconds",
        Frames = "frames",
        Beats = "beats",
        Scrub = "scrub",
    }
}

const TIME: Input = Input::choice_of::<Time>(
    "time",
    "What the times of the keys are: seconds, latent frames or beats, in which it plays by itself; or the position says where it is.",
);

choices! {
    /// The way after the last key.
    enum Loop {
        Once = "once",
        Loop = "loop",
        PingPong = "ping_pong",
    }
}

const LOOP: Input =
    Input::choice_of::<Loop>("loop", "What it does after the last key: stays there, begins again, or goes back.");
const SPEED: Input = Input::number("speed", 1.0, "How fast it plays; below 0 it plays backwards.")
    .soft(-4.0, 4.0)
    .hard(-64.0, 64.0)
    .unit("×");
const RESET: Input = Input::gate("reset", false, "Begins again.");
const POSITION: Input =
    Input::direct("position", 0.0, "Where it is when it is scrubbed: 0 is the first key, 1 the last.").hard(0.0, 1.0);
const OUT: Output = Output::number("out", "The value of the curve.");
const END: Output = Output::gate("end", "Fires when it comes to an end of the curve that it plays.");

/// Where it is: 0 is the first key, 1 the last; from 1 to 2 it goes back.
const PLACE: usize = 0;
/// How many ends it comes to in this frame.
const ENDS: usize = 1;
const BEGUN: usize = 2;

/// A curve through keys, over time.
pub const NODE: NodeDef = NodeDef {
    name: "modulate.curve",
    title: "Curve",
    about: "Plays a curve that is written as keys, from the first key to the last.",
    inputs: &[KEYS, TIME, LOOP, SPEED, RESET, POSITION],
    outputs: &[OUT, END],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(curve) = ctx.curve(&KEYS) else { return };
    let length = curve.end() - curve.start();
    let frame = match ctx.chosen::<Time>(&TIME) {
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
        // Backwards it begins at the end.
        ctx.memory().copy_from_slice(&[f64::from(u8::from(step < 0.0)), 0.0, 1.0]);
    }
    let (place, ends) = (ctx.memory()[PLACE], ctx.memory()[ENDS]);
    let way = if place > 1.0 { 2.0 - place } else { place };
    ctx.set(&OUT, curve.at(curve.start() + length * way));
    ctx.set(&END, Gate::fired(ends as u16));
    let (next, ends) = go_on(way, place, step, ctx.chosen::<Loop>(&LOOP));
    ctx.memory()[PLACE] = next;
    ctx.memory()[ENDS] = ends;
}

/// The next place, and how many ends lie between.
fn go_on(way: f64, place: f64, step: f64, at_the_end: Loop) -> (f64, f64) {
    let place = if at_the_end == Loop::PingPong { place } else { way };
    let to = whole(place + step);
    let to = if at_the_end == Loop::Once { to.clamp(0.0, 1.0) } else { to };
    let ends = if step < 0.0 { place.ceil() - to.ceil() } else { to.floor() - place.floor() };
    let next = match at_the_end {
        Loop::PingPong => to.rem_euclid(2.0),
        Loop::Loop if step > 0.0 => to - to.floor(),
        Loop::Loop if step < 0.0 => to - to.ceil() + 1.0,
        _ => to,
    };
    (next, ends)
}
