//! Which attention heads are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::Target;
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 11.0);
const LAST: Input = aim::LAST.soft(0.0, 11.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these attention heads.").passes(&aim::WITHIN);

/// Aims a bend or a tap at a range of attention heads.
pub const NODE: NodeDef = NodeDef {
    name: "target.heads",
    title: "Heads",
    about: "Aims a bend or a tap at a range of attention heads.",
    inputs: &[aim::WITHIN, FIRST, LAST, aim::EVERY],
    outputs: &[OUT],
    run: |run| {
        let heads = aim::every(run, &FIRST, &LAST, run.number(&aim::EVERY).round() as usize);
        aim::narrow(run, &OUT, Target { heads, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
