//! Bends and taps of attention maps, without the map where the algebra allows.
//!
//! For one head, `A = softmax(q kᵀ · scale + bias)` and `O = A V`. A bend W that is linear on the query grid replaces the columns
//! T of A: `O = A V + (W A_T − A_T) V_T`. The columns `A_T` come out of the same attention as extra value columns, one for each key of
//! T; where T is so many keys that `A_T V_T` has fewer columns, that comes out instead, and W acts on it: the same numbers.
//! Keys under the same chain of bends form one class. The share of a tap's keys is a column, too. Noise on many columns is drawn
//! as what it contributes: normal, with the covariance `V_Tᵀ V_T`.
//!
//! Other bends need the columns themselves ([`columns`](super::columns)): they come out as extra value columns, too, or, where they
//! are too many, from the map of one head after the other.

use std::collections::BTreeMap;

use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::active::Active;
use super::factor::factor;
use super::scene::{Scene, from_pictures, normal};
use super::softmax::{Softmax, any_head};
use super::{columns, grid};

/// A bend or tap, the keys it means, and the heads.
pub(super) struct Part<'a, T> {
    pub(super) what: T,
    pub(super) keys: Vec<bool>,
    pub(super) heads: &'a Set,
}

/// A bend of a map where it acts.
pub(super) type Bent<'a> = Part<'a, &'a Active<'a>>;

/// Columns that may come out of one attention as they are; more are taken from the map of one head after the other.
const MOST_COLUMNS: usize = 1024;

