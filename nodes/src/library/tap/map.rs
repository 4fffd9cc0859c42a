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
    inputs: &[tap_node::TARGET, tap_node::FUSE, tap_node::THRESHOLD, tap_node::REGION],
    outputs: &[
        MAP,
        tap_node::MEAN,
        tap_node::MAX,
        tap_node::X,
        tap_node::Y,
        tap_node::ENTROPY,
        tap_node::AREA,
        tap_node::MASS,
        tap_node::CHANGE,
    ],
    run: |ctx| tap_node::run(ctx, Measure::CrossMap, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
