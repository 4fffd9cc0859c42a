//! Bends and taps of attention maps without the map.
//!
//! For one head, `A = softmax(q kᵀ · scale + bias)` and `O = A V`. A bend W that is linear on the query grid replaces the columns
//! T of A: `O = A V + (W A_T − A_T) V_T`. The columns `A_T` come out of the same attention as extra value columns, one for each key of
//! T; where T is so many keys that `A_T V_T` has fewer columns, that comes out instead, and W acts on it: the same numbers.
//! Keys under the same chain of bends form one class. The share of a tap's keys is a column, too.

use std::collections::BTreeMap;

use bendrack_nodes::op::Form;
use bendrack_nodes::target::Set;
use candle_core::{Result, Tensor, bail};

use super::Active;
use super::tensor::mix;
use crate::wan::hooks::Attention;

/// A bend or tap, the keys it means, and the heads.
pub(super) struct Part<'a, T> {
    pub(super) what: T,
    pub(super) keys: Vec<bool>,
    pub(super) heads: &'a Set,
}

/// The attention output `[batch, queries, heads, value_dim]` after `bends`, first to last.
///
/// `grid` is the queries' frames, rows and columns. `tally` gets what each tap meets: the share of attention that its keys have,
/// mean over heads, `[frames, rows, columns]`, after the bends.
pub(super) fn attend(
    attention: &Attention,
    grid: (usize, usize, usize),
    bends: &[Part<'_, &Active<'_>>],
    taps: &[Part<'_, usize>],
    mut tally: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<Tensor> {
    let queries = attention.q.dim(1)?;
    if queries != grid.0 * grid.1 * grid.2 {
        bail!("{queries} queries are not a grid of {grid:?}")
    }
    // Heads on which the same bends and taps act go together: all of them, as a rule.
    let mut groups: BTreeMap<(Vec<bool>, Vec<bool>), Vec<u32>> = BTreeMap::new();
    for head in 0..attention.q.dim(2)? {
        let acts = |set: &Set| set.contains(head);
        let kind = (bends.iter().map(|x| acts(x.heads)).collect(), taps.iter().map(|x| acts(x.heads)).collect());
        groups.entry(kind).or_default().push(head as u32);
    }
    let mut shares: BTreeMap<usize, (Tensor, usize)> = BTreeMap::new();
    let mut outputs = Vec::new();
    for ((bent, tapped), heads) in &groups {
        let part = if groups.len() == 1 { attention.clone() } else { of_heads(attention, heads)? };
        let bends: Vec<_> = bends.iter().zip(bent).filter(|(_, acts)| **acts).map(|(bend, _)| bend).collect();
        let taps: Vec<_> = taps.iter().zip(tapped).filter(|(_, acts)| **acts).map(|(tap, _)| tap).collect();
        let (output, columns) = group(&part, grid, &bends, &taps)?;
        outputs.push(output);
        for (tap, share) in taps.iter().zip(columns) {
            // [batch, heads, queries], summed over both.
            let sum = share.sum(0)?.sum(0)?;
            let count = share.dim(0)? * share.dim(1)?;
            let entry = match shares.remove(&tap.what) {
                Some((before, n)) => ((before + sum)?, n + count),
                None => (sum, count),
            };
            shares.insert(tap.what, entry);
        }
    }
    for (tap, (sum, count)) in shares {
        tally(tap, &(sum.reshape(grid)? / count as f64)?)?;
    }
    if let [output] = outputs.as_slice() {
        return Ok(output.clone());
    }
    let order: Vec<u32> = groups.into_values().flatten().collect();
    let mut back = vec![0; order.len()];
    for (place, &head) in order.iter().enumerate() {
        back[head as usize] = place as u32;
    }
    let back = Tensor::new(back, attention.q.device())?;
    Tensor::cat(&outputs, 2)?.index_select(&back, 2)
}

/// The attention of some heads only.
fn of_heads(attention: &Attention, heads: &[u32]) -> Result<Attention> {
    let heads = Tensor::new(heads, attention.q.device())?;
    let pick = |x: &Tensor| x.contiguous()?.index_select(&heads, 2);
    let bias = match &attention.bias {
        // [heads, queries, keys]; a bias of fewer axes, or with one row for all heads, is the same for each of them.
        Some(bias) if bias.rank() == 3 && bias.dim(0)? > 1 => Some(bias.index_select(&heads, 0)?),
        bias => bias.clone(),
    };
    Ok(Attention { q: pick(&attention.q)?, k: pick(&attention.k)?, v: pick(&attention.v)?, bias, ..attention.clone() })
}

/// Keys on which the same bends act.
struct Class<'a> {
    chain: Vec<&'a Active<'a>>,
    keys: Vec<u32>,
}

impl<'a> Class<'a> {
    /// The classes of `keys` keys.
    fn all(bends: &[&Part<'_, &'a Active<'a>>], keys: usize) -> Vec<Self> {
        let mut classes: BTreeMap<Vec<bool>, Vec<u32>> = BTreeMap::new();
        for key in 0..keys {
            classes.entry(bends.iter().map(|bend| bend.keys[key]).collect()).or_default().push(key as u32);
        }
        let chain =
            |acts: Vec<bool>| bends.iter().zip(acts).filter(|(_, acts)| *acts).map(|(bend, _)| bend.what).collect();
        classes.into_iter().map(|(acts, keys)| Self { chain: chain(acts), keys }).collect()
    }
}

/// A class's extra value columns: where they begin, how many, and what they are.
struct Columns {
    first: usize,
    count: usize,
    /// One for each of its keys, the columns of the map; else the values of its keys, what the class contributes to the output.
    of_map: bool,
}

/// The output of heads that are treated alike, and the share of each tap `[batch, heads, queries]`.
fn group(
    attention: &Attention,
    grid: (usize, usize, usize),
    bends: &[&Part<'_, &Active<'_>>],
    taps: &[&Part<'_, usize>],
) -> Result<(Tensor, Vec<Tensor>)> {
    let (_, keys, _, dim) = attention.v.dims4()?;
    let classes = Class::all(bends, keys);
    let mut values = Values { attention, columns: vec![attention.v.clone()], width: dim };
    // One chain for every key acts on the output as it is.
    let whole = classes.len() == 1;
    let bent: Vec<&Class<'_>> = classes.iter().filter(|class| !class.chain.is_empty()).collect();
    let columns =
        if whole { Vec::new() } else { bent.iter().map(|class| values.push_class(class)).collect::<Result<_>>()? };
    let shares = taps.iter().map(|tap| values.push_tap(tap, &classes)).collect::<Result<Vec<_>>>()?;

    let all = values.run()?;
    let dry = |first, count| to_grid(&all.narrow(3, first, count)?, grid);
    let mut output = all.narrow(3, 0, dim)?.contiguous()?;
    if let (true, [class]) = (whole, bent.as_slice()) {
        output = from_grid(&chain(&dry(0, dim)?, &class.chain)?)?;
    }
    for (class, Columns { first, count, of_map }) in bent.iter().zip(columns) {
        let dry = dry(first, count)?;
        let change = from_grid(&(chain(&dry, &class.chain)? - dry)?)?;
        output = (output + if of_map { through_values(&change, attention, &class.keys)? } else { change })?;
    }
    let share = |pieces: Vec<(usize, &Class<'_>)>| {
        let pieces = pieces.into_iter().map(|(column, class)| chain(&dry(column, 1)?, &class.chain));
        let sum = Tensor::cat(&pieces.collect::<Result<Vec<_>>>()?, 2)?.sum(2)?;
        // [batch, heads, frames, rows, columns of the grid] to [batch, heads, queries].
        sum.flatten_from(2)
    };
    Ok((output, shares.into_iter().map(share).collect::<Result<_>>()?))
}

/// The values of an attention with extra columns.
struct Values<'a> {
    attention: &'a Attention,
    /// `[batch, keys, heads, columns]` each.
    columns: Vec<Tensor>,
    width: usize,
}

impl Values<'_> {
    fn push(&mut self, columns: Tensor) -> Result<()> {
        self.width += columns.dim(3)?;
        self.columns.push(columns);
        Ok(())
    }

    /// Columns `[keys, n]` that are the same for every head.
    fn push_shared(&mut self, values: Vec<f32>, n: usize) -> Result<()> {
        let v = &self.attention.v;
        let (batch, keys, heads, _) = v.dims4()?;
        let shared = Tensor::from_vec(values, (1, keys, 1, n), v.device())?.to_dtype(v.dtype())?;
        self.push(shared.broadcast_as((batch, keys, heads, n))?.contiguous()?)
    }

    /// What a class needs to be bent by itself: the fewer of its map's columns and the values' columns.
    fn push_class(&mut self, class: &Class<'_>) -> Result<Columns> {
        let (first, of_map) = (self.width, class.keys.len() < self.attention.v.dim(3)?);
        if of_map {
            self.push_keys(&class.keys)?;
        } else {
            self.push_values(&class.keys)?;
        }
        Ok(Columns { first, count: self.width - first, of_map })
    }

    /// A column for what a tap means of each class; the columns with their classes.
    fn push_tap<'c, 'a>(
        &mut self,
        tap: &Part<'_, usize>,
        classes: &'c [Class<'a>],
    ) -> Result<Vec<(usize, &'c Class<'a>)>> {
        let mut pieces = Vec::new();
        for class in classes {
            let meant: Vec<u32> = class.keys.iter().copied().filter(|&key| tap.keys[key as usize]).collect();
            if !meant.is_empty() {
                pieces.push((self.width, class));
                self.push_shared(mask(tap.keys.len(), &meant), 1)?;
            }
        }
        Ok(pieces)
    }

    /// A column for each of these keys.
    fn push_keys(&mut self, keys: &[u32]) -> Result<()> {
        let mut values = vec![0.0; self.attention.v.dim(1)? * keys.len()];
        for (column, &key) in keys.iter().enumerate() {
            values[key as usize * keys.len() + column] = 1.0;
        }
        self.push_shared(values, keys.len())
    }

    /// The values of these keys, 0 for the others.
    fn push_values(&mut self, keys: &[u32]) -> Result<()> {
        let v = &self.attention.v;
        let n = v.dim(1)?;
        let mask = Tensor::from_vec(mask(n, keys), (1, n, 1, 1), v.device())?.to_dtype(v.dtype())?;
        self.push(v.broadcast_mul(&mask)?)
    }

    /// The attention over all columns.
    fn run(self) -> Result<Tensor> {
        if let [_] = self.columns.as_slice() {
            return self.attention.run();
        }
        Attention { v: Tensor::cat(&self.columns, 3)?, ..self.attention.clone() }.run()
    }
}

