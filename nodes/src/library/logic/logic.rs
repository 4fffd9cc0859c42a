//! A gate from two gates.

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const A: Input = Input::gate("a", false, "The first gate.");

choices! {
    /// The operation.
    enum Operation {
        And = "and",
        Or = "or",
        Xor = "xor",
        Not = "not",
        Nand = "nand",
        Nor = "nor",
        Xnor = "xnor",
    }
}

const OP: Input = Input::choice_of::<Operation>("op", "Operation: and, or, xor, not, nand, nor, xnor.");
const B: Input = Input::gate("b", false, "The second gate.");
const OUT: Output = Output::gate("out", "The result; and, or and xor pass each trigger.");

/// Combines two gates with a logic operation.
pub const NODE: NodeDef = NodeDef {
    name: "logic.logic",
    title: "Logic",
    about: "Combines two gates with a logic operation.",
    inputs: &[A, OP, B],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (a, b) = (ctx.trigger(&A), ctx.trigger(&B));
    let is_held = |gate: Gate| gate.on && gate.hits == 0;
    // Number of rising edges in this frame. An edge under an input that stays on has no effect.
    let covered = is_held(a) || is_held(b);
    let (either, one) = if covered { (0, 0) } else { (a.hits.max(b.hits), a.hits.abs_diff(b.hits)) };
    let both = match (is_held(a), is_held(b)) {
        (true, _) => b.hits,
        (_, true) => a.hits,
        _ => a.hits.min(b.hits),
    };
    let (on, hits) = match ctx.chosen::<Operation>(&OP) {
        Operation::Or => (a.on || b.on, either),
        Operation::Xor => (a.on != b.on, one),
        Operation::Not => (!a.on, 0),
        Operation::Nand => (!(a.on && b.on), 0),
        Operation::Nor => (!(a.on || b.on), 0),
        Operation::Xnor => (a.on == b.on, 0),
        Operation::And => (a.on && b.on, both),
    };
    let level = Gate::level(on, ctx.last(&OUT) >= 0.5);
    ctx.set(&OUT, Gate { on, hits: level.hits.max(hits) });
}
