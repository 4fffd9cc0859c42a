//! Weakens what is out of date.

use smallvec::smallvec;

use crate::node::def::{Input, NodeDef};

const ON: Input = Input::gate("on", true, "Gate: weakens stale latent frames while it is on.");
const STRENGTH: Input =
    Input::number("strength", 4.0, "Logits that a past latent frame loses per unit of distance between then and now.")
        .soft(0.0, 10.0)
        .hard(0.0, 1000.0);

/// Weakens what is out of date.
pub const NODE: NodeDef = NodeDef {
    name: "cache.stale",
    title: "Cache stale",
    about: "Weakens past latent frames in attention as prompt and bends move away from those that made them.",
    inputs: &[ON, STRENGTH],
    outputs: &[],
    run: |ctx| {
        let strength = ctx.number(&STRENGTH);
        if ctx.gate(&ON) && strength > 0.0 {
            let cache = ctx.ask_cache();
            let known = cache.stale.first().copied().unwrap_or(0.0);
            cache.stale = smallvec![strength.max(known)];
        }
    },
    ..NodeDef::BASE
};
