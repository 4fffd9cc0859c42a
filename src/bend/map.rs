//! Bends and taps of attention maps, without the map where the algebra allows.
//!
//! For one head, `A = softmax(q kᵀ · scale + bias)` and `O = A V`. A bend W that is linear on the query grid replaces
//! the columns T of A: `O = A V + (W A_T − A_T) V_T`. The columns `A_T` come out of the same attention as extra value
//! columns, one for each key of T. If `A_T V_T` has fewer columns than T has keys, the attention returns it instead of
//! `A_T`. W then acts on it, with the same result. Keys under the same chain of bends form one class. The share of a
//! tap's keys is one more column. Noise on many columns is drawn as its contribution to the output: normal, with the
//! covariance `V_Tᵀ V_T`.
//!
//! Other bends need the columns themselves ([`columns`](super::columns)). They come out as extra value columns or, beyond
//! [`MOST_COLUMNS`], from the map of one head after the other.

use std::collections::BTreeMap;

use bendrack_nodes::node::def::Input;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::bound::BoundBend;
use super::context::{AttentionContext, from_pictures, normal};
use super::factor::factor;
use super::softmax::{Softmax, any_head};
use super::values::{Values, weights};
use super::{columns, grid};
use crate::wan::ops;

/// A bend or tap with the keys and heads it acts on.
pub(super) struct Scoped<'a, T> {
    pub(super) item: T,
    pub(super) keys: Vec<bool>,
    pub(super) heads: &'a Set,
}

/// A bend of a map with the keys and heads it acts on.
pub(super) type ScopedBend<'a> = Scoped<'a, &'a BoundBend<'a>>;

/// The most columns that one attention returns as extra values. More are read from the map of one head after the other.
const MOST_COLUMNS: usize = 1024;

