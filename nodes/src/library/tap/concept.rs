//! Attention that the picture would give to words outside the prompt.

use crate::library::tap::tap_node;
use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::Measure;
use crate::program::target::MOST_WORDS;

const WORDS: Input =
    Input::text("words", "", "Words or phrases, separated by commas. The prompt need not contain them.")
        .words(MOST_WORDS);
const MAP: Output = Output::of(
    "map",
    Kind::Map,
    "Attention that each position of the picture would give to the words if they followed the prompt.",
);

/// Measures the attention to words outside the prompt. They do not change the picture.
pub const NODE: NodeDef = NodeDef {
    name: "tap.concept",
    title: "Concept map",
    about: "Measures the attention to words outside the prompt. They do not change the picture.",
    inputs: &[WORDS, tap_node::TARGET, tap_node::FUSE, tap_node::THRESHOLD, tap_node::REGION],
    outputs: &tap_node::outputs(MAP),
    run: |ctx| tap_node::run(ctx, Measure::Concept { words: ctx.text(&WORDS) }, &MAP),
    view: Some(View::Picture(Image::Map)),
    ..NodeDef::BASE
};
