//! A MIDI CC.

use crate::library::midi::{CHANNEL, NUMBER};
use crate::node::def::{Input, Learns, MidiKind, NodeDef, Output};

const HELD: Input = Input::number("held", 0.0, "Output until the first message arrives.").hard(0.0, 1.0);
/// Value of the CC.
pub const OUT: Output = Output::number("out", "Value of the CC, 0 to 1.");

/// A MIDI CC.
pub const NODE: NodeDef = NodeDef {
    name: "midi.cc",
    title: "MIDI CC",
    about: "Reads a MIDI CC: a knob or fader of a controller.",
    inputs: &[CHANNEL, NUMBER, HELD],
    outputs: &[OUT],
    run: |ctx| {
        let key = (ctx.whole(&CHANNEL) as u8, ctx.whole(&NUMBER) as u8);
        match ctx.cc(key) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, ctx.number(&HELD)),
        }
    },
    learns: Some(Learns { kind: MidiKind::Controller, channel: &CHANNEL, number: &NUMBER }),
    ..NodeDef::BASE
};
