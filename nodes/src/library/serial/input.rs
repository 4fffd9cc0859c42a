//! A sensor of a board on a serial port.

use serde_json::json;

use crate::choice::choices;
use crate::input::{ControlName, ON};
use crate::library::math::range::Learn;
use crate::library::modulate::slew::exponential;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output, Reads};

const NAME: Input =
    Input::text("name", "a0", "Name of the sensor, as the board sends it; a number without a name has the name value.");
const INDEX: Input =
    Input::number("index", 0.0, "Index of the number in the line, from 0.").soft(0.0, 15.0).hard(0.0, 63.0);
const HELD: Input =
    Input::number("held", 0.0, "Default: output until the first line arrives, or after a loss.").hard(-1e6, 1e6);
const DEVICE: Input = Input::text("device", "", "Name of the board; empty is every board.");

choices! {
    /// The output while the board is lost.
    enum Lost {
        Hold = "hold",
        Default = "default",
        Fade = "fade",
    }
}

const LOST: Input = Input::choice_of::<Lost>(
    "lost",
    "Output while the board is unplugged or silent: the last number, `held`, or a fade to `held`.",
);
const LOST_SECS: Input =
    Input::number("lost_secs", 2.0, "Delay before the default, or length of the fade, in seconds.")
        .soft(0.0, 10.0)
        .hard(0.0, 600.0)
        .unit("s");
const SCALED: Input = Input::gate("scaled", false, "Gate: scales the range from `min` to `max` to 0 to 1.");
const MIN: Input = Input::number("min", 0.0, "Start of the sensor's range, the output 0.").soft(0.0, 4095.0);
const MAX: Input = Input::number("max", 1.0, "End of the sensor's range, the output 1.").soft(0.0, 4095.0);
const LEARN: Input = Input::gate(
    "learn",
    false,
    "Gate: learns the range while it is on, and scales it to 0 to 1. Moving `min` or `max` discards it.",
);
const DEAD_ZONE: Input = Input::number("dead_zone", 0.0, "Part of the scaled range at each end that is 0 or 1.")
    .soft(0.0, 0.25)
    .hard(0.0, 0.49);
const SMOOTH: Input = Input::number("smooth", 0.0, "Smoothing: time for 90 % of the way, in seconds.")
    .soft(0.0, 2.0)
    .hard(0.0, 60.0)
    .unit("s");
const OUT: Output = Output::number("out", "Last number received, scaled and smoothed.");

/// Seconds since the loss of the board.
const GONE: usize = 0;
/// 1 after the first number.
const BEGUN: usize = 1;
/// The smoothed number.
const LEVEL: usize = 2;
/// Memory of [`Learn`]; its first cell is 1 while a range is learned.
const RANGE: usize = 3;

/// A sensor of a board on a serial port.
pub const NODE: NodeDef = NodeDef {
    name: "serial.in",
    title: "Serial in",
    about: "Reads a sensor of a board on a serial port or the network, such as an ESP32.",
    inputs: &[NAME, INDEX, HELD, DEVICE, LOST, LOST_SECS, SCALED, MIN, MAX, LEARN, DEAD_ZONE, SMOOTH],
    outputs: &[OUT],
    memory: RANGE + Learn::MEMORY,
    run,
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Sensor { name } => Some(vec![(&NAME, json!(&**name))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: Some(&INDEX),
    }),
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let index = usize::try_from(ctx.whole(&INDEX)).unwrap_or_default();
    let held = ctx.number(&HELD);
    let sensor = ctx.control_of(&DEVICE, ControlName::Sensor { name: ctx.text(&NAME) });
    let Some(reading) = ctx.reading(&sensor, index) else {
        ctx.memory()[BEGUN] = 0.0;
        ctx.set(&OUT, held);
        return;
    };
    let x = scaled(ctx, reading.value);
    let x = if_lost(ctx, x, held);
    let (smooth, dt) = (ctx.number(&SMOOTH), ctx.dt_secs());
    let memory = ctx.memory();
    let level = if memory[BEGUN] == 0.0 || smooth <= 0.0 {
        x
    } else {
        memory[LEVEL] + exponential(x - memory[LEVEL], dt, smooth)
    };
    (memory[BEGUN], memory[LEVEL]) = (1.0, level);
    ctx.set(&OUT, level);
}

/// The number in its range, 0 to 1, if it is scaled or a range is learned.
fn scaled(ctx: &mut NodeContext<'_>, x: f64) -> f64 {
    let learns = ctx.gate(&LEARN);
    // A sensor may send its first number long after learning began.
    let begins = learns && (ctx.rises(&LEARN) || ctx.memory()[RANGE] == 0.0);
    let (low, high) = Learn { knobs: [&MIN, &MAX], begins, learns }.ends(ctx, x, RANGE);
    if !ctx.gate(&SCALED) && ctx.memory()[RANGE] == 0.0 {
        return x;
    }
    let dead = ctx.number(&DEAD_ZONE);
    let x = if high == low { 0.0 } else { (x - low) / (high - low) };
    ((x - dead) / (1.0 - 2.0 * dead)).clamp(0.0, 1.0)
}

/// The number, or that of the policy while the board is lost.
fn if_lost(ctx: &mut NodeContext<'_>, x: f64, held: f64) -> f64 {
    let online = ctx.latest(&ctx.control_of(&DEVICE, ControlName::Online), 0).0;
    // A device that reports no presence is there.
    let gone = if online.is_none_or(|online| online >= ON) { 0.0 } else { ctx.memory()[GONE] + ctx.dt_secs() };
    ctx.memory()[GONE] = gone;
    let secs = ctx.number(&LOST_SECS);
    match ctx.chosen::<Lost>(&LOST) {
        Lost::Default if gone > 0.0 && gone >= secs => held,
        Lost::Fade if gone > 0.0 => x + (held - x) * if secs > 0.0 { (gone / secs).min(1.0) } else { 1.0 },
        Lost::Hold | Lost::Default | Lost::Fade => x,
    }
}
