//! What either of two targets means.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const A: Input = Input::socket("a", Kind::Target, "A target.");
const B: Input = Input::socket("b", Kind::Target, "Another one.");
const OUT: Output = Output::of("target", Kind::Target, "What is in either.").passes(&A);

/// Aims a bend or a tap at what either of two targets means.
pub const NODE: NodeDef = NodeDef {
    name: "target.union",
    title: "Union",
    about: "Aims a bend or a tap at what either of two targets means.",
    inputs: &[A, B],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.target(&A).or(&ctx.target(&B))),
    pure: true,
    ..NodeDef::BASE
};
