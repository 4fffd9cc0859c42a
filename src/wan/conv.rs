//! Convolutions of the decoders and encoders, over one frame or over time, and their features between calls.
//!
//! Pictures are frames-first, `[frames, channels, height, width]`. A 3-D convolution over `kt` frames is computed as a
//! 2-D one. Frames are adjacent in memory, so `kt` consecutive ones *are* a picture of `kt · channels` channels. The
//! weight `[out, in, kt, kh, kw]` is stored as `[out, kt · in, kh, kw]`: an ordinary kernel. Output frame t is that
//! kernel on the window that starts at frame t ([`ops::conv`]).
//!
//! *Causal* means that frame t depends only on itself and on earlier frames. Hence `kt - 1` frames are put in front. At
//! the beginning of a video they are zeros, later the last frames of the call before. A [`FeatureCache`] holds these.
//! The result is the same however a video is cut into calls.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, bail};

use super::ops::{self, Window};
use super::weights::Weights;

/// A convolution over one frame at a time or over a window of frames. The caller supplies the past frames of the
/// window.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[out, window.frames · in, kernel, kernel]`.
    weight: Tensor,
    bias: Option<Tensor>,
    window: Window,
}

impl Conv {
    /// Reads `<name>.weight`, `[out, in_dim, kh, kw]` or `[out, in_dim, kt, kh, kw]`, and `<name>.bias` `[out]` if there
    /// is one. The picture is padded so that it keeps its size; [`Self::with_window`] changes that. No axis may be empty.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, name: &str, in_dim: usize) -> Result<Self> {
        let key = format!("{name}.weight");
        let expected = format!("[out, {in_dim}, (frames,) kernel, kernel]");
        let Some(dims) = weights.dims(&key) else { return Err(weights.missing(&key, expected)) };
        let (out_dim, frames, kernel) = match *dims {
            _ if dims.contains(&0) => return Err(weights.misshapen(&key, expected)),
            [out_dim, inner, height, width] if inner == in_dim && height == width => (out_dim, 1, height),
            [out_dim, inner, frames, height, width] if inner == in_dim && height == width => (out_dim, frames, height),
            _ => return Err(weights.misshapen(&key, expected)),
        };
        let weight = weights.get(&key, dims.as_slice())?;
        let weight = if dims.len() == 5 {
            weight.transpose(1, 2)?.reshape((out_dim, frames * in_dim, kernel, kernel))?
        } else {
            weight
        };
        let key = format!("{name}.bias");
        let bias = weights.dims(&key).map(|_| weights.get(&key, out_dim)).transpose()?;
        Ok(Self { weight, bias, window: Window::over(frames, kernel / 2) })
    }

    /// The same kernel over other windows, of as many frames as its weight has channels for.
    #[must_use]
    pub fn with_window(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// The same kernel with other weights.
    pub(super) fn map_weight(self, change: impl FnOnce(Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { weight: change(self.weight)?, ..self })
    }

    /// The channels of the result.
    ///
    /// # Errors
    ///
    /// Fails if the weight has no dimensions.
    pub fn out_dim(&self) -> Result<usize> {
        self.weight.dim(0)
    }

    /// The movement of the kernel over the frames.
    pub fn window(&self) -> Window {
        self.window
    }

    /// x `[frames, in, h, w]` to `[windows, out, h', w']`.
    ///
    /// # Errors
    ///
    /// Fails if there are fewer frames than the window, if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let frames = x.dim(0)?;
        if frames < self.window.frames {
            bail!("a convolution over {} frames got {frames}", self.window.frames)
        }
        ops::conv(x, &self.weight, self.bias.as_ref(), self.window)
    }
}

/// A convolution over present and past frames. It returns as many frames as it gets.
///
/// `CausalConv3d` of Wan2.1 `wan/modules/vae.py`. Its padding rule: the frames in front are the last `kt - 1` of all
/// input so far, after zeros.
#[derive(Clone, Debug)]
pub struct CausalConv {
    name: String,
    conv: Conv,
}

impl CausalConv {
    /// Reads `<name>.weight` `[out, in_dim, kt, kh, kw]` and `<name>.bias`; its past is kept under `name`.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, name: &str, in_dim: usize) -> Result<Self> {
        Ok(Self { name: name.to_owned(), conv: Conv::load(weights, name, in_dim)? })
    }

    /// The checkpoint's name of this convolution, and the cache's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The channels of the result.
    ///
    /// # Errors
    ///
    /// Fails if the weight has no dimensions.
    pub fn out_dim(&self) -> Result<usize> {
        self.conv.out_dim()
    }

    /// x `[frames, in, h, w]` to `[frames, out, h, w]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let past = self.conv.window.frames - 1;
        if past == 0 { self.conv.forward(x) } else { self.conv.forward(&cache.extend(&self.name, x, past)?) }
    }
}

/// The last input frames of every layer that looks back in time, by the layer's name in the checkpoint.
///
/// This is the whole state of a streaming decoder or encoder: empty at the beginning of a video. A clone is a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct FeatureCache {
    frames: BTreeMap<String, Tensor>,
}

impl FeatureCache {
    /// True before the first frame.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames held for each layer, `[frames, channels, height, width]`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.frames.iter().map(|(name, frames)| (name.as_str(), frames))
    }

    /// The frames of each layer, as [`Self::iter`] gives them.
    pub fn of(frames: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        Self { frames: frames.into_iter().collect() }
    }

    /// True if the layer `name` has frames.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.frames.contains_key(name)
    }

    /// Keeps `frames` for the layer `name`, in memory of their own. A view would keep all of its source.
    pub(super) fn store(&mut self, name: &str, frames: &Tensor) -> Result<()> {
        let frames = frames.force_contiguous()?;
        match self.frames.get_mut(name) {
            Some(slot) => *slot = frames,
            None => drop(self.frames.insert(name.to_owned(), frames)),
        }
        Ok(())
    }

    /// x `[frames, c, h, w]` behind the last `past` input frames of the layer `name`. Without these, zeros take their
    /// place. The result is `[past + frames, c, h, w]`. Its last `past` frames are kept for the next call.
    pub(super) fn extend(&mut self, name: &str, x: &Tensor, past: usize) -> Result<Tensor> {
        let (frames, channels, height, width) = x.dims4()?;
        let shape = [past, channels, height, width];
        let extended = match self.frames.get(name) {
            Some(seen) if seen.dims() == shape => Tensor::cat(&[seen, x], 0)?,
            Some(seen) => {
                let (seen, x) = (seen.dims(), x.dims());
                bail!("{name} got frames {x:?} after {seen:?}: a new picture size needs a new stream")
            }
            None => Tensor::cat(&[&Tensor::zeros(&shape, x.dtype(), x.device())?, x], 0)?,
        };
        self.store(name, &extended.narrow(0, frames, past)?)?;
        Ok(extended)
    }
}
