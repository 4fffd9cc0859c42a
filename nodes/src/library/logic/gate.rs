//! A door for numbers and triggers.

use crate::node::context::Run;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const IN: Input = Input::signal("in", 0.0, "Number to pass.").soft(-1.0, 1.0);
const TRIGGER: Input = Input::gate("trigger", false, "Gate or triggers to pass.");
const GATE: Input = Input::gate("gate", true, "Gate: open while it is on.");
const CLOSED: Input =
    Input::choice("closed", &["hold", "zero"], "Output while closed: the last number that passed, or 0.");
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

fn run(run: &mut Run<'_>) {
    let (open, trigger) = (run.gate(&GATE), run.trigger(&TRIGGER));
    let held = if run.choice(&CLOSED) == 0 { run.last(&OUT) } else { 0.0 };
    run.set(&OUT, if open { run.number(&IN) } else { held });
    // What is on when the gate opens goes on with it.
    let level = Gate::level(trigger.on && open, run.last(&FIRED) >= 0.5);
    let hits = if open { trigger.hits.max(level.hits) } else { 0 };
    run.set(&FIRED, Gate { on: level.on, hits });
}
