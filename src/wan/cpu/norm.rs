//! Norms over the last axis: a row is read once from memory and stays in the first-level cache.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::memory::zeros;
use super::simd::{map, map2, map3, sum};
use super::{View, WORTH_THREADS, tensor};

/// Root-mean-square norm, see [`crate::wan::ops::rms_norm`].
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let weight = row_of(x, weight)?;
    let weight = View::of(&weight);
    let weight = weight.data()?;
    rows(x, |_, x, y| Arch::new().dispatch(RmsNorm { x, weight, eps, y }))
}

/// Layer norm without parameters, see [`crate::wan::ops::layer_norm`].
pub fn layer_norm(x: &Tensor, eps: f64) -> Result<Tensor> {
    rows(x, |_, x, y| Arch::new().dispatch(LayerNorm { x, affine: None, eps, y }))
}

/// `layer_norm(x) · weight + bias`, see [`crate::wan::ops::layer_norm_affine`].
pub fn layer_norm_affine(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let (weight, bias) = (row_of(x, weight)?, row_of(x, bias)?);
    let (weight, bias) = (View::of(&weight), View::of(&bias));
    let affine = Some((weight.data()?, bias.data()?));
    rows(x, |_, x, y| Arch::new().dispatch(LayerNorm { x, affine, eps, y }))
}

/// `layer_norm(x) · (1 + scale) + shift`, see [`crate::wan::ops::layer_norm_modulate`].
pub fn layer_norm_modulate(x: &Tensor, shift: &Tensor, scale: &Tensor, eps: f64) -> Result<Tensor> {
    let (shift, scale) = (Shared::of(x, shift)?, Shared::of(x, &(scale + 1.0)?)?);
    let (shift_view, scale_view) = (View::of(&shift.rows), View::of(&scale.rows));
    let (shift_data, scale_data) = (shift_view.data()?, scale_view.data()?);
    rows(x, |row, x, y| {
        let affine = Some((scale.row(scale_data, row, x.len()), shift.row(shift_data, row, x.len())));
        Arch::new().dispatch(LayerNorm { x, affine, eps, y });
    })
}

/// Parameters that several successive rows of a tensor have in common.
pub struct Shared {
    /// The different rows, dense.
    pub rows: Tensor,
    /// Successive rows of the tensor that share one.
    per: usize,
}

impl Shared {
    /// The rows of x `[.., tokens, dim]` share those of `parameter`, which broadcasts to `[.., 1, dim]` or to x.
    pub fn of(x: &Tensor, parameter: &Tensor) -> Result<Self> {
        let mut shape = x.dims().to_vec();
        let [.., tokens, _] = &mut shape[..] else { bail!("{:?} has no rows that could share parameters", x.shape()) };
        let own = parameter.rank() > 1 && parameter.dim(parameter.rank() - 2)? != 1;
        let per = if own { 1 } else { std::mem::replace(tokens, 1) };
        Ok(Self { rows: parameter.broadcast_as(shape)?.contiguous()?, per })
    }

    /// The part of `data`, the elements of [`Self::rows`], for row `row` of the tensor.
    pub fn row<'a>(&self, data: &'a [f32], row: usize, dim: usize) -> &'a [f32] {
        &data[row / self.per * dim..][..dim]
    }
}

/// A parameter as long as the rows of x.
fn row_of(x: &Tensor, parameter: &Tensor) -> Result<Tensor> {
    match x.dims().last() {
        Some(dim) if parameter.dims() == [*dim] => parameter.contiguous(),
        _ => bail!("a parameter {:?} does not fit the rows of {:?}", parameter.shape(), x.shape()),
    }
}

/// Computes each row of the result from its index and the row of x.
fn rows(x: &Tensor, f: impl Fn(usize, &[f32], &mut [f32]) + Sync) -> Result<Tensor> {
    let x = x.contiguous()?;
    let mut out = zeros(x.elem_count());
    if !out.is_empty() {
        let dim = x.dims().last().copied().unwrap_or(1);
        let view = View::of(&x);
        let data = view.data()?;
        fill_rows(&mut out, dim, |row, y| f(row, &data[row * dim..][..dim], y));
    }
    tensor(out, x.shape())
}

/// Fills the rows of `out`, on all threads when there are many elements.
pub fn fill_rows(out: &mut [f32], dim: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() < WORTH_THREADS {
        out.chunks_exact_mut(dim).enumerate().for_each(|(row, y)| f(row, y));
    } else {
        let per_task = (super::pointwise::CHUNK / dim).max(1);
        out.par_chunks_exact_mut(dim).enumerate().with_min_len(per_task).for_each(|(row, y)| f(row, y));
    }
}

struct RmsNorm<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    eps: f64,
    y: &'a mut [f32],
}

impl WithSimd for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mean_square = sum(simd, self.x, |x| simd.mul_f32s(x, x)) / self.x.len() as f32;
        let scale = simd.splat_f32s(1.0 / (mean_square + self.eps as f32).sqrt());
        map2(simd, self.x, self.weight, self.y, |x, weight| simd.mul_f32s(simd.mul_f32s(x, scale), weight));
    }
}

struct LayerNorm<'a> {
    x: &'a [f32],
    /// The factors and the summands of the normed row.
    affine: Option<(&'a [f32], &'a [f32])>,
    eps: f64,
    y: &'a mut [f32],
}

impl WithSimd for LayerNorm<'_> {
    type Output = ();

    /// The deviations are taken from the rounded mean first; what they then still sum to corrects it. So a row whose spread
    /// is tiny beside its mean comes out right.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, affine, eps, y } = self;
        let count = x.len() as f32;
        let mean = simd.splat_f32s(sum(simd, x, |x| x) / count);
        map(simd, x, y, |x| simd.sub_f32s(x, mean));
        let rest = sum(simd, y, |y| y) / count;
        // Rounding may take more than there is.
        let variance = (sum(simd, y, |y| simd.mul_f32s(y, y)) / count - rest * rest).max(0.0);
        let scale = 1.0 / (variance + eps as f32).sqrt();
        let (offset, scale) = (simd.splat_f32s(-rest * scale), simd.splat_f32s(scale));
        let normed = |x| simd.mul_add_e_f32s(simd.sub_f32s(x, mean), scale, offset);
        match affine {
            None => map(simd, x, y, normed),
            Some((gain, shift)) => {
                map3(simd, [x, gain, shift], y, |x, gain, shift| simd.mul_add_e_f32s(normed(x), gain, shift));
            }
        }
    }
}
