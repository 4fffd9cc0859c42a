//! Bends of the tensor at a site, laid out `[batch, frames, tokens per frame, ..]`.

use std::ops::RangeInclusive;

use bendrack_nodes::program::op::Form;
use candle_core::{Result, Tensor, bail};

use super::bound::BoundBend;
use super::noise::SiteNoise;
use crate::wan::ops;

/// `[batch, tokens, ..]` to `[batch, frames, tokens per frame, ..]`.
pub(super) fn by_frame(x: &Tensor, frames: usize) -> Result<Tensor> {
    let (batch, tokens) = (x.dim(0)?, x.dim(1)?);
    if frames == 0 || !tokens.is_multiple_of(frames) {
        bail!("{tokens} tokens do not divide into {frames} frames")
    }
    let dims: Vec<usize> = [batch, frames, tokens / frames].into_iter().chain(x.dims()[2..].iter().copied()).collect();
    x.reshape(dims)
}

/// x after a bend, mixed by its weight. Along `axis` the bend acts on `part` only, or on all of x without one.
pub(super) fn bend(
    x: &Tensor,
    bound: &BoundBend<'_>,
    (axis, part): (usize, Option<&[RangeInclusive<usize>]>),
    noise: SiteNoise<'_>,
) -> Result<Tensor> {
    let Form::Tensor(op) = bound.bend.op.form else {
        bail!("{}: {} does not act at {}", bound.bend.node, bound.bend.op.name, bound.bend.site)
    };
    let bent = |x: &Tensor, bound: &BoundBend<'_>, mut noise: SiteNoise<'_>| {
        within(x, axis, part, &mut |x| bound.mix(x, &op(x, &bound.params, &mut noise)?, 1, &[2]))
    };
    if !ops::is_worth_blocks(x) {
        return bent(x, bound, noise);
    }
    ops::in_blocks(x, |x, frame, tokens| {
        let bound = bound.part(frame, tokens.clone());
        if bound.is_dry() { Ok(x.clone()) } else { bent(x, &bound, noise.part(frame, tokens.start)) }
    })
}

/// The most ranges that are cut out and put back; more are gathered by index.
const CUTS: usize = 4;

/// x with `f` applied along `axis` to the part in the rising ranges, or to all of x without ranges.
pub(super) fn within(
    x: &Tensor,
    axis: usize,
    ranges: Option<&[RangeInclusive<usize>]>,
    f: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let Some(ranges) = ranges else { return f(x) };
    let size = x.dim(axis)?;
    let count: usize = ranges.iter().map(|range| range.end() + 1 - range.start()).sum();
    match count {
        0 => return Ok(x.clone()),
        all if all == size => return f(x),
        _ => {}
    }
    if ranges.len() > CUTS {
        let indices: Vec<u32> = ranges.iter().flat_map(|range| range.clone().map(|i| i as u32)).collect();
        let indices = Tensor::new(indices, x.device())?;
        let dry = x.contiguous()?.index_select(&indices, axis)?;
        return x.contiguous()?.index_add(&indices, &(f(&dry)? - &dry)?, axis);
    }
    let mut parts = Vec::new();
    let mut next = 0;
    for range in ranges {
        parts.push(x.narrow(axis, next, range.start() - next)?);
        parts.push(f(&x.narrow(axis, *range.start(), range.end() + 1 - range.start())?)?);
        next = range.end() + 1;
    }
    parts.push(x.narrow(axis, next, size - next)?);
    parts.retain(|part| part.elem_count() > 0);
    Tensor::cat(&parts, axis)
}

/// The part of x whose index along `axis` is in one of the ranges.
pub(super) fn select(x: &Tensor, axis: usize, ranges: Option<&[RangeInclusive<usize>]>) -> Result<Tensor> {
    let Some(ranges) = ranges else { return Ok(x.clone()) };
    let parts = ranges.iter().map(|range| x.narrow(axis, *range.start(), range.end() + 1 - range.start()));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    if parts.is_empty() { x.narrow(axis, 0, 0) } else { Tensor::cat(&parts, axis) }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_part_is_changed_and_the_rest_is_not() -> Result<()> {
        let x = Tensor::arange(0.0f32, 24.0, &Device::Cpu)?.reshape((2, 12))?;
        for ranges in
            [vec![], vec![0..=11], vec![2..=4], vec![0..=0, 5..=5, 11..=11], (0..6).map(|i| 2 * i..=2 * i).collect()]
        {
            let y: Vec<Vec<f32>> = within(&x, 1, Some(&ranges), &mut |x| x + 100.0)?.to_vec2()?;
            let kept: Vec<Vec<f32>> = select(&x, 1, Some(&ranges))?.to_vec2()?;
            for row in 0..2 {
                let changed: Vec<usize> = (0..12).filter(|i| ranges.iter().any(|range| range.contains(i))).collect();
                let value = |i: usize| (12 * row + i) as f32;
                let expected: Vec<f32> =
                    (0..12).map(|i| value(i) + if changed.contains(&i) { 100.0 } else { 0.0 }).collect();
                assert_eq!(y[row], expected, "{ranges:?}");
                assert_eq!(kept[row], changed.iter().map(|&i| value(i)).collect::<Vec<_>>());
            }
        }
        Ok(())
    }
}
