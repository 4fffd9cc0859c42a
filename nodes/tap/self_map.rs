//! Where a place of the picture attends to.

use crate::def::{Input, NodeDef, Output};
use crate::listen;
use crate::program::Measure;
use crate::value::Kind;

const AT_X: Input = Input::number("at_x", 0.5, "The place that looks, from 0 at the left to 1.").hard(0.0, 1.0);
const AT_Y: Input = Input::number("at_y", 0.5, "The place that looks, from 0 at the top to 1.").hard(0.0, 1.0);
const MAP: Output =
    Output::of("map", Kind::Map, "How much the place attends to each place, in all latent frames it sees.");

/// Measures which places of the picture a place attends to.
pub const NODE: NodeDef = NodeDef {
    name: "tap.self_map",
    title: "Self map",
    about: "Measures which places of the picture a place attends to.",
    inputs: &[listen::TARGET, AT_X, AT_Y, listen::FUSE, listen::THRESHOLD, listen::REGION],
    outputs: &[
        MAP,
        listen::MEAN,
        listen::MAX,
        listen::X,
        listen::Y,
        listen::ENTROPY,
        listen::AREA,
        listen::MASS,
        listen::CHANGE,
    ],
    run: |run| listen::run(run, Measure::SelfMap { x: run.number(&AT_X), y: run.number(&AT_Y) }, &MAP),
    ..NodeDef::BASE
};
