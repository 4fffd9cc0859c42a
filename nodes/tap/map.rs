//! Where the picture attends to words.

use crate::def::{NodeDef, Output};
use crate::listen;
use crate::program::Measure;
use crate::value::Kind;

const MAP: Output = Output::of("map", Kind::Map, "How much each place of the picture attends to the words.");

/// Measures where the picture attends to words of the prompt.
pub const NODE: NodeDef = NodeDef {
    name: "tap.map",
    title: "Attention map",
    about: "Measures where the picture attends to words of the prompt.",
    inputs: &[listen::TARGET, listen::FUSE, listen::THRESHOLD, listen::REGION],
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
    run: |run| listen::run(run, Measure::CrossMap, &MAP),
    ..NodeDef::BASE
};
