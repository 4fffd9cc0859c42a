//! The operations the pipeline is made of, for any device and dtype.
//!
//! Each one is plain tensor code, except on the CPU in f32 where a kernel of [`super::cpu`] does the same work faster.
//! Token tensors are `[batch, tokens, dim]`; attention tensors keep the heads behind the tokens,
//! `[batch, tokens, heads, head_dim]`, as the KV cache stores them; pictures are `[frames, channels, height, width]`.

use candle_core::{D, DType, Result, Tensor};

/// `x Wᵀ + b`: x `[.., in]`, weight `[out, in]`, bias `[out]`, result `[.., out]`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (out, inner) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    let last = dims.len().saturating_sub(1);
    let y = x.reshape(((), inner))?.matmul(&weight.t()?)?;
    let y = match bias {
        Some(bias) => y.broadcast_add(bias)?,
        None => y,
    };
    dims[last] = out;
    y.reshape(dims)
}

/// GELU in its tanh approximation, the only one Wan and UMT5 use.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    x.gelu()
}

/// SiLU: `x · sigmoid(x)`.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    x.silu()
}

/// `x + y`, of one shape.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x + y
}

/// Root-mean-square norm over the last axis: `x · rsqrt(mean(x²) + eps) · weight`, statistics in f32.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.to_dtype(dtype)?.broadcast_mul(weight)
}

/// Layer norm over the last axis without parameters, biased variance, statistics in f32.
pub fn layer_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(variance + eps)?.sqrt()?)?.to_dtype(dtype)
}

/// `layer_norm(x) · weight + bias`: x `[.., dim]`, weight and bias `[dim]`.
pub fn layer_norm_affine(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    layer_norm(x, eps)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// `layer_norm(x) · (1 + scale) + shift`: x `[batch, frames, tokens, dim]`, shift and scale `[batch, frames, 1, dim]`.
pub fn layer_norm_modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f64) -> Result<Tensor> {
    layer_norm(x, eps)?.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)
}

/// `x + y · gate`: x and y `[batch, frames, tokens, dim]`, gate `[batch, frames, 1, dim]`.
pub fn gated_residual(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    x + y.broadcast_mul(gate)?
}

/// Rotary embedding of interleaved pairs: x `[batch, tokens, heads, head_dim]`, cos and sin `[tokens, head_dim / 2]` in f32.
///
/// Pair j of a head is `(x[2j], x[2j + 1])`. The product is taken in f32 and rounded to x's dtype once.
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (batch, tokens, heads, head_dim) = x.dims4()?;
    let pairs = x.to_dtype(DType::F32)?.reshape((batch, tokens, heads, head_dim / 2, 2))?;
    let (x0, x1) = (pairs.narrow(4, 0, 1)?, pairs.narrow(4, 1, 1)?);
    let cos = cos.reshape((1, tokens, 1, head_dim / 2, 1))?;
    let sin = sin.reshape((1, tokens, 1, head_dim / 2, 1))?;
    let y0 = (x0.broadcast_mul(&cos)? - x1.broadcast_mul(&sin)?)?;
    let y1 = (x0.broadcast_mul(&sin)? + x1.broadcast_mul(&cos)?)?;
    Tensor::cat(&[y0, y1], 4)?.reshape(x.dims())?.to_dtype(x.dtype())
}

/// `softmax(q kᵀ · scale + bias) v` for every head.
///
/// q `[batch, queries, heads, head_dim]`, k `[batch, keys, heads, head_dim]`, v `[batch, keys, heads, value_dim]` with any
/// number of value columns; bias is added to the logits and broadcasts to `[heads, queries, keys]`. The result is
/// `[batch, queries, heads, value_dim]`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result<Tensor> {
    let heads_first = |x: &Tensor| x.transpose(1, 2)?.contiguous();
    let logits = (heads_first(q)? * scale)?.matmul(&heads_first(k)?.transpose(2, 3)?)?;
    let logits = match bias {
        Some(bias) => logits.broadcast_add(&bias.unsqueeze(0)?)?,
        None => logits,
    };
    let map = candle_nn::ops::softmax_last_dim(&logits)?;
    map.matmul(&heads_first(v)?)?.transpose(1, 2)?.contiguous()
}

/// The shape of a convolution over a run of frames; see [`conv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Frames that one output frame sees: 1 is an ordinary 2-D convolution.
    pub frames: usize,
    /// Frames from one window to the next.
    pub frame_stride: usize,
    /// Zeros on each of the four edges of the picture.
    pub padding: usize,
    /// Pixels from one output to the next, along both axes.
    pub stride: usize,
}

impl Window {
    /// A 2-D convolution of each frame alone with this padding and stride.
    pub const fn of_one(padding: usize, stride: usize) -> Self {
        Self { frames: 1, frame_stride: 1, padding, stride }
    }

    /// A convolution over `frames` consecutive frames with this padding and no strides.
    pub const fn over(frames: usize, padding: usize) -> Self {
        Self { frames, frame_stride: 1, padding, stride: 1 }
    }
}

/// Convolution over a sliding window of frames: the causal 3-D convolutions of the decoders.
///
/// x `[frames, in, height, width]` holds the past frames that the first window needs in front; weight
/// `[out, window.frames · in, kernel, kernel]`; bias `[out]`; result `[windows, out, height', width']`. As frames lie behind
/// one another in memory, the window at frame t *is* a picture of `window.frames · in` channels, and a 3-D convolution is
/// a 2-D one over such overlapping pictures, with nothing copied.
pub fn conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let windows = (x.dim(0)? - window.frames) / window.frame_stride + 1;
    let stacked = if window.frames == 1 && window.frame_stride == 1 {
        x.clone()
    } else {
        let (_, channels, height, width) = x.dims4()?;
        let picture = |i| {
            x.narrow(0, i * window.frame_stride, window.frames)?.reshape((1, window.frames * channels, height, width))
        };
        Tensor::cat(&(0..windows).map(picture).collect::<Result<Vec<_>>>()?, 0)?
    };
    let y = stacked.conv2d(weight, window.padding, window.stride, 1, 1)?;
    match bias {
        Some(bias) => y.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(y),
    }
}