/// The attention output `[batch, queries, heads, value_dim]` after `bends`, first to last.
///
/// `add` receives the measurement of each tap after the bends. It is the share of attention of the tap's keys,
/// `[heads, frames, rows, columns]`, averaged over the batch.
pub(super) fn attend(
    context: &AttentionContext<'_>,
    softmax: &Softmax<'_>,
    bends: &[ScopedBend<'_>],
    taps: &[Scoped<'_, usize>],
    mut add: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<Tensor> {
    // Heads under the same bends and taps form a group; usually there is one.
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
        let bends = bends.iter().filter(|bend| any_head(bend.heads, heads)).collect();
        let taps = taps.iter().filter(|tap| any_head(tap.heads, heads)).collect();
        let group = Group { context, softmax, bends, taps };
        let (output, group_shares) = group.run()?;
        outputs.push(output);
        let mut sums: BTreeMap<usize, Tensor> = BTreeMap::new();
        for (tap, share) in group.taps.iter().zip(group_shares) {
            // [batch, queries, heads] to [heads, queries]; parts of one tap have no keys in common.
            let share = share.mean(0)?.t()?;
            let sum = match sums.remove(&tap.item) {
                Some(sum) => (sum + share)?,
                None => share,
            };
            sums.insert(tap.item, sum);
        }
        for (tap, share) in sums {
            shares.entry(tap).or_default().push(share);
        }
    }
    let grid = context.grid;
    for (tap, share) in shares {
        let share = Tensor::cat(&share, 0)?.contiguous()?;
        add(tap, &share.reshape(((), grid.frames, grid.rows, grid.columns))?)?;
    }
    if let [output] = outputs.as_slice() {
        return Ok(output.clone());
    }
    let order: Vec<u32> = groups.into_values().flatten().collect();
    let mut back = vec![0; order.len()];
    for (index, &head) in order.iter().enumerate() {
        back[head as usize] = index as u32;
    }
    let back = Tensor::new(back, softmax.values().device())?;
    Tensor::cat(&outputs, 2)?.index_select(&back, 2)
}

/// Heads under the same bends and taps.
struct Group<'a> {
    context: &'a AttentionContext<'a>,
    /// The attention of these heads.
    softmax: &'a Softmax<'a>,
    bends: Vec<&'a ScopedBend<'a>>,
    taps: Vec<&'a Scoped<'a, usize>>,
}

/// The output of a group, and the share of each tap `[batch, queries, heads]`.
type Bent = (Tensor, Vec<Tensor>);

impl Group<'_> {
    /// The output, computed in the cheapest way that the bends allow.
    fn run(&self) -> Result<Bent> {
        if self.softmax.is_written_out() {
            return self.written_out();
        }
        if self.bends.iter().all(|bend| is_linear(bend)) {
            return self.linear();
        }
        let keys = columns::keys(&self.bends, self.softmax.values().dim(1)?);
        if keys.len() <= MOST_COLUMNS { self.of_columns(&keys) } else { self.written_out() }
    }

    /// The output under bends that are linear on the grid, and noise.
    fn linear(&self) -> Result<Bent> {
        let values = self.softmax.values();
        let mut columns = Values::new(self.softmax);
        let mut plan = LinearPlan::new(&mut columns, self)?;
        let all = plan.run(columns)?;
        for index in 0..self.bends.len() {
            plan.apply(index)?;
        }
        Ok((plan.output(&all, values)?, plan.shares(&all, values)?))
    }

    /// The output, with the bent columns as extra value columns.
    fn of_columns(&self, keys: &[u32]) -> Result<Bent> {
        let (context, values) = (self.context, self.softmax.values());
        let dim = values.dim(3)?;
        let mut columns = Values::new(self.softmax);
        columns.push_keys(keys)?;
        for tap in &self.taps {
            columns.push_shared(weights(&tap.keys, |_| true), 1)?;
        }
        let all = columns.run()?;
        let dry = context.to_pictures(&all.narrow(3, dim, keys.len())?)?;
        let wet = columns::chain(context, &dry, keys, self.softmax.heads(), &self.bends)?;
        let change = from_pictures(&(wet - dry)?)?;
        let output = (all.narrow(3, 0, dim)? + through_values(&change, values, keys)?)?;
        let share = |(i, tap): (usize, &&Scoped<'_, usize>)| {
            let dry = all.narrow(3, dim + keys.len() + i, 1)?.squeeze(3)?;
            dry + change.broadcast_mul(&mask(keys, &tap.keys, &change)?)?.sum(3)?
        };
        Ok((output, self.taps.iter().enumerate().map(share).collect::<Result<_>>()?))
    }

    /// The output from the map of one head after the other. Three to six maps are in memory at a time.
    fn written_out(&self) -> Result<Bent> {
        let values = self.softmax.values();
        let keys: Vec<u32> = (0..values.dim(1)? as u32).collect();
        let (mut outputs, mut shares) = (Vec::new(), vec![Vec::new(); self.taps.len()]);
        for (index, head) in self.softmax.heads().iter().enumerate() {
            let mut map = self.softmax.map(index)?;
            if !self.bends.is_empty() {
                let columns = self.context.to_pictures(&map.unsqueeze(2)?)?;
                drop(map);
                let columns = columns::chain(self.context, &columns, &keys, &[*head], &self.bends)?;
                map = from_pictures(&columns)?.squeeze(2)?;
            }
            let values = values.narrow(2, index, 1)?.squeeze(2)?;
            outputs.push(ops::matmul(&map, &values)?.unsqueeze(2)?);
            for (tap, shares) in self.taps.iter().zip(&mut shares) {
                let measured = mask(&keys, &tap.keys, &map)?.reshape((1, keys.len(), 1))?;
                shares.push(ops::matmul(&map, &measured.broadcast_as((map.dim(0)?, keys.len(), 1))?)?);
            }
        }
        let shares = shares.iter().map(|shares| Tensor::cat(shares, 2));
        Ok((Tensor::cat(&outputs, 2)?, shares.collect::<Result<_>>()?))
    }
}

/// True for a bend that is linear on the grid, and for noise without renormalisation.
fn is_linear(bend: &ScopedBend<'_>) -> bool {
    match bend.item.bend.op.form {
        Form::Grid(_) => true,
        Form::MapNoise { renormalise, .. } => !bend.item.bend.params.is_on(renormalise, 0),
        Form::LogitWeight(_)
        | Form::Columns(_)
        | Form::Transfer { .. }
        | Form::Freeze { .. }
        | Form::Position(_)
        | Form::Tensor(_) => false,
    }
}

/// 1 for the `keys` that are selected, 0 for the others; on the device and in the dtype of `like`.
fn mask(keys: &[u32], selected: &[bool], like: &Tensor) -> Result<Tensor> {
    let mask = keys.iter().map(|&key| f32::from(u8::from(selected[key as usize])));
    Tensor::from_iter(mask, like.device())?.to_dtype(like.dtype())
}

