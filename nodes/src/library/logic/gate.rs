//! A gate for numbers and triggers.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const IN: Input = Input::direct("in", 0.0, "Number to pass.").soft(-1.0, 1.0);
const TRIGGER: Input = Input::gate("trigger", false, "Gate or triggers to pass.");
const GATE: Input = Input::gate("gate", true, "Gate: open while it is on.");

choices! {
    /// Output while the gate is closed.
    enum Closed {
        Hold = "hold",
        Zero = "zero",
    }
}

const CLOSED: Input = Input::choice_of::<Closed>("closed", "Output while closed: the last number that passed, or 0.");
const OUT: Output = Output::number("out", "The number, while the gate is open.").passes(&IN);
const FIRED: Output = Output::gate("fired", "The gate or triggers; off while closed.").passes(&TRIGGER);

/// Passes a number and triggers while a gate is on.
pub const NODE: NodeDef = NodeDef {
    name: "logic.gate",
    title: "Gate",
    about: "Passes a number and triggers while a gate is on.",
    inputs: &[IN, TRIGGER, GATE, CLOSED],
    outputs: &[OUT, FIRED],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (open, trigger) = (ctx.gate(&GATE), ctx.trigger(&TRIGGER));
    let held = match ctx.chosen::<Closed>(&CLOSED) {
        Closed::Hold => ctx.last(&OUT),
        Closed::Zero => 0.0,
    };
    ctx.set(&OUT, if open { ctx.number(&IN) } else { held });
    // An input that is on when the gate opens passes from then on.
    let level = Gate::level(trigger.on && open, ctx.last(&FIRED) >= 0.5);
    let hits = if open { trigger.hits.max(level.hits) } else { 0 };
    ctx.set(&FIRED, Gate { on: level.on, hits });
}
