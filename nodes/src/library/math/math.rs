//! Arithmetic.

use std::f64::consts::TAU;

use crate::node::context::Run;
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
const A: Input = Input::signal("a", 0.0, "The first number.").soft(-1.0, 1.0);
const B: Input = Input::signal("b", 0.0, "The second number.").soft(-1.0, 1.0);
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

fn run(run: &mut Run<'_>) {
    let (a, b) = (run.number(&A), run.number(&B));
    let result = match OP.choices[run.choice(&OP)] {
        "subtract" => a - b,
        "multiply" => a * b,
        "divide" => a / b,
        "min" => a.min(b),
        "max" => a.max(b),
        "modulo" => a.rem_euclid(b),
        "power" => a.powf(b),
        "absolute" => a.abs(),
        "floor" => a.floor(),
        "mix" => a + (b - a) * run.number(&MIX),
        "difference" => (a - b).abs(),
        "sign" if a == 0.0 => 0.0,
        "sign" => a.signum(),
        "round" => a.round_ties_even(),
        "ceil" => a.ceil(),
        "sine" => (TAU * a).sin(),
        "log" => a.ln(),
        _ => a + b,
    };
    run.set(&OUT, result);
}
