//! Operations of the decoders on pictures `[frames, channels, height, width]`, other than convolutions.

use candle_core::{Result, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};

use super::memory::zeros;
use super::norm::fill_rows;
use super::simd::{map2, sigmoid};
use super::{View, for_each, tensor};

/// Floats of a block of pixels over all channels: read from memory once, then again from the second-level cache.
const BLOCK_FLOATS: usize = 96 << 10;

/// Each pixel becomes four: `[.., height, width]` to `[.., 2 height, 2 width]`.
pub fn upsample2x(x: &Tensor) -> Result<Tensor> {
    let (frames, channels, height, width) = x.dims4()?;
    let x = x.contiguous()?;
    let mut out = zeros(4 * x.elem_count());
    if !out.is_empty() {
        let view = View::of(&x);
        let data = view.data()?;
        // One row of x fills two rows.
        fill_rows(&mut out, 4 * width, |row, out| {
            let (upper, lower) = out.split_at_mut(2 * width);
            let x = &data[row * width..][..width];
            Arch::new().dispatch(|| upper.as_chunks_mut::<2>().0.iter_mut().zip(x).for_each(|(two, x)| *two = [*x; 2]));
            lower.copy_from_slice(upper);
        });
    }
    tensor(out, (frames, channels, 2 * height, 2 * width))
}

/// Norm over the channels of each pixel, see [`crate::wan::ops::channel_rms_norm`].
pub fn channel_rms_norm(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    norm(x, gamma, false)
}

/// [`channel_rms_norm`], then SiLU.
pub fn channel_rms_norm_silu(x: &Tensor, gamma: &Tensor) -> Result<Tensor> {
    norm(x, gamma, true)
}

/// A run of pixels of one frame, and the result's channels there.
struct Job<'a> {
    start: usize,
    out: Vec<&'a mut [f32]>,
}

fn norm(x: &Tensor, gamma: &Tensor, silu: bool) -> Result<Tensor> {
    let (frames, channels, height, width) = x.dims4()?;
    if gamma.elem_count() != channels {
        bail!("channel_rms_norm: gamma {:?} for {channels} channels", gamma.shape());
    }
    let (x, gamma) = (x.contiguous()?, gamma.flatten_all()?.to_vec1::<f32>()?);
    let (count, plane) = (x.elem_count(), height * width);
    let mut out = zeros(count);
    if count > 0 {
        let view = View::of(&x);
        let data = view.data()?;
        let per_job = (BLOCK_FLOATS / channels).next_multiple_of(64).max(64).min(plane);
        let blocks = plane.div_ceil(per_job);
        let start = |i: usize| i / blocks * channels * plane + i % blocks * per_job;
        let mut jobs: Vec<_> = (0..frames * blocks).map(|i| Job { start: start(i), out: Vec::new() }).collect();
        for (i, out) in out.chunks_exact_mut(plane).enumerate() {
            for (job, out) in jobs[i / channels * blocks..][..blocks].iter_mut().zip(out.chunks_mut(per_job)) {
                job.out.push(out);
            }
        }
        for_each(
            jobs,
            count,
            || vec![0.0; per_job],
            |scale, job| {
                let Job { start, out } = job;
                Arch::new().dispatch(ChannelNorm { x: &data[start..], plane, gamma: &gamma, silu, scale, out });
            },
        );
    }
    tensor(out, (frames, channels, height, width))
}

struct ChannelNorm<'a, 'b> {
    /// Channel c of the first pixel is at `c · plane`.
    x: &'b [f32],
    plane: usize,
    gamma: &'b [f32],
    silu: bool,
    /// Of each pixel: the sum of squares, then what to multiply with.
    scale: &'b mut [f32],
    out: Vec<&'a mut [f32]>,
}

impl WithSimd for ChannelNorm<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, plane, gamma, silu, scale, mut out } = self;
        let pixels = out[0].len();
        let scale = &mut scale[..pixels];
        let channel = |c: usize| &x[c * plane..][..pixels];
        scale.fill(0.0);
        for c in 0..out.len() {
            let (x, x_tail) = S::as_simd_f32s(channel(c));
            let (sums, sums_tail) = S::as_mut_simd_f32s(scale);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = simd.mul_add_e_f32s(*x, *x, *sum);
            }
            for (sum, x) in sums_tail.iter_mut().zip(x_tail) {
                *sum += x * x;
            }
        }
        let root = (out.len() as f32).sqrt();
        for scale in &mut *scale {
            *scale = root / scale.sqrt().max(1e-12);
        }
        for (c, out) in out.iter_mut().enumerate() {
            let gamma = simd.splat_f32s(gamma[c]);
            let normed = |x, scale| simd.mul_f32s(simd.mul_f32s(x, scale), gamma);
            if silu {
                map2(
                    simd,
                    channel(c),
                    scale,
                    out,
                    #[inline(always)]
                    |x, scale| {
                        let x = normed(x, scale);
                        simd.mul_f32s(x, sigmoid(simd, x))
                    },
                );
            } else {
                map2(simd, channel(c), scale, out, normed);
            }
        }
    }
}
