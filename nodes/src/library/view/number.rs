//! Display of a number.

use crate::node::def::{Input, NodeDef, Output, View};

const IN: Input = Input::direct("in", 0.0, "The number.").soft(-1.0, 1.0);
const OUT: Output = Output::number("out", "The number.").passes(&IN);

/// Shows a number.
pub const NODE: NodeDef = NodeDef {
    name: "view.number",
    title: "Show number",
    about: "Shows a number and passes it on.",
    inputs: &[IN],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.number(&IN)),
    view: Some(View::Number { of: &OUT }),
    ..NodeDef::BASE
};
