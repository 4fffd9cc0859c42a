//! Recomputation of the KV cache.

use crate::node::def::{Input, NodeDef};

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: recomputes the KV cache before the next chunk.");
const ON: Input = Input::gate("on", false, "Gate: recomputes the KV cache before every chunk while it is on.");
const DISTANCE: Input = Input::number(
    "distance",
    0.0,
    "Change of prompt and bends that triggers a recache; 0 turns this off. A new prompt counts 1, a bend's knob turned over its whole range 1; changes add up.",
)
.soft(0.0, 2.0)
.hard(0.0, 1e5);

/// Recomputation of the KV cache.
pub const NODE: NodeDef = NodeDef {
    name: "cache.recache",
    title: "Cache recache",
    about: "Recomputes the KV cache of past latent frames under the present prompt and bends.",
    inputs: &[TRIGGER, ON, DISTANCE],
    outputs: &[],
    run: |ctx| {
        let (recache, threshold) = (ctx.rises(&TRIGGER) || ctx.gate(&ON), ctx.number(&DISTANCE));
        let cache = ctx.request_cache();
        cache.recache |= recache;
        if threshold > 0.0 {
            cache.threshold = Some(cache.threshold.map_or(threshold, |known| known.min(threshold)));
        }
    },
    ..NodeDef::BASE
};
