//! One of several.

use crate::node::context::NodeContext;
use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::{Kind, Value};

const INDEX: Input = Input::direct("index", 0.0, "Which one goes through, from 0; beyond the last it begins again.")
    .soft(0.0, 3.0)
    .hard(-1e6, 1e6);
const A: Input = Input::socket("a", Kind::Any, "What goes through at 0: a number, a text, a target, bends, a picture.");
const B: Input = Input::socket("b", Kind::Any, "What goes through at 1; it is of the same kind.");
const C: Input = Input::socket("c", Kind::Any, "What goes through at 2.");
const D: Input = Input::socket("d", Kind::Any, "What goes through at 3.");
const COUNT: Input = Input::number("count", 2.0, "Between how many it chooses.").soft(1.0, 4.0).hard(1.0, 4.0);
const OUT: Output = Output::of("out", Kind::Any, "The one that was chosen.").passes(&A);

/// Chooses one of up to four numbers, texts, targets, chains of bends or pictures.
pub const NODE: NodeDef = NodeDef {
    name: "logic.switch",
    title: "Switch",
    about: "Chooses one of up to four numbers, texts, targets, chains of bends or pictures.",
    inputs: &[INDEX, COUNT, A, B, C, D],
    outputs: &[OUT],
    run,
    ..NodeDef::BASE
};

fn run(ctx: &mut NodeContext<'_>) {
    let index = ctx.whole(&INDEX).rem_euclid(ctx.whole(&COUNT));
    let chosen: Option<Value> = ctx.any(&[A, B, C, D][index as usize]);
    if let Some(value) = chosen {
        ctx.set(&OUT, value);
    }
}
