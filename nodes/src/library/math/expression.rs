//! A formula.

use crate::grammar::expression::Scope;
use crate::node::context::Run;
use crate::node::def::{Input, NodeDef, Output};

const FORMULA: Input =
    Input::text("formula", "a", "Formula with numbers, `a` to `h`, `t`, `beat` and functions such as `sin(x)`.")
        .expression();
const A: Input = Input::signal("a", 0.0, "The number a of the formula.").soft(-1.0, 1.0);
const B: Input = Input::signal("b", 0.0, "The number b.").soft(-1.0, 1.0);
const C: Input = Input::signal("c", 0.0, "The number c.").soft(-1.0, 1.0);
const D: Input = Input::signal("d", 0.0, "The number d.").soft(-1.0, 1.0);
const E: Input = Input::signal("e", 0.0, "The number e.").soft(-1.0, 1.0);
const F: Input = Input::signal("f", 0.0, "The number f.").soft(-1.0, 1.0);
const G: Input = Input::signal("g", 0.0, "The number g.").soft(-1.0, 1.0);
const H: Input = Input::signal("h", 0.0, "The number h.").soft(-1.0, 1.0);
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

fn run(run: &mut Run<'_>) {
    let Some(formula) = run.expression(&FORMULA) else { return };
    let result = {
        let here = &*run;
        formula.value(&Scope {
            inputs: [A, B, C, D, E, F, G, H].map(|input| here.number(&input)),
            secs: here.secs(),
            frame: here.frame() as f64,
            beat: here.beat(),
            fps: 1.0 / here.dt_secs(),
            random: &|stream, index| here.random(stream, index),
        })
    };
    run.set(&OUT, result);
}
