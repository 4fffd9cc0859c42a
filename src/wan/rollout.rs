//! Causal generation: chunk after chunk of latent frames, each denoised in a few steps, with past frames in a KV cache.
//!
//! A [`Rollout`] is a state machine that makes one model call at a time, so that whoever plays it can change the bends, the
//! prompt or the cache between any two calls: [`Rollout::upcoming`] says what the next call is for, and
//! [`Rollout::advance`] makes it. Sources: `pipeline/causal_inference.py` of Self-Forcing,
//! `pipeline/interactive_causal_inference.py` of LongLive, `release_server.py` of Krea realtime,
//! `causvid/models/wan/causal_inference.py` of CausVid.

use std::collections::VecDeque;
use std::sync::Arc;

use bendrack_nodes::program::Pass;
use candle_core::{Result, Tensor, bail};

use super::hooks::Hooks;
use super::kv_cache::{CachePolicy, KvCache, Positions};
use super::noise::{Draw, Noise};
use super::scheduler::FewStep;
use super::transformer::{Context, Transformer};

/// How a causal model streams: what its KV cache keeps and how it is refreshed.
#[derive(Clone, Debug, PartialEq)]
pub struct Streaming {
    /// Latent frames generated together.
    pub chunk: usize,
    /// What the KV cache keeps.
    pub cache: CachePolicy,
    /// How clean features get into the cache.
    pub refresh: Refresh,
    /// What happens to the cache when the prompt changes.
    pub prompt_switch: PromptSwitch,
    /// The timestep told to the model in cache passes.
    pub context_timestep: f32,
}

/// How clean features get into the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// One more pass over each finished chunk.
    CleanPass,
    /// The cache is computed anew before each chunk from this many finished frames: the first one and the latest (Krea).
    Recompute {
        /// Frames of context, the first one included.
        frames: usize,
    },
}

/// What happens to the KV cache when the prompt changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptSwitch {
    /// Past frames keep the features they have.
    Keep,
    /// The window's clean frames pass the model once more under the new prompt (LongLive).
    Recache {
        /// Whether the sink keeps the features of the first prompt.
        keep_sink: bool,
    },
}

impl Streaming {
    /// LongLive 1.x: a window of 12 frames, the first 3 of which stay, recached when the prompt changes.
    pub const fn long_live() -> Self {
        Self {
            chunk: 3,
            cache: CachePolicy {
                window: 12,
                sink: 3,
                rolls: true,
                sink_is_final: true,
                positions: Positions::Absolute,
            },
            refresh: Refresh::CleanPass,
            prompt_switch: PromptSwitch::Recache { keep_sink: true },
            context_timestep: 0.0,
        }
    }

    /// LongLive with positions relative to the window, trained for videos without end.
    pub const fn long_live_infinite() -> Self {
        let mut streaming = Self::long_live();
        streaming.cache.positions = Positions::Relative;
        streaming
    }

    /// Self-Forcing: every frame of a video of up to 21 latent frames; set `cache.rolls` and a window for longer ones.
    pub const fn self_forcing() -> Self {
        Self {
            chunk: 3,
            cache: CachePolicy {
                window: 21,
                sink: 0,
                rolls: false,
                sink_is_final: false,
                positions: Positions::Absolute,
            },
            refresh: Refresh::CleanPass,
            prompt_switch: PromptSwitch::Keep,
            context_timestep: 0.0,
        }
    }

    /// CausVid: as Self-Forcing. Longer videos begin again with the last frames as a prefix ([`Rollout::prefix`]).
    pub const fn caus_vid() -> Self {
        Self::self_forcing()
    }

    /// Krea realtime: a cache computed before each chunk from the first frame and the latest two.
    pub const fn krea() -> Self {
        let mut streaming = Self::self_forcing();
        streaming.cache.window = 6;
        streaming.refresh = Refresh::Recompute { frames: 3 };
        streaming
    }
}

