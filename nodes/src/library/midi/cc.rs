//! A MIDI CC.

use serde_json::json;

use crate::input::ControlName;
use crate::library::midi::{CHANNEL, DEVICE, HELD, NUMBER};
use crate::node::def::{NodeDef, Output, Reads};

/// Value of the CC.
pub const OUT: Output = Output::number("out", "Value of the CC, 0 to 1.");

/// A MIDI CC.
pub const NODE: NodeDef = NodeDef {
    name: "midi.cc",
    title: "MIDI CC",
    about: "Reads a MIDI CC of 7 or 14 bits: a knob or fader of a controller.",
    inputs: &[CHANNEL, NUMBER, HELD, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let name = ControlName::Cc { channel: ctx.whole(&CHANNEL) as u8, number: ctx.whole(&NUMBER) as u8 };
        match ctx.reading(&ctx.control_of(&DEVICE, name), 0) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, ctx.number(&HELD)),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Cc { channel, number } => Some(vec![(&CHANNEL, json!(channel)), (&NUMBER, json!(number))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
