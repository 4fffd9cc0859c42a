//! Products of few rows with a large matrix, as for a prompt of some tokens: the matrix is read once, row by row, and nothing is packed.

use candle_core::Result;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows of the matrix that are multiplied together.
const GROUP: usize = 4;
/// Rows of x that are multiplied together.
const ROWS: usize = 4;
/// Groups that a thread takes at a time.
const LEAST_GROUPS: usize = 16;

/// `y = x Wᵀ`, or `y += x Wᵀ` when asked to add: y `[rows, out]`, x `[rows, in]`. `read` writes rows of W, from an index on, into a slice.
pub fn add_dots(
    y: &mut [f32],
    x: &[f32],
    (out_dim, in_dim): (usize, usize),
    add: bool,
    read: impl Fn(usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<()> {
    let rows = y.len() / out_dim;
    assert!(y.len() == rows * out_dim && x.len() == rows * in_dim);
    // One column of y after the other.
    let mut columns = vec![0.0; y.len()];
    let groups = columns.par_chunks_mut(GROUP * rows).enumerate().with_min_len(LEAST_GROUPS);
    groups.try_for_each_init(
        || vec![0.0; GROUP * in_dim],
        |weight, (group, columns)| {
            let weight = &mut weight[..columns.len() / rows * in_dim];
            read(group * GROUP, weight)?;
            Arch::new().dispatch(Dots { x, weight, in_dim, columns });
            Ok::<_, candle_core::Error>(())
        },
    )?;
    for (row, y) in y.chunks_exact_mut(out_dim).enumerate() {
        for (y, column) in y.iter_mut().zip(columns.chunks_exact(rows)) {
            *y = if add { *y + column[row] } else { column[row] };
        }
    }
    Ok(())
}

/// Every row of x times some rows of the matrix; a column of the result for each.
struct Dots<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    in_dim: usize,
    columns: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.x.len() / self.in_dim;
        let x = |row: usize| &self.x[row * self.in_dim..][..self.in_dim];
        let weight = |index: usize| &self.weight[index * self.in_dim..][..self.in_dim];
        let count = self.weight.len() / self.in_dim;
        let mut row = 0;
        while row < rows {
            if count == GROUP && row + ROWS <= rows {
                let sums =
                    dots::<S, GROUP, ROWS>(simd, std::array::from_fn(weight), std::array::from_fn(|i| x(row + i)));
                for (column, sums) in self.columns.chunks_exact_mut(rows).zip(sums) {
                    column[row..row + ROWS].copy_from_slice(&sums);
                }
                row += ROWS;
            } else {
                for (index, column) in self.columns.chunks_exact_mut(rows).enumerate() {
                    let [[sum]] = dots::<S, 1, 1>(simd, [weight(index)], [x(row)]);
                    column[row] = sum;
                }
                row += 1;
            }
        }
    }
}

/// The products of each row of one kind with each row of the other.
#[inline(always)]
fn dots<S: Simd, const W: usize, const X: usize>(simd: S, weights: [&[f32]; W], xs: [&[f32]; X]) -> [[f32; X]; W] {
    let weights = weights.map(S::as_simd_f32s);
    let xs = xs.map(S::as_simd_f32s);
    let length = xs[0].0.len();
    // Equal lengths, which the loop can rely on.
    let heads = weights.map(|(head, _)| &head[..length]);
    let x_heads = xs.map(|(head, _)| &head[..length]);
    let mut sums = [[simd.splat_f32s(0.0); X]; W];
    for k in 0..length {
        let x: [S::f32s; X] = std::array::from_fn(|i| x_heads[i][k]);
        for (sums, weight) in sums.iter_mut().zip(heads) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = simd.mul_add_e_f32s(weight[k], x, *sum);
            }
        }
    }
    if !xs[0].1.is_empty() {
        for (sums, (_, weight)) in sums.iter_mut().zip(weights) {
            for (sum, (_, x)) in sums.iter_mut().zip(xs) {
                *sum = simd.mul_add_e_f32s(simd.partial_load_f32s(weight), simd.partial_load_f32s(x), *sum);
            }
        }
    }
    sums.map(|sums| sums.map(|sum| simd.reduce_sum_f32s(sum)))
}