/// What the next model call of a rollout is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Upcoming {
    /// Denoising, or refreshing the KV cache.
    pub pass: Pass,
    /// The denoising step within the chunk, from 0; in a cache pass, the number of denoising steps.
    pub step: usize,
    /// The first latent frame of the call, counted from the beginning of the video.
    pub first_frame: usize,
    /// Latent frames of the call.
    pub frames: usize,
    /// The timestep told to the model.
    pub timestep: f32,
}

/// What a model call of a rollout brought.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the call was for.
    pub call: Upcoming,
    /// The clean latents the call points to, `[1, channels, frames, height, width]`: an estimate that sharpens with every
    /// denoising step.
    pub clean: Tensor,
    /// Whether this was the chunk's last denoising step, so that `clean` is its result.
    pub finished: bool,
}

/// Where a rollout stands within a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before a chunk; nothing is decided yet.
    Between,
    /// A pass over past frames under a new prompt.
    Recache,
    /// Krea's pass over the context frames.
    Recompute,
    /// A denoising step.
    Denoise(usize),
    /// The clean pass over the chunk just finished.
    CleanPass,
}

/// A video being generated.
pub struct Rollout {
    model: Arc<Transformer>,
    streaming: Streaming,
    schedule: FewStep,
    noise: Box<dyn Noise + Send>,
    context: Arc<Context>,
    next_context: Option<Arc<Context>>,
    cache: KvCache,
    /// Latent channels, height and width.
    picture: (usize, usize, usize),
    /// The first frame of the current chunk.
    first_frame: usize,
    stage: Stage,
    /// The current sample, or, in a clean pass, the finished chunk: `[1, channels, frames, height, width]`.
    sample: Option<Tensor>,
    /// The latest finished frames, one tensor each, oldest first; as many as a cache pass can ask for.
    recent: VecDeque<Tensor>,
    /// The first frame of the video.
    anchor: Option<Tensor>,
}

impl Rollout {
    /// Begins a video of latents `height × width` (an eighth of the picture's).
    pub fn new(
        model: Arc<Transformer>,
        streaming: Streaming,
        schedule: FewStep,
        context: Arc<Context>,
        noise: Box<dyn Noise + Send>,
        (height, width): (usize, usize),
    ) -> Result<Self> {
        let needed = match streaming.refresh {
            Refresh::CleanPass => streaming.chunk,
            Refresh::Recompute { frames } => streaming.chunk + frames,
        };
        if streaming.chunk == 0
            || streaming.cache.window < needed + streaming.cache.sink * usize::from(streaming.cache.rolls)
        {
            bail!("a KV cache of {} frames is too small for this kind of streaming", streaming.cache.window)
        }
        let grid = (height / 2, width / 2);
        let cache = KvCache::new(model.config(), streaming.cache, 1, grid, model.dtype(), model.device())?;
        let picture = (model.config().in_channels, height, width);
        Ok(Self {
            model,
            streaming,
            schedule,
            noise,
            context,
            next_context: None,
            cache,
            picture,
            first_frame: 0,
            stage: Stage::Between,
            sample: None,
            recent: VecDeque::new(),
            anchor: None,
        })
    }

    /// Changes the prompt from the next chunk on.
    pub fn set_context(&mut self, context: Arc<Context>) {
        self.next_context = Some(context);
    }

    /// The KV cache, to look at.
    pub const fn cache(&self) -> &KvCache {
        &self.cache
    }

    /// The KV cache, to bias it; its frames are this rollout's business.
    pub const fn cache_mut(&mut self) -> &mut KvCache {
        &mut self.cache
    }

    /// Forgets every past frame and begins a new chunk: the next frame is the first of a new video under the same prompt.
    pub fn reset(&mut self) {
        self.cache.reset();
        self.recent.clear();
        self.anchor = None;
        self.sample = None;
        self.first_frame = 0;
        self.stage = Stage::Between;
    }

    /// Replaces the context's first frame (Krea: the oldest decoded frame, encoded again) `[1, channels, 1, height, width]`.
    pub fn set_anchor(&mut self, latent: Tensor) {
        self.anchor = Some(latent);
    }

