//! Neuron activations as a drawing.

use crate::library::target::target_node;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::source::{ColourMap, Drawing, Heights, Shape, Source};

const MAP: Input = Input::socket("map", Kind::Map, "Spectrum to draw; a map is read position by position.");
const BELOW: Input = Input::socket("below", Kind::Picture, "Picture below the drawing.");
const AMOUNT: Input = Input::number("amount", 1.0, "Opacity of the drawing: 0 transparent, 1 opaque.").hard(0.0, 1.0);
const SHAPE: Input = Input::choice_of::<Shape>("shape", "Shape: bars, or a line along the peaks.");
const COLOURS: Input = Input::choice_of::<ColourMap>("colours", "Colour map, from bottom to top.");
const HEIGHTS: Input =
    Input::choice_of::<Heights>("heights", "Scale of the heights: linear, square root, or decibels.").chosen(1);
const FLOOR: Input =
    Input::number("floor", -60.0, "Bottom of the decibel scale.").soft(-120.0, -12.0).hard(-200.0, -1.0).unit("dB");
const GAIN: Input =
    Input::number("gain", 1.0, "Factor of the activations.").soft(0.1, 10.0).hard(0.001, 1000.0).unit("×").log();
const NORMALISE: Input = Input::gate(
    "normalise",
    true,
    "Scales each latent frame so that its largest activation reaches the top; off, an activation of 1 does.",
);
const FIRST: Input = target_node::FIRST.soft(0.0, 511.0);
const LAST: Input = target_node::LAST.soft(0.0, 511.0);
const BANDS: Input =
    Input::number("bands", 0.0, "Number of bars; 0 is as many as fit.").soft(0.0, 64.0).hard(0.0, 4096.0);
const DECAY: Input = Input::number("decay", 0.0, "Time constant of the peaks' decay, in seconds; 0 shows no peaks.")
    .soft(0.0, 8.0)
    .hard(0.0, 3600.0)
    .unit("s");
const OUT: Output = Output::of("picture", Kind::Picture, "The drawing.").passes(&BELOW);

/// Neuron activations as a drawing.
pub const NODE: NodeDef = NodeDef {
    name: "output.spectrum",
    title: "Spectrum",
    about: "Draws neuron activations as bars or a line, alone or over a picture.",
    inputs: &[MAP, BELOW, AMOUNT, SHAPE, COLOURS, HEIGHTS, FLOOR, GAIN, NORMALISE, FIRST, LAST, BANDS, DECAY],
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
        normalise: ctx.gate(&NORMALISE),
        first: ctx.number(&FIRST).round() as usize,
        last: if last < target_node::END { last as usize } else { usize::MAX },
        bands: ctx.whole(&BANDS) as usize,
        decay: ctx.number(&DECAY),
    };
    let (node, below, amount) = (ctx.id().clone(), ctx.source(&BELOW), ctx.number(&AMOUNT));
    ctx.show(&OUT, Source::Spectrum { node, map, below, amount, drawing });
}
