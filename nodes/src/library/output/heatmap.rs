//! A map in colours.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::measurement::MapNumber;
use crate::program::source::{ColourMap, Look, Scale, Source};

const MAP: Input = Input::socket("map", Kind::Map, "Map to draw.");
const BELOW: Input = Input::socket("below", Kind::Picture, "Picture below the map.");
const AMOUNT: Input = Input::number(
    "amount",
    0.6,
    "Opacity over `below`: 0 hides the map, 1 covers hot places; cold places only darken. Without `below`, no effect.",
)
.hard(0.0, 1.0);
const COLOURS: Input = Input::choice_of::<ColourMap>("colours", "Colour map.");
const INVERT: Input = Input::gate("invert", false, "Reverses the colour map, so that large values are dark.");

choices! {
    /// Range of the colours.
    enum Range {
        Frame = "frame",
        Running = "running",
        Fixed = "fixed",
    }
}

const RANGE: Input = Input::choice_of::<Range>(
    "range",
    "Range of the colours: of each latent frame, running over about 4 s, or fixed from `low` to `high`.",
);
const LOW: Input = Input::number("low", 0.0, "Lower end of the fixed range.").soft(0.0, 1.0).hard(-1e6, 1e6);
const HIGH: Input = Input::number("high", 1.0, "Upper end of the fixed range.").soft(0.0, 1.0).hard(-1e6, 1e6);
const GAMMA: Input = Input::number("gamma", 1.0, "Gamma: above 1 lifts small values, below 1 suppresses them.")
    .soft(0.25, 4.0)
    .hard(0.05, 20.0)
    .log();
const THRESHOLD: Input = Input::number(
    "threshold",
    0.0,
    "Threshold as a fraction of the range; smaller values show `below`, or black without it.",
)
.hard(0.0, 1.0);
const SCALE: Input = Input::choice_of::<Scale>("scale", "Interpolation from grid cells to pixels.").chosen(2);
const SMOOTH: Input =
    Input::gate("smooth", false, "Interpolates the map between latent frames; off, it changes four times a second.");
const OUT: Output = Output::of("picture", Kind::Picture, "The map as a picture.").passes(&BELOW);

/// A map in colours.
pub const NODE: NodeDef = NodeDef {
    name: "output.heatmap",
    title: "Heatmap",
    about: "Draws a map in colours, alone or over a picture.",
    inputs: &[MAP, BELOW, AMOUNT, COLOURS, INVERT, RANGE, LOW, HIGH, GAMMA, THRESHOLD, SCALE, SMOOTH],
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
        smooth: ctx.gate(&SMOOTH),
    };
    ctx.show(&OUT, Source::Heatmap { map, below, amount, colours, range, look });
}

/// Time constant of the running range, in seconds.
const RUNNING_SECS: f64 = 4.0;

/// Running range of the map: it widens at once and narrows slowly.
fn running(ctx: &mut NodeContext<'_>, map: &Source) -> Option<(f64, f64)> {
    let Source::Tap(tap) = map else { return None };
    let (low, high) = ctx.measured(tap, MapNumber::Min).zip(ctx.measured(tap, MapNumber::Max))?;
    let kept = (-ctx.dt_secs() / RUNNING_SECS).exp();
    let memory = ctx.memory();
    if memory[0] == 0.0 {
        memory.copy_from_slice(&[1.0, low, high]);
    }
    memory[1] = low.min(low + kept * (memory[1] - low));
    memory[2] = high.max(high + kept * (memory[2] - high));
    Some((memory[1], memory[2]))
}
