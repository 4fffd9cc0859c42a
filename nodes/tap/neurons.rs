//! Which neurons are active.

use crate::def::{NodeDef, Output};
use crate::listen;
use crate::program::Measure;
use crate::value::Kind;

const MAP: Output = Output::of("map", Kind::Map, "The mean activity of each neuron, as a spectrum.");

/// Measures how active the feed-forward neurons are.
pub const NODE: NodeDef = NodeDef {
    name: "tap.neurons",
    title: "Neurons",
    about: "Measures how active the feed-forward neurons are.",
    inputs: &[listen::TARGET, listen::FUSE, listen::THRESHOLD],
    outputs: &[MAP, listen::MEAN, listen::MAX, listen::X, listen::ENTROPY, listen::AREA, listen::CHANGE],
    run: |run| listen::run(run, Measure::Neurons, &MAP),
    ..NodeDef::BASE
};
