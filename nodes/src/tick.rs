//! One evaluation of a plan: a pure function of the plan, the inputs and the memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::smallvec;

use crate::compile::plan::{Arrives, Feed, Gain, Plan, Slot};
use crate::input::{Controls, ON, is_on};
use crate::mapping::{self, KnobState};
use crate::node::context::{NodeContext, TickContext};
use crate::node::def::{Input, Output};
use crate::node::memory::is_remembered;
pub use crate::node::memory::{Memory, StoredMemory};
use crate::node::requests::Requests;
use crate::node::value::{Gate, Kind, Value};
use crate::program::target::Selection;
use crate::program::{Bend, Mapped, Program};

/// Measurements of taps in the previous model call, by node and name of the number.
pub type Measurements = BTreeMap<Arc<str>, BTreeMap<&'static str, f64>>;

/// Inputs of a tick, besides the plan and the memory.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Controls in each latent frame of the call. Later frames keep those of the last; an empty list has no controls.
    pub lanes: &'a [Arc<Controls>],
    /// Measurements of the taps.
    pub measurements: &'a Measurements,
    /// The first latent frame of the call, counted from the beginning of the video.
    pub first_frame: u64,
    /// Seconds from one latent frame to the next.
    pub dt_secs: f64,
    /// The denoising step of the call.
    pub step: DenoisingStep,
}

/// A denoising step of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DenoisingStep {
    /// Its number, from 0; that of all steps in a cache pass.
    pub index: usize,
    /// The number of denoising steps.
    pub count: usize,
}

impl DenoisingStep {
    /// Progress, 0 at the first step to 1 at the last, and in a cache pass.
    pub fn progress(self) -> f64 {
        let last = self.count.saturating_sub(1).max(1);
        (self.index as f64 / last as f64).min(1.0)
    }
}

/// Controls of a latent frame.
#[derive(Clone, Copy)]
pub(crate) struct Lane<'a> {
    pub(crate) controls: &'a Controls,
    /// True if they are those of an earlier frame; its events do not count again.
    pub(crate) is_held: bool,
}

impl<'a> Inputs<'a> {
    /// Controls of latent frame `index` of the call.
    fn lane(&self, index: usize) -> Lane<'a> {
        static NOTHING: Controls = Controls::new();
        match self.lanes.get(index) {
            Some(controls) => Lane { controls, is_held: false },
            None => Lane { controls: self.lanes.last().map_or(&NOTHING, |last| last), is_held: true },
        }
    }
}

