//! Pitch bend of a MIDI keyboard.

use serde_json::json;

use crate::input::ControlName;
use crate::library::midi::{CHANNEL, DEVICE};
use crate::node::def::{NodeDef, Output, Reads};

const OUT: Output = Output::number("out", "Pitch bend, −1 to 1 in 14 bits; 0 is the centre of the wheel.");

/// Pitch bend of a MIDI keyboard.
pub const NODE: NodeDef = NodeDef {
    name: "midi.pitch_bend",
    title: "MIDI pitch bend",
    about: "Reads the pitch bend wheel of a MIDI keyboard.",
    inputs: &[CHANNEL, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let name = ControlName::PitchBend { channel: ctx.whole(&CHANNEL) as u8 };
        match ctx.reading(&ctx.control_of(&DEVICE, name), 0) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, 0.0),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::PitchBend { channel } => Some(vec![(&CHANNEL, json!(channel))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
