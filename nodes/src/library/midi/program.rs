//! Program changes of a MIDI device.

use serde_json::json;

use crate::input::ControlName;
use crate::library::midi::{CHANNEL, DEVICE};
use crate::node::def::{Input, NodeDef, Output, Reads};

const HELD: Input =
    Input::number("held", 0.0, "Output until the first message arrives.").soft(0.0, 127.0).hard(0.0, 127.0);
const OUT: Output = Output::number("out", "Number of the program, 0 to 127.");
const CHANGED: Output = Output::gate("changed", "Trigger at each program change, also at one to the same program.");

/// Program changes of a MIDI device.
pub const NODE: NodeDef = NodeDef {
    name: "midi.program",
    title: "MIDI program",
    about: "Reads program changes of a MIDI device, for scenes and snapshots.",
    inputs: &[CHANNEL, HELD, DEVICE],
    outputs: &[OUT, CHANGED],
    run: |ctx| {
        let name = ControlName::Program { channel: ctx.whole(&CHANNEL) as u8 };
        let (number, changes) = ctx.latest(&ctx.control_of(&DEVICE, name), 0);
        ctx.set(&OUT, number.unwrap_or_else(|| ctx.number(&HELD)));
        ctx.fire(&CHANGED, changes as i64);
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Program { channel } => Some(vec![(&CHANNEL, json!(channel))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
