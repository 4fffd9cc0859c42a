//! Model calls: the next one, the result of one, its failure.

use std::fmt;

use bendrack_nodes::program::Pass;
use candle_core::{Error, Tensor};

use super::{Rollout, Stage};
use crate::wan::kv_cache::Frames;

/// The next model call of a rollout or a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Upcoming {
    /// Denoising, or refreshing the KV cache.
    pub pass: Pass,
    /// The denoising step within the chunk, from 0; in a cache pass, the number of denoising steps.
    pub step: usize,
    /// The call's latent frames.
    pub frames: Frames,
    /// The timestep, 0 to 1000.
    pub timestep: f32,
}

/// The result of a model call.
#[derive(Clone, Debug)]
pub struct Step {
    /// The call.
    pub call: Upcoming,
    /// The estimate of the clean latents, `[1, channels, frames, height, width]`; it improves with every denoising
    /// step.
    pub clean: Tensor,
    /// True after the chunk's last denoising step; `clean` is then its result.
    pub finished: bool,
    /// In a cache pass, the numbers of the frames whose keys and values the KV cache now holds.
    pub cached: Vec<usize>,
}

impl Rollout {
    /// Begins the next call. The first one of a chunk decides its stage, and takes the prompt that was set meanwhile. Krea's cache pass still
    /// has the prompt of the chunk before.
    pub(super) fn begin_call(&mut self) -> Stage {
        let stage = self.next_stage();
        if self.stage == Stage::Between {
            if stage != Stage::Recompute {
                self.take_context();
            }
            self.recache_wanted = false;
            self.stage = stage;
        }
        stage
    }

    /// Takes the prompt that was set meanwhile.
    pub(super) fn take_context(&mut self) {
        if let Some(context) = self.next_context.take() {
            self.context = context;
        }
    }

    /// Begins the next call and gives it up: the state after a call that failed, wherever that was. The call can be made again.
    pub fn give_up(&mut self) {
        if self.begin_call() == Stage::Denoise(0) {
            // The noise is drawn again, as it depends on the bends.
            self.sample = None;
        }
    }
}

/// The failure of a model call.
#[derive(Debug)]
pub enum RolloutError {
    /// The model's output is not finite. Repeat the call with weaker bends.
    Diverged,
    /// A tensor does not fit, the video has no room left, or the device failed.
    Failed(Error),
}

impl From<Error> for RolloutError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<RolloutError> for Error {
    fn from(error: RolloutError) -> Self {
        match error {
            RolloutError::Diverged => Self::Msg(error.to_string()).bt(),
            RolloutError::Failed(error) => error,
        }
    }
}

impl fmt::Display for RolloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diverged => {
                f.write_str("overflow of the model: its output is not finite; lower the amounts of bends")
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RolloutError {}
