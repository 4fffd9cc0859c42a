//! Target: layers of the model.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::Target;

const FIRST: Input = target_node::FIRST.soft(0.0, 29.0);
const LAST: Input = target_node::LAST.soft(0.0, 29.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these layers.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to a range of layers.
pub const NODE: NodeDef = NodeDef {
    name: "target.layers",
    title: "Layers",
    about: "Limits a bend or a tap to a range of layers.",
    inputs: &[target_node::WITHIN, FIRST, LAST, target_node::EVERY],
    outputs: &[OUT],
    run: |ctx| {
        let layers = target_node::every(ctx, &FIRST, &LAST, ctx.number(&target_node::EVERY).round() as usize);
        target_node::narrow(ctx, &OUT, Target { layers, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
