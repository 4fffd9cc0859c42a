//! Applies the program of a patch to a model call: a listener at the hooks of the transformer.
//!
//! No attention map is built if the algebra allows it. Bends before the softmax go into queries, keys and bias
//! (`softmax`). A bend that is linear on the query grid acts on the output of the map's columns (`map`). The columns
//! come out of the same attention as extra value columns. Other bends of maps get the columns they need (`columns`). At
//! every other site, a bend is a function of the tensor (`tensor`). A tap is one more value column, and is read after
//! the call (`tap`).
//!
//! A probe is a tap of the viewer, not of the patch. Its measurement is a calculation of its own, so that no bit of the output depends on
//! it.
//!
//! The form that writes every map out is the definition; [`BoundProgram::exact`] selects it for every bend.

mod apply;
mod bound;
mod columns;
mod concept;
mod context;
mod factor;
mod grid;
mod map;
mod measure;
mod memory;
mod noise;
mod normal;
mod numbers;
mod picture;
mod resolve;
mod softmax;
mod tap;
mod tensor;
mod values;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bendrack_nodes::program::grid::Grid;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::{Axis, Program, Site, Tap};
use candle_core::{Result, Tensor};

use crate::wan::hooks::{Attention, HookContext, Listener};
use crate::wan::text::Tokens;
use bound::{BendCache, BoundBend};
pub use concept::{Concepts, concept_keys};
use context::AttentionContext;
use map::Scoped;
use measure::Owner;
pub use memory::{BendMemory, StoredBends};
pub use numbers::map_numbers;
pub use picture::picture_numbers;
use softmax::Softmax;
use tap::Accumulator;
pub use tap::{Measured, fuse_maps};
pub use warnings::warnings;

/// A program bound to one model call: first frame, tokens of the prompt, memory of the calls before.
pub struct BoundProgram<'a> {
    program: &'a Program,
    /// The taps of the program, then the probes.
    taps: Vec<&'a Tap>,
    /// The number in the video of the program's first lane.
    first_frame: usize,
    /// True if every map is written out.
    exact: bool,
    /// The keys of words outside the prompt.
    concepts: Option<&'a Concepts>,
    /// One for each bend of the program.
    caches: Vec<BendCache>,
    shared: Shared<'a>,
}

/// State shared by all bends of a call.
struct Shared<'a> {
    seed: u64,
    tokens: &'a Tokens,
    memory: &'a BendMemory,
    /// True if the result of every bend is checked; a bend with an overflow is skipped.
    guarded: bool,
    record: Mutex<Record>,
}

/// Records of the hooks of a call.
struct Record {
    /// One for each tap of the program, then one for each probe.
    accumulators: Vec<Accumulator>,
    memory: BendMemory,
    left_out: BTreeSet<LeftOut>,
}

impl Shared<'_> {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bend that was left out at a hook because its result was not finite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The id of the bend's node.
    pub node: Arc<str>,
    /// The site.
    pub site: Site,
    /// The layer, from 0.
    pub layer: usize,
    /// The denoising step, from 0.
    pub step: usize,
}

/// Results of a call, besides the model's output.
pub struct Outcome {
    /// The measurements of the taps, by the id of their node; a tap whose target matched nothing has none.
    pub measured: BTreeMap<Arc<str>, Measured>,
    /// The measurements of the probes, likewise.
    pub probed: BTreeMap<Arc<str>, Measured>,
    /// The state for the next call, for [`BendMemory::update`].
    pub memory: BendMemory,
    /// The bends that were left out, and where.
    pub left_out: BTreeSet<LeftOut>,
}

