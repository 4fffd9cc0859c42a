//! Linear operations on pictures, as plain data: the core of every bend that is linear on the grid.
//!
//! The operations are linear. They have the same result on a map and on the contribution of its columns to the output.
//! They also act on any tensor whose tokens lie on the grid. Positions are in cells, which are square; right, down and
//! later are positive.

use crate::choice::choices;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Number of frames, rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Latent frames.
    pub frames: usize,
    /// Rows of a frame.
    pub rows: usize,
    /// Columns of a frame.
    pub columns: usize,
}

impl Grid {
    /// Number of cells.
    pub const fn cells(self) -> usize {
        self.frames * self.rows * self.columns
    }

    /// Index of a cell.
    pub const fn cell(self, frame: usize, row: usize, column: usize) -> usize {
        (frame * self.rows + row) * self.columns + column
    }

    /// The frame, row and column of a cell.
    pub const fn place(self, cell: usize) -> (usize, usize, usize) {
        (cell / self.columns / self.rows, cell / self.columns % self.rows, cell % self.columns)
    }

    /// Centre of a cell, in fractions of the picture's width and height: x, y.
    pub fn point(self, row: usize, column: usize) -> (f64, f64) {
        ((column as f64 + 0.5) / self.columns as f64, (row as f64 + 0.5) / self.rows as f64)
    }
}

choices! {
    /// Content outside of the picture.
    #[derive(Default)]
    pub enum Padding {
        /// The cell at the border.
        #[default]
        Border = "border",
        /// Zeros.
        Zeros = "zeros",
        /// The picture mirrored at its edge.
        Reflect = "reflect",
        /// The other side of the picture.
        Wrap = "wrap",
    }
}

impl Padding {
    /// The index, below `count`, of the content at `index`; none for zeros.
    pub fn place(self, index: i64, count: usize) -> Option<usize> {
        let n = count as i64;
        let inside = match self {
            Self::Zeros => index,
            Self::Border => index.clamp(0, n - 1),
            Self::Wrap => index.rem_euclid(n),
            Self::Reflect => {
                let index = index.rem_euclid(2 * n);
                index.min(2 * n - 1 - index)
            }
        };
        (0..n).contains(&inside).then_some(inside as usize)
    }
}

/// A linear operation on the cells of a grid: each becomes a weighted sum of some.
#[derive(Clone, Debug, PartialEq)]
pub struct GridMap {
    grid: Grid,
    /// Index of the first term of each cell; one entry more than cells.
    starts: Vec<usize>,
    /// Summed cells, and their weights.
    terms: Vec<(u32, f32)>,
    /// An operation that acts first, and for each cell the weight of its value before it, which is added.
    before: Option<Box<(Self, Vec<f32>)>>,
}

/// Largest distance of a source outside of the picture, in cells; larger ones are clamped.
const FAR: f64 = 1e6;

impl GridMap {
    /// Each cell becomes the weighted sum of the cells that `terms` pushes for it.
    pub fn new(grid: Grid, mut terms: impl FnMut((usize, usize, usize), &mut Vec<(usize, f64)>)) -> Self {
        let mut map = Self { grid, starts: vec![0], terms: Vec::with_capacity(grid.cells()), before: None };
        let mut sum: Vec<(usize, f64)> = Vec::new();
        for cell in 0..grid.cells() {
            terms(grid.place(cell), &mut sum);
            sum.sort_by_key(|(from, _)| *from);
            sum.dedup_by(|(next, more), (from, weight)| {
                let same = next == from;
                *weight += if same { *more } else { 0.0 };
                same
            });
            let there = sum.drain(..).filter(|(_, weight)| *weight != 0.0);
            map.terms.extend(there.map(|(from, weight)| (from as u32, weight as f32)));
            map.starts.push(map.terms.len());
        }
        map
    }

    /// Multiplies each cell by a number of its own.
    pub fn gain(grid: Grid, gain: impl Fn(usize, usize, usize) -> f64) -> Self {
        Self::new(grid, |(frame, row, column), sum| sum.push((grid.cell(frame, row, column), gain(frame, row, column))))
    }

