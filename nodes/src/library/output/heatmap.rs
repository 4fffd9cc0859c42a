//! A measurement in colours.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{ColourMap, Look, Scale, Source};

const MAP: Input = Input::socket("map", Kind::Map, "The measurement.");
const BELOW: Input = Input::socket("below", Kind::Picture, "A picture that shows through.");
const AMOUNT: Input = Input::number("amount", 0.6, "How much the measurement covers the picture.").hard(0.0, 1.0);
const COLOURS: Input = Input::choice_of::<ColourMap>("colours", "The colour map.");
const INVERT: Input = Input::gate("invert", false, "Turns the colour map around, so that what is hot is dark.");

choices! {
    /// The range of the colours.
    enum Range {
        Frame = "frame",
        Running = "running",
        Fixed = "fixed",
    }
}

const RANGE: Input = Input::choice_of::<Range>(
    "range",
    "What is coldest and hottest: of each latent frame, of the last seconds, or the values low and high.",
);
const LOW: Input = Input::number("low", 0.0, "The coldest value of a fixed range.").soft(0.0, 1.0).hard(-1e6, 1e6);
const HIGH: Input = Input::number("high", 1.0, "The hottest value of a fixed range.").soft(0.0, 1.0).hard(-1e6, 1e6);
const GAMMA: Input = Input::number(
    "gamma",
    1.0,
    "Above 1 lifts what is cold, below 1 leaves only what is hot; the ends stay where they are.",
)
.soft(0.25, 4.0)
.hard(0.05, 20.0)
.log();
const THRESHOLD: Input =
    Input::number("threshold", 0.0, "The part of the range below which nothing covers the picture.").hard(0.0, 1.0);
const SCALE: Input = Input::choice_of::<Scale>("scale", "How its places become pixels.").chosen(2);
const TIME: Input = Input::gate(
    "time",
    false,
    "Moves from latent frame to latent frame over the four pictures of each, instead of stepping.",
);
const OUT: Output = Output::of("picture", Kind::Picture, "The measurement as a picture.").passes(&BELOW);

/// A measurement in colours.
pub const NODE: NodeDef = NodeDef {
    name: "output.heatmap",
    title: "Heatmap",
    about: "Turns a measurement into colours, alone or over a picture.",
    inputs: &[MAP, BELOW, AMOUNT, COLOURS, INVERT, RANGE, LOW, HIGH, GAMMA, THRESHOLD, SCALE, TIME],
    outputs: &[OUT],
    memory: 3,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(map) = ctx.source(&MAP) else { return };
    let (below, amount) = (ctx.source(&BELOW), ctx.number(&AMOUNT));
    let range = match ctx.chosen::<Range>(&RANGE) {
        Range::Frame => None,
        Range::Running => running(ctx, &map),
        Range::Fixed => Some((ctx.number(&LOW), ctx.number(&HIGH))),
    };
    let colours = ctx.chosen(&COLOURS);
    let look = Look {
        invert: ctx.gate(&INVERT),
        gamma: ctx.number(&GAMMA),
        threshold: ctx.number(&THRESHOLD),
        scale: ctx.chosen(&SCALE),
        time: ctx.gate(&TIME),
    };
    ctx.show(&OUT, Source::Heatmap { map, below, amount, colours, range, look });
}

/// Seconds in which what is left of an old extreme shrinks to a third.
const FORGETS_SECS: f64 = 4.0;

/// The smallest and largest values of the last seconds: they widen at once and narrow slowly.
fn running(ctx: &mut NodeContext<'_>, map: &Source) -> Option<(f64, f64)> {
    let Source::Tap(tap) = map else { return None };
    let (low, high) = ctx.measured(tap, "min").zip(ctx.measured(tap, "max"))?;
    let kept = (-ctx.dt_secs() / FORGETS_SECS).exp();
    let memory = ctx.memory();
    if memory[0] == 0.0 {
        memory.copy_from_slice(&[1.0, low, high]);
    }
    memory[1] = low.min(low + kept * (memory[1] - low));
    memory[2] = high.max(high + kept * (memory[2] - high));
    Some((memory[1], memory[2]))
}
