//! A switch that each trigger flips.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const TRIGGER: Input = Input::gate("trigger", false, "Trigger: flips the switch.");
const SET: Input = Input::gate("set", false, "Trigger: switches on; in one latent frame it acts after `trigger`.");
const RESET: Input = Input::gate("reset", false, "Trigger: switches off; in one latent frame it has priority.");
const GATE: Output = Output::gate("gate", "State of the switch.");

const ON: usize = 0;

/// A switch that each trigger flips.
pub const NODE: NodeDef = NodeDef {
    name: "logic.toggle",
    title: "Toggle",
    about: "A switch that each trigger flips.",
    inputs: &[TRIGGER, SET, RESET],
    outputs: &[GATE],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let was_on = ctx.memory()[ON] != 0.0;
    let flips = ctx.hits(&TRIGGER);
    let mut on = was_on != (flips % 2 == 1);
    let mut hits = if was_on { flips / 2 } else { flips.div_ceil(2) };
    if ctx.rises(&SET) && !on {
        on = true;
        hits += 1;
    }
    if ctx.rises(&RESET) {
        on = false;
        hits = 0;
    }
    ctx.memory()[ON] = f64::from(u8::from(on));
    ctx.set(&GATE, Gate { on, hits });
}
