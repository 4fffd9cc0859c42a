//! A measurement in colours.

use crate::def::{Input, NodeDef, Output};
use crate::program::{ColourMap, Source};
use crate::tick::Run;
use crate::value::Kind;

const MAP: Input = Input::socket("map", Kind::Map, "The measurement.");
const BELOW: Input = Input::socket("below", Kind::Picture, "A picture that shows through.");
const AMOUNT: Input = Input::number("amount", 0.6, "How much the measurement covers the picture.").hard(0.0, 1.0);
const COLOURS: Input = Input::choice("colours", &["inferno", "viridis", "magma", "grey"], "The colour map.");
const OUT: Output = Output::of("picture", Kind::Picture, "The measurement as a picture.");

const MAPS: [ColourMap; 4] = [ColourMap::Inferno, ColourMap::Viridis, ColourMap::Magma, ColourMap::Grey];

/// A measurement in colours.
pub const NODE: NodeDef = NodeDef {
    name: "output.heatmap",
    title: "Heatmap",
    about: "Turns a measurement into colours, alone or over a picture.",
    inputs: &[MAP, BELOW, AMOUNT, COLOURS],
    outputs: &[OUT],
    memory: 0,
    run,
};

fn run(run: &mut Run<'_>) {
    let Some(map) = run.source(&MAP) else { return };
    let (below, amount) = (run.source(&BELOW), run.number(&AMOUNT));
    run.set(&OUT, Source::Heatmap { map, below, amount, colours: MAPS[run.choice(&COLOURS)] });
}
