//! Causal generation: chunk after chunk of latent frames, each denoised in a few steps. A KV cache holds past frames.
//!
//! A [`Rollout`] is a state machine that makes one model call at a time. The caller can change the bends between any
//! two calls. [`Rollout::upcoming`] describes the next call, and [`Rollout::advance`] makes it. A new prompt takes
//! effect at the next chunk. Sources: `pipeline/causal_inference.py` of Self-Forcing,
//! `pipeline/interactive_causal_inference.py` of LongLive, `release_server.py` of Krea realtime,
//! `causvid/models/wan/causal_inference.py` of CausVid.

mod call;
mod passes;
mod stage;
mod stored;
mod trajectory;

use std::collections::VecDeque;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, bail};

use super::hooks::Hooks;
use super::kv_cache::{Frames, KvCache, PastVisibility};
use super::noise::Noise;
use super::scheduler::FewStep;
use super::streaming::{PromptSwitch, Refresh, Streaming};
use super::transformer::{Context, Transformer};
pub use call::{RolloutError, Step, Upcoming};
use stage::Stage;
pub use stored::StoredRollout;
use trajectory::Trajectory;

/// A video being generated.
///
/// ```
/// use std::sync::Arc;
///
/// use bendrack::wan::family::Family;
/// use bendrack::wan::hooks::Hooks;
/// use bendrack::wan::rollout::Rollout;
///
/// let mut mini = bendrack::wan::mini::load()?;
/// let prompt = mini.text.encode("a red tulip")?;
/// let context = Arc::new(mini.transformer.context(&prompt.embedding)?);
/// let family = Family::Mini;
/// let (streaming, schedule) = (family.streaming().expect("it streams"), family.schedule()?.expect("steps"));
/// let transformer = Arc::new(mini.transformer);
/// let mut rollout = Rollout::new(transformer, streaming, schedule, context, family.noise(1), (4, 4))?;
/// let latents = rollout.next_latents(Hooks::NONE)?;
/// assert_eq!(latents.dims(), [1, 16, 3, 4, 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub struct Rollout {
    model: Arc<Transformer>,
    streaming: Streaming,
    schedule: FewStep,
    noise: Box<dyn Noise + Send>,
    context: Arc<Context>,
    next_context: Option<Arc<Context>>,
    /// True if a recache is due before the next chunk.
    recache_wanted: bool,
    /// Attention of a chunk's frames to past frames.
    visibility: PastVisibility,
    cache: KvCache,
    /// Latent channels, height and width.
    picture: (usize, usize, usize),
    /// The current chunk.
    chunk: Frames,
    stage: Stage,
    /// The current sample, or, in a clean pass, the finished chunk: `[1, channels, frames, height, width]`.
    sample: Option<Tensor>,
    /// The estimate of the clean latents after the step before; none in the first step of a chunk.
    estimate: Option<Tensor>,
    /// The samples of the chunk under way.
    trajectory: Trajectory,
    /// The latest finished frames with their numbers, oldest first; as many as a cache pass can need.
    recent: VecDeque<(usize, Tensor)>,
    /// The first frame since the beginning or the last reset.
    first: Option<(usize, Tensor)>,
}

impl Rollout {
    /// Begins a video of latents `height × width`, an eighth of the picture's.
    ///
    /// # Errors
    ///
    /// Fails if the window of the KV cache is too small for the streaming. Fails if the device runs out of memory.
    pub fn new(
        model: Arc<Transformer>,
        streaming: Streaming,
        schedule: FewStep,
        context: Arc<Context>,
        noise: Box<dyn Noise + Send>,
        (height, width): (usize, usize),
    ) -> Result<Self> {
        let (chunk, cache) = (streaming.chunk, streaming.cache);
        let needed = match streaming.refresh {
            Refresh::CleanPass => chunk.get() + if cache.rolls { cache.sink } else { 0 },
            Refresh::Recompute { frames } => chunk.get() + frames,
        };
        if cache.window < needed {
            bail!("the KV cache has a window of {} frames; streaming needs at least {needed}", cache.window)
        }
        let picture = (model.config().in_channels, height, width);
        let shape = (1, picture.0, chunk.get(), height, width);
        let (_, rows, columns) = model.grid(&Tensor::zeros(shape, DType::U8, &Device::Cpu)?)?;
        let cache = KvCache::new(model.config(), cache, 1, (rows, columns), model.dtype(), model.device())?;
        Ok(Self {
            chunk: Frames::run(0, chunk.get()),
            model,
            streaming,
            schedule,
            noise,
            context,
            next_context: None,
            recache_wanted: false,
            visibility: PastVisibility::default(),
            cache,
            picture,
            stage: Stage::Between,
            sample: None,
            estimate: None,
            trajectory: Trajectory::default(),
            recent: VecDeque::new(),
            first: None,
        })
    }

