//! Bends of attention columns: the definition of every bend of a map after the softmax.

use std::collections::BTreeSet;

use bendrack_nodes::node::def::Input;
use bendrack_nodes::program::op::{Form, lanes_along};
use candle_core::{Result, Tensor, bail};

use super::bound::BoundBend;
use super::context::{AttentionContext, normal};
use super::grid;
use super::map::ScopedBend;
use crate::wan::ops;

/// The keys, of `count`, that bends change.
pub(super) fn keys(bends: &[&ScopedBend<'_>], count: usize) -> Vec<u32> {
    let mut keys = BTreeSet::new();
    for bend in bends {
        let others = bend.item.other_rows(count);
        let touched = bend.keys.iter().enumerate().filter(|(key, selected)| **selected || others[*key]);
        keys.extend(touched.map(|(key, _)| key as u32));
    }
    keys.into_iter().collect()
}

/// Columns x `[batch, heads, keys, frames, rows, columns]` of `keys` after bends, first to last.
pub(super) fn chain(
    context: &AttentionContext<'_>,
    x: &Tensor,
    keys: &[u32],
    heads: &[u32],
    bends: &[&ScopedBend<'_>],
) -> Result<Tensor> {
    let mut x = x.clone();
    for bend in bends {
        let selected: Vec<u32> =
            (0..).zip(keys).filter(|(_, key)| bend.keys[**key as usize]).map(|(at, _)| at).collect();
        let dry = pick(&x, &selected)?;
        let bound = bend.item;
        let wet = if let Form::Transfer { both } = bound.bend.op.form {
            let others = bound.other_rows(bend.keys.len());
            let given: Vec<u32> = (0..).zip(keys).filter(|(_, key)| others[**key as usize]).map(|(at, _)| at).collect();
            if given.is_empty() {
                continue;
            }
            let other = pick(&x, &given)?;
            // A word of both groups belongs to the target.
            let back: Vec<u32> = given.iter().copied().filter(|at| !selected.contains(at)).collect();
            if both && !back.is_empty() {
                let before = pick(&x, &back)?;
                let mut after = spread(&dry, given.len())?;
                if back.len() < given.len() {
                    after = after.narrow(2, 0, back.len())?;
                }
                let after = bound.check(&context.hook, &before, bound.mix(&before, &after, 3, &[4, 5])?)?;
                x = put(&x, &back, &before, &after)?;
            }
            bound.mix(&dry, &spread(&other, selected.len())?, 3, &[4, 5])?
        } else {
            wet(context, bound, &dry, heads)?
        };
        x = put(&x, &selected, &dry, &bound.check(&context.hook, &dry, wet)?)?;
    }
    Ok(x)
}

/// The columns of a bend's keys after the bend.
fn wet(context: &AttentionContext<'_>, bound: &BoundBend<'_>, dry: &Tensor, heads: &[u32]) -> Result<Tensor> {
    let mixed = |wet: &Tensor| bound.mix(dry, wet, 3, &[4, 5]);
    match bound.bend.op.form {
        Form::Grid(_) => grid::apply(&*bound.grid_map(context.grid)?, &dry.flatten_from(3)?, 3)?.reshape(dry.shape()),
        Form::Columns(op) if ops::is_worth_blocks(dry) => {
            // Keys do not depend on one another.
            let keys = dry.flatten_from(3)?;
            let bent = ops::in_blocks(&keys, |x, _, keys| {
                let mut dims = dry.dims().to_vec();
                dims[..3].copy_from_slice(&[1, 1, keys.len()]);
                let x = x.contiguous()?.reshape(dims)?;
                bound.mix(&x, &op(&x, &bound.params)?, 3, &[4, 5])?.flatten_from(3)
            })?;
            bent.reshape(dry.shape())
        }
        Form::Columns(op) => mixed(&op(dry, &bound.params)?),
        Form::MapNoise { sigma, renormalise } => {
            let noisy = noisy(context, bound, sigma, dry, heads[0])?;
            mixed(&if bound.params.is_on(renormalise, 0) { renormalised(dry, &noisy)? } else { noisy })
        }
        Form::Freeze { since, .. } => {
            mixed(&bound.frozen(bound.bend.params.chosen(since, 0), &context.hook, dry, heads)?)
        }
        Form::LogitWeight(_) | Form::Transfer { .. } | Form::Position(_) | Form::Tensor(_) => {
            bail!("{}: {} does not bend a map", bound.bend.node, bound.bend.op.name)
        }
    }
}

/// `x + σ s E`.
fn noisy(
    context: &AttentionContext<'_>,
    bound: &BoundBend<'_>,
    sigma: &Input,
    x: &Tensor,
    head: u32,
) -> Result<Tensor> {
    let share = x.sum_keepdim(2)?;
    let level = (share / (x.dim(2)? as f64).sqrt())?.broadcast_mul(&lanes_along(bound.params.lanes(sigma), 3, x)?)?;
    // Noise is drawn with the frames as the leading axis.
    let like = x.permute((0, 3, 1, 2, 4, 5))?;
    let white = normal(context.grid, &mut context.noise(bound, head), &like)?.permute((0, 2, 3, 1, 4, 5))?;
    x + white.broadcast_mul(&level)?
}

/// `noisy` clamped at 0 and scaled to the sum of x over the keys.
fn renormalised(x: &Tensor, noisy: &Tensor) -> Result<Tensor> {
    let noisy = noisy.relu()?;
    let sum = noisy.sum_keepdim(2)?;
    // A query whose sum is 0 keeps its columns.
    let left = sum.gt(0.0)?;
    let scale = left.where_cond(&x.sum_keepdim(2)?.div(&sum)?, &sum.zeros_like()?)?;
    left.broadcast_as(x.shape())?.where_cond(&noisy.broadcast_mul(&scale)?, x)
}

/// The sum of x over its keys, in even shares for `count` keys.
fn spread(x: &Tensor, count: usize) -> Result<Tensor> {
    let sum = (x.sum_keepdim(2)? / count as f64)?;
    let mut dims = x.dims().to_vec();
    dims[2] = count;
    sum.broadcast_as(dims)?.contiguous()
}

/// Some keys of x.
fn pick(x: &Tensor, keys: &[u32]) -> Result<Tensor> {
    if keys.len() == x.dim(2)? { Ok(x.clone()) } else { x.index_select(&Tensor::new(keys, x.device())?, 2) }
}

/// x with some of its keys replaced: `dry` by `wet`.
fn put(x: &Tensor, keys: &[u32], dry: &Tensor, wet: &Tensor) -> Result<Tensor> {
    if keys.len() == x.dim(2)? {
        return Ok(wet.clone());
    }
    x.contiguous()?.index_add(&Tensor::new(keys, x.device())?, &(wet - dry)?.contiguous()?, 2)
}
