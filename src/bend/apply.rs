//! The bends of a program at a hook, and how they change its tensor.

use std::sync::Arc;

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::{Form, Lanes};
use bendrack_nodes::program::{Axis, Bend, Site};
use candle_core::{D, Result, Tensor, bail};

use super::bound::{BendCache, BoundBend};
use super::context::AttentionContext;
use super::{BoundProgram, grid, resolve, tensor};
use crate::wan::hooks::HookContext;
use crate::wan::rope::Rope;

impl BoundProgram<'_> {
    /// The bends that act at a site of a hook, first to last. Their values are for `frames` of `size` (rows, columns)
    /// positions each.
    pub(super) fn bends_at(
        &self,
        site: Site,
        hook: &HookContext<'_>,
        frames: &[usize],
        size: (usize, usize),
    ) -> Vec<BoundBend<'_>> {
        let bends = self.program.bends.iter().zip(&self.caches);
        let bends = bends.filter(|(bend, _)| bend.site == site && resolve::applies(&bend.target, hook, site));
        bends.map(|(bend, cache)| self.bind(bend, cache, frames, size)).collect()
    }

    fn bind<'s>(
        &'s self,
        bend: &'s Bend,
        cache: &'s BendCache,
        frames: &[usize],
        size: (usize, usize),
    ) -> BoundBend<'s> {
        let lanes = |lanes: &Lanes| -> Lanes {
            let last = lanes.len().saturating_sub(1);
            frames.iter().map(|frame| lanes[frame.saturating_sub(self.first_frame).min(last)]).collect()
        };
        let params = bend.params.map(lanes);
        let mut amount = lanes(&bend.amount);
        for (amount, &frame) in amount.iter_mut().zip(frames) {
            let in_target = frame.checked_sub(self.first_frame).is_some_and(|frame| bend.target.frames.contains(frame));
            if !in_target && !bend.target.frames.is_all() {
                *amount = 0.0;
            }
        }
        if let Form::Freeze { hold, .. } = bend.op.form {
            amount.iter_mut().zip(params.lanes(hold)).for_each(|(amount, hold)| *amount *= hold.round());
        }
        let region = cache
            .region
            .get_or_init(|| resolve::region(&bend.target.region, size, &self.shared.memory.maps).map(Arc::new));
        BoundBend { bend, params, amount, region: region.clone(), cache, shared: &self.shared }
    }

    /// Noise `[1, channels, frames, height, width]` or timesteps `[1, frames]`, the sites outside the layers, after their bends.
    pub(super) fn outside_layers(&self, site: Site, hook: &HookContext<'_>, x: Tensor) -> Result<Tensor> {
        let size = match *x.dims() {
            [_, _, _, height, width] => (height, width),
            _ => (1, 1),
        };
        let bends = self.bends_at(site, hook, hook.frames, size);
        if bends.is_empty() {
            return Ok(x);
        }
        let grid = Grid { frames: hook.frames.len(), rows: size.0, columns: size.1 };
        match *x.dims() {
            [batch, channels, frames, height, width] => {
                let y = x.permute((0, 2, 3, 4, 1))?.contiguous()?.reshape((batch, frames, height * width, channels))?;
                let y = apply(y, &bends, hook, hook.frames, grid)?;
                y.reshape((batch, frames, height, width, channels))?.permute((0, 4, 1, 2, 3))?.contiguous()
            }
            [batch, frames] => {
                let y = apply(x.reshape((batch, frames, 1, 1))?, &bends, hook, hook.frames, grid)?;
                y.reshape((batch, frames))
            }
            ref dims => bail!("{site}: shape {dims:?} is neither noise nor timesteps"),
        }
    }
}

/// x `[batch, frames, tokens per frame, ..]` after bends, first to last.
pub(super) fn apply(
    mut x: Tensor,
    bends: &[BoundBend<'_>],
    hook: &HookContext<'_>,
    frames: &[usize],
    grid: Grid,
) -> Result<Tensor> {
    for bound in bends {
        let Bend { site, target, .. } = bound.bend;
        let (axis, part) = if site.has(Axis::Neurons) {
            let count = x.dim(D::Minus1)?;
            (x.rank() - 1, resolve::neurons(&target.neurons, hook.layer, count, bound.shared.memory))
        } else if site.has(Axis::Heads) {
            let heads = x.dim(x.rank() - 2)?;
            (x.rank() - 2, (!target.heads.is_all()).then(|| resolve::ranges(&target.heads, heads)))
        } else {
            (0, None)
        };
        let wet = if matches!(bound.bend.op.form, Form::Grid(_)) {
            let map = bound.grid_map(grid)?;
            tensor::within(&x, axis, part.as_deref(), &mut |x| {
                let tokens = x.flatten(1, 2)?;
                grid::apply(&map, &tokens, 1)?.reshape(x.shape())
            })?
        } else {
            tensor::bend(&x, bound, (axis, part.as_deref()), bound.noise(hook, frames))?
        };
        x = bound.check(hook, &x, wet)?;
    }
    Ok(x)
}

/// Queries whose RoPE positions are moved by bends of the form [`Form::Position`].
pub(super) fn shift_positions(context: &AttentionContext<'_>, q: &Tensor, bends: &[BoundBend<'_>]) -> Result<Tensor> {
    let (grid, mut q) = (context.grid, q.clone());
    let middle = [0.0, (grid.rows as f64 - 1.0) / 2.0, (grid.columns as f64 - 1.0) / 2.0];
    for bound in bends {
        let Form::Position(op) = bound.bend.op.form else { continue };
        let offset = |cell: usize| {
            let (frame, row, column) = grid.place(cell);
            let from_middle = [frame as f64, row as f64 - middle[1], column as f64 - middle[2]];
            let weight = bound.weight(frame, row * grid.columns + column);
            op(&bound.params, frame, from_middle).map(|offset| weight * offset)
        };
        let offsets: Vec<[f64; 3]> = (0..grid.cells()).map(offset).collect();
        let rope = Rope::at(q.dim(3)?, &offsets, q.device())?;
        let heads = &bound.bend.target.heads;
        let ranges = (!heads.is_all()).then(|| resolve::ranges(heads, q.dims()[2]));
        let wet = tensor::within(&q, 2, ranges.as_deref(), &mut |q| rope.apply(&q.contiguous()?))?;
        q = bound.check(&context.hook, &q, wet)?;
    }
    Ok(q)
}
