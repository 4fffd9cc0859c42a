//! The operations as plain tensor code, for other devices and dtypes. The tests compare the CPU kernels with it.
//!
//! Each function is documented at its namesake in [`super`]; the module is public for the tests.
#![allow(missing_docs)]

use candle_core::{D, DType, Result, Tensor, bail};

use super::Window;

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

pub fn matmul(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x.contiguous()?.matmul(&y.contiguous()?)
}

pub fn mean_abs(x: &Tensor) -> Result<Tensor> {
    x.abs()?.mean(2)
}

pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    x.gelu()
}

pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.to_dtype(dtype)?.broadcast_mul(weight)
}

pub fn layer_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(variance + eps)?.sqrt()?)?.to_dtype(dtype)
}

pub fn layer_norm_affine(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    layer_norm(x, eps)?.broadcast_mul(weight)?.broadcast_add(bias)
}

pub fn layer_norm_modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f64) -> Result<Tensor> {
    layer_norm(x, eps)?.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(shift)
}

pub fn gated_residual(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    x + y.broadcast_mul(gate)?
}

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

pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result<Tensor> {
    let heads_first = |x: &Tensor| x.transpose(1, 2)?.contiguous();
    let (batch, queries, heads, _) = q.dims4()?;
    let keys = k.dim(1)?;
    let bias = bias.map(|bias| bias.to_dtype(q.dtype())?.broadcast_as((heads, queries, keys))).transpose()?;
    let (q, k, v) = ((heads_first(q)? * scale)?, heads_first(k)?.transpose(2, 3)?, heads_first(v)?);
    // A tile of queries at a time, so that the map never takes more memory than this.
    let tile = (MAP_ELEMENTS / (batch * heads * keys).max(1)).clamp(1, queries.max(1));
    let outputs = (0..queries).step_by(tile).map(|start| {
        let rows = tile.min(queries - start);
        let logits = q.narrow(2, start, rows)?.matmul(&k)?;
        let map = match &bias {
            Some(bias) => masked_softmax(&logits.broadcast_add(&bias.narrow(1, start, rows)?.unsqueeze(0)?)?)?,
            None => candle_nn::ops::softmax_last_dim(&logits)?,
        };
        map.matmul(&v)
    });
    Tensor::cat(&outputs.collect::<Result<Vec<_>>>()?, 2)?.transpose(1, 2)?.contiguous()
}

/// The most elements of an attention map that exist at a time: 256 MiB in bf16.
const MAP_ELEMENTS: usize = 1 << 27;

/// Softmax over the last axis; a row of nothing but -∞ gives 0.
fn masked_softmax(logits: &Tensor) -> Result<Tensor> {
    let dtype = logits.dtype();
    let logits = logits.to_dtype(DType::F32)?;
    let max = logits.max_keepdim(D::Minus1)?.maximum(f64::from(f32::MIN))?;
    let weights = logits.broadcast_sub(&max)?.exp()?;
    let sum = weights.sum_keepdim(D::Minus1)?;
    // A row that is not masked sums to 1 at least.
    weights.broadcast_div(&sum.maximum(1e-3)?)?.to_dtype(dtype)
}

pub fn conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let Some(spare) = x.dim(0)?.checked_sub(window.frames) else {
        bail!("conv: a window of {} frames over {:?}", window.frames, x.shape());
    };
    if window.frames == 0 || window.frame_stride == 0 {
        bail!("conv: {window:?} does not move over frames");
    }
    let windows = spare / window.frame_stride + 1;
    let stacked = if window.frames == 1 && window.frame_stride == 1 {
        x.clone()
    } else {
        let (_, channels, height, width) = x.dims4()?;
        let picture = |i| {
            x.narrow(0, i * window.frame_stride, window.frames)?.reshape((1, window.frames * channels, height, width))
        };
        Tensor::cat(&(0..windows).map(picture).collect::<Result<Vec<_>>>()?, 0)?
    };
    let (_, _, height, width) = stacked.dims4()?;
    let (_, _, rows, columns) = weight.dims4()?;
    if height + 2 * window.padding < rows || width + 2 * window.padding < columns || window.stride == 0 {
        bail!("conv: a kernel {:?} over {window:?} does not fit frames {:?}", weight.shape(), x.shape());
    }
    let y = stacked.conv2d(weight, window.padding, window.stride, 1, 1)?;
    match bias {
        Some(bias) => y.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(y),
    }
}

pub fn relu(x: &Tensor) -> Result<Tensor> {
    x.relu()
}

pub fn silu(x: &Tensor) -> Result<Tensor> {
    x.silu()
}

pub fn add(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x + y
}

pub fn add_relu(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    (x + y)?.relu()
}

pub fn upsample2x(x: &Tensor) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    x.upsample_nearest2d(2 * height, 2 * width)
}

pub fn channel_rms_norm(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    let dtype = x.dtype();
    let channels = x.dim(1)?;
    let x = x.to_dtype(DType::F32)?;
    let norm = x.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(1e-12)?;
    let gamma = (gamma.reshape((1, channels, 1, 1))? * (channels as f64).sqrt())?;
    x.broadcast_div(&norm)?.to_dtype(dtype)?.broadcast_mul(&gamma)
}

pub fn channel_rms_norm_silu(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    channel_rms_norm(x, gamma)?.silu()
}