    /// Moves a picture: `from(frame, dx, dy)` is the source of the content at an offset from the centre, right and down
    /// positive. Between cells it is interpolated; `padding(frame)` is the content outside.
    pub fn warp(grid: Grid, padding: impl Fn(usize) -> Padding, from: impl Fn(usize, f64, f64) -> (f64, f64)) -> Self {
        let (middle_x, middle_y) = ((grid.columns as f64 - 1.0) / 2.0, (grid.rows as f64 - 1.0) / 2.0);
        Self::new(grid, |(frame, row, column), sum| {
            let padding = padding(frame);
            let (dx, dy) = from(frame, column as f64 - middle_x, row as f64 - middle_y);
            let (x, y) = ((middle_x + dx).clamp(-FAR, FAR), (middle_y + dy).clamp(-FAR, FAR));
            for (row, part_y) in beside(y) {
                for (column, part_x) in beside(x) {
                    let place = padding.place(row, grid.rows).zip(padding.place(column, grid.columns));
                    if let Some((row, column)) = place.filter(|_| part_x * part_y > 0.0) {
                        sum.push((grid.cell(frame, row, column), part_x * part_y));
                    }
                }
            }
        })
    }

    /// Spreads each cell over its neighbours along rows and columns alike: `kernel(frame)` has the weights of the
    /// offsets from −n to n, `padding(frame)` is the content outside.
    pub fn spread(grid: Grid, padding: impl Fn(usize) -> Padding, kernel: impl Fn(usize) -> Vec<f64>) -> Self {
        let kernels: Vec<Vec<f64>> = (0..grid.frames).map(kernel).collect();
        let along = |frame: usize, at: usize, count: usize| {
            let (kernel, middle, padding) = (&kernels[frame], (kernels[frame].len() / 2) as i64, padding(frame));
            let offsets = kernel.iter().enumerate().map(move |(i, weight)| (at as i64 + i as i64 - middle, *weight));
            offsets.filter_map(move |(index, weight)| Some((padding.place(index, count)?, weight)))
        };
        // One axis after the other: two short sums instead of a long one.
        let rows = Self::new(grid, |(frame, row, column), sum| {
            sum.extend(along(frame, row, grid.rows).map(|(row, part)| (grid.cell(frame, row, column), part)));
        });
        let columns = Self::new(grid, |(frame, row, column), sum| {
            sum.extend(along(frame, column, grid.columns).map(|(column, part)| (grid.cell(frame, row, column), part)));
        });
        Self { before: Some(Box::new((rows, vec![0.0; grid.cells()]))), ..columns }
    }

    /// Each frame becomes a weighted sum of frames: `from(frame)` has the frames and their weights.
    pub fn in_time(grid: Grid, from: impl Fn(usize) -> Vec<(usize, f64)>) -> Self {
        let from: Vec<_> = (0..grid.frames).map(from).collect();
        Self::new(grid, |(frame, row, column), sum| {
            sum.extend(from[frame].iter().map(|(other, weight)| (grid.cell(*other, row, column), *weight)));
        })
    }

    /// `wet · this + dry · identity`, with the weights `(wet, dry)` of each cell.
    #[must_use]
    pub fn mix(&self, weights: impl Fn(usize) -> (f64, f64)) -> Self {
        let mut cell = 0;
        let mut map = Self::new(self.grid, |_, sum| {
            let (wet, dry) = weights(cell);
            if wet != 0.0 {
                sum.extend(self.last(cell).iter().map(|&(from, weight)| (from as usize, wet * f64::from(weight))));
            }
            if dry != 0.0 && self.before.is_none() {
                sum.push((cell, dry));
            }
            cell += 1;
        });
        map.before.clone_from(&self.before);
        if let Some(before) = &mut map.before {
            for (cell, kept) in before.1.iter_mut().enumerate() {
                let (wet, dry) = weights(cell);
                *kept = (wet * f64::from(*kept) + dry) as f32;
            }
        }
        map
    }

    /// The grid.
    pub const fn grid(&self) -> Grid {
        self.grid
    }

    /// An operation that acts first, and for each cell the weight of its value before it, which is added.
    pub fn before(&self) -> Option<(&Self, &[f32])> {
        self.before.as_ref().map(|before| (&before.0, before.1.as_slice()))
    }

    /// Terms of the sum of a cell after [`Self::before`]: cells and weights.
    pub fn last(&self, cell: usize) -> &[(u32, f32)] {
        &self.terms[self.starts[cell]..self.starts[cell + 1]]
    }

