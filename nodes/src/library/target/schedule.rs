//! Target: layers, step by step.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

/// The layers of each step.
pub const LAYERS: Input = Input::text(
    "layers",
    "",
    "Entries such as 0-1: 4-7 | cache: all, one per line or separated by |. Steps, a colon and layers: both count from 0, ends included. Steps \
     without an entry are left out. An empty text is everything.",
)
.layers();
/// The target.
pub const OUT: Output = Output::of("target", Kind::Target, "The target, limited to these layers of these steps.")
    .passes(&target_node::WITHIN);

/// Limits a bend or a tap to a set of layers for each denoising step.
pub const NODE: NodeDef = NodeDef {
    name: "target.schedule",
    title: "Layer schedule",
    about: "Limits a bend or a tap to a set of layers for each denoising step.",
    inputs: &[target_node::WITHIN, LAYERS],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.target(&target_node::WITHIN).and(&ctx.target(&LAYERS))),
    pure: true,
    ..NodeDef::BASE
};
