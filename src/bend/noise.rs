//! The noise of a bend: a function of seed, node, step, layer and frame alone.

use bendrack_nodes::program::op::Noise;
use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::normal::Normal;
use crate::wan::hooks::HookContext;

/// The noise of one bend at one hook.
#[derive(Clone, Copy)]
pub(super) struct SiteNoise<'a> {
    /// The seed of the patch, the node, step and layer.
    key: [u32; 2],
    /// The numbers in the video of the frames that are bent.
    frames: &'a [usize],
    /// The first token of each of these frames.
    token: usize,
    /// The head, and the number of draws so far.
    head: u32,
    draws: u32,
}

/// The numbers that a thread draws at a time.
const RUN: usize = 1 << 13;

impl<'a> SiteNoise<'a> {
    /// `same` noise does not depend on step and layer.
    pub(super) fn new(seed: u64, node: &str, hook: &HookContext<'_>, frames: &'a [usize], same: bool) -> Self {
        let index = |index: usize| if same { u64::MAX } else { index as u64 };
        let words = [seed, fnv1a(node.as_bytes()), index(hook.step), index(hook.layer)];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let key = fnv1a(&bytes);
        Self { key: [key as u32, (key >> 32) as u32], frames, token: 0, head: 0, draws: 0 }
    }

    /// The noise source of one head, independent of the others.
    pub(super) fn of_head(self, head: u32) -> Self {
        Self { head: head + 1, ..self }
    }

    /// The source of the next draw, as a copy.
    pub(super) fn next(&mut self) -> Self {
        let next = *self;
        self.draws += 1;
        next
    }

    /// The noise of one frame, by index, from a token on.
    pub(super) fn part(self, frame: usize, token: usize) -> Self {
        Self { frames: &self.frames[frame..=frame], token: self.token + token, ..self }
    }
}

impl Noise for SiteNoise<'_> {
    fn normal(&mut self, like: &Tensor) -> Result<Tensor> {
        let dims = like.dims();
        if dims.len() < 2 || dims[1] != self.frames.len() {
            bail!("the noise has {} frames, the tensor has shape {dims:?}", self.frames.len())
        }
        let (batch, frames) = (dims[0], dims[1]);
        let size: usize = dims[2..].iter().product();
        let first = self.token * dims[2..].iter().skip(1).product::<usize>();
        let mut values = vec![0.0f32; batch * frames * size];
        // The items of a batch are the same frames, so they share their noise.
        let (one, others) = values.split_at_mut(if batch == 0 { 0 } else { frames * size });
        for (values, &frame) in one.chunks_exact_mut(size.max(1)).zip(self.frames) {
            let normal = Normal { key: self.key, words: [frame as u32, self.head, self.draws] };
            if values.len() <= RUN {
                normal.fill(first, values);
            } else {
                let runs = values.par_chunks_mut(RUN).enumerate();
                runs.for_each(|(run, values)| normal.fill(first + run * RUN, values));
            }
        }
        self.draws += 1;
        others.chunks_exact_mut(one.len().max(1)).for_each(|batch| batch.copy_from_slice(one));
        Tensor::from_vec(values, dims, &Device::Cpu)?.to_device(like.device())?.to_dtype(like.dtype())
    }
}

/// The FNV-1a hash: the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
