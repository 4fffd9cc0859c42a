//! The way of a chunk from noise to clean latents, kept so that frames which are shown stay as they are.

use candle_core::{Result, Tensor};

/// The samples of a chunk before each denoising step, and last the clean latents: `[1, channels, frames, height, width]` each.
#[derive(Default)]
pub(super) struct Trajectory {
    /// Those of the make under way.
    samples: Vec<Tensor>,
    /// Those of the make before.
    before: Vec<Tensor>,
    /// The number of frames that keep those of the make before.
    shown: usize,
}

impl Trajectory {
    /// Begins a new chunk.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Begins the chunk once more. Its first `shown` frames stay as they are at every step.
    pub(super) fn remake(&mut self, shown: usize) {
        self.before = std::mem::take(&mut self.samples);
        self.shown = shown;
    }

    /// The sample at a step of the make under way, with the shown frames put back, as it is kept.
    pub(super) fn keep(&mut self, step: usize, sample: &Tensor) -> Result<Tensor> {
        let sample = match self.before.get(step) {
            Some(before) if self.shown > 0 => {
                let open = sample.dim(2)? - self.shown;
                let parts = [before.narrow(2, 0, self.shown)?, sample.narrow(2, self.shown, open)?];
                Tensor::cat(&parts, 2)?
            }
            _ => sample.clone(),
        };
        self.samples.truncate(step);
        self.samples.push(sample.clone());
        Ok(sample)
    }
}
