//! Convolution without an unrolled copy of the picture.
//!
//! A block of output pixels reads a block of the zero-padded picture, laid out flat with its own row stride. Output
//! pixel p is then `Σ_k weight[k] · picture[p + offset(k)]`. The sum runs over all k: channel, row, column. This is the
//! register tile of [`super::tile`] with overlapping vectors. The pixels at the row ends that belong to no output are
//! computed and dropped. A stride s splits the picture into s² pictures of every s-th row and column. In these, the
//! stride is 1.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::memory::{Aligned, zeros};
use super::tile::{self, Offsets, Scalars, multiply_add};
use super::{View, WORTH_THREADS, for_each, tensor};
use crate::wan::ops::Window;

/// The least and the most products that a tile sums in registers before the next channels are loaded.
const DEPTH: [usize; 2] = [288, 640];
/// Floats of weights that these products may take of the second-level cache.
const WEIGHT_FLOATS: usize = 96 << 10;

/// Output columns of a block at most, and the floats that its picture and its sums may take.
const COLUMNS: usize = 192;
const BLOCK_FLOATS: usize = 256 << 10;

/// The cost of loading a number, in multiply-adds.
const LOAD_COST: usize = 16;

/// Convolution over a sliding window of frames, see [`crate::wan::ops::conv`].
pub fn conv(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let sizes = Sizes::new(x, weight, window)?;
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let bias = match bias {
        Some(bias) if bias.dims() == [sizes.out] => bias.to_vec1()?,
        Some(bias) => bail!("conv: bias {:?} for {} output channels", bias.shape(), sizes.out),
        None => vec![0.0; sizes.out],
    };
    let mut out = zeros(sizes.windows * sizes.out * sizes.out_height * sizes.out_width);
    if !out.is_empty() && sizes.depth() > 0 {
        let (picture, weight) = (View::of(&x), View::of(&weight));
        let (picture, weight) = (picture.data()?, weight.data()?);
        Arch::new().dispatch(Conv { picture, weight, bias: &bias, sizes, out: &mut out });
    }
    tensor(out, (sizes.windows, sizes.out, sizes.out_height, sizes.out_width))
}

#[derive(Clone, Copy)]
struct Sizes {
    /// Channels of a picture, over all its frames, and of the result.
    channels: usize,
    out: usize,
    height: usize,
    width: usize,
    kernel: [usize; 2],
    padding: usize,
    stride: usize,
    windows: usize,
    /// Floats from one window's picture to the next.
    window_step: usize,
    out_height: usize,
    out_width: usize,
}

impl Sizes {
    fn new(x: &Tensor, weight: &Tensor, window: Window) -> Result<Self> {
        let (frames, frame_channels, height, width) = x.dims4()?;
        let (out, channels, rows, columns) = weight.dims4()?;
        let Window { frames: seen, frame_stride, padding, stride } = window;
        let fits = channels == seen * frame_channels
            && (1..=frames).contains(&seen)
            && (1..=height + 2 * padding).contains(&rows)
            && (1..=width + 2 * padding).contains(&columns)
            && frame_stride > 0
            && stride > 0;
        if !fits {
            bail!("conv: a kernel {:?} over {window:?} does not fit frames {:?}", weight.shape(), x.shape());
        }
        Ok(Self {
            channels,
            out,
            height,
            width,
            kernel: [rows, columns],
            padding,
            stride,
            windows: (frames - seen) / frame_stride + 1,
            window_step: frame_stride * frame_channels * height * width,
            out_height: (height + 2 * padding - rows) / stride + 1,
            out_width: (width + 2 * padding - columns) / stride + 1,
        })
    }

    /// Products per output pixel.
    fn depth(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }
}

/// The blocks of the work: output rows and columns, computed from a few channels at a time.
#[derive(Clone, Copy)]
struct Blocking {
    rows: usize,
    columns: usize,
    /// Blocks down and across the picture.
    blocks: [usize; 2],
    /// Channels loaded together.
    channels: usize,
    /// Rows and columns of each of the `stride²` pictures of a block.
    picture: [usize; 2],
}

