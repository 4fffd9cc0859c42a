//! What is on the screen.

use crate::node::def::{Image, Input, NodeDef, View};
use crate::node::value::Kind;

const PICTURE: Input = Input::socket("picture", Kind::Picture, "What is shown and recorded.").unique();

/// What is on the screen.
pub const NODE: NodeDef = NodeDef {
    name: "output.picture",
    title: "Screen",
    about: "Shows a picture on the screen and in the file.",
    inputs: &[PICTURE],
    outputs: &[],
    run: |ctx| {
        if let Some(source) = ctx.source(&PICTURE) {
            ctx.ask_screen(source);
        }
    },
    view: View::Picture(Image::Output),
    ..NodeDef::BASE
};
