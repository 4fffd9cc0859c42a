//! `bendrack program`: the program of a patch at a latent frame.

use std::path::PathBuf;

use bendrack_nodes::compile::plan::{DENOISING_STEPS, Plan};
use bendrack_nodes::program::Pass;
use bendrack_nodes::program::target::Target;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};

use super::{Failure, print, print_json, read_patch, render};
use crate::engine::model::LATENT_SECS;

/// Latent frames of a chunk, in every model that streams.
const CHUNK: usize = 3;
/// Denoising steps of a chunk, unless the patch has a number of its own.
const STEPS: usize = 4;
/// Largest latent frame: almost three days of video. All latent frames before it run.
const MAX_FRAME: u64 = 1_000_000;

#[derive(clap::Args)]
pub(super) struct Program {
    /// The patch file.
    patch: PathBuf,
    /// Latent frame, from 0. The program covers its chunk of 3, or its clip.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_FRAME))]
    frame: u64,
    /// Denoising step, from 0: prints the values in this step, and only its bends and taps. Without it, the values in the first step.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..DENOISING_STEPS.1))]
    step: Option<u64>,
    /// Print the program as JSON.
    #[arg(long)]
    json: bool,
}

impl Program {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = render::compile(&read_patch(&self.patch)?, &self.patch, false)?;
        let step = self.step.map(|step| step as usize);
        let mut program = program(&plan, self.frame, step.unwrap_or(0));
        if let Some(step) = step {
            program.bends.retain(|bend| acts(&bend.target, step));
            program.taps.retain(|tap| tap.target.parts().iter().any(|part| acts(part, step)));
        }
        if self.json {
            let text = serde_json::to_string_pretty(&program).map_err(|error| Failure::Failed(error.to_string()))?;
            print_json(&(text + "\n"))
        } else {
            print(&program.to_string())
        }
    }
}

/// True if a target includes a denoising step.
fn acts(target: &Target, step: usize) -> bool {
    target.steps.contains(step) && target.pass.contains(Pass::Denoise)
}

/// Program of a denoising step of the chunk with a latent frame, without devices. All chunks before it run first and fill the memory.
fn program(plan: &Plan, frame: u64, step: usize) -> bendrack_nodes::program::Program {
    let measurements = Measurements::default();
    let mut memory = Memory::default();
    let frames = plan.denoising().clip.unwrap_or(CHUNK);
    let count = plan.denoising().steps.unwrap_or(STEPS).max(step + 1);
    let mut run = |first_frame: u64, index: usize| {
        let step = DenoisingStep { index, count };
        let inputs = Inputs { lanes: &[], measurements: &measurements, first_frame, dt_secs: LATENT_SECS, step };
        plan.program(&inputs, &mut memory, frames)
    };
    let chunk = frame / frames as u64;
    for before in 0..chunk {
        run(before * frames as u64, count - 1);
    }
    run(chunk * frames as u64, step)
}
