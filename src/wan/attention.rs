//! Self- and cross-attention of a layer.
//!
//! Source: `CausalWanSelfAttention` of Self-Forcing `wan/modules/causal_model.py`, `WanT2VCrossAttention` of Wan2.1
//! `wan/modules/model.py`.

use std::sync::Arc;

use bendrack_nodes::program::Site;
use candle_core::{Module, Result, Tensor};

use super::config::{Config, NORM_EPS};
use super::hooks::{Attention, Hooks};
use super::kv_cache::KvCache;
use super::linear::Linear;
use super::ops;
use super::rope::Rope;
use super::weights::Weights;

/// The projections both attentions share; q and k are RMS-normed over the whole width, before the head split.
#[derive(Debug, Clone)]
struct Projections {
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    norm_q: Tensor,
    norm_k: Tensor,
    heads: usize,
}

impl Projections {
    fn load(weights: &Weights, config: &Config) -> Result<Self> {
        let dim = config.dim;
        let linear = |name| Linear::load(weights, name, dim, dim);
        Ok(Self {
            q: linear("q")?,
            k: linear("k")?,
            v: linear("v")?,
            o: linear("o")?,
            norm_q: weights.get("norm_q.weight", dim)?,
            norm_k: weights.get("norm_k.weight", dim)?,
            heads: config.heads,
        })
    }

    /// `[batch, tokens, dim]` to `[batch, tokens, heads, head_dim]`.
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, dim) = x.dims3()?;
        x.reshape((batch, tokens, self.heads, dim / self.heads))
    }

    fn q(&self, x: &Tensor) -> Result<Tensor> {
        self.split(&ops::rms_norm(&self.q.forward(x)?, &self.norm_q, NORM_EPS)?)
    }

    fn k(&self, x: &Tensor) -> Result<Tensor> {
        self.split(&ops::rms_norm(&self.k.forward(x)?, &self.norm_k, NORM_EPS)?)
    }

    fn v(&self, x: &Tensor) -> Result<Tensor> {
        self.split(&self.v.forward(x)?)
    }

    fn o(&self, x: &Tensor) -> Result<Tensor> {
        self.o.forward(&x.flatten_from(2)?)
    }
}

/// Source of the keys and values of self-attention.
pub enum KeySource<'a> {
    /// The tokens of the call alone: their RoPE positions, and the numbers of their frames.
    Current(&'a Rope, Arc<[usize]>),
    /// The tokens of the call and the frames in a KV cache, which stores the new keys and values.
    Cache(&'a mut KvCache),
}

/// Self-attention over the video's tokens.
#[derive(Debug, Clone)]
pub struct SelfAttention(Projections);

impl SelfAttention {
    /// Reads `q`, `k`, `v`, `o`, `norm_q`, `norm_k`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self(Projections::load(weights, config)?))
    }

    /// x `[batch, tokens, dim]` to the same shape; `layer` is the layer's index in the cache.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, layer: usize, source: &mut KeySource<'_>, hooks: &Hooks<'_>) -> Result<Tensor> {
        let (q, k, v) = (self.0.q(x)?, self.0.k(x)?, self.0.v(x)?);
        let (q, k, v, bias, key_frames) = match source {
            KeySource::Current(rope, frames) => (rope.apply(&q)?, rope.apply(&k)?, v, None, frames.clone()),
            KeySource::Cache(cache) => {
                let (k, v) = cache.update(layer, &k, &v)?;
                (cache.queries(&q)?, k, v, cache.bias(), cache.key_frames()?)
            }
        };
        let v = hooks.at(Site::SelfValue, v)?;
        let map = Attention { scale: softmax_scale(&q)?, q, k, v, bias, key_frames };
        let out = hooks.attend(Site::SelfMap, map)?;
        hooks.at(Site::SelfOut, self.0.o(&out)?)
    }
}

/// Keys and values of a prompt for one layer, `[batch, text_len, heads, head_dim]` each.
#[derive(Debug, Clone)]
pub struct PromptKeys {
    /// RMS-normed keys.
    pub k: Tensor,
    /// Values.
    pub v: Tensor,
}

/// Cross-attention from the video's tokens to the prompt's; no rotation, no mask: padding rows are attended to.
#[derive(Debug, Clone)]
pub struct CrossAttention(Projections);

impl CrossAttention {
    /// Reads `q`, `k`, `v`, `o`, `norm_q`, `norm_k`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self(Projections::load(weights, config)?))
    }

    /// Keys and values of an embedded prompt `[batch, text_len, dim]`, computed once per prompt.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn keys(&self, text: &Tensor) -> Result<PromptKeys> {
        Ok(PromptKeys { k: self.0.k(text)?, v: self.0.v(text)? })
    }

    /// x `[batch, tokens, dim]` to the same shape.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, prompt: &PromptKeys, hooks: &Hooks<'_>) -> Result<Tensor> {
        let q = self.0.q(x)?;
        let v = hooks.at(Site::CrossValue, prompt.v.clone())?;
        let (k, key_frames) = (prompt.k.clone(), Arc::default());
        let map = Attention { scale: softmax_scale(&q)?, q, k, v, bias: None, key_frames };
        let out = hooks.attend(Site::CrossMap, map)?;
        hooks.at(Site::CrossOut, self.0.o(&out)?)
    }
}

/// `1/√head_dim`.
fn softmax_scale(q: &Tensor) -> Result<f64> {
    Ok(1.0 / (q.dim(3)? as f64).sqrt())
}
