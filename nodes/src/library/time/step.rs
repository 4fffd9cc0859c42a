//! The denoising step of the model call.

use crate::node::def::{NodeDef, Output};

const STEP: Output = Output::number(
    "step",
    "Number of the denoising step, from 0. In the cache pass after a chunk, the number of all steps; in a recache before one, 0.",
);
const PROGRESS: Output = Output::number(
    "progress",
    "Progress of denoising: 0 at the first step, 1 at the last step and in the cache pass after it.",
);

/// Gives the denoising step of the model call: a patch then changes from noise to form.
pub const NODE: NodeDef = NodeDef {
    name: "time.step",
    title: "Denoising step",
    about: "Gives the denoising step of the model call: knobs move over the steps of a chunk or clip.",
    inputs: &[],
    outputs: &[STEP, PROGRESS],
    run: |ctx| {
        let step = ctx.denoising_step();
        ctx.set(&STEP, step.index as f64);
        ctx.set(&PROGRESS, step.progress());
    },
    ..NodeDef::BASE
};
