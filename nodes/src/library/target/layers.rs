//! Which layers of the model are meant.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::Target;

const FIRST: Input = target_node::FIRST.soft(0.0, 29.0);
const LAST: Input = target_node::LAST.soft(0.0, 29.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these layers of the model.").passes(&target_node::WITHIN);

/// Aims a bend or a tap at a range of layers of the model.
pub const NODE: NodeDef = NodeDef {
    name: "target.layers",
    title: "Layers",
    about: "Aims a bend or a tap at a range of layers of the model.",
    inputs: &[target_node::WITHIN, FIRST, LAST, target_node::EVERY],
    outputs: &[OUT],
    run: |ctx| {
        let layers = target_node::every(ctx, &FIRST, &LAST, ctx.number(&target_node::EVERY).round() as usize);
        target_node::narrow(ctx, &OUT, Target { layers, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
