//! A bend bound to its hook: parameters, amount and region for the frames of the hook.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bendrack_nodes::program::Bend;
use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::{Form, Lanes, Params, Since};
use candle_core::{DType, Result, Tensor, bail};
use smallvec::smallvec;

use super::noise::SiteNoise;
use super::{LeftOut, Shared, resolve, warnings};
use crate::wan::hooks::HookContext;

/// A bend that acts at a hook, with its values for the frames there.
pub(super) struct BoundBend<'a> {
    pub(super) bend: &'a Bend,
    pub(super) params: Params,
    /// The wet/dry mix per frame; 0 in frames outside the target.
    pub(super) amount: Lanes,
    /// The weight of each position of a frame; 1 everywhere if absent.
    pub(super) region: Option<SpatialWeights>,
    pub(super) cache: &'a BendCache,
    pub(super) shared: &'a Shared<'a>,
}

/// One weight per position of a frame, row-major.
pub(super) type SpatialWeights = Arc<Vec<f32>>;

/// Results of a bend that are the same in every layer and step of a call, computed on first use.
#[derive(Default)]
pub(super) struct BendCache {
    pub(super) region: OnceLock<Option<SpatialWeights>>,
    rows: OnceLock<Vec<bool>>,
    grid_map: OnceLock<Arc<GridMap>>,
}

impl<'a> BoundBend<'a> {
    /// The weight at a position of a frame: amount times region.
    pub(super) fn weight(&self, frame: usize, position: usize) -> f64 {
        self.amount[frame] * self.region.as_ref().map_or(1.0, |region| f64::from(region[position]))
    }

    /// This bend on some positions of one frame.
    pub(super) fn part(&self, frame: usize, positions: Range<usize>) -> Self {
        Self {
            params: self.params.map(|lanes| smallvec![lanes[frame]]),
            amount: smallvec![self.amount[frame]],
            region: self.region.as_ref().map(|region| Arc::new(region[positions].to_vec())),
            ..*self
        }
    }

    /// True if the amount is 0 in every frame.
    pub(super) fn is_dry(&self) -> bool {
        self.amount.iter().all(|&amount| amount == 0.0)
    }

    /// True if the weight is 1 in every frame and at every position.
    fn is_wet(&self) -> bool {
        self.region.is_none() && self.amount.iter().all(|amount| amount.to_bits() == 1.0_f64.to_bits())
    }

    /// Mask of the prompt's `count` rows: true for the words of the target.
    pub(super) fn rows(&self, count: usize) -> &'a [bool] {
        self.cache.rows.get_or_init(|| resolve::rows(&self.bend.target.words, self.shared.tokens, count))
    }

    /// Mask of the prompt's `count` rows: true for the other words of the bend.
    pub(super) fn other_rows(&self, count: usize) -> Vec<bool> {
        match &self.bend.with {
            Some(words) => resolve::rows(words, self.shared.tokens, count),
            None => vec![false; count],
        }
    }

    /// The matrix of a bend that is linear on the grid, weights included.
    pub(super) fn grid_map(&self, grid: Grid) -> Result<Arc<GridMap>> {
        if let Some(map) = self.cache.grid_map.get() {
            return Ok(map.clone());
        }
        let Form::Grid(op) = self.bend.op.form else {
            bail!("{}: {} is not linear on the grid", self.bend.node, self.bend.op.name)
        };
        let mut map = op(&self.params, grid);
        if !self.is_wet() {
            let positions = grid.rows * grid.columns;
            map = map.mix(|cell| {
                let weight = self.weight(cell / positions, cell % positions);
                (weight, 1.0 - weight)
            });
        }
        Ok(self.cache.grid_map.get_or_init(|| Arc::new(map)).clone())
    }

    /// `dry + weight · (wet − dry)`. Frames lie along axis `frames`, positions along the axes `positions`, as many as the region has.
    pub(super) fn mix(&self, dry: &Tensor, wet: &Tensor, frames: usize, positions: &[usize]) -> Result<Tensor> {
        if self.is_wet() {
            return Ok(wet.clone());
        }
        let mut shape = vec![1; dry.rank()];
        shape[frames] = self.amount.len();
        let weights: Vec<f32> = match &self.region {
            None => self.amount.iter().map(|&amount| amount as f32).collect(),
            Some(region) => {
                for &axis in positions {
                    shape[axis] = dry.dims()[axis];
                }
                self.amount.iter().flat_map(|&amount| region.iter().map(move |weight| amount as f32 * weight)).collect()
            }
        };
        let weights = Tensor::from_vec(weights, shape, dry.device())?.to_dtype(dry.dtype())?;
        dry + (wet - dry)?.broadcast_mul(&weights)?
    }

    /// Returns `wet`. A guarded call returns `dry` where only the bend makes numbers overflow, and records the bend as
    /// left out.
    pub(super) fn check(&self, hook: &HookContext<'_>, dry: &Tensor, wet: Tensor) -> Result<Tensor> {
        if !self.shared.guarded || is_bounded(&wet)? || !is_bounded(dry)? {
            return Ok(wet);
        }
        let Bend { node, site, .. } = self.bend;
        let left_out = LeftOut { node: node.clone(), site: *site, layer: hook.layer, step: hook.step };
        self.shared.record().left_out.insert(left_out);
        Ok(dry.clone())
    }

    /// The held columns; `now` in the call that sets them.
    pub(super) fn frozen(&self, since: Since, hook: &HookContext<'_>, now: &Tensor, heads: &[u32]) -> Result<Tensor> {
        let each_chunk = since == Since::Step;
        if now.dim(2)? > warnings::MOST_FROZEN {
            return Ok(now.clone());
        }
        let step = if each_chunk { 0 } else { hook.step };
        // The parts of a node's target are bends on other words.
        let words = self.bend.target.words.to_string();
        let key = (self.bend.node.clone(), words, hook.layer, step, heads.to_vec());
        let held = self.shared.memory.frozen.get(&key).filter(|held| held.dims() == now.dims());
        if let Some(held) = held.filter(|_| !each_chunk || hook.step > 0) {
            return Ok(held.clone());
        }
        // The first step of a chunk sets the columns for the others.
        if !each_chunk || hook.step == 0 {
            self.shared.record().memory.frozen.insert(key, now.clone());
        }
        Ok(now.clone())
    }

    /// The noise of the bend at a hook, for `frames` by number.
    pub(super) fn noise<'f>(&self, hook: &HookContext<'_>, frames: &'f [usize]) -> SiteNoise<'f> {
        let is_same = self.bend.op.same.is_some_and(|same| self.bend.params.is_on(same, 0));
        SiteNoise::new(self.shared.seed, &self.bend.node, hook, frames, is_same)
    }
}

/// True if the numbers of x are small enough for the rest of the model.
fn is_bounded(x: &Tensor) -> Result<bool> {
    // The square of a larger number overflows f32.
    const LARGEST: f32 = 1e18;
    let sum = x.to_dtype(DType::F32)?.abs()?.sum_all()?.to_scalar::<f32>()?;
    Ok(sum < LARGEST)
}
