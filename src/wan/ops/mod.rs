//! The operations of the pipeline, for any device and dtype.
//!
//! Each is `plain` tensor code; on the CPU in f32 a kernel of `cpu` does the same faster. Token tensors are
//! `[batch, tokens, dim]`. Attention tensors keep the heads behind the tokens, as the KV cache stores them:
//! `[batch, tokens, heads, head_dim]`. Pictures are `[frames, channels, height, width]`.

#[doc(hidden)]
pub mod plain;

use std::ops::Range;

use candle_core::{DType, Result, Tensor};

use super::cpu;
use super::weights::StoredMatrix;

/// True if the CPU kernels can compute with these tensors.
fn takes<const N: usize>(tensors: [&Tensor; N], optional: Option<&Tensor>) -> bool {
    cpu::takes(&tensors) && optional.is_none_or(|x| cpu::takes(&[x]))
}

/// `x Wᵀ + b`: x `[.., in]`, weight `[out, in]`, bias `[out]`, result `[.., out]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if takes([x, weight], bias) { cpu::linear(x, weight, bias) } else { plain::linear(x, weight, bias) }
}

/// [`linear`] with a weight as it is stored: x `[.., in]` and the bias on the CPU in f32.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the file cannot be read.
pub fn linear_stored(x: &Tensor, weight: &StoredMatrix, bias: Option<&Tensor>) -> Result<Tensor> {
    cpu::linear_stored(x, weight, bias)
}

/// The product of the last two axes: x `[.., rows, inner]`, y `[.., inner, columns]`, result `[.., rows, columns]`.
///
/// The CPU kernel reads any strides in place, so views need no copy.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn matmul(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if takes([x, y], None) { cpu::matmul(x, y) } else { plain::matmul(x, y) }
}

/// True if every number of x is finite.
///
/// # Errors
///
/// Fails if the device fails.
pub fn is_finite(x: &Tensor) -> Result<bool> {
    Ok(x.to_dtype(DType::F32)?.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite())
}

/// The mean of |x| over the tokens: x `[batch, frames, tokens, ..]`, result `[batch, frames, ..]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn mean_abs(x: &Tensor) -> Result<Tensor> {
    if takes([x], None) { cpu::mean_abs(x) } else { plain::mean_abs(x) }
}

/// GELU in its tanh approximation, the only one Wan and UMT5 use.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    if takes([x], None) { cpu::gelu_tanh(x) } else { plain::gelu_tanh(x) }
}

/// Root-mean-square norm over the last axis: `x · rsqrt(mean(x²) + eps) · weight`, statistics in f32.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if takes([x, weight], None) { cpu::rms_norm(x, weight, eps) } else { plain::rms_norm(x, weight, eps) }
}

/// Layer norm over the last axis without parameters, biased variance, statistics in f32.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn layer_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    if takes([x], None) { cpu::layer_norm(x, eps) } else { plain::layer_norm(x, eps) }
}

/// `layer_norm(x) · weight + bias`: x `[.., dim]`, weight and bias `[dim]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn layer_norm_affine(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    if takes([x, weight, bias], None) {
        cpu::layer_norm_affine(x, weight, bias, eps)
    } else {
        plain::layer_norm_affine(x, weight, bias, eps)
    }
}

/// `layer_norm(x) · (1 + scale) + shift`: x `[batch, frames, tokens, dim]`, shift and scale `[batch, frames, 1, dim]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn layer_norm_modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f64) -> Result<Tensor> {
    if takes([x, shift, scale], None) {
        cpu::layer_norm_modulate(x, shift, scale, eps)
    } else {
        plain::layer_norm_modulate(x, shift, scale, eps)
    }
}

/// `x + y · gate`: x and y `[batch, frames, tokens, dim]`, gate `[batch, frames, 1, dim]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn gated_residual(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    if takes([x, y, gate], None) { cpu::gated_residual(x, y, gate) } else { plain::gated_residual(x, y, gate) }
}

