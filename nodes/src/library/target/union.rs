//! Union of two targets.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const A: Input = Input::socket("a", Kind::Target, "The first target.");
const B: Input = Input::socket("b", Kind::Target, "The second target.");
const OUT: Output = Output::of("target", Kind::Target, "Everything in `a` or in `b`.").passes(&A);

/// Combines two targets: everything in either.
pub const NODE: NodeDef = NodeDef {
    name: "target.union",
    title: "Union",
    about: "Combines two targets: everything in either.",
    inputs: &[A, B],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.target(&A).or(&ctx.target(&B))),
    pure: true,
    ..NodeDef::BASE
};
