//! Bidirectional generation: whole clips, each denoised at once, with classifier-free guidance.
//!
//! Like a [`Rollout`](super::rollout::Rollout), [`Clips`] make one model call at a time. The frames of a clip attend to one another, and
//! to nothing else: there is no KV cache. Source: `generate` of Wan2.1 `wan/text2video.py`.

use std::sync::Arc;

use bendrack_nodes::program::{Pass, Site};
use candle_core::{DType, Device, Result, Tensor, bail};

use super::hooks::Hooks;
use super::kv_cache::Frames;
use super::noise::{Draw, Noise};
use super::ops::is_finite;
use super::rollout::{RolloutError, Step, Upcoming};
use super::scheduler::{Sampler, guide};
use super::transformer::{Context, Transformer};

/// Clips of one length, one after the other.
///
/// ```
/// use std::sync::Arc;
///
/// use bendrack::wan::clip::Clips;
/// use bendrack::wan::family::Family;
/// use bendrack::wan::hooks::Hooks;
/// use bendrack::wan::scheduler::{UniPc, UniPcSchedule};
///
/// let mut mini = bendrack::wan::mini::load()?;
/// let prompt = mini.text.encode("a red tulip")?;
/// let context = Arc::new(mini.transformer.context(&prompt.embedding)?);
/// let sampler = Box::new(UniPc::new(2, 5.0, UniPcSchedule::Original)?);
/// let mut clips = Clips::new(Arc::new(mini.transformer), sampler, 1.0, context, Family::Mini.noise(1), (5, 4, 4))?;
/// assert!(!clips.advance(Hooks::NONE)?.finished);
/// assert_eq!(clips.advance(Hooks::NONE)?.clean.dims(), [1, 16, 5, 4, 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub struct Clips {
    model: Arc<Transformer>,
    sampler: Box<dyn Sampler>,
    /// The guidance scale: 1 is the prompt alone.
    guidance: f64,
    context: Arc<Context>,
    /// The negative prompt; without one, there is no guidance.
    negative: Option<Arc<Context>>,
    noise: Box<dyn Noise + Send>,
    /// Latent channels, height and width.
    picture: (usize, usize, usize),
    /// The clip under way.
    chunk: Arc<[usize]>,
    /// The current sample `[1, channels, frames, height, width]`; none before the first step.
    sample: Option<Tensor>,
    step: usize,
    /// True from the first call of a clip, also one that fails, to its end.
    is_begun: bool,
}

impl Clips {
    /// Begins with clips of `frames × height × width` latents, and without a negative prompt.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot read latents of this size.
    pub fn new(
        model: Arc<Transformer>,
        sampler: Box<dyn Sampler>,
        guidance: f64,
        context: Arc<Context>,
        noise: Box<dyn Noise + Send>,
        (frames, height, width): (usize, usize, usize),
    ) -> Result<Self> {
        let channels = model.config().in_channels;
        model.grid(&Tensor::zeros((1, channels, frames, height, width), DType::U8, &Device::Cpu)?)?;
        let (picture, chunk) = ((channels, height, width), (0..frames).collect());
        Ok(Self {
            model,
            sampler,
            guidance,
            context,
            negative: None,
            noise,
            picture,
            chunk,
            sample: None,
            step: 0,
            is_begun: false,
        })
    }

    /// The next call of [`Self::advance`].
    pub fn upcoming(&self) -> Upcoming {
        let frames = Frames { position: 0, numbers: self.chunk.clone() };
        Upcoming { pass: Pass::Denoise, step: self.step, frames, timestep: self.sampler.timesteps()[self.step] }
    }

    /// The numbers in the video of the frames of the clip under way, or of the next one.
    pub const fn chunk(&self) -> &Arc<[usize]> {
        &self.chunk
    }

    /// True if the next call begins a clip.
    pub const fn is_between_clips(&self) -> bool {
        !self.is_begun
    }

    /// The number of denoising steps of a clip.
    pub fn steps(&self) -> usize {
        self.sampler.timesteps().len()
    }

    /// Changes the sampler and the guidance scale, between clips.
    ///
    /// # Errors
    ///
    /// Fails within a clip.
    pub fn set_sampler(&mut self, sampler: Box<dyn Sampler>, guidance: f64) -> Result<()> {
        if !self.is_between_clips() {
            bail!("the sampler changes between clips only; finish the clip first")
        }
        (self.sampler, self.guidance) = (sampler, guidance);
        Ok(())
    }

