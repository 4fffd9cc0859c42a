//! A MIDI note.

use serde_json::json;

use crate::input::{ControlName, Strike};
use crate::library::midi::{CHANNEL, DEVICE, NOTE};
use crate::node::def::{NodeDef, Output, Reads};
use crate::node::value::Gate;

const GATE: Output =
    Output::gate("gate", "On from note on to note off, for one latent frame at least. Each note on is a trigger.");
const VELOCITY: Output = Output::number("velocity", "Velocity, 0 to 1; 0 after note off.");

/// A MIDI note.
pub const NODE: NodeDef = NodeDef {
    name: "midi.note",
    title: "MIDI note",
    about: "Reads a note of a MIDI keyboard or pad.",
    inputs: &[CHANNEL, NOTE, DEVICE],
    outputs: &[GATE, VELOCITY],
    run: |ctx| {
        let name = ControlName::Note { channel: ctx.whole(&CHANNEL) as u8, number: ctx.whole(&NOTE) as u8 };
        let Strike { on, hits, velocity } = ctx.strike(&ctx.control_of(&DEVICE, name));
        let level = Gate::level(on, ctx.last(&GATE) >= 0.5);
        ctx.set(&GATE, Gate { on, hits: hits.max(level.hits) });
        ctx.set(&VELOCITY, velocity);
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Note { channel, number } => Some(vec![(&CHANNEL, json!(channel)), (&NOTE, json!(number))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
