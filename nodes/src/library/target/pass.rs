//! Target: passes of the model.

use crate::choice::choices;
use crate::library::target::target_node;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;
use crate::program::target::{Passes, Target};

choices! {
    /// Pass of the model.
    enum PassChoice {
        Denoise = "denoise",
        Cache = "cache",
    }
}

const PASS: Input = Input::choice_of::<PassChoice>(
    "pass",
    "Pass: the denoising steps, or the cache pass that writes the finished chunk to the KV cache. Without this node, both.",
);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to this pass.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to the denoising steps or to the cache pass.
pub const NODE: NodeDef = NodeDef {
    name: "target.pass",
    title: "Pass",
    about: "Limits a bend or a tap to the denoising steps or to the cache pass.",
    inputs: &[target_node::WITHIN, PASS],
    outputs: &[OUT],
    run: |ctx| {
        let pass = match ctx.chosen::<PassChoice>(&PASS) {
            PassChoice::Denoise => Passes::Denoise,
            PassChoice::Cache => Passes::Cache,
        };
        target_node::narrow(ctx, &OUT, Target { pass, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
