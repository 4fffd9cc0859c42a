//! Words for those who read the patch.

use crate::node::def::{Input, NodeDef, View};

const TEXT: Input = Input::text("text", "", "What is written there.");

/// A note on the canvas.
pub const NODE: NodeDef = NodeDef {
    name: "view.note",
    title: "Note",
    about: "A note for those who read the patch; it does nothing.",
    inputs: &[TEXT],
    view: View::Note,
    ..NodeDef::BASE
};