    /// Changes the source of noise, from the next clip on.
    pub fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        self.noise = noise;
    }

    /// Changes the prompt, from the next call on.
    pub fn set_context(&mut self, context: Arc<Context>) {
        self.context = context;
    }

    /// Changes the negative prompt, from the next call on.
    pub fn set_negative(&mut self, negative: Arc<Context>) {
        self.negative = Some(negative);
    }

    /// Begins the video again, with this noise.
    pub fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        self.noise = noise;
        self.begin(0);
    }

    /// Gives up the clip under way. The next one has noise of its own.
    pub fn reset(&mut self) {
        if !self.is_between_clips() {
            self.begin(self.chunk[0] + self.chunk.len());
        }
    }

    /// Begins at a latent frame of the video, under a prompt.
    pub(super) fn go_on(&mut self, first: usize, context: Arc<Context>) {
        self.context = context;
        self.begin(first);
    }

    /// Begins the next call and gives it up: the state after a call that failed.
    pub(super) const fn give_up(&mut self) {
        self.is_begun = true;
    }

    fn begin(&mut self, first: usize) {
        self.chunk = (first..first + self.chunk.len()).collect();
        self.sampler.reset();
        (self.sample, self.step, self.is_begun) = (None, 0, false);
    }

    /// Makes one denoising step. The last one of a clip returns its latents, and the next call begins another clip.
    ///
    /// # Errors
    ///
    /// Fails if a tensor does not fit, if the device fails, or if the output is not finite ([`RolloutError::Diverged`]). A failed
    /// call leaves the clip unchanged and can be repeated.
    pub fn advance(&mut self, hooks: Hooks<'_>) -> std::result::Result<Step, RolloutError> {
        let call = self.upcoming();
        self.is_begun = true;
        let hooks = hooks.call(call.pass, call.step, &call.frames.numbers);
        let sample = match &self.sample {
            Some(sample) => sample.clone(),
            None => self.draw(hooks)?,
        };
        let flow = self.guided_flow(&sample, call.timestep, hooks)?;
        if !is_finite(&flow)? {
            return Err(RolloutError::Diverged);
        }
        let sigma = f64::from(self.sampler.sigmas()[self.step]);
        let estimate = (&sample - (&flow * sigma).map_err(RolloutError::Failed)?).map_err(RolloutError::Failed)?;
        let next = self.sampler.step(&flow, &sample)?;
        let finished = self.step + 1 == self.steps();
        if finished {
            self.begin(self.chunk[0] + self.chunk.len());
            return Ok(Step { call, clean: next, finished, cached: Vec::new() });
        }
        (self.sample, self.step) = (Some(next), self.step + 1);
        Ok(Step { call, clean: estimate, finished, cached: Vec::new() })
    }

    /// The noise of a clip, after its bends.
    fn draw(&mut self, hooks: Hooks<'_>) -> Result<Tensor> {
        let (channels, height, width) = self.picture;
        let draw = Draw { first_frame: self.chunk[0], step: 0 };
        let noise = self.noise.draw(draw, (channels, self.chunk.len(), height, width))?;
        hooks.at(Site::NoiseInit, noise)?.to_device(self.model.device())?.to_dtype(DType::F32)
    }

    /// The flow under the prompt, guided away from that under the negative prompt: `n + s (p − n)`, with the guidance scale s of each
    /// latent pixel. At s = 1 everywhere, the negative prompt needs no call.
    fn guided_flow(&self, sample: &Tensor, timestep: f32, hooks: Hooks<'_>) -> Result<Tensor> {
        let frames = self.chunk.len();
        let timesteps = hooks.at(Site::Timestep, Tensor::full(timestep, (1, frames), &Device::Cpu)?)?;
        let flow =
            |context: &Context, hooks| self.model.forward(sample, &timesteps, context, hooks)?.to_dtype(DType::F32);
        let Some(negative) = &self.negative else { return flow(&self.context, hooks) };
        let (_, height, width) = self.picture;
        let scale = Tensor::full(self.guidance as f32, (1, 1, frames, height, width), &Device::Cpu)?;
        let scale = hooks.at(Site::Guidance, scale)?;
        let positive = flow(&self.context, hooks)?;
        let is_one = |scale: &f32| scale.total_cmp(&1.0).is_eq();
        if scale.flatten_all()?.to_vec1()?.iter().all(is_one) {
            return Ok(positive);
        }
        let negative = flow(negative, hooks.negative())?;
        guide(&positive, &negative, &scale.to_device(self.model.device())?)
    }
}
