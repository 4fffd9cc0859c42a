//! Bends of what is a tensor at its site, laid out `[batch, frames, tokens per frame, ..]`.

use bendrack_nodes::op::{Form, Noise, lanes_along};
use bendrack_nodes::program::Site;
use bendrack_nodes::target::Set;
use candle_core::{Result, Tensor, bail};

use super::Active;

/// `[batch, tokens, ..]` to `[batch, frames, tokens per frame, ..]`.
pub(super) fn by_frame(x: &Tensor, frames: usize) -> Result<Tensor> {
    let (batch, tokens) = (x.dim(0)?, x.dim(1)?);
    if frames == 0 || !tokens.is_multiple_of(frames) {
        bail!("{tokens} tokens are not {frames} frames")
    }
    let dims: Vec<usize> = [batch, frames, tokens / frames].into_iter().chain(x.dims()[2..].iter().copied()).collect();
    x.reshape(dims)
}

/// x after a bend: dry where its target does not reach, mixed by its amount.
pub(super) fn bend(x: &Tensor, active: &Active<'_>, noise: &mut dyn Noise) -> Result<Tensor> {
    let Form::Tensor(op) = active.bend.op.form else {
        bail!("{}: {} is no bend of a tensor", active.bend.node, active.bend.op.name)
    };
    let target = &active.bend.target;
    let (axis, part) = match active.bend.op.site {
        Site::FfnHidden => (x.rank() - 1, &target.neurons),
        Site::SelfValue | Site::CrossValue => (x.rank() - 2, &target.heads),
        _ => (0, &Set::ALL),
    };
    within(x, axis, part, &mut |x| mix(x, &op(x, &active.params, noise)?, &active.amount, 1))
}

/// `dry + amount · (wet − dry)`, the amounts along `axis`.
pub(super) fn mix(dry: &Tensor, wet: &Tensor, amount: &[f64], axis: usize) -> Result<Tensor> {
    if amount.iter().all(|&amount| amount.to_bits() == 1.0_f64.to_bits()) {
        return Ok(wet.clone());
    }
    dry + (wet - dry)?.broadcast_mul(&lanes_along(amount, axis, dry)?)?
}

/// x with `f` of the part of it whose index along `axis` is in the set.
fn within(x: &Tensor, axis: usize, set: &Set, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let Some(ranges) = set.ranges() else { return f(x) };
    let size = x.dim(axis)?;
    let mut parts = Vec::new();
    let mut next = 0;
    for range in ranges {
        let (first, last) = (*range.start(), (*range.end()).min(size.saturating_sub(1)));
        if first > last {
            break;
        }
        parts.push(x.narrow(axis, next, first - next)?);
        parts.push(f(&x.narrow(axis, first, last + 1 - first)?)?);
        next = last + 1;
    }
    parts.push(x.narrow(axis, next, size - next)?);
    parts.retain(|part| part.elem_count() > 0);
    Tensor::cat(&parts, axis)
}

/// The mean of |x| over the tokens of each frame, for the neurons of a set: `[batch, frames, tokens, neurons]` to
/// `[frames, 1, neurons of the set]`.
pub(super) fn activity(x: &Tensor, neurons: &Set) -> Result<Tensor> {
    let mean = x.abs()?.mean(2)?.mean(0)?.unsqueeze(1)?;
    let size = mean.dim(2)?;
    let Some(ranges) = neurons.ranges() else { return Ok(mean) };
    let parts = ranges.iter().map(|range| (*range.start(), (*range.end()).min(size.saturating_sub(1))));
    let parts =
        parts.filter(|(first, last)| first <= last).map(|(first, last)| mean.narrow(2, first, last + 1 - first));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    if parts.is_empty() { mean.narrow(2, 0, 0) } else { Tensor::cat(&parts, 2) }
}
