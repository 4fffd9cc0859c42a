//! A prompt.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const TEXT: Input = Input::text("text", "", "Prompt text.");
const OUT: Output = Output::of("text", Kind::Text, "The prompt.");

/// A prompt.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.text",
    title: "Prompt",
    about: "A prompt: the description of the video.",
    inputs: &[TEXT],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.text(&TEXT)),
    pure: true,
    ..NodeDef::BASE
};
