//! Empties the KV cache.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef};

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: empties the KV cache before the next chunk.");
const WAIT: Input =
    Input::number("wait", 0.0, "Shortest time between two resets, in seconds; earlier triggers are ignored.")
        .soft(0.0, 10.0)
        .hard(0.0, 3600.0)
        .unit("s");
/// Tolerance of the wait, in seconds: no frame rate divides every time evenly.
const GRACE: f64 = 1e-9;

/// Empties the KV cache.
pub const NODE: NodeDef = NodeDef {
    name: "cache.reset",
    title: "Cache reset",
    about: "Empties the KV cache, so that bends and prompts act at once.",
    inputs: &[TRIGGER, WAIT],
    outputs: &[],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    if !ctx.rises(&TRIGGER) {
        return;
    }
    // The memory has the frame of the latest reset plus 1; 0 without one.
    let (latest, now) = (ctx.memory()[0], (ctx.frame() + 1) as f64);
    if latest == 0.0 || (now - latest) * ctx.dt_secs() >= ctx.number(&WAIT) - GRACE {
        ctx.memory()[0] = now;
        ctx.request_cache().reset = true;
    }
}