    /// Changes the prompt from the next chunk on. The [`PromptSwitch`] of the streaming decides about past frames.
    pub fn set_context(&mut self, context: Arc<Context>) {
        self.replace_context(context);
        self.recache_wanted |= matches!(self.streaming.prompt_switch, PromptSwitch::Recache { .. });
    }

    /// Changes the prompt from the next chunk on, and keeps past frames unchanged.
    pub fn replace_context(&mut self, context: Arc<Context>) {
        self.next_context = Some(context);
    }

    /// Recaches before the next chunk: the clean frames of the window pass the model again. The pass has the prompt and
    /// bends of that chunk. A final sink stays unchanged. A cache that is recomputed before each chunk (Krea) needs no
    /// recache.
    pub fn recache(&mut self) {
        self.recache_wanted = true;
    }

    /// The numbers of the past frames that [`Self::recache`] covers, oldest first.
    pub fn recacheable(&self) -> impl Iterator<Item = usize> {
        let kept = if self.keeps_sink() { self.streaming.cache.sink } else { 0 };
        self.cache.frames().skip(kept)
    }

    /// True if a recache leaves the sink unchanged.
    fn keeps_sink(&self) -> bool {
        self.streaming.cache.sink_is_final
            && !matches!(self.streaming.prompt_switch, PromptSwitch::Recache { keep_sink: false })
    }

    /// The number of denoising steps of a chunk.
    pub fn steps(&self) -> usize {
        self.schedule.timesteps().len()
    }

    /// Changes the denoising steps, between chunks.
    ///
    /// # Errors
    ///
    /// Fails within a chunk.
    pub fn set_schedule(&mut self, schedule: FewStep) -> Result<()> {
        if !self.is_between_chunks() {
            bail!("the denoising steps change between chunks only; finish the chunk first")
        }
        self.schedule = schedule;
        Ok(())
    }

    /// Changes the source of noise, from the next draw on.
    pub fn set_noise(&mut self, noise: Box<dyn Noise + Send>) {
        self.noise = noise;
    }

    /// The numbers in the video of the frames of the chunk under way, or of the next one between chunks.
    pub fn chunk(&self) -> &Arc<[usize]> {
        &self.chunk.numbers
    }

    /// True if the next call begins a chunk, in which a new prompt or a reset takes effect.
    pub fn is_between_chunks(&self) -> bool {
        self.stage == Stage::Between
    }

    /// True if the next call is the clean pass over a chunk whose denoising steps are done.
    pub fn is_chunk_finished(&self) -> bool {
        self.stage == Stage::CleanPass
    }

    /// True if finished chunks can be made once more. Those of Krea cannot: the next chunk recomputes its context from them.
    pub fn can_remake(&self) -> bool {
        self.streaming.refresh == Refresh::CleanPass
    }

    /// Begins the finished chunk once more, with the same noise, and with a prompt that was set meanwhile. Its first `shown` frames stay
    /// as they are, at every denoising step: with the same bends, a chunk that is made again is the same. The past frames in
    /// the KV cache do not change.
    ///
    /// # Errors
    ///
    /// Fails unless the next call is the clean pass: see [`Self::is_chunk_finished`].
    pub fn remake(&mut self, shown: usize) -> Result<()> {
        let frames = self.chunk.numbers.len();
        if self.stage != Stage::CleanPass || shown >= frames {
            bail!(
                "a chunk of {frames} frames with {shown} of them shown cannot be made again; finish it, and show fewer"
            )
        }
        self.take_context();
        self.trajectory.remake(shown);
        (self.sample, self.estimate) = (None, None);
        self.stage = Stage::Denoise(0);
        Ok(())
    }

    /// The KV cache.
    pub const fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// Adds `bias` to the logits of past frames: see [`KvCache::set_past_bias`].
    pub fn set_past_bias(&mut self, bias: f64) {
        self.cache.set_past_bias(bias);
    }

    /// Sets how much the frames of a chunk attend to past frames, from the next call on. It applies to denoising steps
    /// and to the clean pass.
    pub fn set_past_visibility(&mut self, visibility: PastVisibility) {
        self.visibility = visibility;
    }

    /// Begins the video again, with this noise.
    pub fn restart(&mut self, noise: Box<dyn Noise + Send>) {
        self.reset();
        self.noise = noise;
        self.chunk = Frames::run(0, self.streaming.chunk.get());
    }

    /// Drops every past frame and the chunk under way. The next chunk begins a new shot, with noise of its own.
    pub fn reset(&mut self) {
        self.cache.reset();
        self.recache_wanted = false;
        self.recent.clear();
        self.first = None;
        (self.sample, self.estimate) = (None, None);
        self.trajectory.clear();
        let given_up = usize::from(self.stage != Stage::Between) * self.streaming.chunk.get();
        let next = self.chunk.numbers[0] + given_up;
        self.chunk = Frames { position: 0, numbers: (next..next + self.streaming.chunk.get()).collect() };
        self.stage = Stage::Between;
    }

