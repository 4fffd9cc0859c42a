//! One of several numbers.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const A: Input = Input::direct("a", 0.0, "Number 0.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "Number 1.").soft(-1.0, 1.0);
const C: Input = Input::direct("c", 0.0, "Number 2.").soft(-1.0, 1.0);
const D: Input = Input::direct("d", 0.0, "Number 3.").soft(-1.0, 1.0);
const E: Input = Input::direct("e", 0.0, "Number 4.").soft(-1.0, 1.0);
const F: Input = Input::direct("f", 0.0, "Number 5.").soft(-1.0, 1.0);
const G: Input = Input::direct("g", 0.0, "Number 6.").soft(-1.0, 1.0);
const H: Input = Input::direct("h", 0.0, "Number 7.").soft(-1.0, 1.0);
const INPUTS: Input = Input::number("inputs", 8.0, "Number of inputs in use; `next` wraps from the last to the first.")
    .soft(1.0, 8.0)
    .hard(1.0, 8.0);
const INDEX: Input = Input::direct("index", 0.0, "Index of the input: 0 is `a`.").soft(0.0, 7.0).hard(0.0, 7.0);
const NEXT: Input = Input::gate("next", false, "Trigger: one input forward.");
const PREVIOUS: Input = Input::gate("previous", false, "Trigger: one input back.");
const RESET: Input = Input::gate("reset", false, "Trigger: back to `index`; in one latent frame it acts first.");
const OUT: Output = Output::number("out", "The selected number.").passes(&A);
const CHOSEN: Output = Output::number("chosen", "Index of the selected number, from 0.");

/// Offset from the index, in inputs, set by triggers.
const STEP: usize = 0;

/// Selects one of eight numbers, by index or step by step.
pub const NODE: NodeDef = NodeDef {
    name: "logic.select",
    title: "Select",
    about: "Selects one of eight numbers, by index or step by step.",
    inputs: &[A, B, C, D, E, F, G, H, INPUTS, INDEX, NEXT, PREVIOUS, RESET],
    outputs: &[OUT, CHOSEN],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let count = ctx.whole(&INPUTS).max(1);
    let before = if ctx.rises(&RESET) { 0 } else { ctx.memory()[STEP] as i64 };
    let step = (before + i64::from(ctx.hits(&NEXT)) - i64::from(ctx.hits(&PREVIOUS))).rem_euclid(count);
    let chosen = (ctx.whole(&INDEX) + step).rem_euclid(count) as usize;
    ctx.memory()[STEP] = step as f64;
    ctx.set(&OUT, ctx.number([&A, &B, &C, &D, &E, &F, &G, &H][chosen]));
    ctx.set(&CHOSEN, chosen as f64);
}
