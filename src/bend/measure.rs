//! Measurements of taps at a hook.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::Target;
use bendrack_nodes::program::{Measure, Site};
use candle_core::{D, DType, Device, Result, Tensor};

use super::context::AttentionContext;
use super::map::{self, Scoped, ScopedBend};
use super::softmax::Softmax;
use super::{BoundProgram, resolve, tensor};
use crate::wan::hooks::{Attention, HookContext};
use crate::wan::ops;

/// The owner of a tap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The program.
    Program,
    /// The viewer, who probes.
    Viewer,
}

impl<'a> BoundProgram<'a> {
    /// The taps of some kinds at a hook: index, and the part of the target.
    pub(super) fn taps_at(
        &self,
        measures: impl Fn(&Measure) -> bool,
        hook: &HookContext<'_>,
    ) -> Vec<(usize, &'a Target)> {
        // Taps measure the call under the prompt, never the one under the negative prompt.
        let taps = self.taps.iter().enumerate().filter(|(_, tap)| measures(&tap.measure) && !hook.negative);
        let parts = taps.flat_map(|(index, tap)| tap.target.parts().iter().map(move |part| (index, &**part)));
        parts.filter(|(_, part)| resolve::applies(part, hook, Site::CrossMap)).collect()
    }

    pub(super) fn owner(&self, tap: usize) -> Owner {
        if tap < self.program.taps.len() { Owner::Program } else { Owner::Viewer }
    }

    /// Adds a measurement of a tap, `[n, frames, rows, columns]`.
    pub(super) fn add(&self, tap: usize, measured: &Tensor) -> Result<()> {
        self.shared.record().accumulators[tap].add(measured)
    }

    /// The taps of a cross-attention map, with the keys that they measure.
    pub(super) fn cross_map_taps(&self, hook: &HookContext<'_>, keys: usize, owner: Owner) -> Vec<Scoped<'a, usize>> {
        let taps = self.taps_at(|measure| *measure == Measure::CrossMap, hook).into_iter();
        let taps = taps.filter(|(tap, _)| self.owner(*tap) == owner).map(|(item, part)| Scoped {
            item,
            keys: resolve::rows(&part.words, self.shared.tokens, keys),
            heads: &part.heads,
        });
        taps.filter(|tap| tap.keys.contains(&true)).collect()
    }

    /// True if taps measure the self-attention map.
    pub(super) fn taps_self_map(&self, owner: Owner) -> bool {
        let mut taps = self.taps.iter().enumerate().filter(|(tap, _)| self.owner(*tap) == owner);
        taps.any(|(_, tap)| matches!(tap.measure, Measure::SelfMap { .. }))
    }

    /// Measures the map of an attention for the probes, in a calculation of its own.
    pub(super) fn probe(
        &self,
        site: Site,
        context: &AttentionContext<'_>,
        attention: &Attention,
        (weights, bends): (&[ScopedBend<'_>], &[ScopedBend<'_>]),
    ) -> Result<()> {
        if site == Site::CrossMap {
            self.measure_concepts(context, attention, Owner::Viewer)?;
        }
        let probes = match site {
            Site::CrossMap => self.cross_map_taps(&context.hook, attention.k.dim(1)?, Owner::Viewer),
            _ => Vec::new(),
        };
        let probes_self_map = site == Site::SelfMap && self.taps_self_map(Owner::Viewer);
        if probes.is_empty() && !probes_self_map {
            return Ok(());
        }
        let softmax = Softmax::new(attention.clone(), context.grid, weights, self.exact)?;
        if probes_self_map {
            self.measure_self_map(context, &softmax, bends, Owner::Viewer)?;
        }
        if !probes.is_empty() {
            map::attend(context, &softmax, bends, &probes, |probe, share| self.add(probe, share))?;
        }
        Ok(())
    }

    /// Records the activity of neurons x `[batch, frames, tokens per frame, neurons]`, if a target names the most
    /// active ones. It is the activity before the bends. Otherwise a bent neuron would leave the ranking, and its
    /// neighbour would enter it in the next call.
    pub(super) fn record_activity(&self, x: &Tensor, hook: &HookContext<'_>) -> Result<()> {
        let bends = self.program.bends.iter().map(|bend| &*bend.target);
        let taps = self.program.taps.iter().flat_map(|tap| tap.target.parts().iter().map(|part| &**part));
        // The call under the negative prompt comes second, and would replace that under the prompt.
        if !hook.negative && bends.chain(taps).any(resolve::uses_activity) {
            let activity = ops::mean_abs(x)?.flatten_to(1)?.mean(0)?.to_device(&Device::Cpu)?;
            let activity = activity.to_dtype(DType::F32)?.to_vec1()?;
            self.shared.record().memory.activity.insert(hook.layer, activity);
        }
        Ok(())
    }

    /// Measures neurons x `[batch, frames, tokens per frame, neurons]`.
    pub(super) fn measure_neurons(&self, x: &Tensor, hook: &HookContext<'_>, grid: Grid) -> Result<()> {
        let count = x.dim(D::Minus1)?;
        for (tap, part) in self.taps_at(|measure| matches!(measure, Measure::Neurons | Measure::Activity), hook) {
            let ranges = resolve::neurons(&part.neurons, hook.layer, count, self.shared.memory);
            let selected = tensor::select(x, 3, ranges.as_deref())?;
            if selected.elem_count() == 0 {
                continue;
            }
            let measured = match self.taps[tap].measure {
                // [batch, frames, neurons]
                Measure::Neurons => ops::mean_abs(&selected)?.mean_keepdim(0)?.unsqueeze(2)?,
                _ => selected.abs()?.mean(3)?.mean_keepdim(0)?.reshape((1, grid.frames, grid.rows, grid.columns))?,
            };
            self.add(tap, &measured)?;
        }
        Ok(())
    }

    /// Measures the self-attention map from the position of each tap, after the bends that are linear on the grid.
    pub(super) fn measure_self_map(
        &self,
        context: &AttentionContext<'_>,
        softmax: &Softmax<'_>,
        bends: &[ScopedBend<'_>],
        owner: Owner,
    ) -> Result<()> {
        let grid = context.grid;
        let taps = self.taps_at(|measure| matches!(measure, Measure::SelfMap { .. }), &context.hook).into_iter();
        for (tap, part) in taps.filter(|(tap, _)| self.owner(*tap) == owner) {
            let Measure::SelfMap { x, y } = self.taps[tap].measure else { continue };
            let at = |part: f64, count: usize| ((part * count as f64) as usize).min(count.saturating_sub(1));
            let query = |frame: usize| grid.cell(frame, at(y, grid.rows), at(x, grid.columns));
            let mut maps = Vec::new();
            for heads in groups(softmax, bends, &part.heads) {
                maps.push(map_of_queries(softmax, bends, heads, grid, query)?);
            }
            if !maps.is_empty() {
                self.add(tap, &Tensor::cat(&maps, 0)?)?;
            }
        }
        Ok(())
    }
}

/// The runs of neighbouring heads, of those in `wanted`, that are under the same bends; by index.
fn groups(softmax: &Softmax<'_>, bends: &[ScopedBend<'_>], wanted: &Set) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for head in (0..softmax.heads().len()).filter(|&head| wanted.contains(head)) {
        let joins = |last: &Range<usize>| {
            last.end == head && bends.iter().all(|bend| bend.heads.contains(head) == bend.heads.contains(last.start))
        };
        match groups.last_mut() {
            Some(last) if joins(last) => last.end += 1,
            _ => groups.push(head..head + 1),
        }
    }
    groups
}

