//! A gate from two gates.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Gate;

const A: Input = Input::gate("a", false, "The first gate.");
const OP: Input = Input::choice(
    "op",
    &["and", "or", "xor", "not", "nand", "nor", "xnor"],
    "Operation: and, or, xor, not, nand, nor, xnor.",
);
const B: Input = Input::gate("b", false, "The second gate.");
const OUT: Output = Output::gate("out", "The result; and, or and xor pass each trigger.");

/// Two gates to one.
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
    // How often it went on in this frame: what goes on while the other one holds it on is not seen.
    let unseen = is_held(a) || is_held(b);
    let (either, one) = if unseen { (0, 0) } else { (a.hits.max(b.hits), a.hits.abs_diff(b.hits)) };
    let both = match (is_held(a), is_held(b)) {
        (true, _) => b.hits,
        (_, true) => a.hits,
        _ => a.hits.min(b.hits),
    };
    let (on, hits) = match OP.choices[ctx.choice(&OP)] {
        "or" => (a.on || b.on, either),
        "xor" => (a.on != b.on, one),
        "not" => (!a.on, 0),
        "nand" => (!(a.on && b.on), 0),
        "nor" => (!(a.on || b.on), 0),
        "xnor" => (a.on == b.on, 0),
        _ => (a.on && b.on, both),
    };
    let level = Gate::level(on, ctx.last(&OUT) >= 0.5);
    ctx.set(&OUT, Gate { on, hits: level.hits.max(hits) });
}
