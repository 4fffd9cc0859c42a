//! Rotary embedding.

use candle_core::{Result, Tensor, bail};
use pulp::Arch;

use super::memory::zeros;
use super::norm::fill_rows;
use super::{View, tensor};

/// Rotates interleaved pairs, see [`crate::wan::ops::rope`].
pub fn rope(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (batch, tokens, heads, head_dim) = x.dims4()?;
    let pairs = head_dim / 2;
    if head_dim % 2 != 0 || cos.dims() != [tokens, pairs] || sin.dims() != [tokens, pairs] {
        bail!("rope: cos {:?} and sin {:?} do not fit x {:?}", cos.shape(), sin.shape(), x.shape());
    }
    let (x, cos, sin) = (x.contiguous()?, cos.contiguous()?, sin.contiguous()?);
    let mut out = zeros(batch * tokens * heads * head_dim);
    if !out.is_empty() {
        let (x, cos, sin) = (View::of(&x), View::of(&cos), View::of(&sin));
        let (x, cos, sin) = (x.data()?, cos.data()?, sin.data()?);
        let row = heads * head_dim;
        fill_rows(&mut out, row, |i, out| {
            let [cos, sin] = [cos, sin].map(|table| &table[i % tokens * pairs..][..pairs]);
            let x = &x[i * row..][..row];
            Arch::new().dispatch(|| rotate(x, cos, sin, out));
        });
    }
    tensor(out, (batch, tokens, heads, head_dim))
}

/// Rotates the heads of one token; plain code that becomes vectors where it is inlined.
#[inline(always)]
fn rotate(x: &[f32], cos: &[f32], sin: &[f32], out: &mut [f32]) {
    let head_dim = 2 * cos.len();
    for (x, out) in x.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim)) {
        let pairs = x.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<2>().0);
        for (([x0, x1], out), (cos, sin)) in pairs.zip(cos.iter().zip(sin)) {
            *out = [x0 * cos - x1 * sin, x0 * sin + x1 * cos];
        }
    }
}
