//! Attention of a position to the rest of the picture.

use crate::library::tap::tap_node;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;

const AT_X: Input = Input::number("at_x", 0.5, "Query position, 0 left to 1 right.").hard(0.0, 1.0);
const AT_Y: Input = Input::number("at_y", 0.5, "Query position, 0 top to 1 bottom.").hard(0.0, 1.0);
const MAP: Output =
    Output::of("map", Kind::Map, "Attention of the query position to each position, over all visible latent frames.");

/// Measures the self-attention map of one position of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "tap.self_map",
    title: "Self map",
    about: "Measures the self-attention map of one position of the picture.",
    inputs: &[tap_node::TARGET, AT_X, AT_Y, tap_node::FUSE, tap_node::THRESHOLD, tap_node::REGION],
    outputs: &tap_node::outputs(MAP),
    run: |ctx| tap_node::run(ctx, Measure::SelfMap { x: ctx.number(&AT_X), y: ctx.number(&AT_Y) }, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
