//! A button.

use crate::node::def::{Input, NodeDef, Output, View};

const ON: Input = Input::gate("on", false, "State of the switch.");
const GATE: Output = Output::gate("gate", "Gate: on while the switch is on; a click toggles it.");

/// A manual switch; a click toggles its gate.
pub const NODE: NodeDef = NodeDef {
    name: "control.button",
    title: "Button",
    about: "A manual switch; a click toggles its gate.",
    inputs: &[ON],
    outputs: &[GATE],
    run: |ctx| ctx.set(&GATE, ctx.trigger(&ON)),
    view: Some(View::Rows),
    ..NodeDef::BASE
};
