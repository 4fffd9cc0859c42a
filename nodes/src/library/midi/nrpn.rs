//! A parameter of a MIDI device with 14 bits: NRPN or RPN.

use serde_json::json;

use crate::choice::{Choice, choices};
use crate::input::ControlName;
use crate::library::midi::{CHANNEL, DEVICE, HELD};
use crate::node::def::{Input, NodeDef, Output, Reads};

choices! {
    /// The kind of parameter.
    enum Type {
        Nrpn = "nrpn",
        Rpn = "rpn",
    }
}

const TYPE: Input = Input::choice_of::<Type>("type", "Parameter: non-registered (NRPN) or registered (RPN).");
const NUMBER: Input = Input::number("number", 0.0, "Parameter number, 0 to 16383: 128 × MSB + LSB.")
    .soft(0.0, 16383.0)
    .hard(0.0, 16383.0);
const OUT: Output = Output::number("out", "Value, 0 to 1 in 14 bits.");

/// A parameter of a MIDI device with 14 bits: NRPN or RPN.
pub const NODE: NodeDef = NodeDef {
    name: "midi.nrpn",
    title: "MIDI NRPN",
    about: "Reads an NRPN or RPN: a parameter of a MIDI device with 14 bits.",
    inputs: &[TYPE, CHANNEL, NUMBER, HELD, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let (channel, number) = (ctx.whole(&CHANNEL) as u8, ctx.whole(&NUMBER) as u16);
        let name = match ctx.chosen::<Type>(&TYPE) {
            Type::Nrpn => ControlName::Nrpn { channel, number },
            Type::Rpn => ControlName::Rpn { channel, number },
        };
        match ctx.reading(&ctx.control_of(&DEVICE, name), 0) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, ctx.number(&HELD)),
        }
    },
    reads: Some(Reads {
        values: |name| {
            let (of, channel, number) = match name {
                ControlName::Nrpn { channel, number } => (Type::Nrpn, channel, number),
                ControlName::Rpn { channel, number } => (Type::Rpn, channel, number),
                _ => return None,
            };
            Some(vec![(&TYPE, json!(of.name())), (&CHANNEL, json!(channel)), (&NUMBER, json!(number))])
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
