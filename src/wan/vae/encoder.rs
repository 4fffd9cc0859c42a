//! The encoder of the Wan VAE (`Encoder3d` and `conv1` of Wan2.1 `wan/modules/vae.py`).

use candle_core::{DType, Result, Tensor, bail};

use super::blocks::{Block, Direction, NormConv};
use crate::wan::conv::{CausalConv, Conv, FeatureCache};
use crate::wan::decode::{LATENT_CHANNELS, check_video};
use crate::wan::trace::{Trace, untraced};
use crate::wan::weights::Weights;

/// Frames to latents, one latent for the first frame of a video and one for every four after it.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// `encoder.conv1`.
    conv_in: CausalConv,
    downsamples: Vec<(String, Block)>,
    middle: Vec<(String, Block)>,
    head: NormConv,
    /// The 1×1 convolution after the encoder proper.
    conv1: Conv,
    /// Pixels and frames that become one.
    scale: (usize, usize),
    dtype: DType,
}

impl Encoder {
    /// Reads `encoder.…` and `conv1` in the original names.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights) -> Result<Self> {
        let conv_in = CausalConv::load(weights, "encoder.conv1", 3)?;
        let dim = conv_in.out_dim()?;
        let downsamples = Block::load_list(weights, "encoder.downsamples", dim, Direction::Down)?;
        let head = NormConv::load(weights, "encoder.head.0", "encoder.head.2")?;
        let middle = Block::load_list(weights, "encoder.middle", head.in_dim()?, Direction::Down)?;
        let conv1 = Conv::load(weights, "conv1", head.out_dim()?)?;
        if conv1.out_dim()? != 2 * LATENT_CHANNELS {
            let expected = format!("[{}, {}, 1, 1, 1]", 2 * LATENT_CHANNELS, head.out_dim()?);
            return Err(weights.misshapen("conv1.weight", expected));
        }
        let scale = downsamples.iter().map(|(_, block)| block.scale()).fold((1, 1), |a, b| (a.0 * b.0, a.1 * b.1));
        Ok(Self { conv_in, downsamples, middle, head, conv1, scale, dtype: weights.dtype() })
    }

    /// The first latents of a video: `[1 + 4k, 3, 8h, 8w]` in −1..1 to `[1 + k, 16, h, w]`. They are as the transformer
    /// takes them.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn encode(&self, video: &Tensor) -> Result<Tensor> {
        let frames = check_video(video, self.scale.0)?;
        let step = self.scale.1;
        let mut cache = FeatureCache::default();
        let first = self.moments(&video.narrow(0, 0, 1)?, &mut cache)?;
        let mut moments = vec![first];
        for start in (1..frames).step_by(step) {
            moments.push(self.moments(&video.narrow(0, start, step.min(frames - start))?, &mut cache)?);
        }
        // The mean; the logarithm of the variance lies behind it.
        super::normalize(&Tensor::cat(&moments, 0)?.narrow(1, 0, LATENT_CHANNELS)?)
    }

    /// Mean and log variance of the next frames of a video: `[latents, 32, h, w]` in the VAE's space.
    ///
    /// At the beginning 1 + 4k frames make 1 + k latents, later 4k frames make k. Any such cut gives the same.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn moments(&self, video: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        self.moments_traced(video, cache, &mut untraced)
    }

    /// [`Self::moments`], showing what comes out of `encoder.conv1`, each block and `encoder.head.2`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn moments_traced(&self, video: &Tensor, cache: &mut FeatureCache, trace: Trace<'_>) -> Result<Tensor> {
        let frames = check_video(video, self.scale.0)?;
        let first = usize::from(cache.is_empty());
        if (frames - first) % self.scale.1 != 0 {
            let start = if first == 1 { "1 + " } else { "" };
            bail!("{frames} frames to encode, expected {start}a multiple of {}", self.scale.1)
        }
        let mut x = self.conv_in.forward(&video.to_dtype(self.dtype)?, cache)?;
        trace("encoder.conv1", &x);
        for (name, block) in self.downsamples.iter().chain(&self.middle) {
            x = block.forward(&x, cache)?;
            trace(name, &x);
        }
        let x = self.head.forward(&x, cache)?;
        trace("encoder.head.2", &x);
        self.conv1.forward(&x)
    }
}
