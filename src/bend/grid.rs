//! Linear operations on the token grid, applied to tensors.

// Functions generic over the instruction set must inline into the one that enables it.
#![allow(clippy::inline_always)]

use bendrack_nodes::program::grid::GridMap;
use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::wan::ops;

/// x after `map`, whose cells lie along `axis`.
pub(super) fn apply(map: &GridMap, x: &Tensor, axis: usize) -> Result<Tensor> {
    let dims = x.dims();
    if dims.get(axis) != Some(&map.grid().cells()) {
        bail!("axis {axis} of {dims:?} does not hold the cells of {:?}", map.grid())
    }
    let (outer, inner) = (dims[..axis].iter().product(), dims[axis + 1..].iter().product());
    let flat = x.contiguous()?.reshape((outer, dims[axis], inner))?;
    let y = if x.device().is_cpu() && x.dtype() == DType::F32 {
        let first = match map.before() {
            Some((before, _)) => apply(before, &flat, 1)?,
            None => flat.clone(),
        };
        first.apply_op2_no_bwd(&flat, &Sparse { map, outer, inner })?
    } else {
        dense(map, x)?.broadcast_left(outer)?.matmul(&flat)?
    };
    y.reshape(dims)
}

/// The map as a matrix `[cells, cells]`, like `x`.
fn dense(map: &GridMap, x: &Tensor) -> Result<Tensor> {
    let cells = map.grid().cells();
    let mut matrix = vec![0.0f32; cells * cells];
    for cell in 0..cells {
        for &(from, weight) in map.terms(cell).iter() {
            matrix[cell * cells + from as usize] += weight;
        }
    }
    Tensor::from_vec(matrix, (cells, cells), x.device())?.to_dtype(x.dtype())
}

/// The last step of a map. Its operands, `[outer, cells, inner]` each, are the result of the steps before it and their
/// input.
struct Sparse<'a> {
    map: &'a GridMap,
    outer: usize,
    inner: usize,
}

/// The cells that a thread takes at a time.
const CELLS: usize = 64;

/// The numbers of a cell that are computed at a time, and those of them in registers.
const COLUMNS: usize = 256;
const VECTOR: usize = 32;

impl CustomOp2 for Sparse<'_> {
    fn name(&self) -> &'static str {
        "grid map"
    }

    fn cpu_fwd(
        &self,
        first: &CpuStorage,
        first_layout: &Layout,
        dry: &CpuStorage,
        dry_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (cells, inner) = (self.map.grid().cells(), self.inner);
        let size = self.outer * cells * inner;
        let x = &first.as_slice::<f32>()?[first_layout.start_offset()..][..size];
        let dry = &dry.as_slice::<f32>()?[dry_layout.start_offset()..][..size];
        let mut y = ops::zeros(size);
        if inner == 1 {
            let pictures = y.par_chunks_exact_mut(cells).enumerate();
            pictures.for_each(|(i, y)| self.picture(&x[i * cells..], &dry[i * cells..], y));
        } else if inner > 0 {
            y.par_chunks_mut(CELLS * inner).enumerate().for_each(|(chunk, y)| {
                Arch::new().dispatch(Rows { sparse: self, x, dry, first: chunk * CELLS, y });
            });
        }
        Ok((CpuStorage::F32(y), first_layout.shape().clone()))
    }
}

impl Sparse<'_> {
    /// The weight of the cell's input in its result.
    fn kept(&self, cell: usize) -> f32 {
        self.map.before().map_or(0.0, |(_, kept)| kept[cell])
    }

    /// Computes one number per cell.
    fn picture(&self, x: &[f32], dry: &[f32], y: &mut [f32]) {
        for (cell, y) in y.iter_mut().enumerate() {
            let sum: f32 = self.map.last(cell).iter().map(|&(from, weight)| weight * x[from as usize]).sum();
            *y = self.kept(cell) * dry[cell] + sum;
        }
    }
}

/// The numbers of the cells from `first` on. A few columns of all cells are computed at a time. The terms of neighbours
/// then stay in the cache.
struct Rows<'a> {
    sparse: &'a Sparse<'a>,
    x: &'a [f32],
    dry: &'a [f32],
    first: usize,
    y: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { sparse, x, dry, first, y } = self;
        let (cells, inner) = (sparse.map.grid().cells(), sparse.inner);
        for column in (0..inner).step_by(COLUMNS) {
            let columns = COLUMNS.min(inner - column);
            for (row, y) in y.chunks_exact_mut(inner).enumerate() {
                let (outer, cell) = ((first + row) / cells, (first + row) % cells);
                let kept = sparse.kept(cell);
                if kept != 0.0 {
                    let dry = &dry[(first + row) * inner + column..][..columns];
                    y[column..][..columns].iter_mut().zip(dry).for_each(|(y, dry)| *y = kept * dry);
                }
                let x = &x[outer * cells * inner + column..];
                let (vectors, rest) = y[column..][..columns].as_chunks_mut::<VECTOR>();
                for (i, y) in vectors.iter_mut().enumerate() {
                    for &(from, weight) in sparse.map.last(cell) {
                        let x = &x[from as usize * inner + i * VECTOR..][..VECTOR];
                        (0..VECTOR).for_each(|i| y[i] += weight * x[i]);
                    }
                }
                let done = columns - rest.len();
                for &(from, weight) in sparse.map.last(cell) {
                    let x = &x[from as usize * inner + done..];
                    rest.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::program::grid::{Grid, Padding};
    use candle_core::{D, Device};

    use super::*;

    #[test]
    fn cells_first_or_last_and_on_any_device_it_is_the_same() -> Result<()> {
        let grid = Grid { frames: 2, rows: 9, columns: 5 };
        let map = GridMap::warp(grid, |_| Padding::Reflect, |frame, dx, dy| (dx * 0.7 - frame as f64, dy + 0.3 * dx));
        let x = Tensor::randn(0.0f32, 1.0, (3, grid.cells(), 7), &Device::Cpu)?;
        let blur = GridMap::spread(grid, |_| Padding::Zeros, |frame| vec![0.5, frame as f64, 0.25]);
        for map in [&map, &blur, &blur.mix(|cell| (0.7, -0.1 * cell as f64))] {
            let y = apply(map, &x, 1)?;
            let last = apply(map, &x.transpose(1, 2)?, 2)?.transpose(1, 2)?;
            let matrix = dense(map, &x)?.broadcast_left(3)?.matmul(&x)?;
            for other in [last, matrix] {
                assert!((&y - other)?.abs()?.flatten_all()?.max(D::Minus1)?.to_scalar::<f32>()? < 1e-4);
            }
        }
        let y = apply(&map, &x, 1)?;
        let one: Vec<f32> = x.get(1)?.narrow(1, 4, 1)?.flatten_all()?.to_vec1()?;
        assert_eq!(map.apply(&one), y.get(1)?.narrow(1, 4, 1)?.flatten_all()?.to_vec1::<f32>()?);
        assert!(apply(&map, &x, 0).is_err());
        Ok(())
    }
}
