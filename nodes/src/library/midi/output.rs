//! MIDI output.

use crate::choice::choices;
use crate::library::midi::{NOTE as NOTE_IN, NUMBER, OUTPUT};
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};
use crate::program::Midi;

choices! {
    /// The kind of message.
    enum Send {
        Cc = "cc",
        Cc14Bit = "cc_14bit",
        Note = "note",
    }
}

const SEND: Input = Input::choice_of::<Send>("send", "Message: 7-bit CC, 14-bit CC (0 to 31), or note.");
const CHANNEL: Input = Input::number("channel", 1.0, "MIDI channel, 1 to 16.").soft(1.0, 16.0).hard(1.0, 16.0);
const VALUE: Input = Input::direct("value", 0.0, "Value of the CC, 0 to 1.");
const GATE: Input = Input::gate("gate", false, "Gate of the note: note on when it rises, note off when it falls.");
const NOTE: Input = Input::direct("note", 60.0, NOTE_IN.about).soft(0.0, 127.0).hard(0.0, 127.0);
const VELOCITY: Input = Input::direct("velocity", 0.8, "Velocity, 0 to 1.");

/// MIDI output.
pub const NODE: NodeDef = NodeDef {
    name: "midi.out",
    title: "MIDI out",
    about: "Sends CCs or notes to another MIDI instrument.",
    inputs: &[SEND, CHANNEL, NUMBER, VALUE, GATE, NOTE, VELOCITY, OUTPUT],
    outputs: &[],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (channel, number) = (ctx.whole(&CHANNEL) as u8, ctx.whole(&NUMBER) as u8);
    let midi = match ctx.chosen::<Send>(&SEND) {
        Send::Note => Midi::Note {
            channel,
            number: ctx.whole(&NOTE) as u8,
            velocity: ctx.number(&VELOCITY).clamp(0.0, 1.0),
            held: ctx.gate(&GATE),
            hits: ctx.hits(&GATE),
        },
        send @ (Send::Cc | Send::Cc14Bit) => {
            let fine = send == Send::Cc14Bit;
            let number = if fine { number.min(31) } else { number };
            Midi::Controller { channel, number, value: ctx.number(&VALUE).clamp(0.0, 1.0), fine }
        }
    };
    ctx.request_midi(&ctx.text(&OUTPUT), midi);
}
