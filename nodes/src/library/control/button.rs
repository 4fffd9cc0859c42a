//! A button.

use crate::node::def::{Input, NodeDef, Output, View};

const ON: Input = Input::gate("on", false, "State of the switch; a click toggles it.");
const GATE: Output = Output::gate("gate", "Gate: on while the switch is on.");

/// A gate by hand: a button or a switch.
pub const NODE: NodeDef = NodeDef {
    name: "control.button",
    title: "Button",
    about: "A switch for your hand.",
    inputs: &[ON],
    outputs: &[GATE],
    run: |ctx| ctx.set(&GATE, ctx.trigger(&ON)),
    view: View::Rows,
    ..NodeDef::BASE
};
