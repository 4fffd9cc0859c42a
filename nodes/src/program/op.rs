//! Operations of bends on the tensors at a site.

use candle_core::{Result, Tensor};
use smallvec::SmallVec;

use crate::program::grid::{Grid, GridMap};

/// An operation: its name, its parameters, and its definition. Each is declared in the file of its node.
#[derive(Debug)]
pub struct Op {
    /// Name in programs.
    pub name: &'static str,
    /// Parameters, in the order of programs.
    pub params: &'static [Param],
    /// Definition.
    pub form: Form,
}

/// A parameter of an operation, declared by an input of its node: see [`Input::neutral_at`](crate::node::def::Input::neutral_at)
/// and [`Input::option`](crate::node::def::Input::option).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// Name of the input.
    pub name: &'static str,
    /// Value at which the operation changes nothing; `None` for a parameter that has no effect of its own, such as a padding.
    pub neutral: Option<f64>,
    /// Names of the values 0, 1, …, if the parameter is a choice.
    pub choices: &'static [&'static str],
    /// Range of the knob, or 1 for a choice: the measure of differences between values.
    pub travel: f64,
}

impl Param {
    /// Name of a value, if the parameter is a choice.
    pub fn choice(&self, value: f64) -> Option<&'static str> {
        self.choices.get(value.round() as usize).copied()
    }
}

/// The definition of an operation, by the algebra it allows.
///
/// `A` is the map of a head: rows are queries on the grid of the picture, columns are keys. T are the keys of the
/// target. The amount, the frames and the region of the target mix the new `A[:,T]` with the old.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Linear on the grid of the picture: at a map, `A[:,T] ← W A[:,T]`; elsewhere `x ← W x` on the tokens of the picture.
    Grid(GridFn),
    /// Before the softmax, and before every bend of another form: weights of the logits of T.
    LogitWeight(LogitWeightFn),
    /// Any function of the columns T, each laid out as a picture.
    Columns(ColumnsFn),
    /// `A[:,T] + σ s E`, E standard normal, σ the parameter `sigma`, `s = (row sum over T)/√|T|`; made to sum to what they did
    /// before, and kept at 0 or above, if the parameter `renormalise` is on. E repeats in every layer and step if `same` is on.
    MapNoise,
    /// Each column of T becomes an even share of what the other words have together; with `both`, and the other way round.
    Transfer {
        /// An exchange.
        both: bool,
    },
    /// The columns T as they were when the parameter `hold` went on: in the chunk or in the denoising step, as the choice
    /// `since` selects.
    Freeze,
    /// Turns the queries as if they stood elsewhere.
    Position(PositionFn),
    /// Any function of the tensor at a site that is not a map, frame by frame.
    Tensor(TensorFn),
}

/// `(params, grid) -> W`.
pub type GridFn = fn(&Params, Grid) -> GridMap;

/// `(params, frame) -> weight` of the logits of T for the queries of a frame.
pub type LogitWeightFn = fn(&Params, usize) -> Weight;

/// `(x, params) -> y`, x and y `[batch, heads, keys, frames, rows, columns]`.
pub type ColumnsFn = fn(&Tensor, &Params) -> Result<Tensor>;

/// `(params, frame, place) -> offset`: how far from its place a query is to stand, frames, rows and columns. The place is
/// counted from the first frame and from the middle of the picture.
pub type PositionFn = fn(&Params, usize, [f64; 3]) -> [f64; 3];

/// `(x, params, noise) -> y`, x and y `[batch, frames, tokens per frame, ..]`.
pub type TensorFn = fn(&Tensor, &Params, &mut dyn Noise) -> Result<Tensor>;

/// One number for each latent frame of a model call; those of a chunk lie in place.
pub type Lanes = SmallVec<[f64; 4]>;

/// Values of an operation's parameters, by name and latent frame of a model call.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    declared: &'static [Param],
    lanes: SmallVec<[Lanes; 8]>,
}

impl Params {
    /// The lanes that `of` returns for each parameter of an operation.
    pub fn new(op: &Op, of: impl FnMut(&'static Param) -> Lanes) -> Self {
        Self { declared: op.params, lanes: op.params.iter().map(of).collect() }
    }

    /// Values of a parameter, one per latent frame.
    ///
    /// # Panics
    ///
    /// If the operation does not declare the parameter.
    pub fn lanes(&self, name: &str) -> &[f64] {
        &self.lanes[self.index(name)]
    }

    /// [`Self::lanes`], if the operation declares the parameter.
    pub fn find(&self, name: &str) -> Option<&[f64]> {
        self.iter().find_map(|(param, lanes)| (param.name == name).then_some(&lanes[..]))
    }

    /// [`Self::lanes`] to write to.
    ///
    /// # Panics
    ///
    /// If the operation does not declare the parameter.
    pub fn lanes_mut(&mut self, name: &str) -> &mut Lanes {
        let index = self.index(name);
        &mut self.lanes[index]
    }

    /// Value of a parameter in a latent frame.
    ///
    /// # Panics
    ///
    /// If the operation does not declare the parameter, or the call has fewer frames.
    pub fn at(&self, name: &str, frame: usize) -> f64 {
        self.lanes(name)[frame]
    }

    /// State of a gate in a latent frame.
    ///
    /// # Panics
    ///
    /// As [`Self::at`].
    pub fn is_on(&self, name: &str, frame: usize) -> bool {
        self.at(name, frame) >= 0.5
    }

    /// Each parameter with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Param, &Lanes)> {
        self.declared.iter().zip(&self.lanes)
    }

    /// The values of each parameter, in the order of the declaration.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lanes> {
        self.lanes.iter_mut()
    }

    /// The same parameters with other lanes.
    #[must_use]
    pub fn map(&self, of: impl FnMut(&Lanes) -> Lanes) -> Self {
        Self { declared: self.declared, lanes: self.lanes.iter().map(of).collect() }
    }

    fn index(&self, name: &str) -> usize {
        let index = self.declared.iter().position(|param| param.name == name);
        index.unwrap_or_else(|| panic!("the operation declares no parameter {name}"))
    }
}

/// Change of a logit before the softmax: `sharpness · logit + ln gain`. The amount of a bend interpolates from 1 to
/// each of them.
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
