//! Attention of the picture to words.

use crate::library::tap::tap_node;
use crate::node::def::{Image, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;

const MAP: Output = Output::of("map", Kind::Map, "Attention of each position of the picture to the words.");

/// Measures where the picture attends to words of the prompt.
pub const NODE: NodeDef = NodeDef {
    name: "tap.map",
    title: "Attention map",
    about: "Measures where the picture attends to words of the prompt.",
    inputs: &tap_node::INPUTS,
    outputs: &tap_node::outputs(MAP),
    run: |ctx| tap_node::run(ctx, Measure::CrossMap, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
