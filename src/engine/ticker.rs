//! Evaluation of the patch: plan, node memory and inputs make a program for each model call.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use bendrack_nodes::node::sound::HOPS_PER_SEC;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch, StoredMemory};
use serde::{Deserialize, Serialize};

use super::Timeline;
use super::model::{FRAME_RATE, LATENT_FRAMES, LATENT_SECS};
use super::warning::Warning;
use crate::sound::Sound;

/// Makes the program of each call. Every call of a chunk is ticked from the memory at the beginning of the chunk.
pub(super) struct Ticker {
    plan: Arc<Plan>,
    timeline: Timeline,
    /// Node memory at the beginning of the chunk under way, or of the next one.
    start: Memory,
    /// Node memory after the latest call's tick.
    latest: Memory,
    /// Node memory after the tick under way.
    next: Memory,
    in_chunk: bool,
    /// The program before the latest, whose allocations the next one reuses.
    spare: Program,
    scratch: Scratch,
    measurements: Measurements,
    /// The measurements at the beginning of the chunk under way.
    begun: Measurements,
    /// The sound in place of that of the devices.
    sound: Option<Arc<Sound>>,
    /// The controls in each latent frame of the chunk.
    lanes: Vec<Arc<Controls>>,
}

/// A ticker between two chunks, to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredTicker {
    memory: StoredMemory,
    measurements: BTreeMap<Arc<str>, BTreeMap<String, f64>>,
}

impl Ticker {
    /// True if it can be stored: no other plan has come since the latest tick.
    pub(super) fn can_store(&self) -> bool {
        self.plan.is_of(&self.start)
    }

    /// The ticker between two chunks, without its plan and its sound.
    pub(super) fn store(&self) -> StoredTicker {
        let named = |numbers: &BTreeMap<&str, f64>| numbers.iter().map(|(name, x)| ((*name).to_owned(), *x)).collect();
        let measurements = self.measurements.iter().map(|(node, numbers)| (node.clone(), named(numbers))).collect();
        StoredTicker { memory: self.start.store(), measurements }
    }

    /// Continues from a stored ticker of the same plan; false if it belongs to other nodes.
    pub(super) fn restore(&mut self, stored: StoredTicker) -> bool {
        let Some(memory) = self.plan.restore(stored.memory) else { return false };
        self.measurements = self.plan.restore_measurements(&stored.measurements);
        (self.start, self.latest) = (memory.clone(), memory);
        self.in_chunk = false;
        self.lanes.clear();
        true
    }

