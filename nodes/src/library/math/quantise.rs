//! Quantisation of a number to levels.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::direct("in", 0.0, "The number to quantise.");
const STEPS: Input = Input::number("steps", 8.0, "Number of levels, spaced evenly from `low` to `high`.")
    .soft(2.0, 32.0)
    .hard(2.0, 128.0);
const LEVELS: Input =
    Input::text("levels", "", "List of levels, in any order; it replaces `steps`, `low` and `high`.").numbers(64);

choices! {
    /// Rounding of a number to a level.
    enum Mode {
        Nearest = "nearest",
        Floor = "floor",
        Ceil = "ceil",
    }
}

const MODE: Input = Input::choice_of::<Mode>("mode", "Rounding: nearest level, the one below, or the one above.");
const HYSTERESIS: Input = Input::number(
    "hysteresis",
    10.0,
    "Hysteresis: distance past the switching point, in percent of the gap between levels.",
)
.soft(0.0, 50.0)
.hard(0.0, 50.0)
.unit("%");
const LOW: Input = Input::number("low", 0.0, "Lowest level.").soft(-1.0, 1.0);
const HIGH: Input = Input::number("high", 1.0, "Highest level.").soft(-1.0, 1.0);
const OUT: Output = Output::number("out", "The current level.").passes(&IN);
const CHANGE: Output = Output::gate("change", "Trigger when the level changes.");

/// Largest number of levels.
const MOST: usize = 128;
const BEGUN: usize = 0;
const INDEX: usize = 1;

/// Rounds a number to levels, with hysteresis.
pub const NODE: NodeDef = NodeDef {
    name: "math.quantise",
    title: "Quantise",
    about: "Rounds a number to levels, with hysteresis against flicker.",
    inputs: &[IN, STEPS, LEVELS, MODE, HYSTERESIS, LOW, HIGH],
    outputs: &[OUT, CHANGE],
    memory: 2,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let mut buffer = [0.0; MOST];
    let levels = levels(ctx, &mut buffer);
    let (x, last) = (ctx.number(&IN), levels.len() - 1);
    let (begun, index) = (ctx.memory()[BEGUN] != 0.0, ctx.memory()[INDEX] as usize);
    let mode = ctx.chosen::<Mode>(&MODE);
    let slack = if begun { ctx.number(&HYSTERESIS) / 100.0 } else { 0.0 };
    let mut at = if begun { index.min(last) } else { 0 };
    while at < last && reaches(x, levels[at], levels[at + 1], mode, slack) {
        at += 1;
    }
    while at > 0 && !reaches(x, levels[at - 1], levels[at], mode, -slack) {
        at -= 1;
    }
    ctx.memory().copy_from_slice(&[1.0, at as f64]);
    let changed = begun && levels[at] != ctx.last(&OUT);
    ctx.set(&OUT, levels[at]);
    ctx.fire(&CHANGE, i64::from(changed));
}

/// The levels, lowest first.
fn levels<'a>(ctx: &NodeContext<'_>, buffer: &'a mut [f64; MOST]) -> &'a [f64] {
    let written = ctx.numbers(&LEVELS);
    let count = if written.is_empty() { ctx.whole(&STEPS) as usize } else { written.len() }.clamp(1, MOST);
    let levels = &mut buffer[..count];
    if written.is_empty() {
        let (low, high) = (ctx.number(&LOW), ctx.number(&HIGH));
        for (index, level) in levels.iter_mut().enumerate() {
            *level = low + (high - low) * index as f64 / (count - 1).max(1) as f64;
        }
    } else {
        levels.copy_from_slice(&written[..count]);
    }
    levels.sort_unstable_by(f64::total_cmp);
    levels
}

/// True if `x` belongs to the upper one of two levels. `slack` is the hysteresis as a fraction of their distance, above
/// 0 for a rise from the lower level and below 0 for a stay in the upper one. A number equal to a level belongs to it.
fn reaches(x: f64, low: f64, high: f64, mode: Mode, slack: f64) -> bool {
    let step = high - low;
    match mode {
        Mode::Floor => x >= high + step * slack.min(0.0),
        Mode::Ceil => x > low + step * slack.max(0.0),
        Mode::Nearest if slack < 0.0 => x > low + step * (0.5 + slack),
        Mode::Nearest => x >= low + step * (0.5 + slack),
    }
}