/// 1 for these of `count` keys, 0 for the others.
fn mask(count: usize, keys: &[u32]) -> Vec<f32> {
    let mut mask = vec![0.0; count];
    for &key in keys {
        mask[key as usize] = 1.0;
    }
    mask
}

/// x `[batch, heads, columns, frames, rows, columns of the grid]` after bends, first to last.
fn chain(x: &Tensor, bends: &[&Active<'_>]) -> Result<Tensor> {
    let mut x = x.clone();
    for active in bends {
        let Form::Grid(op) = active.bend.op.form else {
            bail!("{}: {} is no bend of a map", active.bend.node, active.bend.op.name)
        };
        x = mix(&x, &op(&x, &active.params)?, &active.amount, 3)?;
    }
    Ok(x)
}

/// `[batch, queries, heads, columns]` to `[batch, heads, columns, frames, rows, columns of the grid]`.
fn to_grid(x: &Tensor, (frames, rows, columns): (usize, usize, usize)) -> Result<Tensor> {
    let (batch, _, heads, width) = x.dims4()?;
    x.permute((0, 2, 3, 1))?.contiguous()?.reshape((batch, heads, width, frames, rows, columns))
}

/// The way back.
fn from_grid(x: &Tensor) -> Result<Tensor> {
    x.flatten_from(3)?.permute((0, 3, 1, 2))?.contiguous()
}

/// What changes of map columns `[batch, queries, heads, keys]` contribute to the output, `[batch, queries, heads, value_dim]`.
fn through_values(change: &Tensor, attention: &Attention, keys: &[u32]) -> Result<Tensor> {
    let keys = Tensor::new(keys, change.device())?;
    let v = attention.v.contiguous()?.index_select(&keys, 1)?.transpose(1, 2)?.contiguous()?;
    change.transpose(1, 2)?.contiguous()?.matmul(&v)?.transpose(1, 2)?.contiguous()
}