    /// What the next call of [`Self::advance`] will do.
    pub fn upcoming(&self) -> Upcoming {
        let stage = self.decided();
        let steps = self.schedule.timesteps();
        let call = |pass, step, first_frame, frames, timestep| Upcoming { pass, step, first_frame, frames, timestep };
        let cache_pass = |first, frames| call(Pass::Cache, steps.len(), first, frames, self.streaming.context_timestep);
        match stage {
            Stage::Denoise(step) => call(Pass::Denoise, step, self.first_frame, self.streaming.chunk, steps[step]),
            Stage::CleanPass => cache_pass(self.first_frame, self.streaming.chunk),
            Stage::Recache => cache_pass(self.first_frame - self.recent_in_window(), self.recent_in_window()),
            Stage::Between | Stage::Recompute => cache_pass(0, self.context_frames()),
        }
    }

    /// The stage of the next call: resolves [`Stage::Between`] into what must come first.
    fn decided(&self) -> Stage {
        if self.stage != Stage::Between {
            return self.stage;
        }
        match (self.streaming.refresh, self.streaming.prompt_switch) {
            (Refresh::Recompute { .. }, _) if self.context_frames() > 0 => Stage::Recompute,
            (_, PromptSwitch::Recache { .. }) if self.next_context.is_some() && self.first_frame > 0 => Stage::Recache,
            _ => Stage::Denoise(0),
        }
    }

    /// Makes one model call. A chunk is finished before its cache pass. A failed call leaves the rollout where it was.
    pub fn advance(&mut self, hooks: Hooks<'_>) -> Result<Step> {
        let call = self.upcoming();
        let stage = self.decided();
        if self.stage == Stage::Between {
            if let Some(context) = self.next_context.take() {
                self.context = context;
            }
            self.stage = stage;
        }
        let hooks = hooks.call(call.pass, call.step, call.first_frame);
        let clean = match stage {
            Stage::Denoise(step) => return self.denoise(step, call, hooks),
            Stage::CleanPass => self.clean_pass(call, hooks)?,
            Stage::Recache => self.recache(call, hooks)?,
            Stage::Between | Stage::Recompute => self.recompute(call, hooks)?,
        };
        Ok(Step { call, clean, finished: false })
    }

    /// Advances until a chunk is finished and its clean latents are there.
    pub fn next_latents(&mut self, hooks: Hooks<'_>) -> Result<Tensor> {
        loop {
            let step = self.advance(hooks)?;
            if step.finished {
                return Ok(step.clean);
            }
        }
    }

    /// Begins the video with given clean latents `[1, channels, frames, height, width]`, a whole number of chunks.
    pub fn prefix(&mut self, latents: &Tensor, hooks: Hooks<'_>) -> Result<()> {
        let chunk = self.streaming.chunk;
        let frames = latents.dim(2)?;
        if self.stage != Stage::Between || frames % chunk != 0 {
            bail!("a prefix comes between chunks and is a multiple of {chunk} latent frames, not {frames}")
        }
        for first in (0..frames).step_by(chunk) {
            let latents = latents.narrow(2, first, chunk)?;
            if self.streaming.refresh == Refresh::CleanPass {
                self.stage = Stage::CleanPass;
                let call = self.upcoming();
                let done = self.estimate(&latents, call, hooks.call(call.pass, call.step, call.first_frame));
                self.stage = Stage::Between;
                done?;
            }
            self.remember(&latents)?;
            self.next_chunk();
        }
        Ok(())
    }

    fn denoise(&mut self, step: usize, call: Upcoming, hooks: Hooks<'_>) -> Result<Step> {
        let sample = match self.sample.take() {
            Some(sample) => sample,
            None => self.draw(0)?,
        };
        self.sample = Some(sample.clone());
        let clean = self.estimate(&sample, call, hooks)?;
        let next = self.schedule.timesteps().get(step + 1).copied();
        match (next, self.streaming.refresh) {
            (Some(timestep), _) => {
                let noise = self.draw(step + 1)?;
                self.sample = Some(self.schedule.add_noise(&clean, &noise, &[timestep])?);
                self.stage = Stage::Denoise(step + 1);
            }
            (None, Refresh::CleanPass) => {
                self.remember(&clean)?;
                self.sample = Some(clean.clone());
                self.stage = Stage::CleanPass;
            }
            (None, Refresh::Recompute { .. }) => {
                self.remember(&clean)?;
                self.next_chunk();
            }
        }
        Ok(Step { call, clean, finished: next.is_none() })
    }

