//! Tensor code, block by block: what it makes on its way stays in the cache, and threads share the work.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::memory::zeros;
use super::{View, tensor};

/// Elements of a block. As many tensors of its size as an operation has on its way fit into the second-level cache.
const BLOCK: usize = 1 << 15;

/// See [`crate::wan::ops::in_blocks`].
pub fn in_blocks(x: &Tensor, f: impl Fn(&Tensor, usize, Range<usize>) -> Result<Tensor> + Sync) -> Result<Tensor> {
    let (frames, tokens) = (x.dim(1)?, x.dim(2)?);
    let size: usize = x.dims()[3..].iter().product();
    let count = (BLOCK / size.max(1)).clamp(1, tokens.max(1));
    let mut out = zeros(x.elem_count());
    let fill = |batch_and_frame: usize, block: usize, out: &mut [f32]| {
        let (batch, frame) = (batch_and_frame / frames, batch_and_frame % frames);
        let tokens = block * count..block * count + out.len() / size;
        let x = x.narrow(0, batch, 1)?.narrow(1, frame, 1)?.narrow(2, tokens.start, tokens.len())?;
        let y = f(&x, frame, tokens)?.contiguous()?;
        if y.dims() != x.dims() {
            bail!("a block of shape {:?} became one of {:?}", x.dims(), y.dims());
        }
        out.copy_from_slice(View::of(&y).data()?);
        Ok(())
    };
    out.par_chunks_mut((tokens * size).max(1)).enumerate().try_for_each(|(frame, out)| {
        out.par_chunks_mut(count * size).enumerate().try_for_each(|(block, out)| fill(frame, block, out))
    })?;
    tensor(out, x.shape())
}
