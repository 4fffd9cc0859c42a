//! A run of numbered layers, `<name>.0`, `<name>.1`, …, as data read from the weights.
//!
//! Source: `taehv.py` of madebyollin/taehv, classes `MemBlock`, `TPool`, `TGrow`. Layers without weights leave a gap in
//! the numbers. The next layer decides what belongs there: an enlargement before a `TGrow`, else a ReLU.

use candle_core::{Result, Tensor, bail};

use crate::wan::conv::{Conv, FeatureCache};
use crate::wan::ops::{self, Window};
use crate::wan::trace::Trace;
use crate::wan::weights::Weights;

/// Residual block of three convolutions over the previous and the current frame.
#[derive(Clone, Debug)]
pub struct MemBlock {
    /// Input: the frame before and the frame, in this order; see [`Self::load`].
    conv_0: Conv,
    conv_2: Conv,
    conv_4: Conv,
    skip: Option<Conv>,
}

impl MemBlock {
    /// Reads `<name>.conv.{0,2,4}` and, where the width changes, `<name>.skip`.
    ///
    /// The file's `conv.0` takes the channels of the frame first and those of the frame before it second. Swapped, they
    /// are in the order in which frames lie in memory. A window over two frames is then what it takes.
    fn load(weights: &Weights, name: &str, dim: usize) -> Result<Self> {
        let conv_0 = conv(weights, &format!("{name}.conv.0"), 2 * dim)?
            .map_weight(|weight| Tensor::cat(&[weight.narrow(1, dim, dim)?, weight.narrow(1, 0, dim)?], 1))?;
        let window = Window { frames: 2, ..conv_0.window() };
        let conv_2 = conv(weights, &format!("{name}.conv.2"), conv_0.out_dim()?)?;
        let conv_4 = conv(weights, &format!("{name}.conv.4"), conv_2.out_dim()?)?;
        let skip = format!("{name}.skip");
        let skip = weights.dims(&format!("{skip}.weight")).map(|_| conv(weights, &skip, dim)).transpose()?;
        Ok(Self { conv_0: conv_0.with_window(window), conv_2, conv_4, skip })
    }

    /// x `[frames, dim, h, w]` to `[frames, out, h, w]`; its past is kept under `name`.
    fn forward(&self, x: &Tensor, name: &str, cache: &mut FeatureCache) -> Result<Tensor> {
        let y = ops::relu(&self.conv_0.forward(&cache.extend(name, x, 1)?)?)?;
        let y = self.conv_4.forward(&ops::relu(&self.conv_2.forward(&y)?)?)?;
        match &self.skip {
            Some(skip) => ops::add_relu(&y, &skip.forward(x)?),
            None => ops::add_relu(&y, x),
        }
    }
}

/// Several frames for each, and a picture twice as large if the layer before it enlarges.
///
/// A 1×1 convolution and the enlargement may change places; in this order the convolution has a quarter of the work.
#[derive(Clone, Debug)]
pub struct TGrow {
    conv: Conv,
    stride: usize,
    upsample: bool,
}

impl TGrow {
    /// Reads `<name>.conv` `[dim · (at least stride), dim, 1, 1]`.
    ///
    /// A file made for more frames has more outputs than are needed. The last ones belong to the frames to keep
    /// (`patch_tgrow_layers`).
    fn load(weights: &Weights, name: &str, dim: usize, stride: usize, upsample: bool) -> Result<Self> {
        if stride == 0 {
            bail!("{name}: a TGrow cannot make 0 frames of one")
        }
        let key = format!("{name}.conv");
        let conv = conv(weights, &key, dim)?.map_weight(|weight| {
            let (file, needed) = (weight.dim(0)?, dim.saturating_mul(stride));
            if file < needed {
                let expected = format!("[at least {needed} for {stride} frames, {dim}, 1, 1]");
                return Err(weights.misshapen(&format!("{key}.weight"), expected));
            }
            weight.narrow(0, file - needed, needed)?.force_contiguous()
        })?;
        Ok(Self { conv, stride, upsample })
    }

    /// x `[frames, dim, h, w]` to `[stride · frames, dim, h', w']`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (frames, dim, height, width) = x.dims4()?;
        // The groups of channels are consecutive frames.
        let x = self.conv.forward(x)?.reshape((self.stride * frames, dim, height, width))?;
        if self.upsample { ops::upsample2x(&x) } else { Ok(x) }
    }
}

/// Reads a convolution of single frames.
fn conv(weights: &Weights, name: &str, in_dim: usize) -> Result<Conv> {
    let conv = Conv::load(weights, name, in_dim)?;
    if conv.window().frames != 1 {
        return Err(weights.misshapen(&format!("{name}.weight"), format_args!("[out, {in_dim}, kernel, kernel]")));
    }
    Ok(conv)
}

/// One layer of a [`Sequence`].
#[derive(Clone, Debug)]
pub enum Stage {
    /// A convolution of each frame alone.
    Conv(Conv),
    /// A layer without weights.
    Relu,
    /// A layer over the frame before and the frame.
    MemBlock(MemBlock),
    /// Several frames to one: a convolution over as many, without overlap.
    TPool(Conv),
    /// One frame to several.
    TGrow(TGrow),
}

