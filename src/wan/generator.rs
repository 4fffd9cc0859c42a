//! The makers of a video, one model call at a time: a [`Rollout`] of chunks, or [`Clips`] one after the other.

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use super::clip::Clips;
use super::hooks::Hooks;
use super::kv_cache::PastVisibility;
use super::noise::Noise;
use super::rollout::{Rollout, RolloutError, Step, StoredRollout, Upcoming};
use super::scheduler::Schedule;
use super::stored::Tensors;
use super::transformer::Context;

/// A maker of chunks of latent frames. A chunk takes several model calls; bends may change between any two.
///
/// What concerns past frames has no effect without a KV cache.
pub trait Generator: Send {
    /// The next call of [`Self::advance`].
    fn upcoming(&self) -> Upcoming;

    /// Makes one model call.
    ///
    /// # Errors
    ///
    /// Fails if a tensor does not fit, if the device fails, or if the output is not finite ([`RolloutError::Diverged`]). A failed call
    /// changes nothing and can be repeated.
    fn advance(&mut self, hooks: Hooks<'_>) -> std::result::Result<Step, RolloutError>;

    /// Begins the next call and gives it up: the state after a call that failed, wherever that was.
    fn give_up(&mut self);

    /// The numbers in the video of the frames of the chunk under way, or of the next one between chunks.
    fn chunk(&self) -> &Arc<[usize]>;

    /// True if the next call begins a chunk, in which a new prompt or a reset takes effect.
    fn is_between_chunks(&self) -> bool;

    /// True if the next call is the cache pass over a chunk whose denoising steps are done.
    fn is_chunk_finished(&self) -> bool {
        false
    }

    /// The number of denoising steps of a chunk.
    fn steps(&self) -> usize;

    /// Changes the denoising steps, between chunks.
    ///
    /// # Errors
    ///
    /// Fails within a chunk, for the schedule of another kind of generator, and for settings out of range.
    fn set_schedule(&mut self, schedule: Schedule) -> Result<()>;

    /// Changes the source of noise, from the next draw on.
    fn set_noise(&mut self, noise: Box<dyn Noise + Send>);

    /// Changes the prompt from the next chunk on.
    fn set_context(&mut self, context: Arc<Context>);

    /// Changes the prompt from the next chunk on, and keeps past frames unchanged.
    fn replace_context(&mut self, context: Arc<Context>) {
        self.set_context(context);
    }

    /// True if it is guided away from a negative prompt.
    fn has_guidance(&self) -> bool {
        false
    }

    /// Changes the negative prompt from the next chunk on.
    fn set_negative(&mut self, _: Arc<Context>) {}

    /// Begins the video again, with this noise.
    fn restart(&mut self, noise: Box<dyn Noise + Send>);

    /// Drops every past frame and the chunk under way.
    fn reset(&mut self);

    /// True if finished chunks can be made once more.
    fn can_remake(&self) -> bool {
        false
    }

    /// Begins the finished chunk once more. Its first `shown` frames stay as they are.
    ///
    /// # Errors
    ///
    /// Fails unless [`Self::can_remake`] and [`Self::is_chunk_finished`].
    fn remake(&mut self, _shown: usize) -> Result<()> {
        bail!("this chunk cannot be made once more; make the next one")
    }

    /// The numbers of the past frames in the KV cache.
    fn held_frames(&self) -> Vec<usize> {
        Vec::new()
    }

    /// The numbers of the past frames that [`Self::recache`] covers, oldest first.
    fn recacheable(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Recaches past frames before the next chunk.
    fn recache(&mut self) {}

    /// The frame whose last picture is encoded again before the next chunk: see [`Rollout::reencoded`].
    fn reencoded(&self) -> Option<usize> {
        None
    }

    /// Replaces the first frame of the past: see [`Rollout::set_context_frame`].
    ///
    /// # Errors
    ///
    /// Fails if the latent is not one frame of the video's size.
    fn set_context_frame(&mut self, _latent: &Tensor) -> Result<()> {
        Ok(())
    }

    /// Sets how much the frames of a chunk attend to past frames, from the next call on.
    fn set_past_visibility(&mut self, _: PastVisibility) {}

    /// The state between two chunks. Its tensors are put into `tensors`.
    ///
    /// # Errors
    ///
    /// Fails within a chunk, and if the device fails.
    fn store(&self, tensors: &mut Tensors) -> Result<StoredGenerator>;

    /// Continues from a stored state of the same model and size, under the prompt that it had.
    ///
    /// # Errors
    ///
    /// Fails if the state is that of another generator, and if the device fails.
    fn restore(&mut self, stored: StoredGenerator, context: Arc<Context>, tensors: &mut Tensors) -> Result<()>;
}

/// A generator apart from its tensors and its prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StoredGenerator {
    /// That of a rollout.
    Rollout(StoredRollout),
    /// The number of the next latent frame of clips.
    Clips(usize),
}

/// The failure of a state of another generator.
fn other<T>() -> Result<T> {
    bail!("the checkpoint is that of a model that runs otherwise; begin the render again")
}

impl Generator for Rollout {
    fn upcoming(&self) -> Upcoming {
        Self::upcoming(self)
    }

