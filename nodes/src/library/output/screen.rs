//! The picture on the screen.

use crate::node::def::{Image, Input, NodeDef, View};
use crate::node::value::Kind;

const PICTURE: Input = Input::socket("picture", Kind::Picture, "Picture to show and record.").unique();

/// The picture on the screen.
pub const NODE: NodeDef = NodeDef {
    name: "output.screen",
    title: "Screen",
    about: "Shows a picture in the preview and writes it to the video file.",
    inputs: &[PICTURE],
    outputs: &[],
    run: |ctx| {
        if let Some(source) = ctx.source(&PICTURE) {
            ctx.request_screen(source);
        }
    },
    view: Some(View::Picture(Image::Output)),
    ..NodeDef::BASE
};
