//! One of several prompts.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const PROMPTS: Input = Input::text("prompts", "", "Prompts, one per line or separated by |.").prompts();
const INDEX: Input =
    Input::direct("index", 0.0, "Index of the prompt, from 0; it wraps past the last.").soft(0.0, 8.0).hard(-1e6, 1e6);
const NEXT: Input = Input::gate("next", false, "Trigger: next prompt.");
const PREVIOUS: Input = Input::gate("previous", false, "Trigger: previous prompt.");
const OUT: Output = Output::of("text", Kind::Text, "The prompt.");
const COUNT: Output = Output::number("count", "Number of prompts.");

/// Selects one of several prompts, by index or step by step.
pub const NODE: NodeDef = NodeDef {
    name: "prompt.list",
    title: "Prompt list",
    about: "Selects one of several prompts, by index or step by step.",
    inputs: &[PROMPTS, INDEX, NEXT, PREVIOUS],
    outputs: &[OUT, COUNT],
    memory: 1,
    run: |ctx| {
        let prompts = ctx.texts(&PROMPTS);
        let count = prompts.len();
        ctx.set(&COUNT, count as f64);
        // The offset wraps at the number of prompts, so it never grows past exact numbers.
        let steps = f64::from(ctx.hits(&NEXT)) - f64::from(ctx.hits(&PREVIOUS));
        let round = count.max(1) as f64;
        let stepped = (ctx.memory()[0] + steps).rem_euclid(round);
        ctx.memory()[0] = stepped;
        let index = (ctx.whole(&INDEX) + stepped as i64).rem_euclid(round as i64) as usize;
        ctx.set(&OUT, prompts.get(index).cloned().unwrap_or_default());
    },
    ..NodeDef::BASE
};
