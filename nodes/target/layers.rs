//! Which layers of the model are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::Target;
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 29.0);
const LAST: Input = aim::LAST.soft(0.0, 29.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these layers of the model.").passes(&aim::WITHIN);

/// Aims a bend or a tap at a range of layers of the model.
pub const NODE: NodeDef = NodeDef {
    name: "target.layers",
    title: "Layers",
    about: "Aims a bend or a tap at a range of layers of the model.",
    inputs: &[aim::WITHIN, FIRST, LAST, aim::EVERY],
    outputs: &[OUT],
    run: |run| {
        let layers = aim::every(run, &FIRST, &LAST, run.number(&aim::EVERY).round() as usize);
        aim::narrow(run, &OUT, Target { layers, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
