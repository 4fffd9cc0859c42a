//! Random numbers with a seed per node: two nodes differ, and a new seed gives a node another sequence.

use crate::node::context::NodeContext;
use crate::node::def::Input;

/// The node's own seed.
pub const SEED: Input =
    Input::number("seed", 0.0, "Seed of the random sequence; the patch's seed and the node's id also count.")
        .soft(0.0, 99.0)
        .hard(0.0, 99_999.0);

/// Number `index` of one of a node's random sequences, 0 to 1. At seed 0 it equals [`NodeContext::random`].
pub fn random(ctx: &NodeContext<'_>, sequence: u8, index: i64) -> f64 {
    let seed = ctx.whole(&SEED) as u64;
    ctx.random(seed << u8::BITS | u64::from(sequence), index)
}
