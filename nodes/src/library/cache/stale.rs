//! Weakens what is out of date.

use smallvec::smallvec;

use crate::node::def::{Input, NodeDef};

const ON: Input = Input::gate("on", true, "Off leaves the past as it is.");
const STRENGTH: Input = Input::number(
    "strength",
    4.0,
    "What a past frame loses, as a logit, when prompt and bends are a distance of 1 away from those under which it was cached.",
)
.soft(0.0, 10.0)
.hard(0.0, 1000.0);

/// Weakens what is out of date.
pub const NODE: NodeDef = NodeDef {
    name: "cache.stale",
    title: "Cache stale",
    about: "Lets the model attend less to past frames, the less the further prompt and bends are from those under which they were cached.",
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
