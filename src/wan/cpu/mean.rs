//! Means over the tokens of a frame: memory is read once, row by row.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::memory::zeros;
use super::{View, WORTH_THREADS, tensor};

/// The columns that a thread sums at a time: their sums stay in the first-level cache.
const COLUMNS: usize = 512;

/// The mean of |x| over the tokens, see [`crate::wan::ops::mean_abs`].
pub fn mean_abs(x: &Tensor) -> Result<Tensor> {
    let [batch, frames, tokens, ..] = *x.dims() else { bail!("mean_abs: {:?} has no tokens", x.shape()) };
    let size: usize = x.dims()[3..].iter().product();
    let x = x.contiguous()?;
    let mut out = zeros(batch * frames * size);
    if tokens > 0 && !out.is_empty() {
        let view = View::of(&x);
        let data = view.data()?;
        let frame = |(frame, out): (usize, &mut [f32])| {
            let x = &data[frame * tokens * size..][..tokens * size];
            let columns = |(part, out): (usize, &mut [f32])| {
                Arch::new().dispatch(Columns { x: &x[part * COLUMNS..], size, tokens, out });
            };
            if x.len() < WORTH_THREADS {
                out.chunks_mut(COLUMNS).enumerate().for_each(columns);
            } else {
                out.par_chunks_mut(COLUMNS).enumerate().for_each(columns);
            }
        };
        out.chunks_exact_mut(size).enumerate().for_each(frame);
    }
    let mut shape = x.dims().to_vec();
    shape.remove(2);
    tensor(out, shape)
}

/// The means of some columns of a frame.
struct Columns<'a> {
    /// The frame from the first of these columns on; its rows have `size` numbers.
    x: &'a [f32],
    size: usize,
    tokens: usize,
    out: &'a mut [f32],
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { x, size, tokens, out } = self;
        for token in 0..tokens {
            let row = &x[token * size..][..out.len()];
            out.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.abs());
        }
        let scale = 1.0 / tokens as f32;
        for sum in out {
            *sum *= scale;
        }
    }
}
