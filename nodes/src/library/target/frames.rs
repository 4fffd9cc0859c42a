//! Target: latent frames.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::Target;

const FIRST: Input = target_node::FIRST.soft(0.0, 2.0);
const LAST: Input = target_node::LAST.soft(0.0, 2.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these latent frames.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to latent frames of each chunk.
pub const NODE: NodeDef = NodeDef {
    name: "target.frames",
    title: "Frames",
    about: "Limits a bend or a tap to latent frames of each chunk.",
    inputs: &[target_node::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    run: |ctx| {
        let frames = target_node::range(ctx, &FIRST, &LAST);
        target_node::narrow(ctx, &OUT, Target { frames, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
