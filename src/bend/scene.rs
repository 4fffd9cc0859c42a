//! What bends of an attention share while it runs.

use std::rc::Rc;

use bendrack_nodes::program::Bend;
use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::{Noise, lanes_along};
use candle_core::{Result, Tensor};

use super::Bender;
use super::active::Active;
use super::noise::SiteNoise;
use crate::wan::hooks::Place;
use crate::wan::ops;
use crate::wan::text::Tokens;

/// One attention of one layer.
pub(super) struct Scene<'a> {
    pub(super) bender: &'a Bender<'a>,
    pub(super) tokens: &'a Tokens,
    pub(super) place: Place<'a>,
    pub(super) grid: Grid,
}

impl<'a> Scene<'a> {
    /// What a bend that is linear on the grid does to it.
    pub(super) fn grid_map(&self, active: &Active<'_>) -> Result<Rc<GridMap>> {
        self.bender.grid_map(active, self.grid)
    }

    /// `wet`, unless it is found to be what the model cannot go on with.
    pub(super) fn check(&self, active: &Active<'_>, dry: &Tensor, wet: Tensor) -> Result<Tensor> {
        self.bender.check(active, &self.place, dry, wet)
    }

    /// The columns as they were when they were frozen.
    pub(super) fn frozen(&self, active: &Active<'_>, now: &Tensor, heads: &[u32]) -> Result<Tensor> {
        self.bender.frozen(active, &self.place, now, heads)
    }

    /// The noise of a bend for heads of which this is the first.
    pub(super) fn noise(&self, bend: &Bend, head: u32) -> SiteNoise<'a> {
        self.bender.noise(bend, &self.place, self.place.frames).of_head(head)
    }

    /// Noise like x, whose second axis is the frames, or all queries.
    pub(super) fn normal(&self, source: &mut SiteNoise<'_>, x: &Tensor) -> Result<Tensor> {
        normal(self.grid, source, x)
    }

    /// The first parameter of a bend times its weight, for queries like x `[batch, queries, ..]`.
    pub(super) fn strengths(&self, active: &Active<'_>, x: &Tensor) -> Result<Tensor> {
        let places = self.grid.rows * self.grid.columns;
        let strength = |query: usize| {
            let frame = query / places;
            active.params[0][frame] * active.weight(frame, query % places)
        };
        let strengths: Vec<f64> = (0..self.grid.cells()).map(strength).collect();
        lanes_along(&strengths, 1, x)
    }

    /// `[batch, queries, heads, columns]` to `[batch, heads, columns, frames, rows, columns of the grid]`.
    pub(super) fn to_pictures(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, _, heads, width) = x.dims4()?;
        let Grid { frames, rows, columns } = self.grid;
        laid_out(&x.permute((0, 2, 3, 1))?)?.reshape((batch, heads, width, frames, rows, columns))
    }
}

/// The way back.
pub(super) fn from_pictures(x: &Tensor) -> Result<Tensor> {
    let x = laid_out(&x.flatten_from(3)?.transpose(2, 3)?)?;
    match x.dims4()? {
        (batch, 1, queries, width) => x.reshape((batch, queries, 1, width)),
        _ => x.transpose(1, 2)?.contiguous(),
    }
}

/// Noise like x, whose second axis is the frames of a grid, or all its cells.
pub(super) fn normal(grid: Grid, source: &mut SiteNoise<'_>, x: &Tensor) -> Result<Tensor> {
    if x.dim(1)? == grid.frames {
        return source.normal(x);
    }
    let (batch, queries, heads, columns) = x.dims4()?;
    let by_frame = x.contiguous()?.reshape((batch, grid.frames, queries / grid.frames, heads, columns))?;
    source.normal(&by_frame)?.reshape(x.shape())
}

/// x of four axes in the order of its axes in memory.
fn laid_out(x: &Tensor) -> Result<Tensor> {
    if ops::is_worth_blocks(x) { ops::in_blocks(x, |x, _, _| Ok(x.clone())) } else { x.contiguous() }
}