/// Keys under the same bends, and their extra value columns.
struct Class {
    /// True for each bend that acts.
    acts: Vec<bool>,
    keys: Vec<u32>,
    basis: Basis,
    /// The range of its columns in the output of the attention: first, count.
    span: (usize, usize),
    /// These columns after the bends so far: `[batch, queries, heads, columns]`.
    block: Option<Tensor>,
}

/// The extra value columns of a class.
enum Basis {
    /// One for each of its keys: the columns of the map.
    Map,
    /// The contribution of its keys to the output, then a column for each tap, then one for all its keys.
    Values,
}

impl Class {
    /// The classes of `keys` keys.
    fn all(bends: &[&ScopedBend<'_>], keys: usize, dim: usize) -> Vec<Self> {
        let mut classes: BTreeMap<Vec<bool>, Vec<u32>> = BTreeMap::new();
        for key in 0..keys {
            classes.entry(bends.iter().map(|bend| bend.keys[key]).collect()).or_default().push(key as u32);
        }
        let class = |(acts, keys): (Vec<bool>, Vec<u32>)| {
            let basis = if keys.len() < dim { Basis::Map } else { Basis::Values };
            Self { acts, keys, basis, span: (0, 0), block: None }
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
            (Basis::Map, Some((_, measured))) => {
                block.broadcast_mul(&mask(&self.keys, measured, block)?)?.sum_keepdim(3)
            }
            (Basis::Values, None) => block.narrow(3, block.dim(3)? - 1, 1),
            (Basis::Values, Some((tap, _))) => block.narrow(3, dim + tap, 1),
        }
    }
}

/// The columns of an attention under bends that are linear on the grid, and noise.
struct LinearPlan<'a> {
    group: &'a Group<'a>,
    /// The classes of keys under bends.
    bent: Vec<Class>,
    /// The first of the columns that measure, for each tap, keys without bends; none if all keys have bends.
    free_taps: Option<usize>,
    /// True if one chain of bends acts on every key; it then acts on the output itself.
    is_whole: bool,
    /// True if the share of all keys is 1 for every query, so that it needs no column of values.
    is_share_known: bool,
}

impl<'a> LinearPlan<'a> {
    /// Adds the columns of each class to `values`, then those of the taps on keys without bends.
    fn new(values: &mut Values<'_>, group: &'a Group<'a>) -> Result<Self> {
        let Group { softmax, bends, taps, .. } = group;
        let (_, keys, _, dim) = softmax.values().dims4()?;
        let classes = Class::all(bends, keys, dim);
        let (mut bent, free): (Vec<Class>, Vec<Class>) = classes.into_iter().partition(Class::is_bent);
        let is_whole = bent.len() == 1 && free.is_empty();
        let is_noisy = bends.iter().any(|bend| matches!(bend.item.bend.op.form, Form::MapNoise { .. }));
        let is_share_known = is_noisy && is_whole && softmax.is_full();
        for class in &mut bent {
            let first = values.width;
            if is_whole {
                class.basis = Basis::Values;
            }
            match class.basis {
                Basis::Map => values.push_keys(&class.keys)?,
                Basis::Values => {
                    if !is_whole {
                        values.push_values(&class.keys)?;
                    }
                    let in_class = |key: u32| class.keys.binary_search(&key).is_ok();
                    taps.iter().try_for_each(|tap| values.push_shared(weights(&tap.keys, in_class), 1))?;
                    if is_noisy && !is_share_known {
                        values.push_shared(weights(&vec![true; keys], in_class), 1)?;
                    }
                }
            }
            class.span =
                if is_whole { (0, values.width + usize::from(is_share_known)) } else { (first, values.width - first) };
        }
        let free_taps = free.first().map(|_| values.width);
        for class in &free {
            let in_class = |key: u32| class.keys.binary_search(&key).is_ok();
            taps.iter().try_for_each(|tap| values.push_shared(weights(&tap.keys, in_class), 1))?;
        }
        Ok(Self { group, bent, free_taps, is_whole, is_share_known })
    }

    /// Runs the attention over all columns, and gives each class its own columns.
    fn run(&mut self, values: Values<'_>) -> Result<Tensor> {
        let mut all = values.run()?;
        if self.is_share_known {
            all = Tensor::cat(&[&all, &all.narrow(3, 0, 1)?.ones_like()?], 3)?;
        }
        for class in &mut self.bent {
            class.block = Some(all.narrow(3, class.span.0, class.span.1)?.contiguous()?);
        }
        Ok(all)
    }