impl Blocking {
    fn new(sizes: &Sizes, lanes: usize) -> Self {
        let taps = sizes.kernel[0] * sizes.kernel[1];
        let halo = sizes.kernel.map(|kernel| (kernel - 1) / sizes.stride);
        let even = |total: usize, most: usize| total.div_ceil(total.div_ceil(most));
        let depth = (WEIGHT_FLOATS / sizes.out).clamp(DEPTH[0], DEPTH[1]);
        let channels = even(sizes.channels, (depth / taps).max(1));
        let columns = even(sizes.out_width, COLUMNS);
        let picture_columns = columns + halo[1];
        let per_row = picture_columns * (sizes.out + channels * sizes.stride * sizes.stride);
        // As tall as fits, but for the tiles that the last pixels of a block leave half empty.
        let tiles = |rows: usize| if rows == 0 { 0 } else { (rows * picture_columns - halo[1]).div_ceil(lanes) };
        let cost = |rows: usize| {
            let (whole, rest) = (sizes.out_height / rows, sizes.out_height % rows);
            let loaded = sizes.out_height + sizes.out_height.div_ceil(rows) * halo[0];
            (whole * tiles(rows) + tiles(rest)) * lanes * sizes.out * taps + LOAD_COST * loaded * picture_columns
        };
        let tallest = (BLOCK_FLOATS / per_row).clamp(1, sizes.out_height);
        let rows = (1..=tallest).min_by_key(|rows| cost(*rows)).unwrap_or(1);
        Self {
            rows,
            columns,
            blocks: [sizes.out_height.div_ceil(rows), sizes.out_width.div_ceil(columns)],
            channels,
            picture: [rows + halo[0], picture_columns],
        }
    }

    /// The start of the vectors of each (channel, kernel row, kernel column) in the loaded pictures.
    fn offsets(&self, sizes: &Sizes) -> Offsets {
        let ([rows, columns], stride) = (self.picture, sizes.stride);
        let mut at = Vec::with_capacity(self.channels * sizes.kernel[0] * sizes.kernel[1]);
        for channel in 0..self.channels {
            for y in 0..sizes.kernel[0] {
                for x in 0..sizes.kernel[1] {
                    let phase = (channel * stride + y % stride) * stride + x % stride;
                    at.push((phase * rows + y / stride) * columns + x / stride);
                }
            }
        }
        Offsets::new(at)
    }
}

struct Conv<'a> {
    picture: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    sizes: Sizes,
    out: &'a mut [f32],
}

/// A block of one window's result: its rows, channel by channel.
struct Job<'a> {
    window: usize,
    block: [usize; 2],
    out: Vec<&'a mut [f32]>,
}

/// The pictures `[channels, stride, stride, rows, columns]` and sums `[tiles, out, lanes]` of one block.
struct Scratch {
    picture: Aligned,
    sums: Aligned,
}

impl WithSimd for Conv<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { picture, weight, bias, sizes, out } = self;
        let (lanes, rows) = const { (tile::width::<S>(), tile::rows::<S>()) };
        let blocking = Blocking::new(&sizes, lanes);
        let offsets = blocking.offsets(&sizes);
        let weight = pack(weight, sizes.depth(), rows);
        let jobs = cut(out, &sizes, &blocking);
        let [height, width] = blocking.picture;
        let scratch = || Scratch {
            // The last tile reads on past the last row: one tile of slack.
            picture: Aligned::zeros(blocking.channels * sizes.stride * sizes.stride * height * width + lanes),
            sums: Aligned::zeros((blocking.rows * width).next_multiple_of(lanes) * sizes.out.next_multiple_of(rows)),
        };
        let shared = Shared { picture, weight: &weight, bias, sizes, blocking, offsets: &offsets };
        let work = jobs.len() * blocking.rows * blocking.columns * sizes.out * sizes.depth();
        for_each(jobs, work, scratch, |scratch, job| {
            if const { tile::rows::<S>() == 8 } {
                simd.vectorize(Run::<8> { shared, scratch, job });
            } else {
                simd.vectorize(Run::<4> { shared, scratch, job });
            }
        });
    }
}

/// Cuts the result `[windows, out, height, width]` into jobs.
fn cut<'a>(out: &'a mut [f32], sizes: &Sizes, blocking: &Blocking) -> Vec<Job<'a>> {
    let [down, across] = blocking.blocks;
    let mut jobs: Vec<_> = (0..sizes.windows * down * across)
        .map(|i| Job { window: i / (down * across), block: [i / across % down, i % across], out: Vec::new() })
        .collect();
    for (plane, out) in out.chunks_exact_mut(sizes.out_height * sizes.out_width).enumerate() {
        for (y, row) in out.chunks_exact_mut(sizes.out_width).enumerate() {
            let first = (plane / sizes.out * down + y / blocking.rows) * across;
            for (job, part) in jobs[first..][..across].iter_mut().zip(row.chunks_mut(blocking.columns)) {
                job.out.push(part);
            }
        }
    }
    jobs
}

