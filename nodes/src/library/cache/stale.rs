//! Weakens past latent frames of other prompts and bends.

use smallvec::smallvec;

use crate::node::def::{Input, NodeDef};

const ON: Input = Input::gate("on", true, "Gate: weakens stale latent frames while it is on.");
const STRENGTH: Input =
    Input::number("strength", 4.0, "Strength of the weakening: 0 changes nothing. At 4, after a change of prompt, past latent frames keep 2 % of their weight.")
        .soft(0.0, 10.0)
        .hard(0.0, 1000.0);

/// Weakens past latent frames of other prompts and bends.
pub const NODE: NodeDef = NodeDef {
    name: "cache.stale",
    title: "Cache stale",
    about: "Weakens past latent frames in attention as prompt and bends move away from those that made them.",
    inputs: &[ON, STRENGTH],
    outputs: &[],
    run: |ctx| {
        let strength = ctx.number(&STRENGTH);
        if ctx.gate(&ON) && strength > 0.0 {
            let cache = ctx.request_cache();
            let known = cache.stale.first().copied().unwrap_or(0.0);
            cache.stale = smallvec![strength.max(known)];
        }
    },
    ..NodeDef::BASE
};
