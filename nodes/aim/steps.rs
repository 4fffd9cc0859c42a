//! Which denoising steps are meant.

use crate::def::{Input, NodeDef, Output};
use crate::target::{Set, Target};
use crate::value::Kind;

const WITHIN: Input = Input::socket("within", Kind::Target, "A target that is narrowed further.");
const FIRST: Input = Input::number("first", 0.0, "The first one, from 0.").soft(0.0, 3.0).hard(0.0, 1e6);
const LAST: Input = Input::number("last", 3.0, "The last one.").soft(0.0, 3.0).hard(0.0, 1e6);
const OUT: Output = Output::of("target", Kind::Target, "Only these denoising steps.");

/// A range of denoising steps.
pub const NODE: NodeDef = NodeDef {
    name: "target.steps",
    title: "Steps",
    about: "Aims a bend or a tap at a range of denoising steps.",
    inputs: &[WITHIN, FIRST, LAST],
    outputs: &[OUT],
    memory: 0,
    run: |run| {
        let steps = Set::range(run.number(&FIRST).round() as usize, run.number(&LAST).round() as usize);
        let target = run.target(&WITHIN).and(&Target { steps, ..Target::default() });
        run.set(&OUT, target);
    },
};