    fn clean_pass(&mut self, call: Upcoming, hooks: Hooks<'_>) -> Result<Tensor> {
        let Some(chunk) = self.sample.clone() else { bail!("there is no finished chunk to put in the KV cache") };
        let clean = self.estimate(&chunk, call, hooks)?;
        self.next_chunk();
        Ok(clean)
    }

    fn recache(&mut self, call: Upcoming, hooks: Hooks<'_>) -> Result<Tensor> {
        let keep_sink = matches!(self.streaming.prompt_switch, PromptSwitch::Recache { keep_sink: true });
        let first = self.recent.len() - call.frames;
        let window = Tensor::cat(&self.recent.range(first..).collect::<Vec<_>>(), 2)?;
        self.cache.set_sink_final(keep_sink && self.streaming.cache.sink_is_final);
        let clean = self.estimate(&window, call, hooks);
        self.cache.set_sink_final(self.streaming.cache.sink_is_final);
        let clean = clean?;
        self.stage = Stage::Denoise(0);
        Ok(clean)
    }

    fn recompute(&mut self, call: Upcoming, hooks: Hooks<'_>) -> Result<Tensor> {
        let latest = self.recent.range(self.recent.len() - (call.frames - 1)..);
        let context = Tensor::cat(&self.anchor.iter().chain(latest).collect::<Vec<_>>(), 2)?;
        self.cache.reset();
        self.cache.set_causal_chunk(Some(self.streaming.chunk));
        let clean = self.estimate(&context, call, hooks);
        self.cache.set_causal_chunk(None);
        let clean = clean?;
        self.stage = Stage::Denoise(0);
        Ok(clean)
    }

    /// One model call on latents, and the clean latents it points to.
    fn estimate(&mut self, latents: &Tensor, call: Upcoming, hooks: Hooks<'_>) -> Result<Tensor> {
        let timesteps = Tensor::full(call.timestep, (1, call.frames), latents.device())?;
        let position = match self.streaming.refresh {
            Refresh::CleanPass => call.first_frame,
            // Krea counts positions from the beginning of its context.
            Refresh::Recompute { frames } => call.first_frame.min(frames),
        };
        let flow = self.model.forward_cached(latents, &timesteps, &self.context, &mut self.cache, position, hooks)?;
        self.schedule.x0_from_flow(&flow, latents, &[call.timestep])
    }

    fn next_chunk(&mut self) {
        self.first_frame += self.streaming.chunk;
        self.stage = Stage::Between;
        self.sample = None;
    }

    fn draw(&mut self, step: usize) -> Result<Tensor> {
        let (channels, height, width) = self.picture;
        let draw = Draw { first_frame: self.first_frame, step };
        let noise = self.noise.draw(draw, (channels, self.streaming.chunk, height, width))?;
        noise.to_device(self.model.device())?.to_dtype(self.model.dtype())
    }

    /// Keeps the frames of a finished chunk for later cache passes.
    fn remember(&mut self, clean: &Tensor) -> Result<()> {
        for frame in 0..clean.dim(2)? {
            let frame = clean.narrow(2, frame, 1)?.contiguous()?;
            self.anchor.get_or_insert_with(|| frame.clone());
            self.recent.push_back(frame);
        }
        while self.recent.len() > self.streaming.cache.window {
            self.recent.pop_front();
        }
        Ok(())
    }

    /// Finished frames that fit in the cache's window.
    fn recent_in_window(&self) -> usize {
        self.recent.len().min(self.streaming.cache.window)
    }

    /// Frames of Krea's context that exist by now.
    fn context_frames(&self) -> usize {
        match self.streaming.refresh {
            Refresh::CleanPass => 0,
            Refresh::Recompute { frames } => frames.min(self.first_frame),
        }
    }
}