/// Rotary embedding of interleaved pairs: x `[batch, tokens, heads, head_dim]`, cos and sin `[tokens, head_dim / 2]` in f32.
///
/// Pair j of a head is `(x[2j], x[2j + 1])`. The product is taken in f32 and rounded to x's dtype once.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    if takes([x, cos, sin], None) { cpu::rope(x, cos, sin) } else { plain::rope(x, cos, sin) }
}

/// `softmax(q kᵀ · scale + bias) v` for every head.
///
/// The shapes are q `[batch, queries, heads, head_dim]`, k `[batch, keys, heads, head_dim]` and v
/// `[batch, keys, heads, value_dim]`. The number of columns of v is free. The bias is added to the logits and
/// broadcasts to `[heads, queries, keys]`. The result is `[batch, queries, heads, value_dim]`. A query whose logits are
/// all -∞ gets 0.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result<Tensor> {
    if takes([q, k, v], bias) { cpu::attention(q, k, v, bias, scale) } else { plain::attention(q, k, v, bias, scale) }
}

/// The shape of a convolution over a run of frames; see [`conv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Input frames per output frame: 1 is an ordinary 2-D convolution.
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
/// x `[frames, in, height, width]` holds the past frames that the first window needs in front. Shapes: weight
/// `[out, window.frames · in, kernel, kernel]`, bias `[out]`, result `[windows, out, height', width']`. Frames are
/// adjacent in memory, so the window at frame t *is* one picture of `window.frames · in` channels. A 3-D convolution is
/// a 2-D one over such overlapping pictures. The CPU kernel reads them in place; other devices and dtypes lay them side
/// by side in memory first.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    if takes([x, weight], bias) { cpu::conv(x, weight, bias, window) } else { plain::conv(x, weight, bias, window) }
}

/// Zeros for a kernel to overwrite, in memory that costs little to touch first.
pub fn zeros(len: usize) -> Vec<f32> {
    cpu::zeros(len)
}

/// True if [`in_blocks`] is faster than the function on all of x at once.
pub fn is_worth_blocks(x: &Tensor) -> bool {
    takes([x], None) && x.elem_count() >= cpu::WORTH_THREADS
}

/// `f` of x `[batch, frames, tokens, ..]`, block by block. f must treat each token independently of the others.
///
/// f gets the index of the frame and the tokens of each block `[1, 1, tokens, ..]`. Only for f32 on the CPU.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn in_blocks(x: &Tensor, f: impl Fn(&Tensor, usize, Range<usize>) -> Result<Tensor> + Sync) -> Result<Tensor> {
    cpu::in_blocks(x, f)
}

/// `max(x, 0)`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if takes([x], None) { cpu::relu(x) } else { plain::relu(x) }
}

/// `x · sigmoid(x)`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    if takes([x], None) { cpu::silu(x) } else { plain::silu(x) }
}

/// `x + y`, of one shape: a residual.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if takes([x, y], None) { cpu::add(x, y) } else { plain::add(x, y) }
}

/// `max(x + y, 0)`, of one shape.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    if takes([x, y], None) { cpu::add_relu(x, y) } else { plain::add_relu(x, y) }
}

/// Nearest-neighbour upsampling of pictures by two: `[frames, channels, 2 · height, 2 · width]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn upsample2x(x: &Tensor) -> Result<Tensor> {
    if takes([x], None) { cpu::upsample2x(x) } else { plain::upsample2x(x) }
}

/// Norm over the channels of each pixel: `x / max(‖x‖₂, 1e-12) · √channels · gamma`. x is
/// `[frames, channels, height, width]`.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn channel_rms_norm(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    if takes([x, gamma], None) { cpu::channel_rms_norm(x, gamma) } else { plain::channel_rms_norm(x, gamma) }
}

/// [`silu`] of [`channel_rms_norm`], in one pass.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn channel_rms_norm_silu(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    if takes([x, gamma], None) { cpu::channel_rms_norm_silu(x, gamma) } else { plain::channel_rms_norm_silu(x, gamma) }
}
