//! `bendrack program`: the program of a patch at a latent frame.

use std::path::PathBuf;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::program::Pass;
use bendrack_nodes::program::target::Target;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};

use super::{Failure, print, print_json, read_patch, render};
use crate::engine::model::LATENT_SECS;

/// Latent frames of a model call, in every model that streams.
const CHUNK: u64 = 3;
/// Largest latent frame: almost three days of video. All latent frames before it run.
const MAX_FRAME: u64 = 1_000_000;

#[derive(clap::Args)]
pub(super) struct Program {
    /// The patch file.
    patch: PathBuf,
    /// Latent frame, from 0. The program covers its chunk of 3.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MAX_FRAME))]
    frame: u64,
    /// Denoising step, from 0: prints only bends and taps of this step.
    #[arg(long)]
    step: Option<usize>,
    /// Print the program as JSON.
    #[arg(long)]
    json: bool,
}

impl Program {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = render::compile(&read_patch(&self.patch)?, &self.patch, false)?;
        let mut program = program(&plan, self.frame / CHUNK);
        if let Some(step) = self.step {
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

/// Program of a chunk, without devices. All chunks before it run first and fill the memory.
fn program(plan: &Plan, chunk: u64) -> bendrack_nodes::program::Program {
    let measurements = Measurements::default();
    let mut memory = Memory::default();
    let mut run = |chunk: u64| {
        let inputs = Inputs {
            lanes: &[],
            measurements: &measurements,
            first_frame: CHUNK * chunk,
            dt_secs: LATENT_SECS,
            step: DenoisingStep::default(),
        };
        plan.program(&inputs, &mut memory, CHUNK as usize)
    };
    for before in 0..chunk {
        run(before);
    }
    run(chunk)
}