/// The maps of one query per frame, `[heads, frames, rows, columns]`, after bends that are linear on the grid. The heads are under the
/// same bends. The maps are summed over the frames of the keys.
fn map_of_queries(
    softmax: &Softmax<'_>,
    bends: &[ScopedBend<'_>],
    heads: Range<usize>,
    grid: Grid,
    query: impl Fn(usize) -> usize,
) -> Result<Tensor> {
    let sums = (0..grid.frames).map(|frame| rows_before(bends, heads.start, grid, query(frame)));
    let sums = sums.collect::<Result<Vec<_>>>()?;
    let queries: BTreeSet<usize> = sums.iter().flat_map(|rows| rows.keys().copied()).collect();
    let weights_of = |rows: &BTreeMap<usize, f32>| -> Vec<f32> {
        queries.iter().map(|query| rows.get(query).copied().unwrap_or(0.0)).collect()
    };
    let weights: Vec<f32> = sums.iter().flat_map(weights_of).collect();
    let queries: Vec<usize> = queries.into_iter().collect();
    let map = softmax.rows(heads.clone(), Some(&queries))?.mean(0)?;
    let weights = Tensor::from_vec(weights, (1, grid.frames, queries.len()), map.device())?.to_dtype(map.dtype())?;
    let rows = ops::matmul(&weights.broadcast_as((heads.len(), grid.frames, queries.len()))?, &map)?;
    rows.reshape((heads.len(), grid.frames, (), grid.rows, grid.columns))?.sum(2)
}

/// A row of a head's map after its bends, as a weighted sum of rows before them. Counts bends that are linear on the grid.
fn rows_before(bends: &[ScopedBend<'_>], head: usize, grid: Grid, row: usize) -> Result<BTreeMap<usize, f32>> {
    let mut rows = BTreeMap::from([(row, 1.0)]);
    let linear = bends.iter().rev().filter(|bend| matches!(bend.item.bend.op.form, Form::Grid(_)));
    for bend in linear.filter(|bend| bend.heads.contains(head)) {
        let map = bend.item.grid_map(grid)?;
        let mut before = BTreeMap::new();
        for (cell, weight) in rows {
            for &(from, part) in map.terms(cell).iter() {
                *before.entry(from as usize).or_insert(0.0) += weight * part;
            }
        }
        rows = before;
    }
    Ok(rows)
}
