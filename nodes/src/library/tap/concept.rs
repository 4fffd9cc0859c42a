//! Attention that the picture would give to words outside the prompt.

use crate::library::tap::tap_node;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;
use crate::program::target::MOST_WORDS;

const WORDS: Input =
    Input::text("words", "", "Words or phrases, separated by commas. The map shows their sum.").words(MOST_WORDS);
const MAP: Output = Output::of(
    "map",
    Kind::Map,
    "Cross-attention share of the words at each position, as if they followed the prompt.",
);

/// Measures the cross-attention to words outside the prompt, without a change of the picture.
pub const NODE: NodeDef = NodeDef {
    name: "tap.concept",
    title: "Concept map",
    about: "Measures the cross-attention to words outside the prompt, without a change of the picture.",
    inputs: &[WORDS, tap_node::TARGET, tap_node::FUSE, tap_node::THRESHOLD, tap_node::REGION],
    outputs: &tap_node::outputs(MAP),
    run: |ctx| tap_node::run(ctx, Measure::Concept { words: ctx.text(&WORDS) }, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
