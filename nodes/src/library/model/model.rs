//! The video model.

use crate::node::def::{Image, Input, NodeDef, Output, View};
use crate::node::value::Kind;
use crate::program::source::Source;

/// The prompt.
pub const PROMPT: Input = Input::text("prompt", "", "Prompt of the video.").unique();
/// The negative prompt.
const NEGATIVE: Input = Input::text(
    "negative",
    "",
    "Negative prompt: guidance leads the picture away from it. It acts in clips; chunks have no guidance.",
);
/// The bends.
pub const BENDS: Input = Input::socket("bends", Kind::Bend, "Chain of bends to apply inside the model.");
const OUT: Output = Output::of("picture", Kind::Picture, "The generated picture.");

/// The video model: a prompt and bends to a picture.
pub const NODE: NodeDef = NodeDef {
    name: "model.wan",
    title: "Wan",
    about: "The video model: generates pictures from a prompt, with bends applied inside.",
    inputs: &[PROMPT, BENDS, NEGATIVE],
    outputs: &[OUT],
    run: |ctx| {
        ctx.request_prompt(ctx.prompt(&PROMPT));
        ctx.request_negative(ctx.text(&NEGATIVE));
        if !ctx.bypass() {
            ctx.request_bends(ctx.bends(&BENDS));
        }
        ctx.show(&OUT, Source::Model);
    },
    sees_bypass: true,
    view: Some(View::Picture(Image::Model)),
    ..NodeDef::BASE
};
