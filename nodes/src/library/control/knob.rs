//! A knob from 0 to 1.

use crate::node::def::{Input, NodeDef, Output, View};

const VALUE: Input = Input::number("value", 0.0, "Where the knob stands.").hard(0.0, 1.0);
const OUT: Output = Output::number("out", "Where the knob stands, 0 to 1.");

/// A knob from 0 to 1, to be turned by hand or by a controller.
pub const NODE: NodeDef = NodeDef {
    name: "control.knob",
    title: "Knob",
    about: "A knob from 0 to 1, to be turned by hand or by a controller.",
    inputs: &[VALUE],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.number(&VALUE)),
    view: View::Rows,
    ..NodeDef::BASE
};
