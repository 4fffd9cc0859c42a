//! A formula.

use crate::grammar::expression::Scope;
use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};

const FORMULA: Input =
    Input::text("formula", "a", "Formula with numbers, `a` to `h`, `t`, `beat` and functions such as `sin(x)`.")
        .expression();
const A: Input = Input::direct("a", 0.0, "The number a of the formula.").soft(-1.0, 1.0);
const B: Input = Input::direct("b", 0.0, "The number b.").soft(-1.0, 1.0);
const C: Input = Input::direct("c", 0.0, "The number c.").soft(-1.0, 1.0);
const D: Input = Input::direct("d", 0.0, "The number d.").soft(-1.0, 1.0);
const E: Input = Input::direct("e", 0.0, "The number e.").soft(-1.0, 1.0);
const F: Input = Input::direct("f", 0.0, "The number f.").soft(-1.0, 1.0);
const G: Input = Input::direct("g", 0.0, "The number g.").soft(-1.0, 1.0);
const H: Input = Input::direct("h", 0.0, "The number h.").soft(-1.0, 1.0);
const OUT: Output = Output::number("out", "The result; it keeps its last value where the formula has none.").passes(&A);

/// A formula of up to eight inputs, time and random numbers.
pub const NODE: NodeDef = NodeDef {
    name: "math.expression",
    title: "Expression",
    about: "A formula of up to eight inputs, time and random numbers.",
    inputs: &[FORMULA, A, B, C, D, E, F, G, H],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let Some(formula) = ctx.expression(&FORMULA) else { return };
    let result = {
        let here = &*ctx;
        formula.value(&Scope {
            inputs: [A, B, C, D, E, F, G, H].map(|input| here.number(&input)),
            secs: here.secs(),
            frame: here.frame() as f64,
            beat: here.beat(),
            fps: 1.0 / here.dt_secs(),
            random: &|stream, index| here.random(stream, index),
        })
    };
    ctx.set(&OUT, result);
}
