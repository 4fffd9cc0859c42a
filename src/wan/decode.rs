//! Decoders: latents in, frames out, chunk after chunk.

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::conv::FeatureCache;

/// Channels of a Wan 2.1 latent.
pub const LATENT_CHANNELS: usize = 16;
/// Pixels per element of a latent, along each side.
pub const LATENT_PIXELS: usize = 8;

/// A model that turns latents into frames, with the features of past frames in a [`FeatureCache`].
pub trait FrameDecoder: Send + Sync {
    /// The frames of the next latents of a video.
    ///
    /// latents `[latents, 16, h, w]` as the transformer leaves them; result `[frames, 3, 8h, 8w]` in 0..1. The first
    /// latent of a video gives one frame, each later one four.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    fn next_frames(&self, latents: &Tensor, cache: &mut FeatureCache) -> Result<Tensor>;
}

/// A video being decoded: a decoder and its features so far. A clone continues on its own from the same point.
#[derive(Clone)]
pub struct DecoderStream {
    decoder: Arc<dyn FrameDecoder>,
    cache: FeatureCache,
}

impl DecoderStream {
    /// A stream at the beginning of a video.
    pub fn new(decoder: Arc<dyn FrameDecoder>) -> Self {
        Self { decoder, cache: FeatureCache::default() }
    }

    /// The frames of the next latents: `[latents, 16, h, w]` to `[frames, 3, 8h, 8w]` in 0..1.
    ///
    /// Latents are decoded one after the other, which bounds the memory and changes no pixel. An error leaves the stream as it
    /// was.
    ///
    /// # Errors
    ///
    /// Fails if there are no latents, if a shape does not fit, or if the device fails.
    pub fn push(&mut self, latents: &Tensor) -> Result<Tensor> {
        let mut cache = self.cache.clone();
        let frames = (0..latents.dim(0)?)
            .map(|i| self.decoder.next_frames(&latents.narrow(0, i, 1)?, &mut cache))
            .collect::<Result<Vec<_>>>()?;
        if frames.is_empty() {
            bail!("there are no latents to decode; pass one or more")
        }
        let frames = Tensor::cat(&frames, 0)?;
        self.cache = cache;
        Ok(frames)
    }

    /// Returns to the beginning of a video.
    pub fn reset(&mut self) {
        self.cache = FeatureCache::default();
    }

    /// Continues from the features of another stream.
    pub fn set_cache(&mut self, cache: FeatureCache) {
        self.cache = cache;
    }

    /// The features of the frames so far.
    pub fn cache(&self) -> &FeatureCache {
        &self.cache
    }
}

/// Checks latents `[latents, 16, h, w]`, at least one of each.
pub(super) fn check_latents(latents: &Tensor) -> Result<()> {
    match *latents.dims() {
        [frames, LATENT_CHANNELS, height, width] if frames * height * width > 0 => Ok(()),
        ref dims => bail!("latents have shape {dims:?}, expected [latents, {LATENT_CHANNELS}, height, width]"),
    }
}

/// Checks a video `[frames, 3, height, width]` whose sides are multiples of `pixels`; returns its number of frames.
pub(super) fn check_video(video: &Tensor, pixels: usize) -> Result<usize> {
    let whole = |side: usize| side > 0 && side.is_multiple_of(pixels);
    match *video.dims() {
        [frames, 3, height, width] if frames > 0 && whole(height) && whole(width) => Ok(frames),
        ref dims => {
            bail!("a video has shape {dims:?}, expected [frames, 3, height, width] in multiples of {pixels} pixels")
        }
    }
}
