//! What a program does at a place.

use std::rc::Rc;
use std::sync::Arc;

use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::{Form, Lanes};
use bendrack_nodes::program::{Bend, Site};
use candle_core::{D, Result, Tensor, bail};

use super::active::{Active, is_sound};
use super::noise::SiteNoise;
use super::scene::Scene;
use super::{Bender, LeftOut, aim, grid, tensor, warnings};
use crate::wan::hooks::Place;
use crate::wan::rope::Rope;

impl<'a> Bender<'a> {
    /// The bends that act at a site of a place, first to last, with their values for `frames` of `places` places each.
    pub(super) fn active(
        &self,
        site: Site,
        place: &Place<'_>,
        frames: &[usize],
        places: (usize, usize),
    ) -> Vec<Active<'a>> {
        let bends = self.program.bends.iter().enumerate();
        let bends = bends.filter(|(_, bend)| bend.site == site && aim::meant(&bend.target, place, site));
        bends.map(|(index, bend)| self.at_frames(index, bend, frames, places)).collect()
    }

    pub(super) fn at_frames(
        &self,
        index: usize,
        bend: &'a Bend,
        frames: &[usize],
        places: (usize, usize),
    ) -> Active<'a> {
        let lanes = |lanes: &Lanes| -> Lanes {
            let last = lanes.len().saturating_sub(1);
            frames.iter().map(|frame| lanes[frame.saturating_sub(self.first_frame).min(last)]).collect()
        };
        let params: Vec<Lanes> = bend.params.iter().map(lanes).collect();
        let mut amount = lanes(&bend.amount);
        for (amount, &frame) in amount.iter_mut().zip(frames) {
            let meant = frame.checked_sub(self.first_frame).is_some_and(|frame| bend.target.frames.contains(frame));
            if !meant && !bend.target.frames.is_all() {
                *amount = 0.0;
            }
        }
        if matches!(bend.op.form, Form::Freeze) {
            amount.iter_mut().zip(&params[0]).for_each(|(amount, hold)| *amount *= hold.round());
        }
        let mut regions = self.regions.borrow_mut();
        let region = regions
            .entry((index, places.0, places.1))
            .or_insert_with(|| aim::places(&bend.target.region, places, &self.past.maps).map(Arc::new));
        Active { bend, index, params, amount, region: region.clone() }
    }

    /// Which keys of cross-attention a bend means.
    pub(super) fn rows(&self, active: &Active<'_>, keys: usize) -> Vec<bool> {
        let mut rows = self.rows.borrow_mut();
        rows.entry(active.index).or_insert_with(|| aim::rows(&active.bend.target.words, self.tokens, keys)).clone()
    }

    /// What a bend that is linear on the grid does to it.
    pub(super) fn grid_map(&self, active: &Active<'_>, grid: Grid) -> Result<Rc<GridMap>> {
        let key = (active.index, grid.rows, grid.columns);
        if let Some(map) = self.grid_maps.borrow().get(&key) {
            return Ok(map.clone());
        }
        let map = Rc::new(active.grid_map(grid)?);
        self.grid_maps.borrow_mut().insert(key, map.clone());
        Ok(map)
    }

    /// `wet`; in a guarded call `dry`, if the model cannot go on with `wet`.
    pub(super) fn check(&self, active: &Active<'_>, place: &Place<'_>, dry: &Tensor, wet: Tensor) -> Result<Tensor> {
        if !self.guarded || is_sound(&wet)? || !is_sound(dry)? {
            return Ok(wet);
        }
        let Bend { node, site, .. } = active.bend;
        let left_out = LeftOut { node: node.clone(), site: *site, layer: place.layer, step: place.step };
        self.left_out.borrow_mut().insert(left_out);
        Ok(dry.clone())
    }

    /// Columns as they were when they were frozen; now, if that is now.
    pub(super) fn frozen(&self, active: &Active<'_>, place: &Place<'_>, now: &Tensor, heads: &[u32]) -> Result<Tensor> {
        let each_chunk = active.bend.setting("since") >= 0.5;
        if now.dim(2)? > warnings::MOST_FROZEN {
            return Ok(now.clone());
        }
        let step = if each_chunk { 0 } else { place.step };
        // The parts of a node's target are bends of other words.
        let words = active.bend.target.words.to_string();
        let moment = (active.bend.node.clone(), words, place.layer, step, heads.to_vec());
        let held = self.past.frozen.get(&moment).filter(|held| held.dims() == now.dims());
        if let Some(held) = held.filter(|_| !each_chunk || place.step > 0) {
            return Ok(held.clone());
        }
        // The first step of a chunk is what its other steps hold.
        if !each_chunk || place.step == 0 {
            self.kept.borrow_mut().frozen.insert(moment, now.clone());
        }
        Ok(now.clone())
    }

    pub(super) fn noise<'f>(&self, bend: &Bend, place: &Place<'_>, frames: &'f [usize]) -> SiteNoise<'f> {
        SiteNoise::new(self.program.seed, &bend.node, place, frames, bend.setting("same") >= 0.5)
    }

    /// x `[batch, frames, tokens per frame, ..]` after bends, first to last.
    pub(super) fn bend(
        &self,
        x: Tensor,
        bends: &[Active<'_>],
        place: &Place<'_>,
        frames: &[usize],
        grid: Grid,
    ) -> Result<Tensor> {
        let mut x = x;
        for active in bends {
            let Bend { site, target, .. } = active.bend;
            let part = match site {
                Site::FfnHidden => {
                    let count = x.dim(D::Minus1)?;
                    (x.rank() - 1, aim::neurons(&target.neurons, place.layer, count, self.past))
                }
                Site::SelfValue | Site::CrossValue => {
                    let heads = x.dim(x.rank() - 2)?;
                    (x.rank() - 2, (!target.heads.is_all()).then(|| aim::within(&target.heads, heads)))
                }
                _ => (0, None),
            };
            let part = (part.0, part.1.as_deref());
            let wet = if matches!(active.bend.op.form, Form::Grid(_)) {
                let map = self.grid_map(active, grid)?;
                tensor::within(&x, part.0, part.1, &mut |x| {
                    let tokens = x.flatten(1, 2)?;
                    grid::apply(&map, &tokens, 1)?.reshape(x.shape())
                })?
            } else {
                tensor::bend(&x, active, part, self.noise(active.bend, place, frames))?
            };
            x = self.check(active, place, &x, wet)?;
        }
        Ok(x)
    }

    /// Noise `[1, channels, frames, height, width]` or timesteps `[1, frames]`, which no layer has anything to do with.
    pub(super) fn beyond(&self, site: Site, place: &Place<'_>, x: Tensor) -> Result<Tensor> {
        let places = match *x.dims() {
            [_, _, _, height, width] => (height, width),
            _ => (1, 1),
        };
        let bends = self.active(site, place, place.frames, places);
        if bends.is_empty() {
            return Ok(x);
        }
        let grid = Grid { frames: place.frames.len(), rows: places.0, columns: places.1 };
        match *x.dims() {
            [batch, channels, frames, height, width] => {
                let y = x.permute((0, 2, 3, 4, 1))?.contiguous()?.reshape((batch, frames, height * width, channels))?;
                let y = self.bend(y, &bends, place, place.frames, grid)?;
                y.reshape((batch, frames, height, width, channels))?.permute((0, 4, 1, 2, 3))?.contiguous()
            }
            [batch, frames] => {
                let y = self.bend(x.reshape((batch, frames, 1, 1))?, &bends, place, place.frames, grid)?;
                y.reshape((batch, frames))
            }
            ref dims => bail!("{site}: {dims:?} is neither noise nor timesteps"),
        }
    }

    /// Queries as if they stood elsewhere.
    pub(super) fn stand_elsewhere(scene: &Scene<'_>, q: &Tensor, bends: &[Active<'_>]) -> Result<Tensor> {
        let (grid, mut q) = (scene.grid, q.clone());
        let middle = [0.0, (grid.rows as f64 - 1.0) / 2.0, (grid.columns as f64 - 1.0) / 2.0];
        for active in bends {
            let Form::Position(op) = active.bend.op.form else { continue };
            let offset = |cell: usize| {
                let (frame, row, column) = grid.place(cell);
                let place = [frame as f64, row as f64 - middle[1], column as f64 - middle[2]];
                let weight = active.weight(frame, row * grid.columns + column);
                op(&active.params, frame, place).map(|offset| weight * offset)
            };
            let offsets: Vec<[f64; 3]> = (0..grid.cells()).map(offset).collect();
            let rope = Rope::at(q.dim(3)?, &offsets, q.device())?;
            let heads = &active.bend.target.heads;
            let ranges = (!heads.is_all()).then(|| aim::within(heads, q.dims()[2]));
            let wet = tensor::within(&q, 2, ranges.as_deref(), &mut |q| rope.apply(&q.contiguous()?))?;
            q = scene.check(active, &q, wet)?;
        }
        Ok(q)
    }
}
