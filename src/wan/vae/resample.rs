//! Changes of size and frame rate between the levels of the Wan VAE.
//!
//! The first frame of a video is a level's first frame everywhere: neither doubled nor merged with others.
//! Source: Wan2.1 `wan/modules/vae.py`, class `Resample`.

use candle_core::{Result, Tensor};

use crate::wan::conv::{CausalConv, Conv, FeatureCache};
use crate::wan::ops::{self, Window};
use crate::wan::weights::Weights;

/// Doubles the sides of the picture and, with a `time_conv`, the number of frames.
#[derive(Clone, Debug)]
pub struct Upsample {
    time_conv: Option<CausalConv>,
    resample: Conv,
}

impl Upsample {
    /// Reads `<name>.resample.1` and, where frames are doubled, `<name>.time_conv`.
    pub(super) fn load(weights: &Weights, name: &str, dim: usize) -> Result<Self> {
        let resample = Conv::load(weights, &format!("{name}.resample.1"), dim)?;
        let time_conv = time_conv(weights, name).map(|name| CausalConv::load(weights, &name, dim)).transpose()?;
        Ok(Self { time_conv, resample })
    }

    /// The channels of the result.
    pub(super) fn out_dim(&self) -> Result<usize> {
        self.resample.out_dim()
    }

    /// Pixels of a side and frames made of one.
    pub(super) fn scale(&self) -> (usize, usize) {
        (2, if self.time_conv.is_some() { 2 } else { 1 })
    }

    /// x `[frames, dim, h, w]` to `[2 · frames, out, 2h, 2w]`; see [`Self::double`] for the first frame.
    pub(super) fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let x = match &self.time_conv {
            Some(time_conv) => Self::double(time_conv, x, cache)?,
            None => x.clone(),
        };
        self.resample.forward(&ops::upsample2x(&x)?)
    }

    /// Two frames for each, except for the very first frame of a video, which stays one.
    ///
    /// The convolution does not read that frame later either. The second frame of a video is computed without any frame
    /// before it. (`Resample.forward` with its marker `'Rep'`: the model was trained in this way.)
    fn double(time_conv: &CausalConv, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let (frames, dim, height, width) = x.dims4()?;
        if !cache.contains(time_conv.name()) {
            let first = x.narrow(0, 0, 1)?;
            cache.store(time_conv.name(), &Tensor::zeros((2, dim, height, width), x.dtype(), x.device())?)?;
            return if frames == 1 {
                Ok(first)
            } else {
                Tensor::cat(&[first, Self::double(time_conv, &x.narrow(0, 1, frames - 1)?, cache)?], 0)
            };
        }
        // The two halves of the channels are the two frames.
        time_conv.forward(x, cache)?.reshape((2 * frames, dim, height, width))
    }
}

/// Halves the sides of the picture and, with a `time_conv`, the number of frames.
#[derive(Clone, Debug)]
pub struct Downsample {
    resample: Conv,
    time_conv: Option<(String, Conv)>,
}

impl Downsample {
    /// Reads `<name>.resample.1` and, where frames are halved, `<name>.time_conv`.
    pub(super) fn load(weights: &Weights, name: &str, dim: usize) -> Result<Self> {
        // The picture gets a row and a column of zeros at its end only, before the convolution.
        let resample = Conv::load(weights, &format!("{name}.resample.1"), dim)?.with_window(Window::of_one(0, 2));
        let time_conv = match time_conv(weights, name) {
            Some(name) => {
                let conv = Conv::load(weights, &name, dim)?;
                let window = Window { frame_stride: 2, ..conv.window() };
                Some((name, conv.with_window(window)))
            }
            None => None,
        };
        Ok(Self { resample, time_conv })
    }

    /// The channels of the result.
    pub(super) fn out_dim(&self) -> Result<usize> {
        self.resample.out_dim()
    }

    /// Pixels of a side and frames that become one.
    pub(super) fn scale(&self) -> (usize, usize) {
        (2, if self.time_conv.is_some() { 2 } else { 1 })
    }

    /// x `[frames, dim, h, w]` to `[frames / 2, dim, h / 2, w / 2]`. The first frame of a video is not merged: see
    /// [`Self::halve`].
    pub(super) fn forward(&self, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let x = self.resample.forward(&x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?)?;
        match &self.time_conv {
            Some((name, time_conv)) => Self::halve(name, time_conv, &x, cache),
            None => Ok(x),
        }
    }

    /// One frame for two and the one before them. The very first frame of a video stays unchanged.
    fn halve(name: &str, time_conv: &Conv, x: &Tensor, cache: &mut FeatureCache) -> Result<Tensor> {
        let frames = x.dim(0)?;
        if !cache.contains(name) {
            let first = x.narrow(0, 0, 1)?;
            cache.store(name, &first)?;
            return if frames == 1 {
                Ok(first)
            } else {
                Tensor::cat(&[first, Self::halve(name, time_conv, &x.narrow(0, 1, frames - 1)?, cache)?], 0)
            };
        }
        time_conv.forward(&cache.extend(name, x, 1)?)
    }
}

/// The name of the convolution over time, if there is one.
fn time_conv(weights: &Weights, name: &str) -> Option<String> {
    let name = format!("{name}.time_conv");
    weights.dims(&format!("{name}.weight")).map(|_| name)
}
