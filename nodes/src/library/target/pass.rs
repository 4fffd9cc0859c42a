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
        Prompt = "prompt",
        Negative = "negative",
    }
}

const PASS: Input = Input::choice_of::<PassChoice>(
    "pass",
    "Pass: the denoising steps, or the cache pass that writes the finished chunk to the KV cache. With guidance, a step has a call under the prompt and one under the negative prompt. Without this node, all.",
);
const OUT: Output =
    Output::of("target", Kind::Target, "The target, limited to this pass.").passes(&target_node::WITHIN);

/// Limits a bend or a tap to the denoising steps, to one side of guidance, or to the cache pass.
pub const NODE: NodeDef = NodeDef {
    name: "target.pass",
    title: "Pass",
    about: "Limits a bend or a tap to the denoising steps, to one side of guidance, or to the cache pass.",
    inputs: &[target_node::WITHIN, PASS],
    outputs: &[OUT],
    run: |ctx| {
        let pass = match ctx.chosen::<PassChoice>(&PASS) {
            PassChoice::Denoise => Passes::DENOISE,
            PassChoice::Cache => Passes::CACHE,
            PassChoice::Prompt => Passes::PROMPT,
            PassChoice::Negative => Passes::NEGATIVE,
        };
        target_node::narrow(ctx, &OUT, Target { pass, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
