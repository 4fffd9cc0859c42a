//! What a bend does to the numbers at a site.

use candle_core::{Result, Tensor};

use crate::program::Site;

/// An operation on a site: its name, its parameters, and its definition. Each is declared in the file of its node.
#[derive(Debug)]
pub struct Op {
    /// Its name in programs.
    pub name: &'static str,
    /// Where it acts.
    pub site: Site,
    /// The names of its parameters, in the order in which values are given.
    pub params: &'static [&'static str],
    /// The values at which it changes nothing.
    pub neutral: &'static [f64],
    /// What it does.
    pub form: Form,
}

/// The definition of an operation, by the algebra it allows.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Linear on the query grid: each column of the attention map, laid out as `[.., frames, rows, columns]`, is replaced by
    /// this function of it. As the function is linear, it may as well act on what the columns contribute to the output.
    Grid(GridFn),
    /// Any function of the tensor at a site that is not a map, `[batch, tokens, ..]`, frame by frame.
    Tensor(TensorFn),
}

/// `(x, params) -> y`, x and y `[.., frames, rows, columns]`; `params[i]` has one value per frame.
pub type GridFn = fn(&Tensor, &[Lanes]) -> Result<Tensor>;

/// `(x, params, noise) -> y`, x and y `[batch, frames, tokens per frame, ..]`; `params[i]` has one value per frame.
pub type TensorFn = fn(&Tensor, &[Lanes], &mut dyn Noise) -> Result<Tensor>;

/// One number for each latent frame of a model call.
pub type Lanes = Vec<f64>;

/// Standard normal noise that an operation may ask for; the same for the same bend, step, layer and frame.
pub trait Noise {
    /// Noise of a shape `[batch, frames, ..]`, on the device and in the dtype of `like`.
    fn normal(&mut self, like: &Tensor) -> Result<Tensor>;
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Lanes as a tensor that broadcasts over axis `axis` of a tensor of `rank` axes, like `like`.
pub fn lanes_along(lanes: &[f64], axis: usize, like: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; like.rank()];
    shape[axis] = lanes.len();
    Tensor::from_iter(lanes.iter().map(|&x| x as f32), like.device())?.reshape(shape)?.to_dtype(like.dtype())
}
