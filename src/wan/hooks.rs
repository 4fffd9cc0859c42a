//! Named identities in the data path: `let v = hooks.at(Site::SelfValue, v)?`.
//!
//! With nobody listening every hook returns its argument unchanged, so the unhooked model is bit-identical and pays one
//! branch per site. A listener sees each tensor together with the [`Place`] it comes from, which the callers narrow: the
//! pipeline names the pass, the step and the frames, the model the token grid, the layer loop the layer.

use std::sync::Arc;

use bendrack_nodes::program::{Pass, Site};
use candle_core::{Result, Tensor};

use super::ops;

/// Where and when in a generation a hook fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// What the model call is for.
    pub pass: Pass,
    /// The denoising step within the chunk, from 0; in a cache pass, the number of denoising steps.
    pub step: usize,
    /// The layer, from 0.
    pub layer: usize,
    /// The numbers in the video of the call's latent frames, in order.
    pub frames: &'a [usize],
    /// Whether the call is the one under the negative prompt (classifier-free guidance).
    pub negative: bool,
    /// The token grid of the call: frames, rows, columns.
    pub grid: (usize, usize, usize),
}

/// The inputs of one attention: what a listener at a map site may change, measure or replace.
///
/// The map is `softmax(q kᵀ · scale + bias)`; nothing here builds it. In self-attention with a KV cache, `k` and `v` may be
/// views of the cache, which the next model call overwrites: copy what is to be kept.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Queries `[batch, queries, heads, head_dim]`, normed and rotated.
    pub q: Tensor,
    /// Keys `[batch, keys, heads, head_dim]`, normed and rotated.
    pub k: Tensor,
    /// Values `[batch, keys, heads, value_dim]`; more columns than `head_dim` are allowed and come out of [`Self::run`].
    pub v: Tensor,
    /// Added to the logits; broadcasts to `[heads, queries, keys]`.
    pub bias: Option<Tensor>,
    /// Multiplies the logits, `1/√head_dim` unless changed.
    pub scale: f64,
    /// At `self.map`, the number in the video of each frame of keys, in the order of the keys; every frame has as many keys
    /// as the grid has places. Empty at `cross.map`, whose keys are the prompt's tokens.
    pub key_frames: Arc<[usize]>,
}

impl Attention {
    /// The attention output `[batch, queries, heads, value_dim]`.
    pub fn run(&self) -> Result<Tensor> {
        ops::attention(&self.q, &self.k, &self.v, self.bias.as_ref(), self.scale)
    }
}

/// Whoever listens at the hooks: a program of bends and taps, or a test.
pub trait Listener {
    /// Takes the tensor at a site that is not a map, and returns what the model goes on with, of the same shape.
    ///
    /// At `self.value` the tensor may be a view of the KV cache, which the next model call overwrites.
    fn at(&self, site: Site, place: Place<'_>, x: Tensor) -> Result<Tensor>;

    /// Takes the inputs of an attention at a map site, and returns its output.
    fn attend(&self, site: Site, place: Place<'_>, attention: Attention) -> Result<Tensor> {
        let _ = (site, place);
        attention.run()
    }
}

/// The hooks of a model call, narrowed to a place.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    listener: Option<&'a dyn Listener>,
    place: Place<'a>,
}

impl<'a> Hooks<'a> {
    /// Hooks to which nobody listens.
    pub const NONE: Self = Self {
        listener: None,
        place: Place { pass: Pass::Denoise, step: 0, layer: 0, frames: &[], negative: false, grid: (0, 0, 0) },
    };

    /// Hooks that tell `listener`.
    pub fn new(listener: &'a dyn Listener) -> Self {
        Self { listener: Some(listener), ..Self::NONE }
    }

    /// Narrowed to a model call: its pass, its denoising step, its latent frames by number.
    #[must_use]
    pub fn call(self, pass: Pass, step: usize, frames: &'a [usize]) -> Self {
        Self { place: Place { pass, step, frames, ..self.place }, ..self }
    }

    /// Narrowed to the call under the negative prompt.
    #[must_use]
    pub fn negative(mut self) -> Self {
        self.place.negative = true;
        self
    }

    /// Narrowed to the token grid of a call.
    #[must_use]
    pub fn grid(mut self, grid: (usize, usize, usize)) -> Self {
        self.place.grid = grid;
        self
    }

    /// Narrowed to a layer.
    #[must_use]
    pub fn layer(mut self, layer: usize) -> Self {
        self.place.layer = layer;
        self
    }

    /// The identity at `site`, unless somebody listens.
    #[inline]
    pub fn at(&self, site: Site, x: Tensor) -> Result<Tensor> {
        match self.listener {
            None => Ok(x),
            Some(listener) => listener.at(site, self.place, x),
        }
    }

    /// The attention at the map site `site`, unless a listener takes it over.
    #[inline]
    pub fn attend(&self, site: Site, attention: Attention) -> Result<Tensor> {
        match self.listener {
            None => attention.run(),
            Some(listener) => listener.attend(site, self.place, attention),
        }
    }
}
