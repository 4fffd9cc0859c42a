//! What taps hear at a place.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::target::Target;
use bendrack_nodes::program::{Measure, Site};
use candle_core::{D, DType, Device, Result, Tensor};

use super::active::Active;
use super::map::Part;
use super::scene::Scene;
use super::softmax::Softmax;
use super::{Bender, aim, tensor};
use crate::wan::hooks::Place;

impl<'a> Bender<'a> {
    /// The parts of the taps of a kind that listen at a place: the index of the tap, and the part.
    pub(super) fn taps(&self, measures: impl Fn(Measure) -> bool, place: &Place<'_>) -> Vec<(usize, &'a Target)> {
        // What is shown is the prompt's doing, not the negative prompt's.
        let taps = self.program.taps.iter().enumerate().filter(|(_, tap)| measures(tap.measure) && !place.negative);
        let parts = taps.flat_map(|(index, tap)| tap.target.parts().iter().map(move |part| (index, &**part)));
        parts.filter(|(_, part)| aim::meant(part, place, Site::CrossMap)).collect()
    }

    /// Keeps how active neurons x `[batch, frames, tokens per frame, neurons]` are, if somebody asks for the most active ones: what
    /// they do before they are bent, or others would take their turn in the next call.
    pub(super) fn rank(&self, x: &Tensor, place: &Place<'_>) -> Result<()> {
        let asked = self.program.bends.iter().map(|bend| &*bend.target);
        let mut asked =
            asked.chain(self.program.taps.iter().flat_map(|tap| tap.target.parts().iter().map(|part| &**part)));
        if asked.any(aim::asks_activity) {
            let activity = tensor::activity(x)?.flatten_to(1)?.mean(0)?.to_device(&Device::Cpu)?;
            let activity = activity.to_dtype(DType::F32)?.to_vec1()?;
            self.kept.borrow_mut().activity.insert(place.layer, activity);
        }
        Ok(())
    }

    /// Measures neurons x `[batch, frames, tokens per frame, neurons]`.
    pub(super) fn listen(&self, x: &Tensor, place: &Place<'_>, grid: Grid) -> Result<()> {
        let count = x.dim(D::Minus1)?;
        for (tap, part) in self.taps(|measure| matches!(measure, Measure::Neurons | Measure::Activity), place) {
            let ranges = aim::neurons(&part.neurons, place.layer, count, self.past);
            let meant = tensor::select(x, 3, ranges.as_deref())?;
            if meant.elem_count() == 0 {
                continue;
            }
            let measured = match self.program.taps[tap].measure {
                // [batch, frames, neurons]
                Measure::Neurons => tensor::activity(&meant)?.mean_keepdim(0)?.unsqueeze(2)?,
                _ => meant.abs()?.mean(3)?.mean_keepdim(0)?.reshape((1, grid.frames, grid.rows, grid.columns))?,
            };
            self.tallies.borrow_mut()[tap].add(&measured)?;
        }
        Ok(())
    }

    /// Where the places attend that taps of the self-attention map look from, after the bends that are linear on the grid.
    pub(super) fn look(&self, scene: &Scene<'_>, softmax: &Softmax<'_>, bends: &[Part<'_, &Active<'_>>]) -> Result<()> {
        let grid = scene.grid;
        for (tap, part) in self.taps(|measure| matches!(measure, Measure::SelfMap { .. }), &scene.place) {
            let Measure::SelfMap { x, y } = self.program.taps[tap].measure else { continue };
            let at = |part: f64, count: usize| ((part * count as f64) as usize).min(count.saturating_sub(1));
            let mut met = Vec::new();
            for head in (0..softmax.heads().len()).filter(|&head| part.heads.contains(head)) {
                let looks = (0..grid.frames).map(|frame| {
                    rows_before(scene, bends, head, grid.cell(frame, at(y, grid.rows), at(x, grid.columns)))
                });
                let looks = looks.collect::<Result<Vec<_>>>()?;
                let queries: BTreeSet<usize> = looks.iter().flat_map(|look| look.keys().copied()).collect();
                let weight = |look: &BTreeMap<usize, f32>| -> Vec<f32> {
                    queries.iter().map(|query| look.get(query).copied().unwrap_or(0.0)).collect()
                };
                let weights: Vec<f32> = looks.iter().flat_map(weight).collect();
                let queries: Vec<usize> = queries.into_iter().collect();
                let map = softmax.map(head, Some(&queries))?.mean(0)?;
                let weights = Tensor::from_vec(weights, (grid.frames, queries.len()), map.device())?;
                let seen = weights.to_dtype(map.dtype())?.matmul(&map)?;
                // All frames of keys together.
                met.push(seen.reshape((grid.frames, (), grid.rows, grid.columns))?.sum(1)?);
            }
            if !met.is_empty() {
                self.tallies.borrow_mut()[tap].add(&Tensor::stack(&met, 0)?)?;
            }
        }
        Ok(())
    }
}

/// Of which rows of a head's map before its bends a row after them is the sum, with their weights: of those that are linear on the
/// grid.
fn rows_before(
    scene: &Scene<'_>,
    bends: &[Part<'_, &Active<'_>>],
    head: usize,
    row: usize,
) -> Result<BTreeMap<usize, f32>> {
    let mut rows = BTreeMap::from([(row, 1.0)]);
    let linear = bends.iter().rev().filter(|bend| matches!(bend.what.bend.op.form, Form::Grid(_)));
    for bend in linear.filter(|bend| bend.heads.contains(head)) {
        let map = scene.grid_map(bend.what)?;
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