/// The attention output `[batch, queries, heads, value_dim]` after `bends`, first to last.
///
/// `tally` gets what each tap meets, after the bends: the share of attention that its keys have, `[heads, frames, rows,
/// columns]`, mean over the batch.
pub(super) fn attend(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    bends: &[Bent<'_>],
    taps: &[Part<'_, usize>],
    mut tally: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<Tensor> {
    // Heads on which the same bends and taps act go together: all of them, as a rule.
    let mut groups: BTreeMap<(Vec<bool>, Vec<bool>), Vec<u32>> = BTreeMap::new();
    for head in 0..softmax.heads().len() {
        let acts = |set: &Set| set.contains(head);
        let kind = (bends.iter().map(|x| acts(x.heads)).collect(), taps.iter().map(|x| acts(x.heads)).collect());
        groups.entry(kind).or_default().push(head as u32);
    }
    let mut shares: BTreeMap<usize, Vec<Tensor>> = BTreeMap::new();
    let mut outputs = Vec::new();
    for heads in groups.values() {
        let part;
        let softmax = if groups.len() == 1 {
            softmax
        } else {
            part = softmax.of_heads(heads)?;
            &part
        };
        let bends: Vec<&Bent<'_>> = bends.iter().filter(|bend| any_head(bend.heads, heads)).collect();
        let taps: Vec<&Part<'_, usize>> = taps.iter().filter(|tap| any_head(tap.heads, heads)).collect();
        let (output, met) = group(scene, softmax, &bends, &taps)?;
        outputs.push(output);
        let mut sums: BTreeMap<usize, Tensor> = BTreeMap::new();
        for (tap, share) in taps.iter().zip(met) {
            // [batch, queries, heads] to [heads, queries]; parts of one tap have no keys in common.
            let share = share.mean(0)?.t()?;
            let sum = match sums.remove(&tap.what) {
                Some(sum) => (sum + share)?,
                None => share,
            };
            sums.insert(tap.what, sum);
        }
        for (tap, share) in sums {
            shares.entry(tap).or_default().push(share);
        }
    }
    let grid = scene.grid;
    for (tap, share) in shares {
        let share = Tensor::cat(&share, 0)?.contiguous()?;
        tally(tap, &share.reshape(((), grid.frames, grid.rows, grid.columns))?)?;
    }
    if let [output] = outputs.as_slice() {
        return Ok(output.clone());
    }
    let order: Vec<u32> = groups.into_values().flatten().collect();
    let mut back = vec![0; order.len()];
    for (place, &head) in order.iter().enumerate() {
        back[head as usize] = place as u32;
    }
    let back = Tensor::new(back, softmax.values().device())?;
    Tensor::cat(&outputs, 2)?.index_select(&back, 2)
}

/// The output of heads that are treated alike, and the share of each tap `[batch, queries, heads]`.
fn group(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    bends: &[&Bent<'_>],
    taps: &[&Part<'_, usize>],
) -> Result<(Tensor, Vec<Tensor>)> {
    let is_linear = |bend: &&Bent<'_>| match bend.what.bend.op.form {
        Form::Grid(_) => true,
        Form::MapNoise => bend.what.bend.setting("renormalise") < 0.5,
        _ => false,
    };
    if !softmax.is_written_out() && bends.iter().all(is_linear) {
        return linear(scene, softmax, bends, taps);
    }
    let keys = columns::keys(scene, bends, softmax.values().dim(1)?);
    if !softmax.is_written_out() && keys.len() <= MOST_COLUMNS {
        return of_columns(scene, softmax, &keys, bends, taps);
    }
    written_out(scene, softmax, bends, taps)
}

/// The output with the columns that are bent as extra value columns.
fn of_columns(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    keys: &[u32],
    bends: &[&Bent<'_>],
    taps: &[&Part<'_, usize>],
) -> Result<(Tensor, Vec<Tensor>)> {
    let dim = softmax.values().dim(3)?;
    let mut values = Values::new(softmax);
    values.push_keys(keys)?;
    for tap in taps {
        values.push_shared(weights(&tap.keys, |_| true), 1)?;
    }
    let all = values.run()?;
    let dry = scene.to_pictures(&all.narrow(3, dim, keys.len())?)?;
    let wet = columns::chain(scene, &dry, keys, softmax.heads(), bends)?;
    let change = from_pictures(&(wet - dry)?)?;
    let output = (all.narrow(3, 0, dim)? + through_values(&change, softmax.values(), keys)?)?;
    let share = |(i, tap): (usize, &&Part<'_, usize>)| {
        let meant = keys.iter().map(|&key| f32::from(u8::from(tap.keys[key as usize])));
        let meant = Tensor::from_iter(meant, change.device())?.to_dtype(change.dtype())?;
        let dry = all.narrow(3, dim + keys.len() + i, 1)?.squeeze(3)?;
        dry + change.broadcast_mul(&meant)?.sum(3)?
    };
    Ok((output, taps.iter().enumerate().map(share).collect::<Result<_>>()?))
}

/// The output from the map of one head after the other: three to six of these are in memory at a time.
fn written_out(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    bends: &[&Bent<'_>],
    taps: &[&Part<'_, usize>],
) -> Result<(Tensor, Vec<Tensor>)> {
    let keys: Vec<u32> = (0..softmax.values().dim(1)? as u32).collect();
    let (mut outputs, mut shares) = (Vec::new(), vec![Vec::new(); taps.len()]);
    for (index, head) in softmax.heads().iter().enumerate() {
        let mut map = softmax.map(index, None)?;
        if !bends.is_empty() {
            let columns = scene.to_pictures(&map.unsqueeze(2)?)?;
            drop(map);
            let columns = columns::chain(scene, &columns, &keys, &[*head], bends)?;
            map = from_pictures(&columns)?.squeeze(2)?;
        }
        let values = softmax.values().narrow(2, index, 1)?.squeeze(2)?.contiguous()?;
        outputs.push(map.matmul(&values)?.unsqueeze(2)?);
        for (tap, shares) in taps.iter().zip(&mut shares) {
            let meant = Tensor::from_vec(weights(&tap.keys, |_| true), (1, keys.len(), 1), map.device())?;
            let meant = meant.to_dtype(map.dtype())?.broadcast_left(())?.broadcast_as((map.dim(0)?, keys.len(), 1));
            shares.push(map.matmul(&meant?.contiguous()?)?);
        }
    }
    let shares = shares.iter().map(|shares| Tensor::cat(shares, 2));
    Ok((Tensor::cat(&outputs, 2)?, shares.collect::<Result<_>>()?))
}

/// Keys on which the same bends act, and their extra value columns.
struct Class {
    /// Which of the bends act.
    acts: Vec<bool>,
    keys: Vec<u32>,
    basis: Basis,
    /// What comes out for it, bent so far: `[batch, queries, heads, columns]`.
    block: Option<Tensor>,
}

/// What the extra value columns of a class are.
enum Basis {
    /// One for each of its keys: the columns of the map.
    Map,
    /// What its keys contribute to the output, then a column for each tap, then one for all its keys.
    Values,
}

impl Class {
    /// The classes of `keys` keys.
    fn all(bends: &[&Bent<'_>], keys: usize, dim: usize) -> Vec<Self> {
        let mut classes: BTreeMap<Vec<bool>, Vec<u32>> = BTreeMap::new();
        for key in 0..keys {
            classes.entry(bends.iter().map(|bend| bend.keys[key]).collect()).or_default().push(key as u32);
        }
        let class = |(acts, keys): (Vec<bool>, Vec<u32>)| {
            let basis = if keys.len() < dim { Basis::Map } else { Basis::Values };
            Self { acts, keys, basis, block: None }
        };
        classes.into_iter().map(class).collect()
    }

    fn is_bent(&self) -> bool {
        self.acts.contains(&true)
    }

    /// The share of keys, `[batch, queries, heads, 1]`: of all its keys, or of those of tap `tap`.
    fn share(&self, block: &Tensor, tap: Option<(usize, &[bool])>, dim: usize) -> Result<Tensor> {
        match (&self.basis, tap) {
            (Basis::Map, None) => block.sum_keepdim(3),
            (Basis::Map, Some((_, meant))) => {
                let meant = self.keys.iter().map(|&key| f32::from(u8::from(meant[key as usize])));
                let meant = Tensor::from_iter(meant, block.device())?.to_dtype(block.dtype())?;
                block.broadcast_mul(&meant)?.sum_keepdim(3)
            }
            (Basis::Values, None) => block.narrow(3, block.dim(3)? - 1, 1),
            (Basis::Values, Some((tap, _))) => block.narrow(3, dim + tap, 1),
        }
    }
}

/// The output under bends that are linear on the grid, and noise.
fn linear(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    bends: &[&Bent<'_>],
    taps: &[&Part<'_, usize>],
) -> Result<(Tensor, Vec<Tensor>)> {
    let v = softmax.values();
    let (_, keys, heads, dim) = v.dims4()?;
    let mut classes = Class::all(bends, keys, dim);
    // One chain for every key acts on the output as it is.
    let whole = classes.len() == 1 && classes[0].is_bent();
    let noisy = bends.iter().any(|bend| matches!(bend.what.bend.op.form, Form::MapNoise));
    // What all keys share needs no column of values.
    let known = noisy && whole && softmax.is_full();
    let mut values = Values::new(softmax);
    let mut places = Vec::new();
    for class in classes.iter().filter(|class| class.is_bent()) {
        let first = values.width;
        match class.basis {
            Basis::Map if !whole => values.push_keys(&class.keys)?,
            _ => {
                if !whole {
                    values.push_values(&class.keys)?;
                }
                let meant = |tap: &Part<'_, usize>| weights(&tap.keys, |key| class.keys.binary_search(&key).is_ok());
                taps.iter().try_for_each(|tap| values.push_shared(meant(tap), 1))?;
                if noisy && !known {
                    values.push_shared(weights(&vec![true; keys], |key| class.keys.binary_search(&key).is_ok()), 1)?;
                }
            }
        }
        places.push(if whole { (0, values.width + usize::from(known)) } else { (first, values.width - first) });
    }
    // Keys that nobody bends: their taps.
    let free = classes.iter().find(|class| !class.is_bent());
    let first_tap = values.width;
    if let Some(free) = free {
        for tap in taps {
            values.push_shared(weights(&tap.keys, |key| free.keys.binary_search(&key).is_ok()), 1)?;
        }
    }
    let mut all = values.run()?;
    if known {
        all = Tensor::cat(&[&all, &all.narrow(3, 0, 1)?.ones_like()?], 3)?;
    }
    let free_share = free.map(|_| all.narrow(3, first_tap, taps.len())).transpose()?;

    let mut bent: Vec<&mut Class> = classes.iter_mut().filter(|class| class.is_bent()).collect();
    if whole {
        for class in &mut bent {
            class.basis = Basis::Values;
        }
    }
    for (class, (first, count)) in bent.iter_mut().zip(&places) {
        class.block = Some(all.narrow(3, *first, *count)?.contiguous()?);
    }
    for (i, bend) in bends.iter().enumerate() {
        let mut acting: Vec<&mut Class> =
            bent.iter_mut().map(|class| &mut **class).filter(|class| class.acts[i]).collect();
        if matches!(bend.what.bend.op.form, Form::Grid(_)) {
            let map = scene.grid_map(bend.what)?;
            for class in &mut acting {
                if let Some(dry) = &class.block {
                    class.block = Some(scene.check(bend.what, dry, grid::apply(&map, dry, 1)?)?);
                }
            }
        } else {
            noise(scene, softmax, bend, taps, &mut acting)?;
        }
    }

    let mut output = all.narrow(3, 0, dim)?;
    for (class, (first, count)) in bent.iter().zip(&places) {
        let Some(block) = &class.block else { continue };
        output = match class.basis {
            Basis::Values if whole => block.narrow(3, 0, dim)?,
            Basis::Values => (output + (block - all.narrow(3, *first, *count)?)?.narrow(3, 0, dim)?)?,
            Basis::Map => {
                let change = (block - all.narrow(3, *first, *count)?)?;
                (output + through_values(&change, v, &class.keys)?)?
            }
        };
    }
    let shares = taps.iter().enumerate().map(|(i, tap)| {
        let mut share = match &free_share {
            Some(free) => free.narrow(3, i, 1)?,
            None => Tensor::zeros((all.dim(0)?, all.dim(1)?, heads, 1), all.dtype(), all.device())?,
        };
        for class in &bent {
            if let Some(block) = &class.block {
                share = (share + class.share(block, Some((i, &tap.keys)), dim)?)?;
            }
        }
        share.squeeze(3)
    });
    let shares = shares.collect::<Result<_>>()?;
    Ok((output.contiguous()?, shares))
}

/// Adds `σ s E` to the columns of the classes on which a bend acts: E itself, or what it contributes.
fn noise(
    scene: &Scene<'_>,
    softmax: &Softmax<'_>,
    bend: &Bent<'_>,
    taps: &[&Part<'_, usize>],
    classes: &mut [&mut Class],
) -> Result<()> {
    let dim = softmax.values().dim(3)?;
    let count: usize = classes.iter().map(|class| class.keys.len()).sum();
    let mut share: Option<Tensor> = None;
    for class in classes.iter() {
        let Some(block) = &class.block else { continue };
        let more = class.share(block, None, dim)?;
        share = Some(match share {
            Some(share) => (share + more)?,
            None => more,
        });
    }
    let Some(share) = share else { return Ok(()) };
    let level = scene.strengths(bend.what, &share)?.broadcast_mul(&(share / (count as f64).sqrt())?)?;
    let mut source = scene.noise(bend.what.bend, softmax.heads()[0]);
    for class in classes {
        let Some(dry) = class.block.take() else { continue };
        let noise = match class.basis {
            Basis::Map => scene.normal(&mut source, &dry)?,
            Basis::Values => {
                let (source, grid, keys) = (source.next(), scene.grid, &class.keys);
                let of_head = |(index, &head): (usize, &u32)| {
                    let white = normal(grid, &mut source.of_head(head), &dry.narrow(2, index, 1)?)?.squeeze(2)?;
                    let factor = factor(&basis(softmax.values(), index, keys, taps)?.unsqueeze(0)?)?;
                    white.broadcast_matmul(&factor)?.unsqueeze(2)
                };
                let heads = softmax.heads().par_iter().enumerate();
                Tensor::cat(&heads.map(of_head).collect::<Result<Vec<_>>>()?, 2)?
            }
        };
        let wet = (&dry + noise.broadcast_mul(&level)?)?;
        class.block = Some(scene.check(bend.what, &dry, wet)?);
    }
    Ok(())
}

/// The extra value columns of a class for a head, `[keys, columns]`: values, taps, 1.
fn basis(v: &Tensor, head: usize, keys: &[u32], taps: &[&Part<'_, usize>]) -> Result<Tensor> {
    // Noise is the same for a batch, and so is what it is made of.
    let mut values = v.get(0)?.narrow(1, head, 1)?.squeeze(1)?.contiguous()?;
    if keys.len() < values.dim(0)? {
        values = values.index_select(&Tensor::new(keys, v.device())?, 0)?;
    }
    let column = |value: &dyn Fn(u32) -> bool| {
        let column = keys.iter().map(|&key| f32::from(u8::from(value(key))));
        Tensor::from_iter(column, v.device())?.reshape((keys.len(), 1))?.to_dtype(v.dtype())
    };
    let mut columns = vec![values];
    for tap in taps {
        columns.push(column(&|key| tap.keys[key as usize])?);
    }
    columns.push(column(&|_| true)?);
    Tensor::cat(&columns, 1)
}

/// The values of an attention with extra columns.
struct Values<'a> {
    softmax: &'a Softmax<'a>,
    /// `[batch, keys, heads, columns]` each.
    columns: Vec<Tensor>,
    width: usize,
}

impl<'a> Values<'a> {
    fn new(softmax: &'a Softmax<'a>) -> Self {
        let v = softmax.values();
        Self { softmax, width: v.dims()[3], columns: vec![v.clone()] }
    }

    fn push(&mut self, columns: Tensor) -> Result<()> {
        self.width += columns.dim(3)?;
        self.columns.push(columns);
        Ok(())
    }

    /// Columns `[keys, n]` that are the same for every head.
    fn push_shared(&mut self, values: Vec<f32>, n: usize) -> Result<()> {
        let v = self.softmax.values();
        let (batch, keys, heads, _) = v.dims4()?;
        let shared = Tensor::from_vec(values, (1, keys, 1, n), v.device())?.to_dtype(v.dtype())?;
        self.push(shared.broadcast_as((batch, keys, heads, n))?.contiguous()?)
    }

    /// A column for each of these keys.
    fn push_keys(&mut self, keys: &[u32]) -> Result<()> {
        let mut values = vec![0.0; self.softmax.values().dim(1)? * keys.len()];
        for (column, &key) in keys.iter().enumerate() {
            values[key as usize * keys.len() + column] = 1.0;
        }
        self.push_shared(values, keys.len())
    }

    /// The values of these keys, 0 for the others.
    fn push_values(&mut self, keys: &[u32]) -> Result<()> {
        let v = self.softmax.values();
        let n = v.dim(1)?;
        let mask = weights(&vec![true; n], |key| keys.binary_search(&key).is_ok());
        let mask = Tensor::from_vec(mask, (1, n, 1, 1), v.device())?.to_dtype(v.dtype())?;
        self.push(v.broadcast_mul(&mask)?)
    }

    /// The attention over all columns.
    fn run(self) -> Result<Tensor> {
        match self.columns.as_slice() {
            [values] => self.softmax.run(values),
            columns => self.softmax.run(&Tensor::cat(columns, 3)?),
        }
    }
}

/// 1 for the keys that are meant and of which `also` says so, 0 for the others.
fn weights(meant: &[bool], also: impl Fn(u32) -> bool) -> Vec<f32> {
    let weight = |(key, meant): (usize, &bool)| f32::from(u8::from(*meant && also(key as u32)));
    meant.iter().enumerate().map(weight).collect()
}

/// What changes of map columns `[batch, queries, heads, keys]` contribute to the output, `[batch, queries, heads, value_dim]`.
fn through_values(change: &Tensor, values: &Tensor, keys: &[u32]) -> Result<Tensor> {
    let keys = Tensor::new(keys, change.device())?;
    let v = values.contiguous()?.index_select(&keys, 1)?.transpose(1, 2)?.contiguous()?;
    change.transpose(1, 2)?.contiguous()?.matmul(&v)?.transpose(1, 2)?.contiguous()
}
