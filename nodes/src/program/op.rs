//! What a bend does to the numbers at a site.

use candle_core::{Result, Tensor};
use smallvec::SmallVec;

use crate::program::grid::{Grid, GridMap};

/// An operation: its name, its parameters, and its definition. Each is declared in the file of its node.
#[derive(Debug)]
pub struct Op {
    /// Its name in programs.
    pub name: &'static str,
    /// The names of its parameters, in the order in which values are given.
    pub params: &'static [&'static str],
    /// The values of the first parameters at which it changes nothing; those behind them say only how.
    pub neutral: &'static [f64],
    /// The names of the values 0, 1, … of parameters that are choices.
    pub choices: &'static [(&'static str, &'static [&'static str])],
    /// What it does.
    pub form: Form,
}

/// The definition of an operation, by the algebra it allows.
///
/// `A` is the map of a head: rows are queries, which lie on the grid of the picture; columns are keys. T are the keys that the
/// target means. What is said of `A[:,T]` is mixed with what was there by the amount, the frames and the region of the target.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Linear on the grid of the picture: at a map, `A[:,T] ← W A[:,T]`; elsewhere `x ← W x` on the tokens of the picture.
    Grid(GridFn),
    /// Before the softmax, and before every bend of another form: weights of the logits of T.
    LogitWeight(LogitWeightFn),
    /// Any function of the columns T, each laid out as a picture.
    Columns(ColumnsFn),
    /// `A[:,T] + σ s E`, E standard normal, σ the first parameter, `s = (row sum over T)/√|T|`; made to sum to what they did
    /// before, and kept at 0 or above, if the parameter `renormalise` is on.
    MapNoise,
    /// Each column of T becomes an even share of what the other words have together; with `both`, and the other way round.
    Transfer {
        /// An exchange.
        both: bool,
    },
    /// The columns T as they were when the first parameter went on; the parameter `since` says when that is.
    Freeze,
    /// Turns the queries as if they stood elsewhere.
    Position(PositionFn),
    /// Any function of the tensor at a site that is not a map, frame by frame.
    Tensor(TensorFn),
}

/// `(params, grid) -> W`; `params[i]` has one value per frame.
pub type GridFn = fn(&[Lanes], Grid) -> GridMap;

/// `(params, frame) -> weight` of the logits of T for the queries of a frame.
pub type LogitWeightFn = fn(&[Lanes], usize) -> Weight;

/// `(x, params) -> y`, x and y `[batch, heads, keys, frames, rows, columns]`; `params[i]` has one value per frame.
pub type ColumnsFn = fn(&Tensor, &[Lanes]) -> Result<Tensor>;

/// `(params, frame, place) -> offset`: how far from its place a query is to stand, frames, rows and columns. The place is
/// counted from the first frame and from the middle of the picture.
pub type PositionFn = fn(&[Lanes], usize, [f64; 3]) -> [f64; 3];

/// `(x, params, noise) -> y`, x and y `[batch, frames, tokens per frame, ..]`; `params[i]` has one value per frame.
pub type TensorFn = fn(&Tensor, &[Lanes], &mut dyn Noise) -> Result<Tensor>;

/// One number for each latent frame of a model call; those of a chunk lie in place.
pub type Lanes = SmallVec<[f64; 4]>;

/// The parameters of an operation, each over the latent frames of a model call.
pub type Params = SmallVec<[Lanes; 8]>;

/// What happens to a logit before the softmax: `sharpness · logit + ln gain`. The amount of a bend goes from 1 to each of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// The inverse temperature.
    pub sharpness: f64,
    /// The factor of the weight before weights are made to sum to 1; 0 and below leaves the key out.
    pub gain: f64,
}

/// Standard normal noise that an operation may ask for; the same for the same bend, step, layer and frame.
pub trait Noise {
    /// Noise of a shape `[batch, frames, ..]`, on the device and in the dtype of `like`.
    fn normal(&mut self, like: &Tensor) -> Result<Tensor>;
}

impl Op {
    /// Where a parameter of this name stands.
    pub fn param(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|known| *known == name)
    }

    /// The name of a parameter's value, if it is a choice.
    pub fn choice(&self, param: &str, value: f64) -> Option<&'static str> {
        let (_, names) = self.choices.iter().find(|(name, _)| *name == param)?;
        names.get(value.round() as usize).copied()
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// Lanes as a tensor that broadcasts over axis `axis` of a tensor of `rank` axes, like `like`.
pub fn lanes_along(lanes: &[f64], axis: usize, like: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; like.rank()];
    shape[axis] = lanes.len();
    Tensor::from_iter(lanes.iter().map(|&x| x as f32), like.device())?.reshape(shape)?.to_dtype(like.dtype())
}
