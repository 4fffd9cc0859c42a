//! Which denoising steps are meant.

use crate::aim;
use crate::def::{Input, NodeDef, Output};
use crate::target::{Passes, Target};
use crate::value::Kind;

const FIRST: Input = aim::FIRST.soft(0.0, 3.0);
const LAST: Input = aim::LAST.soft(0.0, 3.0);
const OUT: Output = Output::of("target", Kind::Target, "Only these denoising steps.").passes(&aim::WITHIN);

/// Aims a bend or a tap at a range of denoising steps; the cache pass is none of them.
pub const NODE: NodeDef = NodeDef {
    name: "target.steps",
    title: "Steps",
    about: "Aims a bend or a tap at a range of denoising steps; the cache pass is none of them.",
    inputs: &[aim::WITHIN, FIRST, LAST],
    outputs: &[OUT],
    run: |run| {
        let steps = aim::range(run, &FIRST, &LAST);
        aim::narrow(run, &OUT, Target { steps, pass: Passes::Denoise, ..Target::default() });
    },
    pure: true,
    ..NodeDef::BASE
};
