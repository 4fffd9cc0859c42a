//! Bends of map columns as they are: the definition of every bend of a map after the softmax.

use std::collections::BTreeSet;

use bendrack_nodes::program::op::{Form, lanes_along};
use candle_core::{Result, Tensor, bail};

use super::active::Active;
use super::map::Bent;
use super::scene::Scene;
use super::{aim, grid};
use crate::wan::ops;

/// The keys that bends touch, of `count`.
pub(super) fn keys(scene: &Scene<'_>, bends: &[&Bent<'_>], count: usize) -> Vec<u32> {
    let mut keys = BTreeSet::new();
    for bend in bends {
        let others = others(scene, bend.what, count);
        let touched = bend.keys.iter().enumerate().filter(|(key, meant)| **meant || others[*key]);
        keys.extend(touched.map(|(key, _)| key as u32));
    }
    keys.into_iter().collect()
}

/// The keys of the other words of a bend.
fn others(scene: &Scene<'_>, active: &Active<'_>, count: usize) -> Vec<bool> {
    match &active.bend.with {
        Some(words) => aim::rows(words, scene.tokens, count),
        None => vec![false; count],
    }
}

/// Columns x `[batch, heads, keys, frames, rows, columns]` of these keys after bends, first to last.
pub(super) fn chain(scene: &Scene<'_>, x: &Tensor, keys: &[u32], heads: &[u32], bends: &[&Bent<'_>]) -> Result<Tensor> {
    let mut x = x.clone();
    for bend in bends {
        let meant: Vec<u32> = (0..).zip(keys).filter(|(_, key)| bend.keys[**key as usize]).map(|(at, _)| at).collect();
        let dry = pick(&x, &meant)?;
        let active = bend.what;
        let wet = if let Form::Give { both } = active.bend.op.form {
            let others = others(scene, active, bend.keys.len());
            let given: Vec<u32> = (0..).zip(keys).filter(|(_, key)| others[**key as usize]).map(|(at, _)| at).collect();
            if given.is_empty() {
                continue;
            }
            let other = pick(&x, &given)?;
            // Words that are among both are what the target says.
            let back: Vec<u32> = given.iter().copied().filter(|at| !meant.contains(at)).collect();
            if both && !back.is_empty() {
                let before = pick(&x, &back)?;
                let mut after = spread(&dry, given.len())?;
                if back.len() < given.len() {
                    after = after.narrow(2, 0, back.len())?;
                }
                let after = scene.check(active, &before, active.mix(&before, &after, 3, &[4, 5])?)?;
                x = put(&x, &back, &before, &after)?;
            }
            active.mix(&dry, &spread(&other, meant.len())?, 3, &[4, 5])?
        } else {
            wet(scene, active, &dry, heads)?
        };
        x = put(&x, &meant, &dry, &scene.check(active, &dry, wet)?)?;
    }
    Ok(x)
}

/// The columns of a bend's keys after it.
fn wet(scene: &Scene<'_>, active: &Active<'_>, dry: &Tensor, heads: &[u32]) -> Result<Tensor> {
    let mixed = |wet: &Tensor| active.mix(dry, wet, 3, &[4, 5]);
    match active.bend.op.form {
        Form::Grid(_) => grid::apply(&*scene.grid_map(active)?, &dry.flatten_from(3)?, 3)?.reshape(dry.shape()),
        Form::Columns(op) if ops::is_worth_blocks(dry) => {
            // Each key is bent by itself.
            let keys = dry.flatten_from(3)?;
            let bent = ops::in_blocks(&keys, |x, _, keys| {
                let mut dims = dry.dims().to_vec();
                dims[..3].copy_from_slice(&[1, 1, keys.len()]);
                let x = x.contiguous()?.reshape(dims)?;
                active.mix(&x, &op(&x, &active.params)?, 3, &[4, 5])?.flatten_from(3)
            })?;
            bent.reshape(dry.shape())
        }
        Form::Columns(op) => mixed(&op(dry, &active.params)?),
        Form::MapNoise => mixed(&noisy(scene, active, dry, heads[0])?),
        Form::Freeze => mixed(&scene.frozen(active, dry, heads)?),
        _ => bail!("{}: {} is no bend of a map", active.bend.node, active.bend.op.name),
    }
}

/// `x + σ s E`, kept at 0 or above and to the same sum if that is asked for.
fn noisy(scene: &Scene<'_>, active: &Active<'_>, x: &Tensor, head: u32) -> Result<Tensor> {
    let share = x.sum_keepdim(2)?;
    let level = (&share / (x.dim(2)? as f64).sqrt())?.broadcast_mul(&lanes_along(&active.params[0], 3, x)?)?;
    // Frames lead in the order in which noise is drawn.
    let like = x.permute((0, 3, 1, 2, 4, 5))?;
    let white = scene.normal(&mut scene.noise(active.bend, head), &like)?.permute((0, 2, 3, 1, 4, 5))?;
    let noisy = (x + white.broadcast_mul(&level)?)?;
    if active.bend.setting("renormalise") < 0.5 {
        return Ok(noisy);
    }
    let noisy = noisy.relu()?;
    let sum = noisy.sum_keepdim(2)?;
    // Where nothing is left, there is nothing to share out.
    let left = sum.gt(0.0)?;
    let scale = left.where_cond(&share.div(&sum)?, &sum.zeros_like()?)?;
    left.broadcast_as(x.shape())?.where_cond(&noisy.broadcast_mul(&scale)?, x)
}

/// The sum of x over its keys in even shares for `count` of them.
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

/// x with some of its keys changed from `dry` to `wet`.
fn put(x: &Tensor, keys: &[u32], dry: &Tensor, wet: &Tensor) -> Result<Tensor> {
    if keys.len() == x.dim(2)? {
        return Ok(wet.clone());
    }
    x.contiguous()?.index_add(&Tensor::new(keys, x.device())?, &(wet - dry)?.contiguous()?, 2)
}
