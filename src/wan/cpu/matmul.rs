//! Matrix products of tensors in place: the `gemm` crate on all threads, whatever the strides.

use candle_core::{Result, Tensor, bail};
use gemm::Parallelism;

use super::memory::zeros;
use super::{View, tensor};

/// The product of the last two axes, see [`crate::wan::ops::matmul`].
pub fn matmul(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let rank = x.rank();
    if rank < 2 || y.rank() != rank || x.dims()[..rank - 2] != y.dims()[..rank - 2] {
        bail!("matmul: x {:?} and y {:?} do not fit together", x.shape(), y.shape());
    }
    let (outer, [rows, inner]) = (&x.dims()[..rank - 2], [x.dims()[rank - 2], x.dims()[rank - 1]]);
    let columns = y.dims()[rank - 1];
    if y.dims()[rank - 2] != inner {
        bail!("matmul: x {:?} and y {:?} do not fit together", x.shape(), y.shape());
    }
    let mut shape = outer.to_vec();
    shape.extend([rows, columns]);
    let mut out = zeros(shape.iter().product());
    if !out.is_empty() && inner > 0 {
        let (x, y) = (View::of(x), View::of(y));
        for (index, out) in out.chunks_exact_mut(rows * columns).enumerate() {
            product(out, Matrix::of(&x, outer, index)?, Matrix::of(&y, outer, index)?, [rows, inner, columns]);
        }
    }
    tensor(out, shape)
}

/// One matrix of a tensor: its numbers from the first on, and the steps from row to row and from column to column.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// The matrix of this index, where the axes before the last two have the sizes `outer`.
    fn of(view: &'a View<'_>, outer: &[usize], mut index: usize) -> Result<Self> {
        let mut first = 0;
        for (axis, size) in outer.iter().enumerate().rev() {
            first += index % size * view.stride(axis);
            index /= size;
        }
        let strides = [view.stride(outer.len()), view.stride(outer.len() + 1)];
        Ok(Self { data: &view.data()?[first..], strides })
    }

    /// True if a matrix of this size lies within the numbers.
    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.strides[0] + (columns - 1) * self.strides[1] < self.data.len()
    }
}

fn product(out: &mut [f32], x: Matrix<'_>, y: Matrix<'_>, [rows, inner, columns]: [usize; 3]) {
    assert!(out.len() == rows * columns && x.holds(rows, inner) && y.holds(inner, columns));
    let [[x_row, x_column], [y_row, y_column]] =
        [x.strides, y.strides].map(|strides| strides.map(|step| step as isize));
    // SAFETY: the assertion checks that every element lies within its slice, and `out` does not overlap the others.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out.as_mut_ptr(),
            1,
            columns as isize,
            false,
            x.data.as_ptr(),
            x_column,
            x_row,
            y.data.as_ptr(),
            y_column,
            y_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
