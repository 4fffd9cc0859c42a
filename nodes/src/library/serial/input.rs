//! A sensor of a board on a serial port.

use serde_json::json;

use crate::input::ControlName;
use crate::node::def::{Input, NodeDef, Output, Reads};

const NAME: Input = Input::text("name", "a0", "Name of the sensor, as the board sends it.");
const INDEX: Input =
    Input::number("index", 0.0, "Index of the number in the line, from 0.").soft(0.0, 15.0).hard(0.0, 63.0);
const HELD: Input = Input::number("held", 0.0, "Output until the first line arrives.").hard(-1e6, 1e6);
const DEVICE: Input = Input::text("device", "", "Name of the board; empty is every board.");
const OUT: Output = Output::number("out", "Last number received.");

/// A sensor of a board on a serial port.
pub const NODE: NodeDef = NodeDef {
    name: "serial.in",
    title: "Serial in",
    about: "Reads a sensor of a board on a serial port, such as an ESP32.",
    inputs: &[NAME, INDEX, HELD, DEVICE],
    outputs: &[OUT],
    run: |ctx| {
        let index = usize::try_from(ctx.whole(&INDEX)).unwrap_or_default();
        match ctx.reading(&ctx.control_of(&DEVICE, ControlName::Sensor { name: ctx.text(&NAME) }), index) {
            Some(reading) => ctx.set(&OUT, reading),
            None => ctx.set(&OUT, ctx.number(&HELD)),
        }
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Sensor { name } => Some(vec![(&NAME, json!(&**name))]),
            _ => None,
        },
        device: Some(&DEVICE),
        index: Some(&INDEX),
    }),
    ..NodeDef::BASE
};
