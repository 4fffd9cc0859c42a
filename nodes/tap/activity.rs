//! Where neurons are active.

use crate::def::{NodeDef, Output};
use crate::listen;
use crate::program::Measure;
use crate::value::Kind;

const MAP: Output = Output::of("map", Kind::Map, "How active the neurons are at each place of the picture.");

/// Measures where in the picture a neuron, or several, are active.
pub const NODE: NodeDef = NodeDef {
    name: "tap.activity",
    title: "Neuron map",
    about: "Measures where in the picture a neuron, or several, are active.",
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
    run: |run| listen::run(run, Measure::Activity, &MAP),
    ..NodeDef::BASE
};
