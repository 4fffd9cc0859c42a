//! Activity of neurons.

use crate::library::tap::tap_node;
use crate::node::def::{Image, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;

const MAP: Output = Output::of("map", Kind::Map, "Mean activation of each neuron, as a spectrum.");

/// Measures the activations of feed-forward neurons.
pub const NODE: NodeDef = NodeDef {
    name: "tap.neurons",
    title: "Neurons",
    about: "Measures the activations of feed-forward neurons.",
    inputs: &[tap_node::TARGET, tap_node::FUSE, tap_node::THRESHOLD],
    outputs: &[MAP, tap_node::MEAN, tap_node::MAX, tap_node::X, tap_node::ENTROPY, tap_node::AREA, tap_node::CHANGE],
    run: |ctx| tap_node::run_everywhere(ctx, Measure::Neurons, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
