//! The decoder of the Wan VAE (`Decoder3d` and `conv2` of Wan2.1 `wan/modules/vae.py`).

use candle_core::{DType, Result, Tensor};

use super::blocks::{Block, Direction, NormConv};
use crate::wan::conv::{CausalConv, Conv, FeatureCache};
use crate::wan::decode::{FrameDecoder, LATENT_CHANNELS, check_latents};
use crate::wan::trace::{Trace, untraced};
use crate::wan::weights::Weights;

/// Latents to frames, one frame for the first latent of a video and four for each later one.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The 1×1 convolution before the decoder proper.
    conv2: Conv,
    conv1: CausalConv,
    middle: Vec<(String, Block)>,
    upsamples: Vec<(String, Block)>,
    head: NormConv,
    dtype: DType,
}

impl Decoder {
    /// Reads `conv2` and `decoder.…` in the original names.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights) -> Result<Self> {
        let conv2 = Conv::load(weights, "conv2", LATENT_CHANNELS)?;
        let conv1 = CausalConv::load(weights, "decoder.conv1", conv2.out_dim()?)?;
        // The middle keeps the width.
        let dim = conv1.out_dim()?;
        let middle = Block::load_list(weights, "decoder.middle", dim, Direction::Up)?;
        let upsamples = Block::load_list(weights, "decoder.upsamples", dim, Direction::Up)?;
        let head = NormConv::load(weights, "decoder.head.0", "decoder.head.2")?;
        if head.out_dim()? != 3 {
            return Err(weights.misshapen("decoder.head.2.weight", format_args!("[3, {}, 3, 3, 3]", head.in_dim()?)));
        }
        Ok(Self { conv2, conv1, middle, upsamples, head, dtype: weights.dtype() })
    }

    /// The frames of the next latents of a video: `[latents, 16, h, w]` to `[frames, 3, 8h, 8w]` in −1..1. The latents
    /// are in the VAE's space ([`super::denormalize`]).
    ///
    /// Any number of latents in one call gives the same frames as one after the other. It needs as much more memory.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn decode(&self, latents: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        self.decode_traced(latents, cache, &mut untraced)
    }

    /// [`Self::decode`], showing what comes out of `conv2`, `decoder.conv1`, each block and `decoder.head.2` (the frames
    /// before they are clamped).
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn decode_traced(&self, latents: &Tensor, cache: &mut FeatureCache, trace: Trace<'_>) -> Result<Tensor> {
        check_latents(latents)?;
        let x = self.conv2.forward(&latents.to_dtype(self.dtype)?)?;
        trace("conv2", &x);
        let mut x = self.conv1.forward(&x, cache)?;
        trace("decoder.conv1", &x);
        for (name, block) in self.middle.iter().chain(&self.upsamples) {
            x = block.forward(&x, cache)?;
            trace(name, &x);
        }
        let x = self.head.forward(&x, cache)?;
        trace("decoder.head.2", &x);
        x.clamp(-1.0, 1.0)
    }
}

impl FrameDecoder for Decoder {
    fn next_frames(&self, latents: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        check_latents(latents)?;
        self.decode(&super::denormalize(latents)?, cache)?.affine(0.5, 0.5)
    }
}
