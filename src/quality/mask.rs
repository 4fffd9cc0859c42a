//! Pixels of a thing.

use std::f64::consts::TAU;

use crate::wan::mini::SIDE;

/// Pixels of one of mini's pictures, a bit for each: a row is a word of 128 bits. The picture is a torus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask([u128; SIDE]);

const _: () = assert!(SIDE == u128::BITS as usize);

impl Mask {
    /// The pixels, given as row and column, for which `is_in` holds.
    pub fn new(is_in: impl Fn(usize, usize) -> bool) -> Self {
        Self(std::array::from_fn(|row| {
            (0..SIDE).filter(|&column| is_in(row, column)).fold(0, |bits, column| bits | 1 << column)
        }))
    }

    /// Number of pixels.
    pub fn count(&self) -> usize {
        self.0.iter().map(|row| row.count_ones() as usize).sum()
    }

    /// True if it contains a pixel.
    pub fn contains(&self, row: usize, column: usize) -> bool {
        self.0[row] >> column & 1 == 1
    }

    /// Number of pixels inside a rectangle.
    pub fn count_within(&self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> usize {
        rows.map(|row| columns.clone().filter(|&column| self.contains(row, column)).count()).sum()
    }

    /// The mask moved down and right, with wrap-around.
    #[must_use]
    pub fn rolled(&self, down: isize, right: isize) -> Self {
        let side = SIDE as isize;
        let mut rows = self.0.map(|row| row.rotate_left(right.rem_euclid(side) as u32));
        rows.rotate_right(down.rem_euclid(side) as usize);
        Self(rows)
    }

    /// Intersection over union with another mask, 0 to 1.
    pub fn overlap(&self, other: &Self) -> f64 {
        let count = |of: fn(u128, u128) -> u128| -> u32 {
            self.0.iter().zip(&other.0).map(|(&a, &b)| of(a, b).count_ones()).sum()
        };
        f64::from(count(|a, b| a & b)) / f64::from(count(|a, b| a | b).max(1))
    }

    /// The centre of mass, row and column in pixels from the top left corner.
    pub fn centre(&self) -> (f64, f64) {
        let rows = self.0.iter().map(|row| row.count_ones());
        let columns = (0..SIDE).map(|column| self.0.iter().map(|row| (row >> column & 1) as u32).sum());
        (centre(rows), centre(columns))
    }
}

/// Circular mean of [`SIDE`] positions with these weights, in pixels.
fn centre(weights: impl Iterator<Item = u32>) -> f64 {
    let (x, y) = weights.enumerate().fold((0.0, 0.0), |(x, y), (at, weight)| {
        let angle = TAU * (at as f64 + 0.5) / SIDE as f64;
        (x + f64::from(weight) * angle.cos(), y + f64::from(weight) * angle.sin())
    });
    (y.atan2(x) / TAU).rem_euclid(1.0) * SIDE as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_moved_around_the_torus_and_its_centre_with_it() {
        let mask = Mask::new(|row, column| row < 4 && column < 8);
        assert_eq!((mask.count(), mask.count_within(2..9, 6..9)), (32, 4));
        let (row, column) = mask.centre();
        assert!((row - 2.0).abs() < 1e-9 && (column - 4.0).abs() < 1e-9, "{row} {column}");
        let moved = mask.rolled(-3, 122);
        assert!(
            moved.contains(127, 122) && moved.contains(125, 1) && moved.contains(0, 127) && !moved.contains(1, 127)
        );
        let (row, column) = moved.centre();
        assert!((row - 127.0).abs() < 1e-9 && (column - 126.0).abs() < 1e-9, "{row} {column}");
        assert_eq!(moved.rolled(3, 6), mask);
    }

    #[test]
    fn overlap_is_what_is_common() {
        let left = Mask::new(|_, column| column < 64);
        assert!((left.overlap(&left) - 1.0).abs() < 1e-9);
        assert!((left.overlap(&left.rolled(0, 32)) - 1.0 / 3.0).abs() < 1e-9);
        assert!(left.overlap(&left.rolled(0, 64)) < 1e-9);
    }
}
