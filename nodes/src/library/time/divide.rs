//! A clock divider.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const TRIGGER: Input = Input::gate("trigger", false, "Triggers to divide.");
const BY: Input =
    Input::number("by", 2.0, "Divisor: one of this many triggers passes.").soft(1.0, 16.0).hard(1.0, 128.0);
const OFFSET: Input = Input::number("offset", 0.0, "Index of the trigger that passes, from 0; it wraps past the last.")
    .soft(0.0, 15.0)
    .hard(0.0, 127.0);
const RESET: Input = Input::gate("reset", false, "Trigger: restarts the count; in one latent frame it acts first.");
const OUT: Output = Output::gate("out", "The divided triggers.").passes(&TRIGGER);

/// Number of triggers so far.
const COUNT: usize = 0;

/// A clock divider: passes every n-th trigger.
pub const NODE: NodeDef = NodeDef {
    name: "time.divide",
    title: "Clock divide",
    about: "A clock divider: passes every n-th trigger, up to 128.",
    inputs: &[TRIGGER, BY, OFFSET, RESET],
    outputs: &[OUT],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (by, offset) = (ctx.whole(&BY).max(1), ctx.whole(&OFFSET));
    let first = if ctx.rises(&RESET) { 0 } else { ctx.memory()[COUNT] as i64 };
    let next = first + i64::from(ctx.hits(&TRIGGER));
    ctx.memory()[COUNT] = next as f64;
    // Number of passed triggers among the first `n`, less 1; only differences matter.
    let passed = |n: i64| (n - 1 - offset % by).div_euclid(by);
    ctx.fire(&OUT, passed(next) - passed(first));
}
