//! A gate from two numbers.

use crate::choice::choices;
use crate::library::time::ROUNDED;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const A: Input = Input::direct("a", 0.0, "The number to test.").soft(-1.0, 1.0);

choices! {
    /// The comparison.
    enum Comparison {
        Above = ">",
        Below = "<",
        AtLeast = ">=",
        AtMost = "<=",
        Equal = "==",
        Unequal = "!=",
        Within = "within",
    }
}

const OP: Input = Input::choice_of::<Comparison>(
    "op",
    "Comparison of `a` with `b`; == allows a difference of 1e-9, within tests b ≤ a ≤ to.",
);
const B: Input = Input::direct("b", 0.5, "The number to compare with.").soft(-1.0, 1.0);
const TO: Input =
    Input::direct("to", 1.0, "For within: the other end of the range that starts at `b`.").soft(-1.0, 1.0);
const HYSTERESIS: Input =
    Input::number("hysteresis", 0.0, "Distance that `a` must cross back over `b` before the result changes.")
        .soft(0.0, 0.5)
        .hard(0.0, 1e6);
const GATE: Output = Output::gate("gate", "On while the comparison holds.");

/// The last result; for `!=`, that of `==`.
const TRUE: usize = 0;

/// Compares two numbers and gives a gate.
pub const NODE: NodeDef = NodeDef {
    name: "logic.compare",
    title: "Compare",
    about: "Compares two numbers and gives a gate, with hysteresis against flicker.",
    inputs: &[A, OP, B, TO, HYSTERESIS],
    outputs: &[GATE],
    memory: 1,
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (a, b, to) = (ctx.number(&A), ctx.number(&B), ctx.number(&TO));
    let slack = if ctx.memory()[TRUE] == 0.0 { 0.0 } else { ctx.number(&HYSTERESIS) };
    let op = ctx.chosen::<Comparison>(&OP);
    let is_true = match op {
        Comparison::Below => a < b + slack,
        Comparison::AtLeast => a >= b - slack,
        Comparison::AtMost => a <= b + slack,
        Comparison::Equal | Comparison::Unequal => (a - b).abs() <= slack.max(ROUNDED),
        Comparison::Within => b.min(to) - slack <= a && a <= b.max(to) + slack,
        Comparison::Above => a > b - slack,
    };
    ctx.memory()[TRUE] = f64::from(u8::from(is_true));
    ctx.switch(&GATE, is_true != (op == Comparison::Unequal));
}
