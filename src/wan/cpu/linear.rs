//! Linear layers: the `gemm` crate's matrix product on top of the bias.

use candle_core::{Result, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::memory::zeros;
use super::{View, WORTH_THREADS, tensor};

/// `x Wᵀ + b`, see [`crate::wan::ops::linear`].
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (out_dim, in_dim) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    match shape.last_mut() {
        Some(last) if *last == in_dim => *last = out_dim,
        _ => bail!("linear: x {:?} does not end in the {in_dim} inputs of the weight", x.shape()),
    }
    let bias = bias.map(Tensor::contiguous).transpose()?;
    if let Some(bias) = &bias
        && bias.dims() != [out_dim]
    {
        bail!("linear: bias {:?} for {out_dim} outputs", bias.shape());
    }
    let mut y = zeros(shape.iter().product());
    if !y.is_empty() {
        if let Some(bias) = &bias {
            fill_rows(&mut y, View::of(bias).data()?);
        }
        let (x, weight) = (x.contiguous()?, weight.contiguous()?);
        add_product(&mut y, View::of(&x).data()?, View::of(&weight).data()?, [out_dim, in_dim], bias.is_some());
    }
    tensor(y, shape)
}

/// Writes the bias into every row; the product is then added to it. All threads touch the rows for the first time here.
fn fill_rows(y: &mut [f32], bias: &[f32]) {
    if y.len() < WORTH_THREADS {
        y.chunks_exact_mut(bias.len()).for_each(|row| row.copy_from_slice(bias));
    } else {
        y.par_chunks_exact_mut(bias.len()).with_min_len(16).for_each(|row| row.copy_from_slice(bias));
    }
}

/// `y = x Wᵀ`, or `y += x Wᵀ` when asked to add. All are dense: y `[rows, out]`, x `[rows, in]`, weight `[out, in]`.
fn add_product(y: &mut [f32], x: &[f32], weight: &[f32], [out_dim, in_dim]: [usize; 2], add: bool) {
    let rows = y.len() / out_dim;
    assert!(y.len() == rows * out_dim && x.len() == rows * in_dim && weight.len() == out_dim * in_dim);
    let (row, one) = (|len: usize| len as isize, 1);
    // SAFETY: the three slices are dense matrices of the sizes passed, checked above, and y does not overlap the others.
    unsafe {
        gemm::gemm(
            rows,
            out_dim,
            in_dim,
            y.as_mut_ptr(),
            one,
            row(out_dim),
            add,
            x.as_ptr(),
            one,
            row(in_dim),
            weight.as_ptr(),
            row(in_dim),
            one,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
