//! One layer (DiT block) of the transformer. Source: `WanAttentionBlock` of Wan2.1 `wan/modules/model.py`.

use bendrack_nodes::program::Site;
use candle_core::{Module, Result, Tensor};

use super::attention::{CrossAttention, KeySource, PromptKeys, SelfAttention};
use super::config::{Config, NORM_EPS};
use super::hooks::Hooks;
use super::linear::Linear;
use super::ops;
use super::weights::Weights;

/// A layer: modulated self-attention, cross-attention, modulated feed-forward network.
#[derive(Debug, Clone)]
pub struct Layer {
    index: usize,
    modulation: Tensor,
    self_attn: SelfAttention,
    norm3: (Tensor, Tensor),
    cross_attn: CrossAttention,
    ffn: FeedForward,
}

/// The six rows by which the time embedding modulates a layer, each `[batch, frames, 1, dim]`. `frames` is 1 when the
/// whole call is at one timestep.
#[derive(Debug, Clone)]
pub struct Modulation {
    /// Added to the input of self-attention.
    pub shift_sa: Tensor,
    /// One less than the gain on the input of self-attention.
    pub scale_sa: Tensor,
    /// Gain on the output of self-attention.
    pub gate_sa: Tensor,
    /// Added to the input of the feed-forward network.
    pub shift_ffn: Tensor,
    /// One less than the gain on the input of the feed-forward network.
    pub scale_ffn: Tensor,
    /// Gain on the output of the feed-forward network.
    pub gate_ffn: Tensor,
}

impl Layer {
    /// Reads a layer from weights under its prefix, `blocks.<index>`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, config: &Config, index: usize) -> Result<Self> {
        let dim = config.dim;
        Ok(Self {
            index,
            modulation: weights.get("modulation", (1, 6, dim))?.unsqueeze(0)?,
            self_attn: SelfAttention::load(&weights.pp("self_attn"), config)?,
            norm3: (weights.get("norm3.weight", dim)?, weights.get("norm3.bias", dim)?),
            cross_attn: CrossAttention::load(&weights.pp("cross_attn"), config)?,
            ffn: FeedForward::load(&weights.pp("ffn"), config)?,
        })
    }

    /// Keys and values of an embedded prompt `[batch, text_len, dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn prompt_keys(&self, text: &Tensor) -> Result<PromptKeys> {
        self.cross_attn.keys(text)
    }

    /// The modulation of this layer for the projected time embedding `[batch, frames, 6, dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn modulation(&self, time: &Tensor) -> Result<Modulation> {
        let rows = self.modulation.broadcast_add(time)?;
        let row = |i| rows.narrow(2, i, 1)?.contiguous();
        Ok(Modulation {
            shift_sa: row(0)?,
            scale_sa: row(1)?,
            gate_sa: row(2)?,
            shift_ffn: row(3)?,
            scale_ffn: row(4)?,
            gate_ffn: row(5)?,
        })
    }

    /// The input of self-attention: x `[batch, tokens, dim]`, normed and modulated by the time embedding.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn self_attention_input(&self, x: &Tensor, time: &Tensor) -> Result<Tensor> {
        let m = self.modulation(time)?;
        modulated_norm(x, &m.shift_sa, &m.scale_sa)
    }

    /// x `[batch, tokens, dim]` to the same shape.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(
        &self,
        x: &Tensor,
        time: &Tensor,
        prompt: &PromptKeys,
        source: &mut KeySource<'_>,
        hooks: &Hooks<'_>,
    ) -> Result<Tensor> {
        let m = self.modulation(time)?;

        let a = modulated_norm(x, &m.shift_sa, &m.scale_sa)?;
        let x = gated_residual(x, &self.self_attn.forward(&a, self.index, source, hooks)?, &m.gate_sa)?;

        let c = ops::layer_norm_affine(&x, &self.norm3.0, &self.norm3.1, NORM_EPS)?;
        let x = ops::add(&x, &self.cross_attn.forward(&c, prompt, hooks)?)?;

        let b = modulated_norm(&x, &m.shift_ffn, &m.scale_ffn)?;
        gated_residual(&x, &self.ffn.forward(&b, hooks)?, &m.gate_ffn)
    }
}

/// The feed-forward network: two linear layers around a tanh-approximated GELU.
#[derive(Debug, Clone)]
struct FeedForward {
    up: Linear,
    down: Linear,
}

impl FeedForward {
    fn load(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self {
            up: Linear::load(weights, "0", config.dim, config.ffn_dim)?,
            down: Linear::load(weights, "2", config.ffn_dim, config.dim)?,
        })
    }

    fn forward(&self, x: &Tensor, hooks: &Hooks<'_>) -> Result<Tensor> {
        let x = hooks.at(Site::FfnIn, x.clone())?;
        let hidden = hooks.at(Site::FfnHidden, ops::gelu_tanh(&self.up.forward(&x)?)?)?;
        hooks.at(Site::FfnOut, self.down.forward(&hidden)?)
    }
}

/// `layer_norm(x)·(1 + scale) + shift`, frame by frame: x `[batch, tokens, dim]`, shift and scale `[batch, frames, 1, dim]`.
pub(super) fn modulated_norm(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Result<Tensor> {
    ops::layer_norm_modulate(&by_frame(x, shift)?, shift, scale, NORM_EPS)?.reshape(x.shape())
}

/// `x + y·gate`, frame by frame: x and y `[batch, tokens, dim]`, gate `[batch, frames, 1, dim]`.
fn gated_residual(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    ops::gated_residual(&by_frame(x, gate)?, &by_frame(y, gate)?, gate)?.reshape(x.shape())
}

/// `[batch, tokens, dim]` viewed as `[batch, frames, tokens per frame, dim]`, with the frames of `row`.
fn by_frame(x: &Tensor, row: &Tensor) -> Result<Tensor> {
    let (batch, tokens, dim) = x.dims3()?;
    let frames = row.dim(1)?;
    x.reshape((batch, frames, tokens / frames, dim))
}
