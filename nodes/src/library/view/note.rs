//! Text for readers of the patch.

use crate::node::def::{Input, NodeDef, View};

const TEXT: Input = Input::text("text", "", "Text of the note.");

/// A note on the canvas.
pub const NODE: NodeDef = NodeDef {
    name: "view.note",
    title: "Note",
    about: "A comment in the patch, without effect.",
    inputs: &[TEXT],
    view: Some(View::Note { text: &TEXT }),
    ..NodeDef::BASE
};
