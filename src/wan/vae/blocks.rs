//! Blocks of the decoder and the encoder of the Wan VAE.
//!
//! Source: Wan2.1 `wan/modules/vae.py`, classes `ResidualBlock`, `AttentionBlock`.

use candle_core::{Result, Tensor};

use super::resample::{Downsample, Upsample};
use crate::wan::conv::{CausalConv, Conv, FeatureCache};
use crate::wan::ops;
use crate::wan::weights::Weights;

/// RMS norm over the channels of each pixel, without epsilon.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    gamma: Tensor,
}

impl RmsNorm {
    /// Reads `<name>.gamma`, `[dim, 1, 1]` or `[dim, 1, 1, 1]`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, name: &str) -> Result<Self> {
        let key = format!("{name}.gamma");
        let dims = match weights.dims(&key) {
            Some(dims) if !dims.contains(&0) => dims,
            _ => return Err(weights.misshapen(&key, "[dim, 1, 1] or [dim, 1, 1, 1]")),
        };
        Ok(Self { gamma: weights.get(&key, dims)?.flatten_all()? })
    }

    /// The channels it norms.
    ///
    /// # Errors
    ///
    /// Fails if the weight has no dimensions.
    pub fn dim(&self) -> Result<usize> {
        self.gamma.dim(0)
    }

    /// x `[frames, dim, h, w]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::channel_rms_norm(x, &self.gamma)
    }
}

/// Norm, SiLU, convolution: the order everywhere in this model.
#[derive(Clone, Debug)]
pub struct NormConv {
    norm: RmsNorm,
    conv: CausalConv,
}

impl NormConv {
    /// Reads the norm and the convolution under these names.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, norm: &str, conv: &str) -> Result<Self> {
        let norm = RmsNorm::load(weights, norm)?;
        let conv = CausalConv::load(weights, conv, norm.dim()?)?;
        Ok(Self { norm, conv })
    }

    /// The channels of the input.
    ///
    /// # Errors
    ///
    /// Fails if the weight has no dimensions.
    pub fn in_dim(&self) -> Result<usize> {
        self.norm.dim()
    }

    /// The channels of the output.
    ///
    /// # Errors
    ///
    /// Fails if the weight has no dimensions.
    pub fn out_dim(&self) -> Result<usize> {
        self.conv.out_dim()
    }

    /// x `[frames, in, h, w]` to `[frames, out, h, w]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        self.conv.forward(&ops::channel_rms_norm_silu(x, &self.norm.gamma)?, cache)
    }
}

/// Two convolutions around which the picture goes unchanged, or through a 1×1 convolution where the width changes.
#[derive(Clone, Debug)]
pub struct ResidualBlock {
    residual_2: NormConv,
    residual_6: NormConv,
    shortcut: Option<Conv>,
}

impl ResidualBlock {
    fn load(weights: &Weights, name: &str) -> Result<Self> {
        let pair = |norm, conv| {
            NormConv::load(weights, &format!("{name}.residual.{norm}"), &format!("{name}.residual.{conv}"))
        };
        let (residual_2, residual_6) = (pair(0, 2)?, pair(3, 6)?);
        let shortcut = format!("{name}.shortcut");
        let shortcut = weights
            .dims(&format!("{shortcut}.weight"))
            .map(|_| Conv::load(weights, &shortcut, residual_2.in_dim()?))
            .transpose()?;
        Ok(Self { residual_2, residual_6, shortcut })
    }

    /// x `[frames, in, h, w]` to `[frames, out, h, w]`.
    fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let y = self.residual_2.forward(x, cache)?;
        let y = self.residual_6.forward(&y, cache)?;
        match &self.shortcut {
            Some(shortcut) => ops::add(&y, &shortcut.forward(x)?),
            None => ops::add(&y, x),
        }
    }
}

/// Attention with one head among the pixels of each frame.
#[derive(Clone, Debug)]
pub struct AttentionBlock {
    norm: RmsNorm,
    to_qkv: Conv,
    proj: Conv,
}

