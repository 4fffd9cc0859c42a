//! Which feed-forward neurons are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::Target;
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 511.0);
const LAST: Input = aim::LAST.soft(0.0, 511.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these feed-forward neurons.");

/// A range of feed-forward neurons.
pub const NODE: NodeDef = NodeDef {
    name: "target.neurons",
    title: "Neurons",
    about: "Aims a bend or a tap at a range of feed-forward neurons.",
    inputs: &[aim::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    memory: 0,
    run: |run| {
        let neurons = aim::range(run, &FIRST, &LAST);
        aim::narrow(run, &OUT, &Target { neurons, ..Target::default() });
    },
};
