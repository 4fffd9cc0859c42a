//! Linear operations on pictures `[.., frames, rows, columns]`: what bends of attention maps are made of.
//!
//! Linear, so that they may act on a map or on what the map's columns contribute to the output: the result is the same.

use candle_core::{Result, Tensor};

use crate::op::{Lanes, lanes_along};

/// x `[.., frames, rows, columns]` times `params[0]`, frame by frame.
pub fn gain(x: &Tensor, params: &[Lanes]) -> Result<Tensor> {
    x.broadcast_mul(&lanes_along(&params[0], x.rank() - 3, x)?)
}

/// Moves a picture: the content at an offset from the middle comes from where `from(frame, dx, dy)` says, in units of one grid
/// cell, right and down positive. Between cells it is interpolated; what lies outside of the picture is 0.
pub fn warp(x: &Tensor, from: impl Fn(usize, f64, f64) -> (f64, f64)) -> Result<Tensor> {
    let dims = x.dims().to_vec();
    let [.., frames, rows, columns] = dims[..] else { candle_core::bail!("a picture has frames, rows and columns") };
    let x = x.reshape(((), frames, rows * columns))?;
    let moved = (0..frames).map(|frame| {
        let weights = weights(rows, columns, |dx, dy| from(frame, dx, dy));
        let weights = Tensor::from_vec(weights, (rows * columns, rows * columns), x.device())?.to_dtype(x.dtype())?;
        x.narrow(1, frame, 1)?.squeeze(1)?.matmul(&weights)?.unsqueeze(1)
    });
    Tensor::cat(&moved.collect::<Result<Vec<_>>>()?, 1)?.reshape(dims)
}

/// The matrix `[cells, cells]` that takes each cell's number to the cells it contributes to.
fn weights(rows: usize, columns: usize, from: impl Fn(f64, f64) -> (f64, f64)) -> Vec<f32> {
    let cells = rows * columns;
    let (middle_x, middle_y) = ((columns as f64 - 1.0) / 2.0, (rows as f64 - 1.0) / 2.0);
    let mut weights = vec![0.0; cells * cells];
    for (cell, (y, x)) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))).enumerate() {
        let (dx, dy) = from(x as f64 - middle_x, y as f64 - middle_y);
        let (x, y) = (middle_x + dx, middle_y + dy);
        let (left, top) = (x.floor(), y.floor());
        let (right_part, lower_part) = (x - left, y - top);
        for (y, part_y) in [(top, 1.0 - lower_part), (top + 1.0, lower_part)] {
            for (x, part_x) in [(left, 1.0 - right_part), (left + 1.0, right_part)] {
                let inside = (0.0..rows as f64).contains(&y) && (0.0..columns as f64).contains(&x);
                let part = part_x * part_y;
                if inside && part > 0.0 {
                    weights[(y as usize * columns + x as usize) * cells + cell] += part as f32;
                }
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn picture(values: &[f32], rows: usize) -> Tensor {
        Tensor::from_slice(values, (1, rows, values.len() / rows), &Device::Cpu).expect("a picture")
    }

    fn values(x: &Tensor) -> Vec<f32> {
        x.flatten_all().and_then(|x| x.to_vec1()).expect("values")
    }

    #[test]
    fn content_comes_from_where_it_is_said() {
        let x = picture(&[1., 2., 3., 4., 5., 6.], 2);
        assert_eq!(values(&warp(&x, |_, dx, dy| (dx, dy)).expect("still")), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(values(&warp(&x, |_, dx, dy| (dx - 1.0, dy)).expect("right")), [0., 1., 2., 0., 4., 5.]);
        assert_eq!(values(&warp(&x, |_, dx, dy| (dx, dy + 1.0)).expect("up")), [4., 5., 6., 0., 0., 0.]);
        assert_eq!(values(&warp(&x, |_, dx, dy| (dx - 0.5, dy)).expect("half")), [0.5, 1.5, 2.5, 2., 4.5, 5.5]);
    }
}