/// The kinds of layers that are named `conv` without numbers.
#[derive(Clone, Copy, Debug)]
pub enum TimeScale<'a> {
    /// A decoder's `TGrow`s, which give this many frames for each, in turn.
    Grow(&'a [usize]),
    /// An encoder's `TPool`s; how many frames each takes follows from its weight. The convolution after each halves the
    /// sides of the picture.
    Pool,
}

/// The layers of a decoder or an encoder, each with its name in the checkpoint.
#[derive(Clone, Debug)]
pub struct Sequence {
    layers: Vec<(String, Stage)>,
    out_dim: usize,
}

impl Sequence {
    /// Reads the layers `<name>.<first>`, `<name>.<first + 1>`, … as far as they go.
    ///
    /// # Errors
    ///
    /// Fails if a tensor is missing or has another shape; the message names it and the file.
    pub fn load(weights: &Weights, name: &str, first: usize, in_dim: usize, time: TimeScale<'_>) -> Result<Self> {
        let mut reader = Reader { weights, time, grown: 0, dim: in_dim, after_pool: false };
        let mut layers = Vec::new();
        let mut gap = None;
        for index in first.. {
            let name = format!("{name}.{index}");
            match (reader.layer(&name, gap.is_some())?, gap.take()) {
                (Some(layer), before) => {
                    if let (Some(before), false) = (before, matches!(layer, Stage::TGrow(_))) {
                        layers.push((before, Stage::Relu));
                    }
                    layers.push((name, layer));
                }
                (None, None) => gap = Some(name),
                (None, Some(_)) => break,
            }
        }
        if layers.is_empty() {
            let expected = format!("[out, {in_dim}, kernel, kernel]");
            return Err(weights.missing(&format!("{name}.{first}.weight"), expected));
        }
        if let TimeScale::Grow(strides) = time
            && strides.len() != reader.grown
        {
            let flaw =
                format!("has {} layers that make several frames of one, expected {}", reader.grown, strides.len());
            return Err(weights.refusal(name, flaw));
        }
        Ok(Self { layers, out_dim: reader.dim })
    }

    /// The channels of the result.
    pub fn out_dim(&self) -> usize {
        self.out_dim
    }

    /// The layers with their names.
    pub fn layers(&self) -> &[(String, Stage)] {
        &self.layers
    }

    /// x `[frames, in, h, w]` to `[frames', out, h', w']`, showing what comes out of each layer.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, x: &Tensor, cache: &mut FeatureCache, trace: Trace<'_>) -> Result<Tensor> {
        let mut x = x.clone();
        for (name, layer) in &self.layers {
            x = match layer {
                Stage::Conv(conv) | Stage::TPool(conv) => conv.forward(&x)?,
                Stage::Relu => ops::relu(&x)?,
                Stage::MemBlock(block) => block.forward(&x, name, cache)?,
                Stage::TGrow(grow) => grow.forward(&x)?,
            };
            trace(name, &x);
        }
        Ok(x)
    }
}

/// The state of reading a [`Sequence`].
struct Reader<'a> {
    weights: &'a Weights,
    time: TimeScale<'a>,
    /// `TGrow`s so far.
    grown: usize,
    /// Width after the layers so far.
    dim: usize,
    after_pool: bool,
}

impl Reader<'_> {
    /// The layer `name`, or `None` if no weights bear that name.
    fn layer(&mut self, name: &str, after_gap: bool) -> Result<Option<Stage>> {
        let has = |key: &str| self.weights.dims(&format!("{name}.{key}"));
        let after_pool = std::mem::take(&mut self.after_pool);
        let layer = if let Some(dims) = has("conv.weight") {
            match self.time {
                TimeScale::Grow(strides) => {
                    let Some(&stride) = strides.get(self.grown) else {
                        let flaw = format!("is one TGrow more than the {} expected", strides.len());
                        return Err(self.weights.refusal(name, flaw));
                    };
                    self.grown += 1;
                    Stage::TGrow(TGrow::load(self.weights, name, self.dim, stride, after_gap)?)
                }
                TimeScale::Pool => {
                    let frames = dims.get(1).map_or(1, |inner| inner / self.dim).max(1);
                    let conv = conv(self.weights, &format!("{name}.conv"), frames * self.dim)?;
                    self.dim = conv.out_dim()?;
                    self.after_pool = true;
                    let window = Window { frames, frame_stride: frames, ..conv.window() };
                    Stage::TPool(conv.with_window(window))
                }
            }
        } else if has("conv.0.weight").is_some() {
            let block = MemBlock::load(self.weights, name, self.dim)?;
            self.dim = block.conv_4.out_dim()?;
            Stage::MemBlock(block)
        } else if has("weight").is_some() {
            let conv = conv(self.weights, name, self.dim)?;
            self.dim = conv.out_dim()?;
            let stride = if after_pool { 2 } else { 1 };
            let window = Window { stride, ..conv.window() };
            Stage::Conv(conv.with_window(window))
        } else {
            return Ok(None);
        };
        Ok(Some(layer))
    }
}
