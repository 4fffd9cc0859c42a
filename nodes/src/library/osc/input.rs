//! A number received by OSC.

use serde_json::json;

use crate::input::ControlName;
use crate::node::def::{Input, NodeDef, Output, Reads};

const ADDRESS: Input = Input::text("address", "/bend/1", "OSC address, such as /bend/1.").address();
const INDEX: Input =
    Input::number("index", 0.0, "Index of the argument in the message, from 0.").soft(0.0, 15.0).hard(0.0, 255.0);
const DEVICE: Input = Input::text("device", "", "Name or network address of the sender; empty is every sender.");
const HELD: Input = Input::number("held", 0.0, "Output until the first message arrives.").hard(-1e6, 1e6);
const OUT: Output = Output::number("out", "Last number received.");

/// A number received by OSC.
pub const NODE: NodeDef = NodeDef {
    name: "osc.in",
    title: "OSC in",
    about: "Receives a number by OSC from another application or a phone.",
    inputs: &[ADDRESS, INDEX, HELD, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let index = usize::try_from(ctx.whole(&INDEX)).unwrap_or_default();
        match ctx.reading(&ctx.control_of(&DEVICE, ControlName::Osc { address: ctx.text(&ADDRESS) }), index) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, ctx.number(&HELD)),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Osc { address } => Some(vec![(&ADDRESS, json!(&**address))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: Some(&INDEX),
    }),
    ..NodeDef::BASE
};