impl<'a> BoundProgram<'a> {
    /// Binds `program` to a call under a prompt of these tokens. The lanes of the program are the video's frames from
    /// `first_frame` on.
    pub fn new(program: &'a Program, tokens: &'a Tokens, first_frame: usize, memory: &'a BendMemory) -> Self {
        let record = Record {
            accumulators: program.taps.iter().map(|tap| Accumulator::new(tap.fuse)).collect(),
            memory: BendMemory::default(),
            left_out: BTreeSet::new(),
        };
        let shared = Shared { seed: program.seed, tokens, memory, guarded: false, record: Mutex::new(record) };
        let caches = program.bends.iter().map(|_| BendCache::default()).collect();
        Self { program, taps: program.taps.iter().collect(), first_frame, exact: false, concepts: None, caches, shared }
    }

    /// Adds probes: taps that change no bit of the output. They must not name the most active neurons.
    #[must_use]
    pub fn probed(mut self, probes: &'a [Tap]) -> Self {
        self.shared.record().accumulators.extend(probes.iter().map(|probe| Accumulator::new(probe.fuse)));
        self.taps.extend(probes);
        self
    }

    /// Adds the keys of words outside the prompt, for taps of concepts.
    #[must_use]
    pub fn with_concepts(mut self, concepts: &'a Concepts) -> Self {
        self.concepts = Some(concepts);
        self
    }

    /// Selects the definition of every bend, which writes out the attention map of one head after the other. It is slow, and the
    /// reference for the fast forms.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// Checks the result of every bend, and leaves the bend out where its numbers overflow.
    #[must_use]
    pub fn guarded(mut self, guarded: bool) -> Self {
        self.shared.guarded = guarded;
        self
    }

    /// Drops what the probes measured so far: a device that has no room for them still has room for the video.
    fn give_up_probes(&self) {
        for (index, probe) in self.taps.iter().enumerate().skip(self.program.taps.len()) {
            self.shared.record().accumulators[index] = Accumulator::new(probe.fuse);
        }
    }

    /// Reads the measurements back from the model's device.
    ///
    /// # Errors
    ///
    /// Fails if the device cannot hand them over.
    pub fn finish(self) -> Result<Outcome> {
        let Record { accumulators, memory, left_out } =
            self.shared.record.into_inner().unwrap_or_else(PoisonError::into_inner);
        let taps = self.taps.iter().zip(accumulators);
        let probed_from = self.program.taps.len();
        let mut read =
            taps.map(|(tap, accumulator)| Some(accumulator.read()?.map(|measured| (tap.node.clone(), measured))));
        let measured = read.by_ref().take(probed_from).flatten().collect::<Result<_>>()?;
        // A probe that cannot be read is missing on the screen; the video goes on.
        let probed = read.flatten().filter_map(Result::ok).collect();
        Ok(Outcome { measured, probed, memory, left_out })
    }

    /// The inputs of self-attention after the bends of values and of RoPE positions.
    fn bend_inputs(&self, context: &AttentionContext<'_>, mut attention: Attention) -> Result<Attention> {
        let (hook, (rows, columns)) = (&context.hook, context.size());
        let frames = attention.key_frames.clone();
        let values = self.bends_at(Site::SelfValue, hook, &frames, (rows, columns));
        if !values.is_empty() {
            let v = tensor::by_frame(&attention.v, frames.len())?;
            let v = apply::apply(v, &values, hook, &frames, Grid { frames: frames.len(), rows, columns })?;
            attention.v = v.reshape(attention.v.shape())?;
        }
        let positions = self.bends_at(Site::SelfPosition, hook, hook.frames, (rows, columns));
        if !positions.is_empty() {
            attention.q = apply::shift_positions(context, &attention.q, &positions)?;
        }
        Ok(attention)
    }
}

