//! A button.

use crate::node::def::{Input, NodeDef, Output, View};

const ON: Input = Input::gate("on", false, "Whether it is pressed.");
const GATE: Output = Output::gate("gate", "On while it is pressed.");

/// A gate by hand: a button or a switch.
pub const NODE: NodeDef = NodeDef {
    name: "control.button",
    title: "Button",
    about: "A gate that is switched by hand or by a controller.",
    inputs: &[ON],
    outputs: &[GATE],
    run: |ctx| ctx.set(&GATE, ctx.trigger(&ON)),
    view: View::Rows,
    ..NodeDef::BASE
};
