//! The streaming of the published causal models.

use std::num::NonZeroUsize;

use super::kv_cache::{CachePolicy, Positions};

/// Latent frames of a chunk in every published model.
const CHUNK: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// The streaming of a causal model: its chunks, its KV cache and the refresh of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Streaming {
    /// Latent frames generated together.
    pub chunk: NonZeroUsize,
    /// The policy of the KV cache.
    pub cache: CachePolicy,
    /// The source of clean keys and values in the cache.
    pub refresh: Refresh,
    /// The effect of a new prompt on the cache.
    pub prompt_switch: PromptSwitch,
    /// The timestep of cache passes.
    pub context_timestep: f32,
}

/// The source of clean keys and values in the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// One more pass over each finished chunk.
    CleanPass,
    /// The cache is recomputed before each chunk from finished frames: the first one and the latest (Krea).
    Recompute {
        /// Frames of context, the first one included.
        frames: usize,
    },
}

/// The effect of a new prompt on the KV cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptSwitch {
    /// Past frames keep their keys and values.
    Keep,
    /// The window's clean frames pass the model once more under the new prompt (LongLive).
    Recache {
        /// True if the sink keeps the keys and values of the first prompt.
        keep_sink: bool,
    },
}

impl Streaming {
    /// LongLive 1.x: a window of 12 frames, the first 3 of which stay, recached when the prompt changes.
    pub const fn long_live() -> Self {
        Self {
            chunk: CHUNK,
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
            chunk: CHUNK,
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

    /// CausVid: as Self-Forcing. Longer videos begin again with the last frames as a prefix ([`Rollout::prefix`](super::rollout::Rollout::prefix)).
    pub const fn caus_vid() -> Self {
        Self::self_forcing()
    }

    /// The small model that comes with bendrack: a rolling window of the chunk and the one before.
    pub const fn mini() -> Self {
        let mut streaming = Self::self_forcing();
        streaming.cache.window = 6;
        streaming.cache.rolls = true;
        streaming
    }

    /// The same for videos without end: the window rolls.
    #[must_use]
    pub const fn endless(mut self) -> Self {
        self.cache.rolls = self.cache.rolls || matches!(self.refresh, Refresh::CleanPass);
        self
    }

    /// Krea realtime: a cache computed before each chunk from the first frame and the latest two. Krea also encodes an
    /// old picture again in place of the first frame ([`Rollout::reencoded`](super::rollout::Rollout::reencoded)), which is up to the
    /// caller. Daydream Scope biases past frames by ln 0.3 ([`Rollout::set_past_bias`](super::rollout::Rollout::set_past_bias)).
    pub const fn krea() -> Self {
        let mut streaming = Self::self_forcing();
        streaming.cache.window = 6;
        streaming.refresh = Refresh::Recompute { frames: 3 };
        streaming
    }
}
