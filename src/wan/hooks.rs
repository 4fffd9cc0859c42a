//! Named identities in the data path: `let v = hooks.at(Site::SelfValue, v)?`.
//!
//! Without a listener every hook returns its argument unchanged. The unhooked model is bit-identical and pays one
//! branch per site. A listener gets each tensor with its [`HookContext`], which the callers narrow. The pipeline sets
//! the pass, the step and the frames, the model the token grid, the layer loop the layer.

use std::sync::Arc;

use bendrack_nodes::program::{Pass, Site};
use candle_core::{Result, Tensor};

use super::ops;

/// The call, step and layer in which a hook fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookContext<'a> {
    /// Denoising, or refreshing the KV cache.
    pub pass: Pass,
    /// The denoising step within the chunk, from 0; in a cache pass, the number of denoising steps.
    pub step: usize,
    /// The layer, from 0.
    pub layer: usize,
    /// The numbers in the video of the call's latent frames, in order.
    pub frames: &'a [usize],
    /// True in the call under the negative prompt (classifier-free guidance).
    pub negative: bool,
    /// The token grid of the call: frames, rows, columns.
    pub grid: (usize, usize, usize),
}

/// The inputs of one attention, which a listener at a map site may change, measure or replace.
///
/// The map is `softmax(q kᵀ · scale + bias)`; nothing here builds it. With a KV cache, `k` and `v` may be views of the
/// cache, which the next model call overwrites. Copy them to keep them.
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
    /// At `self.map`, the number in the video of each frame of keys, in the order of the keys. Every frame has as many
    /// keys as the grid has positions. Empty at `cross.map`, whose keys are the prompt's tokens.
    pub key_frames: Arc<[usize]>,
}

impl Attention {
    /// The attention output `[batch, queries, heads, value_dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn run(&self) -> Result<Tensor> {
        ops::attention(&self.q, &self.k, &self.v, self.bias.as_ref(), self.scale)
    }
}

/// A listener at the hooks: a program of bends and taps, or a test.
pub trait Listener {
    /// Replaces the tensor at a site that is not a map by one of the same shape.
    ///
    /// At `self.value` the tensor may be a view of the KV cache, which the next model call overwrites.
    ///
    /// # Errors
    ///
    /// Fails if the listener does.
    fn at(&self, site: Site, context: HookContext<'_>, x: Tensor) -> Result<Tensor>;

    /// Computes the attention at a map site from its inputs.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, if the device fails, or if the listener does.
    fn attend(&self, site: Site, context: HookContext<'_>, attention: Attention) -> Result<Tensor> {
        let _ = (site, context);
        attention.run()
    }
}

/// The hooks of a model call, narrowed to a context.
#[derive(Clone, Copy, Default)]
pub struct Hooks<'a> {
    listener: Option<&'a dyn Listener>,
    context: HookContext<'a>,
}

impl<'a> Hooks<'a> {
    /// Hooks without a listener.
    pub const NONE: Self = Self {
        listener: None,
        context: HookContext { pass: Pass::Denoise, step: 0, layer: 0, frames: &[], negative: false, grid: (0, 0, 0) },
    };

    /// Hooks that call `listener`.
    pub fn new(listener: &'a dyn Listener) -> Self {
        Self { listener: Some(listener), ..Self::NONE }
    }

    /// Narrows to a model call: its pass, its denoising step, its latent frames by number.
    #[must_use]
    pub fn call(self, pass: Pass, step: usize, frames: &'a [usize]) -> Self {
        Self { context: HookContext { pass, step, frames, ..self.context }, ..self }
    }

    /// Narrows to the call under the negative prompt.
    #[must_use]
    pub fn negative(mut self) -> Self {
        self.context.negative = true;
        self
    }

    /// Narrows to the token grid of a call.
    #[must_use]
    pub fn grid(mut self, grid: (usize, usize, usize)) -> Self {
        self.context.grid = grid;
        self
    }

    /// Narrows to a layer.
    #[must_use]
    pub fn layer(mut self, layer: usize) -> Self {
        self.context.layer = layer;
        self
    }

    /// The numbers in the video of the call's latent frames, in order.
    pub const fn frames(&self) -> &'a [usize] {
        self.context.frames
    }

    /// x after the listener at `site`; x itself without one.
    ///
    /// # Errors
    ///
    /// Fails if the listener does.
    #[inline]
    pub fn at(&self, site: Site, x: Tensor) -> Result<Tensor> {
        match self.listener {
            None => Ok(x),
            Some(listener) => listener.at(site, self.context, x),
        }
    }

    /// The attention at the map site `site`, computed by the listener if there is one.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, if the device fails, or if the listener does.
    #[inline]
    pub fn attend(&self, site: Site, attention: Attention) -> Result<Tensor> {
        match self.listener {
            None => attention.run(),
            Some(listener) => listener.attend(site, self.context, attention),
        }
    }
}
