//! A sensor on a serial line.

use crate::node::def::{Input, NodeDef, Output};

const NAME: Input = Input::text("name", "a0", "The sensor's name, as the board sends it.");
const INDEX: Input =
    Input::number("index", 0.0, "Which of the line's numbers, from 0.").soft(0.0, 15.0).hard(0.0, 63.0);
const HELD: Input = Input::number("held", 0.0, "The value until the sensor speaks.").hard(-1e6, 1e6);
const OUT: Output = Output::number("out", "The number that arrived last.");

/// A sensor on a serial line.
pub const NODE: NodeDef = NodeDef {
    name: "esp32.in",
    title: "ESP32",
    about: "A sensor of an ESP32 or another board on a serial line.",
    inputs: &[NAME, INDEX, HELD],
    outputs: &[OUT],
    run: |ctx| {
        let numbers = ctx.controls().sensors.get(&*ctx.text(&NAME));
        let number = numbers.and_then(|numbers| numbers.get(ctx.whole(&INDEX) as usize).copied());
        ctx.set(&OUT, number.unwrap_or_else(|| ctx.number(&HELD)));
    },
    ..NodeDef::BASE
};
