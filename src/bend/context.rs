//! Geometry of a layer's attention: the hook, and the token grid of the queries.

use bendrack_nodes::node::def::Input;
use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::{Noise, lanes_along};
use candle_core::{Result, Tensor, bail};

use super::bound::BoundBend;
use super::noise::SiteNoise;
use crate::wan::hooks::{Attention, HookContext};
use crate::wan::ops;

/// The hook of an attention, and the grid of its queries.
pub(super) struct AttentionContext<'a> {
    pub(super) hook: HookContext<'a>,
    pub(super) grid: Grid,
}

impl<'a> AttentionContext<'a> {
    /// Fails if the queries do not fill the grid of the hook.
    pub(super) fn new(hook: HookContext<'a>, attention: &Attention) -> Result<Self> {
        let (frames, rows, columns) = hook.grid;
        let grid = Grid { frames, rows, columns };
        let queries = attention.q.dim(1)?;
        if queries != grid.cells() {
            bail!("{queries} queries do not fill a grid of {grid:?}")
        }
        Ok(Self { hook, grid })
    }

    /// Rows and columns of a frame.
    pub(super) const fn size(&self) -> (usize, usize) {
        (self.grid.rows, self.grid.columns)
    }

    /// The noise of a bend for a run of heads that begins with `head`.
    pub(super) fn noise(&self, bound: &BoundBend<'_>, head: u32) -> SiteNoise<'a> {
        bound.noise(&self.hook, self.hook.frames).of_head(head)
    }

    /// Strength of a noise bend times its weight, for queries like x `[batch, queries, ..]`.
    pub(super) fn strengths(&self, bound: &BoundBend<'_>, sigma: &Input, x: &Tensor) -> Result<Tensor> {
        let positions = self.grid.rows * self.grid.columns;
        let strength = |query: usize| {
            let frame = query / positions;
            bound.params.at(sigma, frame) * bound.weight(frame, query % positions)
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

/// The inverse of [`AttentionContext::to_pictures`].
pub(super) fn from_pictures(x: &Tensor) -> Result<Tensor> {
    let x = laid_out(&x.flatten_from(3)?.transpose(2, 3)?)?;
    match x.dims4()? {
        (batch, 1, queries, width) => x.reshape((batch, queries, 1, width)),
        _ => x.transpose(1, 2)?.contiguous(),
    }
}

/// Noise of the shape of x, whose second axis is the frames of a grid, or all its cells.
pub(super) fn normal(grid: Grid, source: &mut SiteNoise<'_>, x: &Tensor) -> Result<Tensor> {
    if x.dim(1)? == grid.frames {
        return source.normal(x);
    }
    let (batch, queries, heads, columns) = x.dims4()?;
    let by_frame = x.contiguous()?.reshape((batch, grid.frames, queries / grid.frames, heads, columns))?;
    source.normal(&by_frame)?.reshape(x.shape())
}

/// x of four axes, contiguous in memory.
fn laid_out(x: &Tensor) -> Result<Tensor> {
    if ops::is_worth_blocks(x) { ops::in_blocks(x, |x, _, _| Ok(x.clone())) } else { x.contiguous() }
}
