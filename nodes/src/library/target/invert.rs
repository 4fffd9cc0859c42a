//! Complement of a target.

use crate::node::def::{Input, NodeDef, Output};
use crate::node::value::Kind;

const TARGET: Input = Input::socket("target", Kind::Target, "Target to exclude.");
const OUT: Output = Output::of("target", Kind::Target, "Everything else.").passes(&TARGET);

/// Selects everything outside the given target.
pub const NODE: NodeDef = NodeDef {
    name: "target.invert",
    title: "Invert",
    about: "Selects everything outside the given target.",
    inputs: &[TARGET],
    outputs: &[OUT],
    run: |ctx| ctx.set(&OUT, ctx.target(&TARGET).not()),
    pure: true,
    ..NodeDef::BASE
};