    /// Applies bend `index` to the columns of the classes under it.
    fn apply(&mut self, index: usize) -> Result<()> {
        let (group, bend) = (self.group, self.group.bends[index]);
        let mut acting: Vec<&mut Class> = self.bent.iter_mut().filter(|class| class.acts[index]).collect();
        if let Form::MapNoise { sigma, .. } = bend.item.bend.op.form {
            return noise(group, bend.item, sigma, &mut acting);
        }
        let map = bend.item.grid_map(group.context.grid)?;
        for class in acting {
            if let Some(dry) = &class.block {
                class.block = Some(bend.item.check(&group.context.hook, dry, grid::apply(&map, dry, 1)?)?);
            }
        }
        Ok(())
    }

    /// The output `[batch, queries, heads, value_dim]`.
    fn output(&self, all: &Tensor, values: &Tensor) -> Result<Tensor> {
        let dim = values.dim(3)?;
        let mut output = all.narrow(3, 0, dim)?;
        for class in &self.bent {
            let Some(block) = &class.block else { continue };
            if self.is_whole {
                output = block.narrow(3, 0, dim)?;
                continue;
            }
            let change = (block - all.narrow(3, class.span.0, class.span.1)?)?;
            output = match class.basis {
                Basis::Values => (output + change.narrow(3, 0, dim)?)?,
                Basis::Map => (output + through_values(&change, values, &class.keys)?)?,
            };
        }
        output.contiguous()
    }

    /// The share of each tap `[batch, queries, heads]`.
    fn shares(&self, all: &Tensor, values: &Tensor) -> Result<Vec<Tensor>> {
        let (_, _, heads, dim) = values.dims4()?;
        let share = |(index, tap): (usize, &&Scoped<'_, usize>)| {
            let mut share = match self.free_taps {
                Some(first) => all.narrow(3, first + index, 1)?,
                None => Tensor::zeros((all.dim(0)?, all.dim(1)?, heads, 1), all.dtype(), all.device())?,
            };
            for class in &self.bent {
                if let Some(block) = &class.block {
                    share = (share + class.share(block, Some((index, &tap.keys)), dim)?)?;
                }
            }
            share.squeeze(3)
        };
        self.group.taps.iter().enumerate().map(share).collect()
    }
}

/// Adds `σ s E` to the columns of the classes under a bend: E itself, or its contribution to the output.
fn noise(group: &Group<'_>, bend: &BoundBend<'_>, sigma: &Input, classes: &mut [&mut Class]) -> Result<()> {
    let Group { context, softmax, taps, .. } = group;
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
    let level = context.strengths(bend, sigma, &share)?.broadcast_mul(&(share / (count as f64).sqrt())?)?;
    let mut source = context.noise(bend, softmax.heads()[0]);
    for class in classes {
        let Some(dry) = class.block.take() else { continue };
        let noise = match class.basis {
            Basis::Map => normal(context.grid, &mut source, &dry)?,
            Basis::Values => {
                let (source, grid, keys) = (source.next(), context.grid, &class.keys);
                let of_head = |(index, &head): (usize, &u32)| {
                    let white = normal(grid, &mut source.of_head(head), &dry.narrow(2, index, 1)?)?.squeeze(2)?;
                    let factor = factor(&basis_of(softmax.values(), index, keys, taps)?.unsqueeze(0)?)?;
                    white.broadcast_matmul(&factor)?.unsqueeze(2)
                };
                let heads = softmax.heads().par_iter().enumerate();
                Tensor::cat(&heads.map(of_head).collect::<Result<Vec<_>>>()?, 2)?
            }
        };
        let wet = (&dry + noise.broadcast_mul(&level)?)?;
        class.block = Some(bend.check(&context.hook, &dry, wet)?);
    }
    Ok(())
}

/// The extra value columns of a class for a head, `[keys, columns]`: values, taps, 1.
fn basis_of(v: &Tensor, head: usize, keys: &[u32], taps: &[&Scoped<'_, usize>]) -> Result<Tensor> {
    // All of a batch has the same noise, so its first item is enough.
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

/// The contribution of changed map columns `[batch, queries, heads, keys]` to the output, `[batch, queries, heads, value_dim]`.
fn through_values(change: &Tensor, values: &Tensor, keys: &[u32]) -> Result<Tensor> {
    let keys = Tensor::new(keys, change.device())?;
    let v = values.contiguous()?.index_select(&keys, 1)?.transpose(1, 2)?;
    ops::matmul(&change.transpose(1, 2)?, &v)?.transpose(1, 2)?.contiguous()
}