    /// Terms of the sum of a cell: cells and weights.
    pub fn terms(&self, cell: usize) -> Cow<'_, [(u32, f32)]> {
        let Some((first, kept)) = self.before() else { return Cow::Borrowed(self.last(cell)) };
        let mut terms = BTreeMap::new();
        if kept[cell] != 0.0 {
            terms.insert(cell as u32, kept[cell]);
        }
        for &(middle, weight) in self.last(cell) {
            for &(from, part) in &*first.terms(middle as usize) {
                *terms.entry(from).or_insert(0.0) += weight * part;
            }
        }
        terms.into_iter().collect()
    }

    /// True if every cell stays unchanged.
    pub fn is_identity(&self) -> bool {
        (0..self.grid.cells()).all(|cell| *self.terms(cell) == [(cell as u32, 1.0)])
    }

    /// Applies the operation to a picture with one number per cell.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        (0..self.grid.cells())
            .map(|cell| self.terms(cell).iter().map(|&(from, weight)| weight * x[from as usize]).sum())
            .collect()
    }
}

/// The two indices beside a position, and their weights.
fn beside(x: f64) -> [(i64, f64); 2] {
    let (low, part) = (x.floor(), x - x.floor());
    [(low as i64, 1.0 - part), (low as i64 + 1, part)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { frames: 1, rows: 2, columns: 3 };

    fn warped(padding: Padding, from: impl Fn(usize, f64, f64) -> (f64, f64)) -> Vec<f32> {
        GridMap::warp(GRID, |_| padding, from).apply(&[1., 2., 3., 4., 5., 6.])
    }

    #[test]
    fn content_comes_from_its_source() {
        let warped = |from: &dyn Fn(f64, f64) -> (f64, f64)| warped(Padding::Zeros, |_, dx, dy| from(dx, dy));
        assert_eq!(warped(&|dx, dy| (dx, dy)), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(warped(&|dx, dy| (dx - 1.0, dy)), [0., 1., 2., 0., 4., 5.]);
        assert_eq!(warped(&|dx, dy| (dx, dy + 1.0)), [4., 5., 6., 0., 0., 0.]);
        assert_eq!(warped(&|dx, dy| (dx - 0.5, dy)), [0.5, 1.5, 2.5, 2., 4.5, 5.5]);
    }

    #[test]
    fn what_lies_outside_is_what_was_chosen() {
        let right_by_two = |padding| warped(padding, |_, dx, dy| (dx - 2.0, dy));
        assert_eq!(right_by_two(Padding::Zeros), [0., 0., 1., 0., 0., 4.]);
        assert_eq!(right_by_two(Padding::Border), [1., 1., 1., 4., 4., 4.]);
        assert_eq!(right_by_two(Padding::Reflect), [2., 1., 1., 5., 4., 4.]);
        assert_eq!(right_by_two(Padding::Wrap), [2., 3., 1., 5., 6., 4.]);
        assert!(warped(Padding::Reflect, |_, _, _| (f64::INFINITY, f64::NEG_INFINITY)).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn spreading_is_the_sum_of_neighbours() {
        let spread =
            |padding| GridMap::spread(GRID, |_| padding, |_| vec![0.25, 0.5, 0.25]).apply(&[0., 0., 16., 0., 0., 0.]);
        assert_eq!(spread(Padding::Zeros), [0., 2., 4., 0., 1., 2.]);
        assert_eq!(spread(Padding::Border), [0., 3., 9., 0., 1., 3.]);
    }

    #[test]
    fn frames_go_where_they_are_sent_and_mixtures_are_mixed() {
        let grid = Grid { frames: 3, rows: 1, columns: 1 };
        let later = GridMap::in_time(grid, |frame| vec![(frame.saturating_sub(1), 1.0)]);
        assert_eq!(later.apply(&[1., 2., 3.]), [1., 1., 2.]);
        let half = later.mix(|cell| if cell == 2 { (0.5, 0.5) } else { (0.0, 1.0) });
        assert_eq!(half.apply(&[1., 2., 3.]), [1., 2., 2.5]);
        assert!(later.mix(|_| (0.0, 1.0)).is_identity() && !half.is_identity());
        let none = GridMap::in_time(grid, |frame| vec![(frame, 1.0), ((frame + 1) % 3, 0.0)]);
        assert!(none.is_identity(), "what is not added is no term");
    }
}
