//! Bidirectional generation: a whole clip denoised at once, with classifier-free guidance.
//!
//! Like a [`Rollout`](super::rollout::Rollout), a [`Clip`] advances one denoising step at a time. Source: `generate` of
//! Wan2.1 `wan/text2video.py`.

use std::sync::Arc;

use bendrack_nodes::program::Pass;
use candle_core::{DType, Device, Result, Tensor, bail};

use super::hooks::Hooks;
use super::kv_cache::Frames;
use super::rollout::{Step, Upcoming};
use super::scheduler::{Sampler, guide};
use super::transformer::{Context, Transformer};

/// Classifier-free guidance: a second call under the negative prompt, and the guidance scale.
#[derive(Clone, Debug)]
pub struct Guidance {
    /// The negative prompt.
    pub negative: Arc<Context>,
    /// The guidance scale: 1 is the prompt alone; Wan uses 5 to 6.
    pub scale: f64,
}

impl Guidance {
    /// True if the negative prompt has no effect, so that its call is unnecessary.
    fn is_neutral(&self) -> bool {
        (self.scale - 1.0).abs() < f64::EPSILON
    }
}

/// A clip being generated.
pub struct Clip {
    model: Arc<Transformer>,
    sampler: Box<dyn Sampler>,
    context: Arc<Context>,
    guidance: Option<Guidance>,
    sample: Tensor,
    step: usize,
}

impl Clip {
    /// Begins with `noise` `[1, channels, frames, height, width]`, standard normal.
    ///
    /// # Errors
    ///
    /// Fails if the device fails.
    pub fn new(
        model: Arc<Transformer>,
        sampler: Box<dyn Sampler>,
        context: Arc<Context>,
        guidance: Option<Guidance>,
        noise: &Tensor,
    ) -> Result<Self> {
        let sample = noise.to_device(model.device())?.to_dtype(DType::F32)?;
        Ok(Self { model, sampler, context, guidance, sample, step: 0 })
    }

    /// The next call of [`Self::advance`]; none when the clip is finished.
    pub fn upcoming(&self) -> Option<Upcoming> {
        let timestep = *self.sampler.timesteps().get(self.step)?;
        let frames = Frames::run(0, self.sample.dim(2).ok()?);
        Some(Upcoming { pass: Pass::Denoise, step: self.step, frames, timestep })
    }

    /// Makes one denoising step. A failed step leaves the clip unchanged.
    ///
    /// # Errors
    ///
    /// Fails if the clip is finished, if a shape does not fit, or if the device fails.
    pub fn advance(&mut self, hooks: Hooks<'_>) -> Result<Step> {
        let Some(call) = self.upcoming() else { bail!("the clip is finished; begin a new one") };
        let hooks = hooks.call(call.pass, call.step, &call.frames.numbers);
        let timesteps = Tensor::full(call.timestep, (1, 1), &Device::Cpu)?;
        let flow = |context: &Context, hooks| {
            self.model.forward(&self.sample, &timesteps, context, hooks)?.to_dtype(DType::F32)
        };
        let flow = match self.guidance.as_ref().filter(|guidance| !guidance.is_neutral()) {
            None => flow(&self.context, hooks)?,
            Some(guidance) => {
                let negative = flow(&guidance.negative, hooks.negative())?;
                guide(&flow(&self.context, hooks)?, &negative, guidance.scale)?
            }
        };
        let sigma = f64::from(self.sampler.sigmas()[self.step]);
        let estimate = (&self.sample - (&flow * sigma)?)?;
        self.sample = self.sampler.step(&flow, &self.sample)?;
        self.step += 1;
        let finished = self.upcoming().is_none();
        let clean = if finished { self.sample.clone() } else { estimate };
        Ok(Step { call, clean, finished, cached: Vec::new() })
    }
}
