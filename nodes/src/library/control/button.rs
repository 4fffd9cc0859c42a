//! A button.

use crate::node::def::{Input, NodeDef, Output, View};

const ON: Input = Input::gate("on", false, "State of the button.");
const GATE: Output = Output::gate("gate", "On while the button is pressed.");

/// A gate by hand: a button or a switch.
pub const NODE: NodeDef = NodeDef {
    name: "control.button",
    title: "Button",
    about: "A button for hand or controller.",
    inputs: &[ON],
    outputs: &[GATE],
    run: |ctx| ctx.set(&GATE, ctx.trigger(&ON)),
    view: View::Rows,
    ..NodeDef::BASE
};
