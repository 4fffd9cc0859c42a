//! Which denoising steps are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::Target;
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 3.0);
const LAST: Input = aim::LAST.soft(0.0, 3.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these denoising steps.");

/// A range of denoising steps.
pub const NODE: NodeDef = NodeDef {
    name: "target.steps",
    title: "Steps",
    about: "Aims a bend or a tap at a range of denoising steps.",
    inputs: &[aim::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    memory: 0,
    run: |run| {
        let steps = aim::range(run, &FIRST, &LAST);
        aim::narrow(run, &OUT, &Target { steps, ..Target::default() });
    },
};
