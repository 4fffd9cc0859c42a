//! A bend in a cable.

use crate::node::def::{Input, NodeDef, Output, View};
use crate::node::value::Kind;

const IN: Input = Input::socket("in", Kind::Any, "What goes through, of any kind.");
const OUT: Output = Output::of("out", Kind::Any, "The same.").passes(&IN);

/// Leads a cable around something, or gathers several that begin at one place.
pub const NODE: NodeDef = NodeDef {
    name: "view.reroute",
    title: "Reroute",
    about: "Leads a cable around something, or gathers several that begin at one place.",
    inputs: &[IN],
    outputs: &[OUT],
    run: |ctx| {
        if let Some(value) = ctx.any(&IN) {
            ctx.set(&OUT, value);
        }
    },
    view: View::Reroute,
    ..NodeDef::BASE
};
