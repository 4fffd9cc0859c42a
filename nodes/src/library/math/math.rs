//! Arithmetic.

use std::f64::consts::TAU;

use crate::choice::choices;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

choices! {
    /// The operation.
    enum Operation {
        Add = "add",
        Subtract = "subtract",
        Multiply = "multiply",
        Divide = "divide",
        Min = "min",
        Max = "max",
        Modulo = "modulo",
        Power = "power",
        Absolute = "absolute",
        Floor = "floor",
        Mix = "mix",
        Difference = "difference",
        Sign = "sign",
        Round = "round",
        Ceil = "ceil",
        Sine = "sine",
        Log = "log",
    }
}

const OP: Input = Input::choice_of::<Operation>(
    "op",
    "Operation on `a` and `b`. Difference is absolute, sine takes `a` in cycles, log is natural.",
);
const A: Input = Input::direct("a", 0.0, "The first number.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "The second number.").soft(-1.0, 1.0);
const MIX: Input = Input::number("mix", 0.5, "Share of `b` for mix: 0 is `a`, 1 is `b`.").hard(0.0, 1.0);
const OUT: Output =
    Output::number("out", "The result; it keeps its last value where the operation has none.").passes(&A);

/// Arithmetic on one or two numbers.
pub const NODE: NodeDef = NodeDef {
    name: "math.math",
    title: "Math",
    about: "Arithmetic on one or two numbers.",
    inputs: &[OP, A, B, MIX],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let (a, b) = (ctx.number(&A), ctx.number(&B));
    let result = match ctx.chosen::<Operation>(&OP) {
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Min => a.min(b),
        Operation::Max => a.max(b),
        Operation::Modulo => a.rem_euclid(b),
        Operation::Power => a.powf(b),
        Operation::Absolute => a.abs(),
        Operation::Floor => a.floor(),
        Operation::Mix => a + (b - a) * ctx.number(&MIX),
        Operation::Difference => (a - b).abs(),
        Operation::Sign if a == 0.0 => 0.0,
        Operation::Sign => a.signum(),
        Operation::Round => a.round_ties_even(),
        Operation::Ceil => a.ceil(),
        Operation::Sine => (TAU * a).sin(),
        Operation::Log => a.ln(),
        Operation::Add => a + b,
    };
    ctx.set(&OUT, result);
}
