//! The sizes of a transformer, read from its weights.

use candle_core::{Result, bail};
use serde_json::Value;

use super::weights::Weights;

/// Epsilon of every LayerNorm and RMSNorm of the transformer (the default of `WanRMSNorm`, 1e-5, is always overridden).
pub const NORM_EPS: f64 = 1e-6;

/// Pixels of a latent frame in one token, along height and width (Wan's patch size is (1, 2, 2)).
pub const PATCH: usize = 2;

/// The largest `text_len` of a config; Wan's is 512.
const MAX_TEXT_LEN: usize = 1 << 14;

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
    /// Reads the sizes from the tensors. No tensor shows the number of heads or the length of the text. These come from
    /// `config`, the checkpoint's `config.json` in the original or the diffusers form. Without one they are Wan's own:
    /// heads of 128, 512 text rows.
    ///
    /// A `config` of another width belongs to another model and is ignored.
    ///
    /// # Errors
    ///
    /// Fails if the tensors are not those of a Wan transformer, or if `config` does not fit them.
    pub fn read(weights: &Weights, config: Option<&Value>) -> Result<Self> {
        let dim = Self::size(weights, "head.modulation", 2)?;
        let config = config.filter(|config| width(config).is_none_or(|width| width == dim));
        let heads = config.and_then(|c| number(c, "num_heads").or_else(|| number(c, "num_attention_heads")));
        let heads = heads.unwrap_or(dim / 128);
        if heads == 0 || !dim.is_multiple_of(heads) || !(dim / heads).is_multiple_of(2) {
            bail!(
                "{heads} heads do not divide a transformer of width {dim}; put its config.json with \"num_heads\" beside it"
            )
        }
        let text_len = config.and_then(|config| number(config, "text_len")).unwrap_or(512);
        if text_len == 0 || text_len > MAX_TEXT_LEN {
            bail!("config.json has \"text_len\" {text_len}; it must be 1 to {MAX_TEXT_LEN}")
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
            text_len,
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
            // The loader's error for a missing tensor describes the file.
            None => weights.get(name, 0).map(|_| 0),
        }
    }
}

fn number(config: &Value, key: &str) -> Option<usize> {
    config.get(key)?.as_u64()?.try_into().ok()
}

/// The width in a `config.json`.
fn width(config: &Value) -> Option<usize> {
    let by_heads = || Some(number(config, "num_attention_heads")? * number(config, "attention_head_dim")?);
    number(config, "dim").or_else(by_heads).or_else(|| number(config, "d_model"))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use serde_json::json;

    use super::*;

    fn read(config: &Value) -> Result<Config> {
        let shapes: [(&str, &[usize]); 7] = [
            ("head.modulation", &[1, 2, 1536]),
            ("head.head.weight", &[64, 1]),
            ("patch_embedding.weight", &[1, 16, 1, 2, 2]),
            ("text_embedding.0.weight", &[1, 4096]),
            ("time_embedding.0.weight", &[1, 256]),
            ("blocks.0.ffn.0.weight", &[8960, 1]),
            ("blocks.0.modulation", &[1, 6, 1]),
        ];
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::U8, &Device::Cpu).expect("a tensor");
        let tensors = shapes.map(|(name, shape)| (name.to_owned(), zeros(shape)));
        Config::read(&Weights::from_tensors(tensors, DType::F32, &Device::Cpu), Some(config))
    }

    #[test]
    fn a_config_is_believed_if_it_is_this_models() -> Result<()> {
        assert_eq!(read(&json!({}))?.heads, 12);
        assert_eq!(read(&json!({ "num_heads": 24, "dim": 1536 }))?.heads, 24);
        assert_eq!(read(&json!({ "num_attention_heads": 24, "attention_head_dim": 64 }))?.heads, 24);
        // The `config.json` of UMT5, in a folder with all parts of a model.
        assert_eq!(read(&json!({ "num_heads": 64, "d_model": 4096 }))?.heads, 12);
        assert!(read(&json!({ "text_len": 1_000_000_000_000_000_u64 })).is_err());
        assert!(read(&json!({ "num_heads": 7 })).is_err());
        Ok(())
    }
}