impl AttentionBlock {
    fn load(weights: &Weights, name: &str) -> Result<Self> {
        let norm = RmsNorm::load(weights, &format!("{name}.norm"))?;
        let dim = norm.dim()?;
        let to_qkv = Conv::load(weights, &format!("{name}.to_qkv"), dim)?;
        Ok(Self { norm, to_qkv, proj: Conv::load(weights, &format!("{name}.proj"), dim)? })
    }

    /// x `[frames, dim, h, w]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (frames, dim, height, width) = x.dims4()?;
        let qkv = self.to_qkv.forward(&self.norm.forward(x)?)?;
        // [frames, 3 · dim, h, w] -> [frames, pixels, one head, dim] each
        let tokens = qkv.flatten_from(2)?.transpose(1, 2)?.unsqueeze(2)?;
        let part = |i| tokens.narrow(3, i * dim, dim)?.contiguous();
        let y = ops::attention(&part(0)?, &part(1)?, &part(2)?, None, 1.0 / (dim as f64).sqrt())?;
        let y = y.squeeze(2)?.transpose(1, 2)?.reshape((frames, dim, height, width))?;
        ops::add(x, &self.proj.forward(&y)?)
    }
}

/// One entry of the lists `middle`, `upsamples` and `downsamples`.
#[derive(Clone, Debug)]
pub enum Block {
    /// `<name>.residual…`
    Residual(ResidualBlock),
    /// `<name>.to_qkv…`
    Attention(AttentionBlock),
    /// `<name>.resample…` in a decoder
    Up(Upsample),
    /// `<name>.resample…` in an encoder
    Down(Downsample),
}

/// Direction of a list of blocks: to smaller or to larger pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A decoder's.
    Up,
    /// An encoder's.
    Down,
}

impl Block {
    /// The blocks `<name>.0`, `<name>.1`, … as far as they go; their kinds follow from the keys there are.
    ///
    /// `in_dim` is the width of what goes in. Each block comes with its name. Refused if there are none.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load_list(
        weights: &Weights,
        name: &str,
        in_dim: usize,
        direction: Direction,
    ) -> Result<Vec<(String, Self)>> {
        let mut blocks = Vec::new();
        let mut dim = in_dim;
        loop {
            let name = format!("{name}.{}", blocks.len());
            let Some(block) = Self::load(weights, &name, dim, direction)? else { break };
            dim = block.out_dim(dim)?;
            blocks.push((name, block));
        }
        if blocks.is_empty() {
            return Err(weights.missing(&format!("{name}.0.residual.0.gamma"), format_args!("[{in_dim}, 1, 1, 1]")));
        }
        Ok(blocks)
    }

    fn load(weights: &Weights, name: &str, dim: usize, direction: Direction) -> Result<Option<Self>> {
        let has = |key: &str| weights.dims(&format!("{name}.{key}")).is_some();
        let block = if has("residual.0.gamma") {
            Self::Residual(ResidualBlock::load(weights, name)?)
        } else if has("to_qkv.weight") {
            Self::Attention(AttentionBlock::load(weights, name)?)
        } else if has("resample.1.weight") {
            match direction {
                Direction::Up => Self::Up(Upsample::load(weights, name, dim)?),
                Direction::Down => Self::Down(Downsample::load(weights, name, dim)?),
            }
        } else {
            return Ok(None);
        };
        Ok(Some(block))
    }

    fn out_dim(&self, in_dim: usize) -> Result<usize> {
        match self {
            Self::Residual(block) => block.residual_6.out_dim(),
            Self::Attention(_) => Ok(in_dim),
            Self::Up(block) => block.out_dim(),
            Self::Down(block) => block.out_dim(),
        }
    }

    /// Pixels of a side and frames that become one in this block, or that it makes of one.
    pub fn scale(&self) -> (usize, usize) {
        match self {
            Self::Residual(_) | Self::Attention(_) => (1, 1),
            Self::Up(block) => block.scale(),
            Self::Down(block) => block.scale(),
        }
    }

    /// x `[frames, in, h, w]` to `[frames', out, h', w']`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        match self {
            Self::Residual(block) => block.forward(x, cache),
            Self::Attention(block) => block.forward(x),
            Self::Up(block) => block.forward(x, cache),
            Self::Down(block) => block.forward(x, cache),
        }
    }
}
