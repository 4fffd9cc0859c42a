//! A bend at the place at which it acts.

use std::ops::Range;
use std::sync::Arc;

use bendrack_nodes::program::Bend;
use bendrack_nodes::program::grid::{Grid, GridMap};
use bendrack_nodes::program::op::{Form, Lanes};
use candle_core::{Result, Tensor, bail};
use smallvec::smallvec;

/// A bend that acts at a place, with its values for the frames there.
pub(super) struct Active<'a> {
    pub(super) bend: &'a Bend,
    /// Its index in the program.
    pub(super) index: usize,
    pub(super) params: Vec<Lanes>,
    /// How much of it, frame by frame: 0 in frames that are not meant.
    pub(super) amount: Lanes,
    /// How much of it at the places of a frame, row by row; everywhere if there is none.
    pub(super) region: Option<Places>,
}

/// The weight of each place of a frame, row by row.
pub(super) type Places = Arc<Vec<f32>>;

impl Active<'_> {
    /// How much of it at a place of a frame.
    pub(super) fn weight(&self, frame: usize, place: usize) -> f64 {
        self.amount[frame] * self.region.as_ref().map_or(1.0, |region| f64::from(region[place]))
    }

    /// What it is for some places of one frame.
    pub(super) fn part(&self, frame: usize, places: Range<usize>) -> Self {
        let region = self.region.as_ref().map(|region| Arc::new(region[places].to_vec()));
        let params = self.params.iter().map(|lanes| smallvec![lanes[frame]]).collect();
        Self { bend: self.bend, index: self.index, params, amount: smallvec![self.amount[frame]], region }
    }

    /// Whether it does nothing.
    pub(super) fn is_dry(&self) -> bool {
        self.amount.iter().all(|&amount| amount == 0.0)
    }

    /// Whether it acts with all its strength everywhere.
    fn is_wet(&self) -> bool {
        self.region.is_none() && self.amount.iter().all(|amount| amount.to_bits() == 1.0_f64.to_bits())
    }

    /// What a bend that is linear on the grid does to it, its weights included.
    pub(super) fn grid_map(&self, grid: Grid) -> Result<GridMap> {
        let Form::Grid(op) = self.bend.op.form else {
            bail!("{}: {} is not linear on the picture", self.bend.node, self.bend.op.name)
        };
        let map = op(&self.params, grid);
        if self.is_wet() {
            return Ok(map);
        }
        let places = grid.rows * grid.columns;
        Ok(map.mix(|cell| {
            let weight = self.weight(cell / places, cell % places);
            (weight, 1.0 - weight)
        }))
    }

    /// `dry + weight · (wet − dry)`: the frames lie along axis `frames`, their places along the axes that `places` names, as
    /// many as the region has.
    pub(super) fn mix(&self, dry: &Tensor, wet: &Tensor, frames: usize, places: &[usize]) -> Result<Tensor> {
        if self.is_wet() {
            return Ok(wet.clone());
        }
        let mut shape = vec![1; dry.rank()];
        shape[frames] = self.amount.len();
        let weights: Vec<f32> = match &self.region {
            None => self.amount.iter().map(|&amount| amount as f32).collect(),
            Some(region) => {
                for &axis in places {
                    shape[axis] = dry.dims()[axis];
                }
                self.amount.iter().flat_map(|&amount| region.iter().map(move |place| amount as f32 * place)).collect()
            }
        };
        let weights = Tensor::from_vec(weights, shape, dry.device())?.to_dtype(dry.dtype())?;
        dry + (wet - dry)?.broadcast_mul(&weights)?
    }
}

/// Whether all numbers of x are ones the model can go on with.
pub(super) fn is_sound(x: &Tensor) -> Result<bool> {
    // Squares of larger ones are not finite in f32.
    const LARGEST: f32 = 1e18;
    let sum = x.to_dtype(candle_core::DType::F32)?.abs()?.sum_all()?.to_scalar::<f32>()?;
    Ok(sum < LARGEST)
}
