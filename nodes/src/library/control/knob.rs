//! A knob from 0 to 1.

use crate::node::def::{Input, NodeDef, Output, View};

const VALUE: Input = Input::number("value", 0.0, "Position of the knob, 0 to 1.").hard(0.0, 1.0);
const OUT: Output = Output::number("out", "Position of the knob, 0 to 1.");

/// A knob from 0 to 1, for hand or controller.
pub const NODE: NodeDef = NodeDef {
    name: "control.knob",
    title: "Knob",
    about: "A knob from 0 to 1, for hand or controller.",
    inputs: &[VALUE],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.number(&VALUE)),
    view: Some(View::Rows),
    ..NodeDef::BASE
};
