//! A MIDI note.

use crate::input::Strike;
use crate::library::midi::CHANNEL;
use crate::node::def::{Input, Learns, MidiKind, NodeDef, Output};
use crate::node::value::Gate;

const NOTE: Input = Input::number("note", 60.0, "Note number; 60 is middle C.").soft(0.0, 127.0).hard(0.0, 127.0);
const GATE: Output =
    Output::gate("gate", "On from note on to note off, for one latent frame at least. Each note on is a trigger.");
const VELOCITY: Output = Output::number("velocity", "Velocity, 0 to 1; 0 after note off.");

/// A MIDI note.
pub const NODE: NodeDef = NodeDef {
    name: "midi.note",
    title: "MIDI note",
    about: "Reads a note of a MIDI keyboard or pad.",
    inputs: &[CHANNEL, NOTE],
    outputs: &[GATE, VELOCITY],
    run: |ctx| {
        let key = (ctx.whole(&CHANNEL) as u8, ctx.whole(&NOTE) as u8);
        let Strike { on, hits, velocity } = ctx.note(key);
        let level = Gate::level(on, ctx.last(&GATE) >= 0.5);
        ctx.set(&GATE, Gate { on, hits: hits.max(level.hits) });
        ctx.set(&VELOCITY, velocity);
    },
    learns: Some(Learns { kind: MidiKind::Note, channel: &CHANNEL, number: &NOTE }),
    ..NodeDef::BASE
};
