//! Target: attention heads.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::Target;

const FIRST: Input = target_node::FIRST.soft(0.0, 11.0);
const LAST: Input = target_node::LAST.soft(0.0, 11.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these heads.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to a range of attention heads.
pub const NODE: NodeDef = NodeDef {
    name: "target.heads",
    title: "Heads",
    about: "Limits a bend or a tap to a range of attention heads.",
    inputs: &[target_node::WITHIN, FIRST, LAST, target_node::EVERY],
    outputs: &[OUT],
    run: |ctx| {
        let heads = target_node::every(ctx, &FIRST, &LAST, ctx.number(&target_node::EVERY).round() as usize);
        target_node::narrow(ctx, &OUT, Target { heads, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
