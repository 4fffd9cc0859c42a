//! Pressure (aftertouch) of a MIDI keyboard.

use serde_json::json;

use crate::choice::{Choice, choices};
use crate::input::ControlName;
use crate::library::midi::{CHANNEL, DEVICE, NOTE};
use crate::node::def::{Input, NodeDef, Output, Reads};

choices! {
    /// The kind of pressure.
    enum Of {
        Channel = "channel",
        Note = "note",
    }
}

const OF: Input = Input::choice_of::<Of>("of", "Pressure: of the channel, or of one note (polyphonic).");
const OUT: Output = Output::number("out", "Pressure, 0 to 1.");

/// Pressure (aftertouch) of a MIDI keyboard.
pub const NODE: NodeDef = NodeDef {
    name: "midi.pressure",
    title: "MIDI pressure",
    about: "Reads the pressure (aftertouch) of a MIDI keyboard or pad.",
    inputs: &[OF, CHANNEL, NOTE, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let channel = ctx.whole(&CHANNEL) as u8;
        let name = match ctx.chosen::<Of>(&OF) {
            Of::Channel => ControlName::Pressure { channel },
            Of::Note => ControlName::KeyPressure { channel, number: ctx.whole(&NOTE) as u8 },
        };
        match ctx.reading(&ctx.control_of(&DEVICE, name), 0) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, 0.0),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Pressure { channel } => {
                Some(vec![(&OF, json!(Of::Channel.name())), (&CHANNEL, json!(channel))])
            }
            ControlName::KeyPressure { channel, number } => {
                Some(vec![(&OF, json!(Of::Note.name())), (&CHANNEL, json!(channel)), (&NOTE, json!(number))])
            }
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