/// Scratch space of an evaluation. It affects no result; a reused one saves allocations.
#[derive(Default)]
pub struct Scratch {
    /// The plan that it was made for.
    plan: u64,
    /// True until the first evaluation.
    fresh: bool,
    /// The values on all inputs.
    input_values: Vec<Option<Value>>,
    /// The values on all outputs.
    output_values: Vec<Option<Value>>,
    /// Values of delayed outputs, in the previous frame.
    before: Vec<Option<Value>>,
    requests: Requests,
    everything: Arc<Selection>,
    /// Outputs whose number was not finite.
    held: Vec<(Arc<str>, &'static str)>,
}

impl Scratch {
    /// Outputs, by node and name, whose number was not finite in the latest call. Each kept its last number.
    pub fn held(&self) -> &[(Arc<str>, &'static str)] {
        &self.held
    }

    /// Warnings of nodes in the latest call: id of the node, and a message.
    pub fn warnings(&self) -> &[(Arc<str>, &'static str)] {
        &self.requests.warnings
    }

    fn fit(&mut self, plan: &Plan) {
        if self.plan != plan.number {
            (self.plan, self.fresh) = (plan.number, true);
            self.input_values = vec![None; plan.inputs];
            self.output_values = vec![None; plan.outputs];
            self.before = vec![None; plan.late.len()];
        }
        self.held.clear();
        self.requests.warnings.clear();
    }
}

impl Plan {
    /// True if a memory is the result of a tick of this plan, or was restored by it.
    pub fn is_of(&self, memory: &Memory) -> bool {
        memory.has(&self.layout)
    }

    /// A stored memory of this plan; none if it belongs to other nodes.
    pub fn restore(&self, memory: StoredMemory) -> Option<Memory> {
        memory.restore(&self.layout)
    }

    /// Stored measurements of this plan's taps. Outputs that the plan lacks are left out.
    pub fn restore_measurements(&self, stored: &BTreeMap<Arc<str>, BTreeMap<String, f64>>) -> Measurements {
        let of_node = |(id, numbers): (&Arc<str>, &BTreeMap<String, f64>)| {
            let def = self.layout.def(id)?;
            let known = numbers.iter().filter_map(|(name, number)| Some((def.output(name)?.1.name, *number)));
            Some((id.clone(), known.collect()))
        };
        stored.iter().filter_map(of_node).collect()
    }

    /// The program of one model call over `frames` latent frames. It starts from the memory at the beginning of the
    /// call, and advances it to the end.
    ///
    /// Each denoising step evaluates the call again. Pass a copy of the memory from before the chunk, and keep the copy
    /// of the last step.
    ///
    /// ```
    /// use bendrack_nodes::LIBRARY;
    /// use bendrack_nodes::compile::plan::Plan;
    /// use bendrack_nodes::patch::{Node, Patch};
    /// use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
    /// use serde_json::json;
    ///
    /// let mut patch = Patch::default();
    /// let mut model = Node::new("model.wan");
    /// model.params.insert("prompt".to_owned(), json!("a red tulip"));
    /// patch.nodes.insert("wan".to_owned(), model);
    /// let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
    ///
    /// let measurements = Measurements::default();
    /// let inputs = Inputs { lanes: &[], measurements: &measurements, first_frame: 0, dt_secs: 0.25, step: DenoisingStep::default() };
    /// let program = plan.program(&inputs, &mut Memory::default(), 3);
    /// assert_eq!(&*program.prompt, "a red tulip");
    /// ```
    pub fn program(&self, inputs: &Inputs<'_>, memory: &mut Memory, frames: usize) -> Program {
        let mut program = Program::default();
        self.run(inputs, memory, 0..frames, &mut Scratch::default(), &mut program);
        program
    }

    /// [`Self::program`] into reused buffers. It allocates only for targets and pictures that change.
    ///
    /// `open` is the range of latent frames without pictures so far; it ends with the call. The prompt is that of its
    /// first frame.
    pub fn run(
        &self,
        inputs: &Inputs<'_>,
        memory: &mut Memory,
        open: Range<usize>,
        scratch: &mut Scratch,
        program: &mut Program,
    ) {
        memory.adopt(&self.layout);
        scratch.fit(self);
        self.recall(memory, &mut scratch.output_values);
        program.clear();
        for lane in 0..open.end {
            self.tick(inputs, lane, memory, scratch);
            if lane == open.start {
                take_prompt(program, &scratch.requests.program);
            }
            add(program, &mut scratch.requests.program, lane);
        }
        program.seed = self.seed;
        if self.master < 1.0 {
            program.bends.iter_mut().flat_map(|bend| &mut bend.amount).for_each(|amount| *amount *= self.master);
        }
        program.bends.retain(|bend| !bend.is_neutral());
    }

    /// The values on all outputs at the beginning of a call: the last numbers and gates.
    fn recall(&self, memory: &Memory, output_values: &mut [Option<Value>]) {
        for slot in &self.nodes {
            let last = memory.numbers(slot.cells.outputs());
            for ((value, output), last) in
                output_values[slot.outputs.clone()].iter_mut().zip(slot.def.outputs).zip(last)
            {
                if is_remembered(output.kind) {
                    *value = recalled(output, *last);
                }
            }
        }
    }

    fn tick(&self, inputs: &Inputs<'_>, lane: usize, memory: &mut Memory, scratch: &mut Scratch) {
        let Scratch { fresh, input_values, output_values, before, requests, everything, held, .. } = scratch;
        requests.program.clear();
        requests.links.clear();
        (requests.tempo, requests.beat, requests.bank) = (None, None, None);
        for (value, output) in before.iter_mut().zip(&self.late) {
            value.clone_from(&output_values[*output]);
        }
        let tempo = if memory.tempo() > 0.0 { memory.tempo() } else { self.tempo };
        let frame = inputs.first_frame + lane as u64;
        let tick = TickContext {
            inputs,
            lane: inputs.lane(lane),
            frame,
            beat: memory.beat(),
            tempo,
            bank: memory.bank(),
            everything,
        };
        for slot in &self.nodes {
            let (arrived, gives) = (&mut input_values[slot.inputs.clone()], slot.outputs.clone());
            let changed = feed(slot, &tick, output_values, before, arrived, memory);
            show_maps(slot, arrived, tick.bank, memory, &mut requests.program);
            if slot.bypass && !slot.def.sees_bypass {
                pass(slot, arrived, &mut output_values[gives.clone()]);
            } else if changed || *fresh || !slot.def.pure {
                let (numbers, texts) = memory.own(&slot.cells);
                let mut ctx = NodeContext {
                    id: &slot.id,
                    seed: slot.seed,
                    def: slot.def,
                    bypass: slot.bypass,
                    inputs: arrived,
                    outputs: &mut output_values[gives.clone()],
                    set_outputs: 0,
                    held: 0,
                    memory: numbers,
                    texts,
                    tick: &tick,
                    requests,
                };
                (slot.def.run)(&mut ctx);
                let (set_outputs, not_finite) = (ctx.set_outputs, ctx.held);
                finish_outputs(slot, set_outputs, not_finite, &mut output_values[gives.clone()], held);
            }
            remember(slot, &output_values[gives], memory);
        }
        *fresh = false;
        let next_beat = requests.beat.unwrap_or(memory.beat() + inputs.dt_secs * tempo / 60.0);
        memory.advance(next_beat, requests.tempo.unwrap_or(0.0), requests.bank.unwrap_or(1));
    }
}

/// The last value of an output, from its remembered number.
fn recalled(output: &Output, last: f64) -> Option<Value> {
    match output.kind {
        _ if last.is_nan() => None,
        Kind::Gate => Some(Value::Gate(Gate { on: last >= ON, hits: 0 })),
        _ => Some(Value::Number(last)),
    }
}

/// Stores the numbers and gates on the outputs of a node.
fn remember(slot: &Slot, output_values: &[Option<Value>], memory: &mut Memory) {
    for (kept, value) in memory.numbers_mut(slot.cells.outputs()).iter_mut().zip(output_values) {
        if let Some(number) = value.as_ref().and_then(Value::number) {
            *kept = number;
        }
    }
}

/// Completes the outputs that the node did not set: numbers keep their value, and gates their state without a new
/// edge; others become empty. Adds those without a finite number to `held`.
fn finish_outputs(
    slot: &Slot,
    set_outputs: u64,
    not_finite: u64,
    output_values: &mut [Option<Value>],
    held: &mut Vec<(Arc<str>, &'static str)>,
) {
    for (index, (value, output)) in output_values.iter_mut().zip(slot.def.outputs).enumerate() {
        if set_outputs & 1 << index == 0 {
            match value {
                Some(Value::Number(_)) => {}
                Some(Value::Reading(reading)) => reading.hits = 0,
                Some(Value::Gate(gate)) => gate.hits = 0,
                _ => *value = None,
            }
        }
        let port = || (slot.id.clone(), output.name);
        if not_finite & 1 << index != 0 && !held.iter().any(|(id, name)| *id == slot.id && *name == output.name) {
            held.push(port());
        }
    }
}

/// Output of a bypassed node: the input that passes through, or else 0, off, or nothing.
fn pass(slot: &Slot, arrived: &[Option<Value>], output_values: &mut [Option<Value>]) {
    for (value, output) in output_values.iter_mut().zip(slot.def.outputs) {
        let through = output.passes.and_then(|name| slot.def.input(name)).and_then(|(index, _)| arrived[index].clone());
        *value = match output.kind {
            Kind::Number => Some(through.unwrap_or(Value::Number(0.0))),
            Kind::Gate => Some(through.unwrap_or(Value::Gate(Gate::default()))),
            _ => through,
        };
    }
}

/// Sets the values on the inputs of a node. True if any differs from the previous frame.
fn feed(
    slot: &Slot,
    tick: &TickContext<'_>,
    output_values: &[Option<Value>],
    before: &[Option<Value>],
    arrived: &mut [Option<Value>],
    memory: &mut Memory,
) -> bool {
    let mut changed = false;
    let was_on = slot.cells.inputs();
    for (index, ((feed, input), value)) in slot.feeds.iter().zip(slot.def.inputs).zip(arrived).enumerate() {
        let cabled = match &feed.cable {
            None => None,
            Some(cable) => match &cable.from {
                Arrives::Now(output) => output_values[*output].clone(),
                Arrives::Late(index) => before[*index].clone(),
                Arrives::Measured(node, name) => {
                    let numbers = tick.inputs.measurements.get(node);
                    numbers.and_then(|numbers| numbers.get(name)).copied().map(Value::Number)
                }
            },
        };
        let new = match input.kind {
            Kind::Number => number(feed, input, cabled.as_ref(), tick, memory).map(Value::Number),
            Kind::Gate => Some(Value::Gate(gate(feed, cabled.as_ref(), tick, was_on.start + index, memory))),
            _ => cabled.or_else(|| feed.base.clone()),
        };
        let same = match (&*value, &new) {
            (Some(old), Some(new)) => old.is_identical(new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            *value = new;
            changed = true;
        }
    }
    changed
}

/// The number on an input, within its limits: that of the cable, or of the knob as the cable moves it.
fn number(
    feed: &Feed,
    input: &Input,
    cabled: Option<&Value>,
    tick: &TickContext<'_>,
    memory: &mut Memory,
) -> Option<f64> {
    let base = match &feed.base {
        Some(Value::Number(base)) if feed.maps.is_empty() => Some(*base),
        Some(Value::Number(base)) => {
            let cells = memory.numbers_mut(feed.cells.clone());
            Some(mapping::turn(&feed.maps, input, *base, tick, cells))
        }
        _ => None,
    };
    let Some(arrived) = cabled.and_then(Value::number) else { return base };
    let gain = feed.cable.as_ref().map_or(Gain::Replaces, |cable| cable.gain);
    // Finite operands give infinity at most, never NaN, and the limits bound it.
    Some(gain.moved(base.unwrap_or(0.0), arrived).clamp(input.hard.0, input.hard.1))
}

/// State of an input and its rising edges. The memory holds its state in the previous frame at `was_on`.
fn gate(feed: &Feed, cabled: Option<&Value>, tick: &TickContext<'_>, was_on: usize, memory: &mut Memory) -> Gate {
    let was = memory.numbers(was_on..was_on + 1)[0] >= ON;
    let pressed = if feed.maps.is_empty() {
        None
    } else {
        let base = matches!(feed.base, Some(Value::Gate(Gate { on: true, .. })));
        mapping::press(&feed.maps, base, tick, memory.numbers_mut(feed.cells.clone())).map(Value::Gate)
    };
    let (on, hits) = match cabled.or(pressed.as_ref()).or(feed.base.as_ref()) {
        Some(Value::Gate(gate)) => (gate.on, gate.hits),
        Some(Value::Number(number)) => (is_on(*number, was), 0),
        Some(Value::Reading(reading)) => (reading.on, reading.hits),
        _ => (false, 0),
    };
    let new = Gate { on, hits: hits.max(Gate::level(on, was).hits) };
    memory.numbers_mut(was_on..was_on + 1)[0] = f64::from(u8::from(new.on));
    new
}

/// Adds the state of the controls that are mapped to a node's knobs.
fn show_maps(slot: &Slot, arrived: &[Option<Value>], bank: u8, memory: &Memory, program: &mut Program) {
    for ((feed, input), value) in slot.feeds.iter().zip(slot.def.inputs).zip(arrived) {
        for map in feed.maps.iter().filter(|map| map.acts_in(bank)) {
            let position = match value {
                Some(Value::Gate(gate)) => Some(map.range[usize::from(gate.on)]),
                _ => KnobState::of(memory.numbers(feed.cells.clone())).map(|knob| knob.position),
            };
            if let Some(part) = position.and_then(|position| mapping::shown(map, input, position)) {
                program.mapped.push(Mapped { control: map.from.clone(), parts: smallvec![part] });
            }
        }
    }
}

/// Copies the prompts of a tick, with blend and switch, to the call.
fn take_prompt(program: &mut Program, tick: &Program) {
    program.prompt.clone_from(&tick.prompt);
    program.negative.clone_from(&tick.negative);
    program.blend.clone_from(&tick.blend);
    program.switch = tick.switch;
}

/// Adds a tick's program to that of its call, as lane `lane`.
fn add(program: &mut Program, tick: &mut Program, lane: usize) {
    if lane == 0 {
        std::mem::swap(program, tick);
        return;
    }
    add_bends(&mut program.bends, &mut tick.bends, lane);
    add_messages(program, tick, lane);
    for (mapped, new) in program.mapped.iter_mut().zip(&tick.mapped) {
        mapped.parts.extend_from_slice(&new.parts);
    }
    program.cache.add(&tick.cache, lane);
    program.screen.append(&mut tick.screen);
}

/// Adds a tick's messages and levels as lane `lane`. One without a counterpart before it begins with the next call; one that is
/// gone stays until then.
fn add_messages(program: &mut Program, tick: &Program, lane: usize) {
    let mut next = 0;
    for new in &tick.messages {
        if let Some(found) = (next..program.messages.len()).find(|&index| program.messages[index].is_same(new)) {
            program.messages[found].append(new);
            next = found + 1;
        }
    }
    program.messages.iter_mut().for_each(|message| message.fill(lane));
    let mut next = 0;
    for new in &tick.lights {
        if let Some(found) = (next..program.lights.len()).find(|&index| program.lights[index].node == new.node) {
            program.lights[found].lanes.extend(new.lanes.iter().cloned());
            next = found + 1;
        }
    }
    for light in program.lights.iter_mut().filter(|light| light.lanes.len() == lane) {
        light.lanes.extend(light.lanes.last().cloned());
    }
}

/// Adds a tick's bends as lane `lane`. A bend continues an earlier one that differs in its numbers only. Any other,
/// such as one with a new target, starts at this frame. A bend without a successor ends, with amount 0.
fn add_bends(bends: &mut Vec<Bend>, tick: &mut Vec<Bend>, lane: usize) {
    let mut next = 0;
    for mut new in tick.drain(..) {
        if let Some(found) = (next..bends.len()).find(|&index| bends[index].is_same(&new)) {
            let bend = &mut bends[found];
            bend.amount.extend_from_slice(&new.amount);
            for ((_, lanes), (_, new)) in bend.params.iter_mut().zip(new.params.iter()) {
                lanes.extend_from_slice(new);
            }
            next = found + 1;
        } else {
            // After the bends of the same node in earlier frames.
            let after = bends.iter().rposition(|bend| bend.node == new.node).map_or(next, |last| (last + 1).max(next));
            for (_, lanes) in new.params.iter_mut() {
                lanes.resize(lane + 1, lanes[0]);
            }
            let now = new.amount[0];
            new.amount.clear();
            new.amount.resize(lane, 0.0);
            new.amount.push(now);
            bends.insert(after, new);
            next = after + 1;
        }
    }
    for bend in bends.iter_mut().filter(|bend| bend.amount.len() == lane) {
        bend.amount.push(0.0);
        for (_, lanes) in bend.params.iter_mut() {
            let last = lanes[lane - 1];
            lanes.push(last);
        }
    }
}