    fn advance(&mut self, hooks: Hooks<'_>) -> std::result::Result<Step, RolloutError> {
        Self::advance(self, hooks)
    }

    fn give_up(&mut self) {
        Self::give_up(self);
    }

    fn chunk(&self) -> &Arc<[usize]> {
        Self::chunk(self)
    }

    fn is_between_chunks(&self) -> bool {
        Self::is_between_chunks(self)
    }

    fn is_chunk_finished(&self) -> bool {
        Self::is_chunk_finished(self)
    }

    fn steps(&self) -> usize {
        Self::steps(self)
    }

    fn set_schedule(&mut self, schedule: Schedule) -> Result<()> {
        match schedule {
            Schedule::FewStep(schedule) => Self::set_schedule(self, schedule),
            Schedule::Sampling(_) => bail!("chunks have no sampler; begin the video again"),
        }
    }

    fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        Self::set_noise(self, noise);
    }

    fn set_context(&mut self, context: Arc<Context>) {
        Self::set_context(self, context);
    }

    fn replace_context(&mut self, context: Arc<Context>) {
        Self::replace_context(self, context);
    }

    fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        Self::restart(self, noise);
    }

    fn reset(&mut self) {
        Self::reset(self);
    }

    fn can_remake(&self) -> bool {
        Self::can_remake(self)
    }

    fn remake(&mut self, shown: usize) -> Result<()> {
        Self::remake(self, shown)
    }

    fn held_frames(&self) -> Vec<usize> {
        self.cache().frames().collect()
    }

    fn recacheable(&self) -> Vec<usize> {
        Self::recacheable(self).collect()
    }

    fn recache(&mut self) {
        Self::recache(self);
    }

    fn reencoded(&self) -> Option<usize> {
        Self::reencoded(self)
    }

    fn set_context_frame(&mut self, latent: &Tensor) -> Result<()> {
        Self::set_context_frame(self, latent)
    }

    fn set_past_visibility(&mut self, visibility: PastVisibility) {
        Self::set_past_visibility(self, visibility);
    }

    fn store(&self, tensors: &mut Tensors) -> Result<StoredGenerator> {
        Self::store(self, tensors).map(StoredGenerator::Rollout)
    }

    fn restore(&mut self, stored: StoredGenerator, context: Arc<Context>, tensors: &mut Tensors) -> Result<()> {
        match stored {
            StoredGenerator::Rollout(stored) => Self::restore(self, stored, context, tensors),
            StoredGenerator::Clips(_) => other(),
        }
    }
}

impl Generator for Clips {
    fn upcoming(&self) -> Upcoming {
        Self::upcoming(self)
    }

    fn advance(&mut self, hooks: Hooks<'_>) -> std::result::Result<Step, RolloutError> {
        Self::advance(self, hooks)
    }

    fn give_up(&mut self) {
        Self::give_up(self);
    }

    fn chunk(&self) -> &Arc<[usize]> {
        Self::chunk(self)
    }

    fn is_between_chunks(&self) -> bool {
        Self::is_between_clips(self)
    }

    fn steps(&self) -> usize {
        Self::steps(self)
    }

    fn set_schedule(&mut self, schedule: Schedule) -> Result<()> {
        match schedule {
            Schedule::Sampling(sampling) => Self::set_sampler(self, sampling.sampler()?, sampling.guidance),
            Schedule::FewStep(_) => bail!("clips have a sampler; begin the video again"),
        }
    }

    fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        Self::set_noise(self, noise);
    }

    fn set_context(&mut self, context: Arc<Context>) {
        Self::set_context(self, context);
    }

    fn has_guidance(&self) -> bool {
        true
    }

    fn set_negative(&mut self, negative: Arc<Context>) {
        Self::set_negative(self, negative);
    }

    fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        Self::restart(self, noise);
    }

    fn reset(&mut self) {
        Self::reset(self);
    }

    fn store(&self, _: &mut Tensors) -> Result<StoredGenerator> {
        if !self.is_between_clips() {
            bail!("clips are stored between two of them only; finish the clip first")
        }
        Ok(StoredGenerator::Clips(self.chunk()[0]))
    }

    fn restore(&mut self, stored: StoredGenerator, context: Arc<Context>, _: &mut Tensors) -> Result<()> {
        match stored {
            StoredGenerator::Clips(first) => {
                Self::go_on(self, first, context);
                Ok(())
            }
            StoredGenerator::Rollout(_) => other(),
        }
    }
}
