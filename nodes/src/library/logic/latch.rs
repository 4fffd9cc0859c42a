//! A gate that stays on.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::gate("in", false, "Switches it on.");
const RESET: Input = Input::gate("reset", false, "Switches it off, whatever else arrives in the same latent frame.");
const GATE: Output = Output::gate("gate", "On since the gate came, until the reset.").passes(&IN);

const ON: usize = 0;

/// Goes on with a gate, and stays on.
pub const NODE: NodeDef = NodeDef {
    name: "logic.latch",
    title: "Latch",
    about: "Goes on when a gate does, and stays on until it is reset.",
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
