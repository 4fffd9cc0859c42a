//! Arithmetic.

use std::f64::consts::TAU;

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const OP: Input = Input::choice(
    "op",
    &[
        "add",
        "subtract",
        "multiply",
        "divide",
        "min",
        "max",
        "modulo",
        "power",
        "absolute",
        "floor",
        "mix",
        "difference",
        "sign",
        "round",
        "ceil",
        "sine",
        "log",
    ],
    "Operation on `a` and `b`. Difference is absolute, sine takes `a` in cycles, log is natural.",
);
const A: Input = Input::direct("a", 0.0, "The first number.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "The second number.").soft(-1.0, 1.0);
const MIX: Input = Input::number("mix", 0.5, "Share of `b` for mix: 0 is `a`, 1 is `b`.").hard(0.0, 1.0);
const OUT: Output =
    Output::number("out", "The result; it keeps its last value where the operation has none.").passes(&A);

/// Two numbers to one.
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
    let result = match OP.choices[ctx.choice(&OP)] {
        "subtract" => a - b,
        "multiply" => a * b,
        "divide" => a / b,
        "min" => a.min(b),
        "max" => a.max(b),
        "modulo" => a.rem_euclid(b),
        "power" => a.powf(b),
        "absolute" => a.abs(),
        "floor" => a.floor(),
        "mix" => a + (b - a) * ctx.number(&MIX),
        "difference" => (a - b).abs(),
        "sign" if a == 0.0 => 0.0,
        "sign" => a.signum(),
        "round" => a.round_ties_even(),
        "ceil" => a.ceil(),
        "sine" => (TAU * a).sin(),
        "log" => a.ln(),
        _ => a + b,
    };
    ctx.set(&OUT, result);
}
