//! Linear layers: the `gemm` crate's matrix product on top of the bias.

use candle_core::{Result, Tensor, bail};
use gemm::Parallelism;
use rayon::prelude::*;

use super::bf16;
use super::dots::add_dots;
use super::memory::zeros;
use super::{View, WORTH_THREADS, tensor};
use crate::wan::weights::{Products, StoredMatrix};

/// Rows of x up to which nothing is packed: packing would take longer than the products.
const FEW_ROWS: usize = 64;
/// Numbers of a weight that are widened at once: a megabyte, which stays in the processor's cache.
const PIECE: usize = 1 << 18;
/// The least rows of a piece: fewer would starve the matrix product.
const LEAST_ROWS: usize = 96;

/// `x Wᵀ + b`, see [`crate::wan::ops::linear`].
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let weight = weight.contiguous()?;
    let size = weight.dims2()?;
    let numbers = View::of(&weight);
    let numbers = numbers.data()?;
    on_bias(x, size, bias, |y, x, is_biased| {
        add_product(y, x, numbers, size, (0, size.0), is_biased);
        Ok(())
    })
}

/// [`linear`] with a weight that is widened piece by piece, or is in f32 in its file.
pub fn linear_stored(x: &Tensor, weight: &StoredMatrix, bias: Option<&Tensor>) -> Result<Tensor> {
    let size = (weight.rows(), weight.columns());
    on_bias(x, size, bias, |y, x, is_biased| {
        if y.len() / size.0 <= FEW_ROWS {
            return add_dots(y, x, size, is_biased, |first, rows| weight.widen(first, rows));
        }
        match (weight.products(), weight.as_f32()) {
            (Products::F32, Some(numbers)) => {
                add_product(y, x, numbers, size, (0, size.0), is_biased);
                Ok(())
            }
            (Products::F32, None) => in_pieces(weight, |first, piece| {
                add_product(y, x, piece, size, (first, piece.len() / size.1), is_biased);
            }),
            (Products::Bf16, _) if bf16::is_fast() => {
                let x = bf16::Rows::pack(x, size.1);
                in_pieces(weight, |first, piece| x.add_product(y, piece, size.0, first))
            }
            (Products::Bf16, _) => {
                let mut x = x.to_vec();
                bf16::round(&mut x);
                in_pieces(weight, |first, piece| {
                    bf16::round(piece);
                    add_product(y, &x, piece, size, (first, piece.len() / size.1), is_biased);
                })
            }
        }
    })
}

/// Calls `add` with the rows of a weight in f32, some at a time, and the index of the first of them.
fn in_pieces(weight: &StoredMatrix, mut add: impl FnMut(usize, &mut [f32])) -> Result<()> {
    let (out_dim, in_dim) = (weight.rows(), weight.columns());
    let rows = (PIECE / in_dim).max(LEAST_ROWS).min(out_dim);
    let mut piece = vec![0.0; rows * in_dim];
    for first in (0..out_dim).step_by(rows) {
        let piece = &mut piece[..rows.min(out_dim - first) * in_dim];
        widen(weight, first, piece)?;
        add(first, piece);
    }
    Ok(())
}

/// Rows of a weight from `first` on in f32, by all threads.
fn widen(weight: &StoredMatrix, first: usize, piece: &mut [f32]) -> Result<()> {
    let share = piece.len() / weight.columns() / rayon::current_num_threads();
    let share = share.max(1);
    let shares = piece.par_chunks_mut(share * weight.columns()).enumerate();
    shares.try_for_each(|(index, rows)| weight.widen(first + index * share, rows))
}

/// The bias in every row of the result, and `add` for the product: of y `[rows, out]` and x `[rows, in]`, and whether y has a bias.
fn on_bias(
    x: &Tensor,
    (out_dim, in_dim): (usize, usize),
    bias: Option<&Tensor>,
    add: impl FnOnce(&mut [f32], &[f32], bool) -> Result<()>,
) -> Result<Tensor> {
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
        let x = x.contiguous()?;
        add(&mut y, View::of(&x).data()?, bias.is_some())?;
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

/// `y = x Wᵀ`, or `y += x Wᵀ` when asked to add, for some columns of y: as many as the weight has rows, from `first` on. All are dense:
/// y `[rows, out]`, x `[rows, in]`, weight `[columns, in]`.
fn add_product(
    y: &mut [f32],
    x: &[f32],
    weight: &[f32],
    (out_dim, in_dim): (usize, usize),
    (first, columns): (usize, usize),
    add: bool,
) {
    let rows = y.len() / out_dim;
    assert!(y.len() == rows * out_dim && x.len() == rows * in_dim && weight.len() == columns * in_dim);
    assert!(first + columns <= out_dim);
    let (row, one) = (|len: usize| len as isize, 1);
    // SAFETY: x and the weight are dense matrices of the sizes passed, checked above. The columns lie within the rows of y, which
    // overlaps neither.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            in_dim,
            y.as_mut_ptr().add(first),
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
