//! A number sent by OSC.

use crate::node::def::{Input, NodeDef};

const ADDRESS: Input = Input::text("address", "/bend/out", "OSC address to send to.").address();
const VALUE: Input = Input::direct("value", 0.0, "Number to send.");

/// A number sent by OSC.
pub const NODE: NodeDef = NodeDef {
    name: "osc.out",
    title: "OSC out",
    about: "Sends a number by OSC, once per latent frame.",
    inputs: &[ADDRESS, VALUE],
    outputs: &[],
    run: |ctx| ctx.request_message(ctx.text(&ADDRESS), ctx.number(&VALUE)),
    ..NodeDef::BASE
};
