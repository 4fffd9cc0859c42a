//! Masks past latent frames.

use smallvec::smallvec;

use crate::node::def::{Input, NodeDef};

const OFF: Input = Input::gate("off", true, "Gate: while it is on, the model attends to no past latent frames.");

/// Masks past latent frames.
pub const NODE: NodeDef = NodeDef {
    name: "cache.off",
    title: "Cache off",
    about: "Hides past latent frames from the model while a gate is on; the KV cache keeps them.",
    inputs: &[OFF],
    outputs: &[],
    run: |ctx| {
        if ctx.gate(&OFF) {
            ctx.request_cache().off = smallvec![1.0];
        }
    },
    ..NodeDef::BASE
};
