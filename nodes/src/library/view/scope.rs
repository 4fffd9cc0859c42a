//! Graph of a number over time.

use crate::node::def::{Input, NodeDef, Output, Scope, View};

const IN: Input = Input::direct("in", 0.0, "The number.").soft(-1.0, 1.0);
const LOW: Input = Input::number("low", 0.0, "Lower end of the drawn range.").soft(-1.0, 1.0);
const HIGH: Input = Input::number("high", 1.0, "Upper end of the drawn range.").soft(-1.0, 1.0);
const WINDOW: Input = Input::number("window", 8.0, "Time span of the drawing, in seconds.")
    .soft(1.0, 60.0)
    .hard(0.25, 600.0)
    .unit("s")
    .log();
const OUT: Output = Output::number("out", "The number.").passes(&IN);

/// Draws a number over time.
pub const NODE: NodeDef = NodeDef {
    name: "view.scope",
    title: "Scope",
    about: "Draws a number over time and passes it on.",
    inputs: &[IN, LOW, HIGH, WINDOW],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.number(&IN)),
    view: Some(View::Scope(Scope { input: &IN, low: &LOW, high: &HIGH, window: &WINDOW, out: &OUT })),
    ..NodeDef::BASE
};
