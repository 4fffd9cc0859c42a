//! The passes of a rollout through the model: denoising steps, and the cache passes that keep past frames.

use bendrack_nodes::program::{Pass, Site};
use candle_core::{Device, Error, Result, Tensor};

use super::stage::Stage;
use super::{Rollout, RolloutError, Step, Upcoming};
use crate::wan::hooks::Hooks;
use crate::wan::kv_cache::PastVisibility;
use crate::wan::noise::Draw;
use crate::wan::ops::is_finite;
use crate::wan::streaming::Refresh;

impl Rollout {
    /// A denoising step of the chunk.
    pub(super) fn denoise(
        &mut self,
        step: usize,
        call: Upcoming,
        hooks: Hooks<'_>,
    ) -> std::result::Result<Step, RolloutError> {
        let sample = match (self.sample.take(), &self.estimate) {
            (Some(sample), _) => sample,
            (None, None) => self.draw(0, hooks)?,
            (None, Some(clean)) => {
                let clean = clean.clone();
                let noise = self.draw(step, hooks)?;
                self.schedule.add_noise(&clean, &noise, &[call.timestep])?
            }
        };
        let sample = self.trajectory.keep(step, &sample)?;
        self.sample = Some(sample.clone());
        let clean = match self.estimate(&sample, &call, hooks) {
            Err(RolloutError::Diverged) => {
                // The noise may be the reason: it is drawn again, under the bends of the next attempt.
                self.sample = None;
                return Err(RolloutError::Diverged);
            }
            estimated => estimated?,
        };
        let next = self.schedule.timesteps().get(step + 1).copied();
        let clean = if next.is_none() { self.trajectory.keep(step + 1, &clean)? } else { clean };
        match (next, self.streaming.refresh) {
            (Some(timestep), _) => {
                let noise = self.draw(step + 1, hooks)?;
                self.sample = Some(self.schedule.add_noise(&clean, &noise, &[timestep])?);
                self.estimate = Some(clean.clone());
                self.stage = Stage::Denoise(step + 1);
            }
            (None, Refresh::CleanPass) => {
                self.sample = Some(clean.clone());
                self.stage = Stage::CleanPass;
            }
            (None, Refresh::Recompute { .. }) => {
                self.remember(&clean)?;
                self.next_chunk();
            }
        }
        Ok(Step { call, clean, finished: next.is_none(), cached: Vec::new() })
    }

    /// The cache pass over the finished chunk.
    pub(super) fn clean_pass(
        &mut self,
        call: &Upcoming,
        hooks: Hooks<'_>,
    ) -> std::result::Result<Tensor, RolloutError> {
        let chunk = self.sample.clone();
        let chunk =
            chunk.ok_or_else(|| Error::Msg("a clean pass needs a finished chunk; denoise one first".into()).bt())?;
        let clean = self.estimate(&chunk, call, hooks)?;
        self.remember(&chunk)?;
        self.next_chunk();
        Ok(clean)
    }

    /// The cache pass over the window, under the present prompt and bends.
    pub(super) fn recache_pass(
        &mut self,
        call: &Upcoming,
        hooks: Hooks<'_>,
    ) -> std::result::Result<Tensor, RolloutError> {
        let window = Tensor::cat(&self.recent.iter().map(|(_, frame)| frame).collect::<Vec<_>>(), 2)?;
        self.cache.set_sink_final(self.keeps_sink());
        let clean = self.estimate(&window, call, hooks);
        self.cache.set_sink_final(self.streaming.cache.sink_is_final);
        let clean = clean?;
        self.stage = Stage::Denoise(0);
        Ok(clean)
    }

    /// Krea's cache pass over its context.
    pub(super) fn recompute(&mut self, call: &Upcoming, hooks: Hooks<'_>) -> std::result::Result<Tensor, RolloutError> {
        let context = Tensor::cat(&self.recompute_context().map(|(_, frame)| frame).collect::<Vec<_>>(), 2)?;
        self.cache.reset();
        self.cache.set_causal_chunk(Some(self.streaming.chunk));
        let clean = self.estimate(&context, call, hooks);
        self.cache.set_causal_chunk(None);
        let clean = clean?;
        self.take_context();
        self.stage = Stage::Denoise(0);
        Ok(clean)
    }

    /// The frames of Krea's context: the first one and the latest.
    pub(super) fn recompute_context(&self) -> impl Iterator<Item = &(usize, Tensor)> {
        let latest = match self.streaming.refresh {
            Refresh::CleanPass => 0,
            Refresh::Recompute { frames } => frames.saturating_sub(1).min(self.recent.len().saturating_sub(1)),
        };
        self.first.iter().chain(self.recent.range(self.recent.len() - latest..))
    }

    /// One model call on latents, and its estimate of the clean latents. Fails if the output is not finite; the call can be repeated.
    pub(super) fn estimate(
        &mut self,
        latents: &Tensor,
        call: &Upcoming,
        hooks: Hooks<'_>,
    ) -> std::result::Result<Tensor, RolloutError> {
        let hooks = hooks.call(call.pass, call.step, &call.frames.numbers);
        let timesteps = Tensor::full(call.timestep, (1, call.frames.numbers.len()), &Device::Cpu)?;
        let timesteps = hooks.at(Site::Timestep, timesteps)?;
        let mut frames = call.frames.clone();
        if let Refresh::Recompute { frames: context } = self.streaming.refresh {
            // Krea counts positions from the beginning of its context.
            frames.position = frames.position.min(context);
        }
        // A cache pass over past frames attends to them in full.
        let is_chunk = call.frames == self.chunk;
        self.cache.set_past_visibility(if is_chunk { self.visibility.clone() } else { PastVisibility::default() });
        let flow = self.model.forward_cached(latents, &timesteps, &self.context, &mut self.cache, frames, hooks)?;
        if !is_finite(&flow)? {
            return Err(RolloutError::Diverged);
        }
        Ok(self.schedule.x0_from_flow(&flow, latents, &[call.timestep])?)
    }

    /// The noise of a step, after its bends.
    fn draw(&mut self, step: usize, hooks: Hooks<'_>) -> Result<Tensor> {
        let (channels, height, width) = self.picture;
        let draw = Draw { first_frame: self.chunk.numbers[0], step };
        let noise = self.noise.draw(draw, (channels, self.streaming.chunk.get(), height, width))?;
        let site = if step == 0 { Site::NoiseInit } else { Site::NoiseStep };
        self.latents(&hooks.call(Pass::Denoise, step, &self.chunk.numbers).at(site, noise)?)
    }
}