    /// The frame that Krea sees again: from the third chunk on, the last picture of this frame is encoded by itself, and takes the place
    /// of the first frame of its context ([`Self::set_context_frame`]). Krea takes the oldest of the last nine pictures.
    pub fn reencoded(&self) -> Option<usize> {
        let Refresh::Recompute { frames } = self.streaming.refresh else { return None };
        let (first, _) = self.first.as_ref()?;
        let (last, _) = self.recent.back()?;
        (last + 1).checked_sub(frames).filter(|frame| frame > first)
    }

    /// Replaces the first frame of Krea's context `[1, channels, 1, height, width]`: see [`Self::reencoded`].
    ///
    /// # Errors
    ///
    /// Fails if the latent is not one frame of the video's size.
    pub fn set_context_frame(&mut self, latent: &Tensor) -> Result<()> {
        let latent = self.latents(latent)?;
        if latent.dim(2)? != 1 {
            bail!("the first frame of the context has {} latent frames; pass one", latent.dim(2)?)
        }
        let number = self.first.as_ref().map_or(0, |(number, _)| *number);
        self.first = Some((number, latent));
        Ok(())
    }

    /// Makes one model call. A chunk is finished before its cache pass.
    ///
    /// # Errors
    ///
    /// Fails if a tensor does not fit, if the device fails, or if the output is not finite
    /// ([`RolloutError::Diverged`]). A failed call leaves the rollout unchanged and can be repeated.
    pub fn advance(&mut self, hooks: Hooks<'_>) -> std::result::Result<Step, RolloutError> {
        let call = self.upcoming();
        let stage = self.begin_call();
        let clean = match stage {
            Stage::Denoise(step) => return self.denoise(step, call, hooks),
            Stage::CleanPass => self.clean_pass(&call, hooks)?,
            Stage::Recache => self.recache_pass(&call, hooks)?,
            Stage::Between | Stage::Recompute => self.recompute(&call, hooks)?,
        };
        let cached = if stage == Stage::Recache { self.recacheable().collect() } else { call.frames.numbers.to_vec() };
        Ok(Step { call, clean, finished: false, cached })
    }

    /// Advances until a chunk is finished, and returns its clean latents.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::advance`] does.
    pub fn next_latents(&mut self, hooks: Hooks<'_>) -> Result<Tensor> {
        loop {
            let step = self.advance(hooks)?;
            if step.finished {
                return Ok(step.clean);
            }
        }
    }

    /// Continues from given clean latents `[1, channels, frames, height, width]`, a whole number of chunks.
    ///
    /// # Errors
    ///
    /// Fails within a chunk, for latents of another size, and as [`Self::advance`] does.
    pub fn prefix(&mut self, latents: &Tensor, hooks: Hooks<'_>) -> Result<()> {
        let latents = self.latents(latents)?;
        let (chunk, frames) = (self.streaming.chunk.get(), latents.dim(2)?);
        if self.stage != Stage::Between || frames % chunk != 0 {
            bail!("a prefix of {frames} latent frames does not fit; pass a multiple of {chunk} between chunks")
        }
        for first in (0..frames).step_by(chunk) {
            let latents = latents.narrow(2, first, chunk)?;
            if self.streaming.refresh == Refresh::CleanPass {
                self.stage = Stage::CleanPass;
                let call = self.upcoming();
                let done = self.estimate(&latents, &call, hooks);
                self.stage = Stage::Between;
                done?;
            }
            self.remember(&latents)?;
            self.next_chunk();
        }
        Ok(())
    }

    fn next_chunk(&mut self) {
        let chunk = self.streaming.chunk.get();
        let next = self.chunk.numbers[0] + chunk;
        self.chunk = Frames { position: self.chunk.position + chunk, numbers: (next..next + chunk).collect() };
        self.stage = Stage::Between;
        (self.sample, self.estimate) = (None, None);
        self.trajectory.clear();
    }

    /// Latents of the caller in the dtype and on the device of the model, `[1, channels, frames, height, width]`.
    fn latents(&self, latents: &Tensor) -> Result<Tensor> {
        let (channels, height, width) = self.picture;
        match *latents.dims() {
            [1, c, frames, h, w] if (c, h, w) == self.picture && frames > 0 => {}
            ref dims => {
                bail!("the latents have shape {dims:?}, the video needs [1, {channels}, frames, {height}, {width}]")
            }
        }
        latents.to_device(self.model.device())?.to_dtype(self.model.dtype())
    }

    /// Keeps the frames of a finished chunk for later cache passes.
    fn remember(&mut self, clean: &Tensor) -> Result<()> {
        for (i, &number) in self.chunk.numbers.iter().enumerate() {
            let frame = (number, clean.narrow(2, i, 1)?.contiguous()?);
            self.first.get_or_insert_with(|| frame.clone());
            self.recent.push_back(frame);
        }
        while self.recent.len() > self.streaming.cache.window {
            self.recent.pop_front();
        }
        Ok(())
    }
}
