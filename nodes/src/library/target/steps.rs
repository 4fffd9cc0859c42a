//! Target: denoising steps.

use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::{Passes, Target};

const FIRST: Input = target_node::FIRST.soft(0.0, 3.0);
const LAST: Input = target_node::LAST.soft(0.0, 3.0);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to these steps.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to a range of denoising steps, without the cache pass.
pub const NODE: NodeDef = NodeDef {
    name: "target.steps",
    title: "Steps",
    about: "Limits a bend or a tap to a range of denoising steps, without the cache pass.",
    inputs: &[target_node::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    run: |ctx| {
        let steps = target_node::range(ctx, &FIRST, &LAST);
        target_node::narrow(ctx, &OUT, Target { steps, pass: Passes::DENOISE, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
