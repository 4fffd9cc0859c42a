//! Operations of bends on the tensors at a site.

use candle_core::{Result, Tensor};
use smallvec::SmallVec;

use crate::choice::{Choice, choices};
use crate::node::def::Input;
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
    /// Gate that gives every layer and step the same noise, read once per call.
    pub same: Option<&'static Input>,
}

impl Op {
    /// An operation whose noise, if any, differs between layers and steps.
    pub const fn new(name: &'static str, params: &'static [Param], form: Form) -> Self {
        Self { name, params, form, same: None }
    }
}

/// A parameter of an operation, declared by an input of its node: see
/// [`Input::neutral_at`](crate::node::def::Input::neutral_at) and [`Input::option`](crate::node::def::Input::option).
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The input.
    pub input: &'static Input,
    /// Value at which the operation changes nothing; `None` for a parameter that has no effect of its own, such as a
    /// padding.
    pub neutral: Option<f64>,
}

impl Param {
    /// Name of a value, if the parameter is a choice.
    pub fn choice(&self, value: f64) -> Option<&'static str> {
        self.input.choices.get(value.round() as usize).copied()
    }

    /// Range of the knob, or 1 for a choice. The distance of programs is in fractions of it.
    pub fn travel(&self) -> f64 {
        if self.input.choices.is_empty() { self.input.soft.1 - self.input.soft.0 } else { 1.0 }
    }
}

/// The definition of an operation, by the algebra it allows.
///
/// `A` is the map of a head: rows are queries on the grid of the picture, columns are keys. T are the keys of the
/// target. The amount, the frames and the region of the target mix the new `A[:,T]` with the old.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Linear on the grid of the picture. At a map, `A[:,T] ← W A[:,T]`; elsewhere `x ← W x` on the tokens of the
    /// picture.
    Grid(GridFn),
    /// Before the softmax, and before every bend of another form: weights of the logits of T.
    LogitWeight(LogitWeightFn),
    /// Any function of the columns T, each laid out as a picture.
    Columns(ColumnsFn),
    /// `A[:,T] + σ s E`, E standard normal, `s = (row sum over T)/√|T|`.
    MapNoise {
        /// σ.
        sigma: &'static Input,
        /// Gate, read once per call: negative values become 0, and the sum of each row stays.
        renormalise: &'static Input,
    },
    /// Each column of T becomes an even share of the sum over the other words. With `both`, the other words also get an
    /// even share of the sum over T.
    Transfer {
        /// True for an exchange.
        both: bool,
    },
    /// The columns T at the time when a gate went on.
    Freeze {
        /// The gate.
        hold: &'static Input,
        /// Source of the columns, a choice of [`Since`], read once per call.
        since: &'static Input,
    },
    /// Moves the RoPE positions of the queries.
    Position(PositionFn),
    /// Any function of the tensor at a site that is not a map, frame by frame.
    Tensor(TensorFn),
}

choices! {
    /// Source of the columns that a freeze holds.
    pub enum Since {
        /// Each denoising step holds its own columns of the chunk in which the gate went on.
        Chunk = "chunk",
        /// Every step of a chunk holds the columns of its first.
        Step = "step",
    }
}

/// `(params, grid) -> W`.
pub type GridFn = fn(&Params, Grid) -> GridMap;

/// `(params, frame) -> weight` of the logits of T for the queries of a frame.
pub type LogitWeightFn = fn(&Params, usize) -> Weight;

/// `(x, params) -> y`, x and y `[batch, heads, keys, frames, rows, columns]`.
pub type ColumnsFn = fn(&Tensor, &Params) -> Result<Tensor>;

/// `(params, frame, position) -> offset` of a query from its position, both `[frames, rows, columns]`. Positions count
/// from the first frame and from the centre of the picture.
pub type PositionFn = fn(&Params, usize, [f64; 3]) -> [f64; 3];

/// `(x, params, noise) -> y`, x and y `[batch, frames, tokens per frame, ..]`.
pub type TensorFn = fn(&Tensor, &Params, &mut dyn Noise) -> Result<Tensor>;

/// One number for each latent frame of a model call; those of a chunk are stored inline.
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

    /// Values of a parameter, one per latent frame; none if the operation does not declare it.
    pub fn lanes(&self, input: &Input) -> &[f64] {
        let declared = self.iter().find(|(param, _)| param.input.name == input.name);
        declared.map_or(&[], |(_, lanes)| lanes)
    }

    /// Value of a parameter in a latent frame; the default of the input if the operation does not declare it.
    pub fn at(&self, input: &Input, frame: usize) -> f64 {
        self.lanes(input).get(frame).copied().unwrap_or_else(|| input.default_number())
    }

    /// State of a gate in a latent frame.
    pub fn is_on(&self, input: &Input, frame: usize) -> bool {
        self.at(input, frame) >= 0.5
    }

    /// Choice in a latent frame, clamped to the choices.
    pub fn chosen<T: Choice>(&self, input: &Input, frame: usize) -> T {
        T::ALL[(self.at(input, frame).round() as usize).min(T::ALL.len() - 1)]
    }

    /// Each parameter with its values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Param, &Lanes)> {
        self.declared.iter().zip(&self.lanes)
    }

    /// Each parameter with its values, to write to.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&'static Param, &mut Lanes)> {
        self.declared.iter().zip(&mut self.lanes)
    }

    /// The same parameters with other lanes.
    #[must_use]
    pub fn map(&self, of: impl FnMut(&Lanes) -> Lanes) -> Self {
        Self { declared: self.declared, lanes: self.lanes.iter().map(of).collect() }
    }
}

/// Change of a logit before the softmax: `sharpness · logit + ln gain`. The amount of a bend interpolates from 1 to
/// each of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// The inverse temperature.
    pub sharpness: f64,
    /// Factor of the weight before normalisation; 0 and below excludes the key.
    pub gain: f64,
}

/// Standard normal noise for an operation; the same for the same bend, step, layer and frame.
pub trait Noise {
    /// Noise of a shape `[batch, frames, ..]`, on the device and in the dtype of `like`.
    ///
    /// # Errors
    ///
    /// Fails if the frames of the shape are not those of the source, or if the device fails.
    fn normal(&mut self, like: &Tensor) -> Result<Tensor>;
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        (self.input.name, self.neutral) == (other.input.name, other.neutral)
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// Lanes as a tensor that broadcasts over axis `axis` of a tensor of `rank` axes, like `like`.
///
/// # Errors
///
/// Fails if the device fails.
pub fn lanes_along(lanes: &[f64], axis: usize, like: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; like.rank()];
    shape[axis] = lanes.len();
    Tensor::from_iter(lanes.iter().map(|&x| x as f32), like.device())?.reshape(shape)?.to_dtype(like.dtype())
}
