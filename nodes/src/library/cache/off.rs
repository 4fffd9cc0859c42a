//! Looks away from the past.

use smallvec::smallvec;

use crate::node::def::{Input, NodeDef};

const OFF: Input = Input::gate("off", true, "While it is on, the model sees nothing of past frames.");

/// Looks away from the past.
pub const NODE: NodeDef = NodeDef {
    name: "cache.off",
    title: "Cache off",
    about: "Keeps the model from seeing past frames for a while, without forgetting them.",
    inputs: &[OFF],
    outputs: &[],
    run: |ctx| {
        if ctx.gate(&OFF) {
            ctx.ask_cache().off = smallvec![1.0];
        }
    },
    ..NodeDef::BASE
};
