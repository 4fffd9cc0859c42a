//! A stick, trigger or button of a gamepad.

use serde_json::json;

use crate::choice::Choice;
use crate::input::{ControlName, GamepadPart};
use crate::node::def::{Input, NodeDef, Output, Reads};

const PART: Input = Input::choice_of::<GamepadPart>(
    "part",
    "Part of the gamepad. Buttons are named by their place: `south` is A of an Xbox pad, the cross of a PlayStation pad.",
);
const DEVICE: Input = Input::text("device", "", "Name of the gamepad; empty is every gamepad.");
const OUT: Output = Output::number("out", "Stick −1 to 1, trigger 0 to 1, button 0 or 1.");

/// A stick, trigger or button of a gamepad.
pub const NODE: NodeDef = NodeDef {
    name: "control.gamepad",
    title: "Gamepad",
    about: "Reads a stick, trigger or button of a gamepad.",
    inputs: &[PART, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let name = ControlName::Gamepad { part: ctx.chosen(&PART) };
        match ctx.reading(&ctx.control_of(&DEVICE, name), 0) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, 0.0),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Gamepad { part } => Some(vec![(&PART, json!(part.name()))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: None,
    }),
    ..NodeDef::BASE
};
