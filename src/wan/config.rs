//! The sizes of a transformer, read from its weights.

use candle_core::{Result, bail};
use serde_json::Value;

use super::weights::Weights;

/// Epsilon of every LayerNorm and RMSNorm of the transformer (the default of `WanRMSNorm`, 1e-5, is always overridden).
pub const NORM_EPS: f64 = 1e-6;

/// Pixels of a latent frame in one token, along height and width (Wan's patch size is (1, 2, 2)).
pub const PATCH: usize = 2;

/// Sizes of a Wan diffusion transformer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Width of the residual stream: 1536 in Wan 1.3B, 5120 in 14B.
    pub dim: usize,
    /// Neurons of a feed-forward network: 8960 or 13824.
    pub ffn_dim: usize,
    /// Attention heads: 12 or 40.
    pub heads: usize,
    /// Transformer layers: 30 or 40.
    pub layers: usize,
    /// Latent channels in: 16 for text-to-video.
    pub in_channels: usize,
    /// Latent channels out: 16.
    pub out_channels: usize,
    /// Width of a text embedding: 4096 for UMT5-XXL.
    pub text_dim: usize,
    /// Rows of a padded text embedding: 512.
    pub text_len: usize,
    /// Width of the sinusoidal time embedding: 256.
    pub freq_dim: usize,
}

impl Config {
    /// Reads the sizes from the tensors; the two that no tensor shows come from `config`, the checkpoint's `config.json`
    /// in the original or the diffusers form, or are Wan's own (heads of 128, 512 text rows).
    ///
    /// Fails when the tensors do not look like a Wan transformer, naming the missing key.
    pub fn read(weights: &Weights, config: Option<&Value>) -> Result<Self> {
        let dim = Self::size(weights, "head.modulation", 2)?;
        let number = |key: &str| config.and_then(|c| c.get(key)).and_then(Value::as_u64).map(|n| n as usize);
        let heads = number("num_heads").or_else(|| number("num_attention_heads")).unwrap_or(dim / 128);
        if heads == 0 || !dim.is_multiple_of(heads) || !(dim / heads).is_multiple_of(2) {
            bail!(
                "a transformer of width {dim} cannot have {heads} heads; put its config.json with \"num_heads\" beside it"
            )
        }
        let layers =
            weights.names().filter(|name| name.starts_with("blocks.") && name.ends_with(".modulation")).count();
        Ok(Self {
            dim,
            heads,
            layers,
            ffn_dim: Self::size(weights, "blocks.0.ffn.0.weight", 0)?,
            in_channels: Self::size(weights, "patch_embedding.weight", 1)?,
            out_channels: Self::size(weights, "head.head.weight", 0)? / (PATCH * PATCH),
            text_dim: Self::size(weights, "text_embedding.0.weight", 1)?,
            text_len: number("text_len").unwrap_or(512),
            freq_dim: Self::size(weights, "time_embedding.0.weight", 1)?,
        })
    }

    /// Width of one head.
    pub const fn head_dim(&self) -> usize {
        self.dim / self.heads
    }

    fn size(weights: &Weights, name: &str, axis: usize) -> Result<usize> {
        match weights.dims(name).as_deref().and_then(|dims| dims.get(axis)) {
            Some(&size) if size > 0 => Ok(size),
            Some(_) => bail!("{name} has an empty axis {axis}"),
            // Asking for it gives the loader's own account of what the file looks like.
            None => weights.get(name, 0).map(|_| 0),
        }
    }
}
