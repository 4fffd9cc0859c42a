//! Activity of neurons over the picture.

use crate::library::tap::tap_node;
use crate::node::def::{Image, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;

const MAP: Output = Output::of("map", Kind::Map, "Mean activation of the neurons at each position of the picture.");

/// Measures where in the picture feed-forward neurons are active.
pub const NODE: NodeDef = NodeDef {
    name: "tap.neuron_map",
    title: "Neuron map",
    about: "Measures where in the picture feed-forward neurons are active.",
    inputs: &tap_node::INPUTS,
    outputs: &tap_node::outputs(MAP),
    run: |ctx| tap_node::run(ctx, Measure::Activity, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
