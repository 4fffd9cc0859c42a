//! The stages of a rollout within a chunk, and the model call of each.

use std::sync::Arc;

use bendrack_nodes::program::Pass;

use super::{Rollout, Upcoming};
use crate::wan::kv_cache::Frames;
use crate::wan::streaming::Refresh;

/// The stage of a rollout within a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before a chunk; the first call is not chosen yet.
    Between,
    /// A cache pass over past frames, under a new prompt or other bends.
    Recache,
    /// Krea's pass over the context frames.
    Recompute,
    /// A denoising step.
    Denoise(usize),
    /// The clean pass over the chunk just finished.
    CleanPass,
}

impl Rollout {
    /// The next call of [`Self::advance`].
    pub fn upcoming(&self) -> Upcoming {
        let steps = self.schedule.timesteps();
        let cache_pass = |frames| Upcoming {
            pass: Pass::Cache,
            step: steps.len(),
            frames,
            timestep: self.streaming.context_timestep,
        };
        match self.next_stage() {
            Stage::Denoise(step) => {
                let frames = self.chunk.clone();
                Upcoming { pass: Pass::Denoise, step, frames, timestep: steps[step] }
            }
            Stage::CleanPass => cache_pass(self.chunk.clone()),
            Stage::Recache => {
                let numbers: Arc<[usize]> = self.recent.iter().map(|(number, _)| *number).collect();
                cache_pass(Frames { position: self.chunk.position - numbers.len(), numbers })
            }
            Stage::Between | Stage::Recompute => {
                let numbers = self.recompute_context().map(|(number, _)| *number).collect();
                cache_pass(Frames { position: 0, numbers })
            }
        }
    }

    /// The stage of the next call: resolves [`Stage::Between`] into the first pass of the chunk.
    pub(super) fn next_stage(&self) -> Stage {
        if self.stage != Stage::Between {
            return self.stage;
        }
        match self.streaming.refresh {
            Refresh::Recompute { .. } if self.first.is_some() => Stage::Recompute,
            Refresh::CleanPass if self.recache_wanted && !self.recent.is_empty() => Stage::Recache,
            _ => Stage::Denoise(0),
        }
    }
}