/// Weights `[out, depth]` in the order of the tiles, `[out / rows, depth, rows]`. Missing channels are zeros.
fn pack(weight: &[f32], depth: usize, rows: usize) -> Vec<f32> {
    let mut packed = vec![0.0; (weight.len() / depth).next_multiple_of(rows) * depth];
    let pack_group = |(packed, weight): (&mut [f32], &[f32])| {
        for (row, weight) in weight.chunks_exact(depth).enumerate() {
            for (to, from) in packed[row..].iter_mut().step_by(rows).zip(weight) {
                *to = *from;
            }
        }
    };
    let group = rows * depth;
    if weight.len() < WORTH_THREADS {
        packed.chunks_exact_mut(group).zip(weight.chunks(group)).for_each(pack_group);
    } else {
        packed.par_chunks_exact_mut(group).zip(weight.par_chunks(group)).for_each(pack_group);
    }
    packed
}

#[derive(Clone, Copy)]
struct Shared<'a> {
    picture: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    sizes: Sizes,
    blocking: Blocking,
    offsets: &'a Offsets,
}

struct Run<'a, 'b, const ROWS: usize> {
    shared: Shared<'b>,
    scratch: &'b mut Scratch,
    job: Job<'a>,
}

impl<const ROWS: usize> WithSimd for Run<'_, '_, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shared: Shared { picture, weight, bias, sizes, blocking, offsets }, scratch, mut job } = self;
        let lanes = const { tile::width::<S>() };
        let height = job.out.len() / sizes.out;
        let width = job.out[0].len();
        let columns = blocking.picture[1];
        let tile = ROWS * lanes;
        let tiles = ((height - 1) * columns + width).div_ceil(lanes);
        let groups = sizes.out.div_ceil(ROWS);
        let taps = sizes.kernel[0] * sizes.kernel[1];
        let sums = &mut scratch.sums[..tiles * groups * tile];
        for tile in sums.chunks_exact_mut(groups * tile) {
            for (row, bias) in tile.chunks_exact_mut(lanes).zip(bias) {
                row.fill(*bias);
            }
        }
        for first in (0..sizes.channels).step_by(blocking.channels) {
            let channels = blocking.channels.min(sizes.channels - first);
            load(
                &picture[job.window * sizes.window_step..],
                first,
                channels,
                job.block,
                &sizes,
                &blocking,
                &mut scratch.picture,
            );
            for (t, sums) in sums.chunks_exact_mut(groups * tile).enumerate() {
                for (group, sums) in sums.chunks_exact_mut(tile).enumerate() {
                    let data = &weight[(group * sizes.depth() + first * taps) * ROWS..];
                    let a = Scalars::<ROWS> { data, start: std::array::from_fn(|row| row), step: ROWS };
                    multiply_add(simd, sums, a, &scratch.picture, offsets, t * lanes, channels * taps);
                }
            }
        }
        for (i, out) in job.out.iter_mut().enumerate() {
            let (channel, y) = (i / height, i % height);
            let (mut at, mut rest) = (y * columns, &mut **out);
            while !rest.is_empty() {
                let (t, lane) = (at / lanes, at % lanes);
                let (part, after) = rest.split_at_mut(rest.len().min(lanes - lane));
                part.copy_from_slice(&sums[(t * groups * ROWS + channel) * lanes + lane..][..part.len()]);
                at += part.len();
                rest = after;
            }
        }
    }
}

/// Copies the channels from `first` on of a block into its padded pictures, one per phase of the stride.
#[inline(always)]
fn load(
    window: &[f32],
    first: usize,
    channels: usize,
    block: [usize; 2],
    sizes: &Sizes,
    blocking: &Blocking,
    picture: &mut [f32],
) {
    let ([rows, columns], stride) = (blocking.picture, sizes.stride);
    let (top, left) = (block[0] * blocking.rows * stride, block[1] * blocking.columns * stride);
    for (i, row) in picture.chunks_exact_mut(columns).take(channels * stride * stride * rows).enumerate() {
        let (phase, y) = (i / rows, top + i % rows * stride);
        let (channel, y, x) = (first + phase / (stride * stride), y + phase / stride % stride, left + phase % stride);
        let inside = (sizes.padding..sizes.padding + sizes.height).contains(&y);
        if !inside {
            row.fill(0.0);
            continue;
        }
        let line = &window[(channel * sizes.height + y - sizes.padding) * sizes.width..][..sizes.width];
        // Columns before the picture, then those in it.
        let before = sizes.padding.saturating_sub(x).div_ceil(stride).min(columns);
        let from = (x + before * stride).saturating_sub(sizes.padding).min(sizes.width);
        let inside = (sizes.width - from).div_ceil(stride).min(columns - before);
        row[..before].fill(0.0);
        row[before + inside..].fill(0.0);
        let row = &mut row[before..][..inside];
        if stride == 1 {
            row.copy_from_slice(&line[from..][..inside]);
        } else {
            for (to, from) in row.iter_mut().zip(line[from..].iter().step_by(stride)) {
                *to = *from;
            }
        }
    }
}
