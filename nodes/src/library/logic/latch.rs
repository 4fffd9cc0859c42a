//! A gate that stays on.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::gate("in", false, "Trigger: switches on.");
const RESET: Input = Input::gate("reset", false, "Trigger: switches off; in one latent frame it has priority.");
const GATE: Output = Output::gate("gate", "On from `in` until `reset`.").passes(&IN);

const ON: usize = 0;

/// Switches on at a trigger and stays on until reset.
pub const NODE: NodeDef = NodeDef {
    name: "logic.latch",
    title: "Latch",
    about: "Switches on at a trigger and stays on until reset.",
    inputs: &[IN, RESET],
    outputs: &[GATE],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let on = !ctx.rises(&RESET) && (ctx.rises(&IN) || ctx.memory()[ON] != 0.0);
    ctx.memory()[ON] = f64::from(u8::from(on));
    ctx.switch(&GATE, on);
}
