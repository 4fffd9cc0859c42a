//! A number.

use crate::node::def::{Input, NodeDef, Output, View};

const VALUE: Input = Input::number("value", 0.0, "The number.").soft(-1.0, 1.0);
const OUT: Output = Output::number("out", "The number.");

/// A number, set by hand or moved by a cable.
pub const NODE: NodeDef = NodeDef {
    name: "control.number",
    title: "Number",
    about: "A number, set by hand or moved by a cable.",
    inputs: &[VALUE],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.number(&VALUE)),
    view: Some(View::Rows),
    ..NodeDef::BASE
};
