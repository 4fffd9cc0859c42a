//! A gate that stays on.

use crate::node::context::Run;
use crate::node::def::{Input, NodeDef, Output};

const IN: Input = Input::gate("in", false, "Trigger: switches on.");
const RESET: Input = Input::gate("reset", false, "Trigger: switches off; in one latent frame it has priority.");
const GATE: Output = Output::gate("gate", "On from `in` until `reset`.").passes(&IN);

const ON: usize = 0;

/// Goes on with a gate, and stays on.
pub const NODE: NodeDef = NodeDef {
    name: "logic.latch",
    title: "Latch",
    about: "Switches on at a gate and stays on until reset.",
    inputs: &[IN, RESET],
    outputs: &[GATE],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(run: &mut Run<'_>) {
    let on = !run.rises(&RESET) && (run.rises(&IN) || run.memory()[ON] != 0.0);
    run.memory()[ON] = f64::from(u8::from(on));
    run.switch(&GATE, on);
}
