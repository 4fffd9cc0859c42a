//! The denoising step of the model call.

use crate::node::def::{NodeDef, Output};

const STEP: Output =
    Output::number("step", "Number of the denoising step, from 0. In a cache pass, the number of all steps.");
const PROGRESS: Output =
    Output::number("progress", "Progress, 0 at the first denoising step to 1 at the last, and in a cache pass.");

/// Gives the denoising step of the model call: a patch then changes from noise to form.
pub const NODE: NodeDef = NodeDef {
    name: "time.step",
    title: "Step",
    about: "Gives the denoising step of the model call, so that a patch runs over the steps of a chunk, from noise to form.",
    inputs: &[],
    outputs: &[STEP, PROGRESS],
    run: |ctx| {
        let step = ctx.denoising_step();
        ctx.set(&STEP, step.index as f64);
        ctx.set(&PROGRESS, step.progress());
    },
    ..NodeDef::BASE
};
