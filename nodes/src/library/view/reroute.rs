//! A dot in a cable.

use crate::node::def::{Input, NodeDef, Output, View};
use crate::node::value::Kind;

const IN: Input = Input::socket("in", Kind::Any, "The cable to pass, of any kind.");
const OUT: Output = Output::of("out", Kind::Any, "The input, unchanged.").passes(&IN);

/// A dot that routes a cable around other nodes, or to several inputs.
pub const NODE: NodeDef = NodeDef {
    name: "view.reroute",
    title: "Reroute",
    about: "A dot that routes a cable around other nodes, or to several inputs.",
    inputs: &[IN],
    outputs: &[OUT],
    run: |ctx| {
        if let Some(value) = ctx.any(&IN) {
            ctx.set(&OUT, value);
        }
    },
    view: Some(View::Reroute { input: &IN, out: &OUT }),
    ..NodeDef::BASE
};
