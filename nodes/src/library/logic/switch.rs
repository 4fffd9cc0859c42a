//! One of several inputs of any kind.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::{Kind, Value};

const INDEX: Input =
    Input::direct("index", 0.0, "Index of the input, from 0; it wraps past the last.").soft(0.0, 3.0).hard(-1e6, 1e6);
const A: Input = Input::socket("a", Kind::Any, "Input 0: a number, text, target, chain of bends or picture.");
const B: Input = Input::socket("b", Kind::Any, "Input 1, of the same kind.");
const C: Input = Input::socket("c", Kind::Any, "Input 2, of the same kind.");
const D: Input = Input::socket("d", Kind::Any, "Input 3, of the same kind.");
const INPUTS: Input = Input::number("inputs", 2.0, "Number of inputs in use.").soft(1.0, 4.0).hard(1.0, 4.0);
const OUT: Output = Output::of("out", Kind::Any, "The selected input.").passes(&A);

/// Selects one of up to four inputs of any one kind.
pub const NODE: NodeDef = NodeDef {
    name: "logic.switch",
    title: "Switch",
    about: "Selects one of up to four inputs of any one kind.",
    inputs: &[INDEX, INPUTS, A, B, C, D],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let index = ctx.whole(&INDEX).rem_euclid(ctx.whole(&INPUTS));
    let chosen: Option<Value> = ctx.any(&[A, B, C, D][index as usize]);
    if let Some(value) = chosen {
        ctx.set(&OUT, value);
    }
}