    pub(super) fn new(plan: Arc<Plan>, timeline: Timeline) -> Self {
        Self {
            plan,
            timeline,
            start: Memory::default(),
            latest: Memory::default(),
            next: Memory::default(),
            in_chunk: false,
            spare: Program::default(),
            scratch: Scratch::default(),
            measurements: Measurements::default(),
            begun: Measurements::default(),
            sound: None,
            lanes: Vec::new(),
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.plan.seed()
    }

    /// Replaces the plan. Nodes keep their memory by id.
    pub(super) fn set_plan(&mut self, plan: Arc<Plan>) {
        self.plan = plan;
    }

    pub(super) fn set_timeline(&mut self, timeline: Timeline) {
        self.timeline = timeline;
    }

    pub(super) fn set_sound(&mut self, sound: Option<Arc<Sound>>) {
        self.sound = sound;
    }

    pub(super) const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(super) const fn sound(&self) -> Option<&Arc<Sound>> {
        self.sound.as_ref()
    }

    /// Clears the memory of nodes and the measurements of taps.
    pub(super) fn restart(&mut self) {
        (self.start, self.latest) = Default::default();
        self.in_chunk = false;
        self.lanes.clear();
        self.measurements.clear();
    }

    /// The program of a call over latent frames of these numbers, of which the first `shown` are shown. [`Self::commit`] commits its
    /// memory.
    pub(super) fn tick(&mut self, frames: &[usize], shown: usize, step: DenoisingStep) -> Program {
        self.next.copy_from(&self.start);
        let inputs = Inputs {
            lanes: &self.lanes,
            measurements: &self.measurements,
            first_frame: frames[0] as u64,
            dt_secs: LATENT_SECS,
            step,
        };
        let mut program = mem::take(&mut self.spare);
        self.plan.run(&inputs, &mut self.next, shown..frames.len(), &mut self.scratch, &mut program);
        program
    }

    /// The memory after the latest tick, before it is committed.
    pub(super) const fn next(&self) -> &Memory {
        &self.next
    }

    /// Commits the memory of the latest tick.
    pub(super) fn commit(&mut self) {
        mem::swap(&mut self.latest, &mut self.next);
    }

    /// The measurements of now.
    pub(super) const fn measurements(&self) -> &Measurements {
        &self.measurements
    }

    /// Exchanges the measurements with those at the beginning of the chunk.
    pub(super) fn swap_measurements(&mut self) {
        mem::swap(&mut self.measurements, &mut self.begun);
    }

    /// Takes the measurements of now as those at the beginning of the chunk.
    pub(super) fn keep_measurements(&mut self) {
        self.begun.clone_from(&self.measurements);
    }

    /// Takes the allocations of a program that is no longer needed.
    pub(super) fn recycle(&mut self, program: Program) {
        self.spare = program;
    }

    pub(super) const fn is_in_chunk(&self) -> bool {
        self.in_chunk
    }

    pub(super) fn begin_chunk(&mut self) {
        self.in_chunk = true;
        self.keep_measurements();
    }

    /// Ends the chunk under way: the next one begins with the memory of its latest call.
    pub(super) fn end_chunk(&mut self) {
        self.start.copy_from(&self.latest);
        self.lanes.clear();
        self.in_chunk = false;
    }

    /// Adds measurements of taps, as inputs of the next tick.
    pub(super) fn measure(&mut self, numbers: impl IntoIterator<Item = (Arc<str>, BTreeMap<&'static str, f64>)>) {
        self.measurements.extend(numbers);
    }

    /// Sets the controls in the latent frames of a chunk after those that are shown. In further frames, the last ones hold.
    pub(super) fn set_lanes(&mut self, lanes: &[Arc<Controls>], frames: &[usize], shown: usize) {
        self.lanes.truncate(shown);
        let mut held = self.lanes.last().map_or_else(Controls::default, |last| Controls::clone(last));
        held.end_frame();
        for (index, frame) in frames[shown..].iter().enumerate() {
            let mut lane = match lanes.get(index) {
                Some(lane) => lane.clone(),
                None => Arc::new(held.clone()),
            };
            if let Some(sound) = &self.sound {
                Arc::make_mut(&mut lane).set_sound(sound.span(time_of(*frame, self.timeline)));
            }
            if index + 1 >= lanes.len() {
                held.clone_from(&lane);
                held.end_frame();
            }
            self.lanes.push(lane);
        }
    }

    /// The controls in each latent frame of the chunk.
    pub(super) fn lanes(&self) -> &[Arc<Controls>] {
        &self.lanes
    }

    /// The warnings of the latest tick: those of nodes, and outputs that were not finite.
    pub(super) fn warnings(&self) -> impl Iterator<Item = Warning> {
        let warnings = self.scratch.warnings().iter();
        let of_nodes = warnings.map(|(node, sentence)| Warning::of(node.clone(), *sentence));
        let held = self.scratch.held().iter().map(|(node, output)| Warning::held(node.clone(), output));
        of_nodes.chain(held)
    }
}

/// The time span of a latent frame, in hops from the beginning of the video. That of the first one, which is one picture, begins three
/// pictures before it; all others have the time of their pictures.
fn time_of(latent: usize, timeline: Timeline) -> Range<i64> {
    let hops = |picture: i64| (picture * HOPS_PER_SEC as i64).div_euclid(FRAME_RATE as i64);
    let after = (timeline.pictures_before(latent) + timeline.pictures(latent)) as i64;
    let pictures = if latent == 0 { LATENT_FRAMES } else { timeline.pictures(latent) };
    hops(after - pictures as i64)..hops(after)
}
