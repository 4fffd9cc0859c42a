//! What a target does not mean.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const TARGET: Input = Input::socket("target", Kind::Target, "What is left out.");
const OUT: Output = Output::of("target", Kind::Target, "Everything else.").passes(&TARGET);

/// Aims a bend or a tap at everything that a target does not mean.
pub const NODE: NodeDef = NodeDef {
    name: "target.invert",
    title: "All but",
    about: "Aims a bend or a tap at everything that a target does not mean.",
    inputs: &[TARGET],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.target(&TARGET).not()),
    pure: true,
    ..NodeDef::BASE
};
