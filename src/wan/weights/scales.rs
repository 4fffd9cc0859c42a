//! The factors of stored numbers: one for a tensor, for each row, or for each block of a matrix.

use candle_core::{DType, Device, Result, bail};

use super::entry::Entry;

/// Sides of square blocks, the usual one first.
const SIDES: [usize; 6] = [128, 64, 32, 16, 256, 512];

/// The factors of a tensor's stored numbers.
#[derive(Clone)]
pub(super) struct Scales {
    /// The factors, row by row.
    values: Vec<f32>,
    /// The factors in a row.
    across: usize,
    /// Rows and columns of the block of one factor.
    block: [usize; 2],
}

impl Scales {
    /// The factors that a file holds for a tensor of shape `dims`: a single number, `[out]` or `[out, 1]` for rows, `[rows, columns]` for blocks.
    pub(super) fn read(scale: &Entry, dims: &[usize]) -> Result<Self> {
        let values = scale.tensor(DType::F32, &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            bail!("a finite number is expected, not {value}")
        }
        if values.len() == 1 {
            return Ok(Self { values, across: 1, block: [usize::MAX; 2] });
        }
        let shape = match (&scale.dims[..], dims) {
            (&[rows] | &[rows, 1], &[out, columns]) if rows == out => Some((1, [1, columns])),
            (&[rows, across], &[out, columns]) => block(rows, across, out, columns).map(|block| (across, block)),
            _ => None,
        };
        match shape {
            Some((across, block)) => Ok(Self { values, across, block }),
            None => bail!("scales of shape {:?} do not fit a weight of shape {dims:?}", scale.dims),
        }
    }

    /// True for one factor of all numbers.
    pub(super) const fn is_single(&self) -> bool {
        self.values.len() == 1
    }

    /// The first factor.
    pub(super) fn first(&self) -> f32 {
        self.values.first().copied().unwrap_or(1.0)
    }

    /// Multiplies whole rows, from row `first` on, by their factors.
    pub(super) fn scale_rows(&self, first: usize, columns: usize, numbers: &mut [f32]) {
        for (row, numbers) in numbers.chunks_mut(columns.max(1)).enumerate() {
            let factors = &self.values[(first + row) / self.block[0] * self.across..];
            for (numbers, factor) in numbers.chunks_mut(self.block[1].min(columns)).zip(factors) {
                for number in numbers {
                    *number *= factor;
                }
            }
        }
    }

    /// Calls `take` with each run of numbers that share a factor, in row-major order.
    pub(super) fn each_run<T>(&self, numbers: &[T], dims: &[usize], mut take: impl FnMut(&[T], f32)) {
        if self.is_single() {
            return take(numbers, self.first());
        }
        let columns = dims.last().copied().unwrap_or(1).max(1);
        for (row, numbers) in numbers.chunks(columns).enumerate() {
            let factors = &self.values[row / self.block[0] * self.across..];
            for (numbers, factor) in numbers.chunks(self.block[1]).zip(factors) {
                take(numbers, *factor);
            }
        }
    }
}

/// Rows and columns of the blocks, if so many factors cover a matrix in square blocks or in pieces of rows.
fn block(rows: usize, across: usize, out: usize, columns: usize) -> Option<[usize; 2]> {
    let is_square = |side: &usize| out.div_ceil(*side) == rows && columns.div_ceil(*side) == across;
    if let Some(side) = SIDES.into_iter().find(is_square) {
        return Some([side, side]);
    }
    let fits = across > 0 && rows > 0 && columns.is_multiple_of(across) && out.is_multiple_of(rows);
    fits.then(|| [out / rows, columns / across])
}
