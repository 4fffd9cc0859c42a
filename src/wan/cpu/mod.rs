//! Kernels for f32 tensors on the CPU: what [`super::ops`] calls instead of its plain tensor code.
//!
//! Everything rests on three ideas. One register tile ([`tile`]) serves attention and convolution: a few rows of
//! scalars times three vectors of columns. Nothing is unrolled in memory first. Everything else is a single pass over
//! memory ([`pointwise`], [`norm`], [`pictures`]). Vectors are [`pulp`]'s, so the instruction set is chosen at run
//! time.
//!
//! Results do not depend on the number of threads or their timing. Work is cut the same way on every run, and one
//! thread sums every number in a fixed order.

// The functions that take a `Simd` must be inlined into the function that enables the instruction set.
#![allow(clippy::inline_always)]

mod attention;
mod bf16;
mod blocks;
mod conv;
mod dots;
mod linear;
mod matmul;
mod mean;
mod memory;
mod norm;
mod pictures;
mod pointwise;
mod rope;
mod simd;
mod tile;

use candle_core::{DType, Device, Layout, Result, Shape, Storage, StorageRef, Tensor, bail};
use rayon::prelude::*;

pub(super) use attention::attention;
pub(super) use blocks::in_blocks;
pub(super) use conv::conv;
pub(super) use linear::{linear, linear_stored};
pub(super) use matmul::matmul;
pub(super) use mean::mean_abs;
pub(super) use memory::zeros;
pub(super) use norm::{layer_norm, layer_norm_affine, layer_norm_modulate, rms_norm};
pub(super) use pictures::{channel_rms_norm, channel_rms_norm_silu, upsample2x};
pub(super) use pointwise::{add, add_relu, gated_residual, gelu_tanh, relu, silu};
pub(super) use rope::rope;

/// True if the kernels can compute with these tensors: all on the CPU in f32.
pub(super) fn takes(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|x| x.device().is_cpu() && x.dtype() == DType::F32)
}

/// Multiply-adds, or elements of a pass over memory, below which waking threads costs more than it saves.
pub(super) const WORTH_THREADS: usize = 1 << 18;

/// The numbers of a tensor, locked for reading.
struct View<'a> {
    storage: StorageRef<'a>,
    layout: &'a Layout,
}

impl<'a> View<'a> {
    fn of(x: &'a Tensor) -> Self {
        let (storage, layout) = x.storage_and_layout();
        Self { storage, layout }
    }

    /// Everything from the tensor's first element on; for a contiguous tensor exactly its elements.
    fn data(&self) -> Result<&[f32]> {
        let Storage::Cpu(storage) = &*self.storage else { bail!("a CPU kernel was given a tensor of another device") };
        let data = &storage.as_slice::<f32>()?[self.layout.start_offset()..];
        Ok(if self.layout.is_contiguous() { &data[..self.layout.shape().elem_count()] } else { data })
    }

    /// Elements from one index of axis `dim` to the next.
    fn stride(&self, dim: usize) -> usize {
        self.layout.stride()[dim]
    }
}

/// A tensor on the CPU from its elements.
fn tensor(data: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(data, shape.into(), &Device::Cpu)
}

/// Runs the jobs, on all threads if `work` is large enough. Successive jobs of a thread share a scratch.
fn for_each<J: Send, T>(
    jobs: Vec<J>,
    work: usize,
    scratch: impl Fn() -> T + Sync + Send,
    run: impl Fn(&mut T, J) + Sync + Send,
) {
    if work < WORTH_THREADS || jobs.len() < 2 {
        let mut scratch = scratch();
        for job in jobs {
            run(&mut scratch, job);
        }
    } else {
        // One job is the unit of stealing: they are few and large.
        jobs.into_par_iter().with_max_len(1).for_each_init(scratch, run);
    }
}
