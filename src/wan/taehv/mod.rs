//! TAEHV for Wan 2.1: a small decoder, fast enough for live frames, and its encoder.
//!
//! It reads the transformer's latents directly and returns RGB in 0..1. Widths and structure are read from the file.
//! Source: `taehv.py` of madebyollin/taehv, weights `taew2_1`.

mod sequence;

pub use sequence::{MemBlock, Sequence, Stage, TGrow, TimeScale};

use candle_core::{DType, Result, Tensor, bail};

use super::conv::FeatureCache;
use super::decode::{FrameDecoder, LATENT_CHANNELS, LATENT_PIXELS, check_latents, check_video};
use super::trace::{Trace, untraced};
use super::weights::Weights;

/// Frames that each `TGrow` makes of one; together four for each latent.
pub const TIME_UPSCALE: [usize; 3] = [1, 2, 2];

/// Latents to frames.
#[derive(Clone, Debug)]
pub struct Decoder {
    layers: Sequence,
    /// Frames at the beginning of a video that are left out. The first latent then gives one frame like the VAE's.
    frames_to_trim: usize,
    dtype: DType,
}

impl Decoder {
    /// Reads `decoder.…`; `time_upscale` is [`TIME_UPSCALE`], or less of it for a video with fewer frames.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape, or if the result has other channels.
    pub fn load(weights: &Weights, time_upscale: &[usize]) -> Result<Self> {
        // Layer 0, the clamp, has no weights.
        let layers = Sequence::load(weights, "decoder", 1, LATENT_CHANNELS, TimeScale::Grow(time_upscale))?;
        if layers.out_dim() != 3 {
            return Err(
                weights.refusal("decoder", format_args!("makes {} channels, but RGB is expected", layers.out_dim()))
            );
        }
        let frames_to_trim = time_upscale.iter().product::<usize>().saturating_sub(1);
        Ok(Self { layers, frames_to_trim, dtype: weights.dtype() })
    }

    /// [`FrameDecoder::next_frames`], with the output of each layer for `trace`: `decoder.0`, `decoder.1`, …
    ///
    /// A `TGrow` stands for the enlargement before it too. The last layer shows all frames, neither trimmed nor clamped.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn decode_traced(&self, latents: &Tensor, cache: &mut FeatureCache, trace: Trace<'_>) -> Result<Tensor> {
        check_latents(latents)?;
        let trim = if cache.is_empty() { self.frames_to_trim } else { 0 };
        let x = soft_clamp(&latents.to_dtype(self.dtype)?, 3.0)?;
        trace("decoder.0", &x);
        let x = self.layers.forward(&x, cache, trace)?;
        x.narrow(0, trim, x.dim(0)? - trim)?.clamp(0.0, 1.0)
    }
}

impl FrameDecoder for Decoder {
    fn next_frames(&self, latents: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        self.decode_traced(latents, cache, &mut untraced)
    }
}

/// `tanh(x / limit) · limit`.
fn soft_clamp(x: &Tensor, limit: f64) -> Result<Tensor> {
    (x / limit)?.tanh()? * limit
}

/// Frames to latents.
#[derive(Clone, Debug)]
pub struct Encoder {
    layers: Sequence,
    /// Frames that become one latent.
    frames_per_latent: usize,
    dtype: DType,
}

impl Encoder {
    /// Reads `encoder.…`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape, or if the result has other channels.
    pub fn load(weights: &Weights) -> Result<Self> {
        let layers = Sequence::load(weights, "encoder", 0, 3, TimeScale::Pool)?;
        if layers.out_dim() != LATENT_CHANNELS {
            let flaw = format!("makes {} channels, but {LATENT_CHANNELS} are expected", layers.out_dim());
            return Err(weights.refusal("encoder", flaw));
        }
        let frames = |(_, layer): &(String, Stage)| match layer {
            Stage::TPool(conv) => conv.window().frames,
            _ => 1,
        };
        let frames_per_latent = layers.layers().iter().map(frames).product();
        Ok(Self { layers, frames_per_latent, dtype: weights.dtype() })
    }

    /// The latents of a whole video, as the transformer takes them: `[frames, 3, 8h, 8w]` in 0..1 to
    /// `[⌈frames / 4⌉, 16, h, w]`. The last frame is repeated to fill the last latent.
    ///
    /// # Errors
    ///
    /// Fails if the video has no frames or the wrong shape, or if the device fails.
    pub fn encode(&self, video: &Tensor) -> Result<Tensor> {
        let frames = check_video(video, LATENT_PIXELS)?;
        let missing = frames.next_multiple_of(self.frames_per_latent) - frames;
        let last = video.narrow(0, frames - 1, 1)?;
        let video = Tensor::cat(&[vec![video.clone()], vec![last; missing]].concat(), 0)?;
        self.next_latents(&video, &mut FeatureCache::default())
    }

    /// The latents of the next frames of a video, whose number must be a multiple of four.
    ///
    /// # Errors
    ///
    /// Fails for a wrong number of frames, if the shape does not fit, or if the device fails.
    pub fn next_latents(&self, video: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let frames = check_video(video, LATENT_PIXELS)?;
        if frames % self.frames_per_latent != 0 {
            bail!("{frames} frames to encode, expected a multiple of {}", self.frames_per_latent)
        }
        self.layers.forward(&video.to_dtype(self.dtype)?, cache, &mut untraced)
    }
}