impl Listener for BoundProgram<'_> {
    fn at(&self, site: Site, hook: HookContext<'_>, x: Tensor) -> Result<Tensor> {
        if !site.has(Axis::Layers) {
            return self.outside_layers(site, &hook, x);
        }
        if site == Site::SelfValue {
            // These values are bent in `attend`, where the frames of the keys are known.
            return Ok(x);
        }
        // The rows of a prompt belong to no frame. They take the lane of the call's first frame.
        let frames = if site == Site::CrossValue { &hook.frames[..1] } else { hook.frames };
        let (_, rows, columns) = hook.grid;
        let size = if site == Site::CrossValue { (x.dim(1)?, 1) } else { (rows, columns) };
        let bends = self.bends_at(site, &hook, frames, size);
        let has_neurons = site.has(Axis::Neurons);
        if bends.is_empty() && !has_neurons {
            return Ok(x);
        }
        let grid = Grid { frames: frames.len(), rows: size.0, columns: size.1 };
        let shape = x.shape().clone();
        let mut x = tensor::by_frame(&x, frames.len())?;
        if has_neurons {
            self.record_activity(&x, &hook)?;
        }
        x = match site {
            Site::CrossValue => bend_prompt_values(x, &bends, &hook, frames, grid)?,
            _ => apply::apply(x, &bends, &hook, frames, grid)?,
        };
        if has_neurons {
            self.measure_neurons(&x, &hook, grid)?;
        }
        x.reshape(shape)
    }

    fn attend(&self, site: Site, hook: HookContext<'_>, mut attention: Attention) -> Result<Tensor> {
        let context = AttentionContext::new(hook, &attention)?;
        let keys = attention.k.dim(1)?;
        if site == Site::SelfMap {
            attention = self.bend_inputs(&context, attention)?;
        }
        let bends = self.bends_at(site, &hook, hook.frames, context.size());
        let scoped = bends.iter().map(|bound| Scoped {
            item: bound,
            // The keys of self-attention are positions of the grid, not words.
            keys: if site == Site::CrossMap { bound.rows(keys).to_vec() } else { vec![true; keys] },
            heads: &bound.bend.target.heads,
        });
        let is_weight = |part: &Scoped<'_, &BoundBend<'_>>| matches!(part.item.bend.op.form, Form::LogitWeight(_));
        let (weights, bends): (Vec<_>, Vec<_>) = scoped.filter(|part| part.keys.contains(&true)).partition(is_weight);
        // Before the output is made, so that a record of a bend is that of the output.
        if self.probe(site, &context, &attention, (&weights, &bends)).is_err() {
            self.give_up_probes();
        }
        let taps = match site {
            Site::CrossMap => self.cross_map_taps(&hook, keys, Owner::Program),
            _ => Vec::new(),
        };
        if site == Site::CrossMap {
            self.measure_concepts(&context, &attention, Owner::Program)?;
        }
        let measures_self_map = site == Site::SelfMap && self.taps_self_map(Owner::Program);
        if weights.is_empty() && bends.is_empty() && taps.is_empty() && !measures_self_map {
            return attention.run();
        }
        let softmax = Softmax::new(attention, context.grid, &weights, self.exact)?;
        if measures_self_map {
            self.measure_self_map(&context, &softmax, &bends, Owner::Program)?;
        }
        if bends.is_empty() && taps.is_empty() {
            return softmax.run(softmax.values());
        }
        map::attend(&context, &softmax, &bends, &taps, |tap, share| self.add(tap, share))
    }
}

/// The values of cross-attention x `[batch, 1, rows, heads, head_dim]` after bends, each on the rows of its words.
fn bend_prompt_values(
    mut x: Tensor,
    bends: &[BoundBend<'_>],
    hook: &HookContext<'_>,
    frames: &[usize],
    grid: Grid,
) -> Result<Tensor> {
    for bound in bends {
        let rows = bound.rows(x.dim(2)?);
        let rows = (!rows.iter().all(|row| *row)).then(|| runs(rows));
        x = tensor::within(&x, 2, rows.as_deref(), &mut |x| {
            apply::apply(x.clone(), std::slice::from_ref(bound), hook, frames, grid)
        })?;
    }
    Ok(x)
}

/// Index ranges of consecutive true values.
fn runs(on: &[bool]) -> Vec<RangeInclusive<usize>> {
    let on: Set = on.iter().enumerate().filter(|(_, on)| **on).map(|(index, _)| index).collect();
    resolve::ranges(&on, usize::MAX)
}
