//! Computes the past anew.

use crate::node::def::{Input, NodeDef};

const TRIGGER: Input = Input::gate("trigger", false, "Computes it anew when it goes on, before the next chunk.");
const ON: Input = Input::gate("on", false, "While it is on, computes it anew before every chunk.");
const THRESHOLD: Input = Input::number(
    "threshold",
    0.0,
    "Computes it anew by itself when prompt and bends are further than this from those under which it was computed; at 0 never.",
)
.soft(0.0, 2.0)
.hard(0.0, 1e5);

/// Computes the past anew.
pub const NODE: NodeDef = NodeDef {
    name: "cache.recache",
    title: "Cache recache",
    about: "Lets past frames pass the model once more under the present prompt and bends, so that what it remembers fits them.",
    inputs: &[TRIGGER, ON, THRESHOLD],
    outputs: &[],
    run: |ctx| {
        let (recache, threshold) = (ctx.rises(&TRIGGER) || ctx.gate(&ON), ctx.number(&THRESHOLD));
        let cache = ctx.ask_cache();
        cache.recache |= recache;
        if threshold > 0.0 {
            cache.threshold = Some(cache.threshold.map_or(threshold, |known| known.min(threshold)));
        }
    },
    ..NodeDef::BASE
};
