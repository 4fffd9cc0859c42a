//! The activity of neurons as a drawing.

use crate::library::target::target_node;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{ColourMap, Drawing, Heights, Shape, Source};

const MAP: Input = Input::socket("map", Kind::Map, "The measurement; of a map of places, place after place.");
const BELOW: Input = Input::socket("below", Kind::Picture, "A picture that shows through.");
const AMOUNT: Input = Input::number("amount", 1.0, "How much the drawing covers the picture.").hard(0.0, 1.0);
const SHAPE: Input = Input::choice_of::<Shape>("shape", "Bars, or a line along the peaks.");
const COLOURS: Input = Input::choice_of::<ColourMap>("colours", "The colour map, from the foot to the top.");
const HEIGHTS: Input = Input::choice_of::<Heights>(
    "heights",
    "How heights follow activities: as they are, as square roots, or as logarithms.",
)
.chosen(1);
const FLOOR: Input =
    Input::number("floor", -60.0, "Where decibels begin.").soft(-120.0, -12.0).hard(-200.0, -1.0).unit("dB");
const GAIN: Input = Input::number("gain", 1.0, "What activities are multiplied with.")
    .soft(0.1, 10.0)
    .hard(0.001, 1000.0)
    .unit("×")
    .log();
const LEVEL: Input = Input::gate(
    "level",
    true,
    "The most active neuron of each latent frame reaches the top; without it an activity of 1 does.",
);
const FIRST: Input = target_node::FIRST.soft(0.0, 511.0);
const LAST: Input = target_node::LAST.soft(0.0, 511.0);
const BANDS: Input =
    Input::number("bands", 0.0, "How many bars; 0 is as many as there is room for.").soft(0.0, 64.0).hard(0.0, 4096.0);
const HOLD: Input = Input::number("hold", 0.0, "How long a peak stands until it has fallen to a third; 0 holds none.")
    .soft(0.0, 8.0)
    .hard(0.0, 3600.0)
    .unit("s");
const OUT: Output = Output::of("picture", Kind::Picture, "The drawing.").passes(&BELOW);

/// The activity of neurons as a drawing.
pub const NODE: NodeDef = NodeDef {
    name: "output.spectrum",
    title: "Spectrum",
    about: "Draws the activity of neurons as bars or as a line, alone or over a picture.",
    inputs: &[MAP, BELOW, AMOUNT, SHAPE, COLOURS, HEIGHTS, FLOOR, GAIN, LEVEL, FIRST, LAST, BANDS, HOLD],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(map) = ctx.source(&MAP) else { return };
    let last = ctx.number(&LAST).round();
    let drawing = Drawing {
        colours: ctx.chosen(&COLOURS),
        shape: ctx.chosen(&SHAPE),
        heights: ctx.chosen(&HEIGHTS),
        floor: ctx.number(&FLOOR),
        gain: ctx.number(&GAIN),
        level: ctx.gate(&LEVEL),
        first: ctx.number(&FIRST).round() as usize,
        last: if last < target_node::END { last as usize } else { usize::MAX },
        bands: ctx.whole(&BANDS) as usize,
        hold: ctx.number(&HOLD),
    };
    let (node, below, amount) = (ctx.id().clone(), ctx.source(&BELOW), ctx.number(&AMOUNT));
    ctx.show(&OUT, Source::Spectrum { node, map, below, amount, drawing });
}
