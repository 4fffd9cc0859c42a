//! One evaluation of a plan: a pure function of the plan, what came in, and what is remembered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::def::{Input, Output};
use crate::op::Lanes;
use crate::plan::{Feed, Plan};
use crate::program::{Bend, Blend, Message, Program, Source, Tap};
use crate::target::Selection;
use crate::value::Value;

/// What came in from outside by now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controls {
    /// MIDI controllers, 0 to 1, by channel (1 to 16) and number.
    pub midi_cc: BTreeMap<(u8, u8), f64>,
    /// MIDI notes held, velocity 0 to 1, by channel and number.
    pub midi_notes: BTreeMap<(u8, u8), f64>,
    /// MIDI notes struck since they were last looked at, held or not, with their velocity: a short hit is not lost.
    pub midi_struck: BTreeMap<(u8, u8), f64>,
    /// The latest arguments of OSC addresses.
    pub osc: BTreeMap<String, Vec<f64>>,
    /// The latest values of named sensors on serial lines.
    pub sensors: BTreeMap<String, Vec<f64>>,
}

impl Controls {
    /// A key is struck: it is held until it is taken out of `midi_notes`.
    pub fn strike(&mut self, key: (u8, u8), velocity: f64) {
        self.midi_notes.insert(key, velocity);
        self.midi_struck.insert(key, velocity);
    }
}

/// What the taps measured in the model call before, by node and name of the number.
pub type Measurements = BTreeMap<Arc<str>, BTreeMap<&'static str, f64>>;

/// What a tick is made from, besides the plan and the memory.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What came in from outside.
    pub controls: &'a Controls,
    /// What the taps measured.
    pub measurements: &'a Measurements,
    /// The first latent frame of the call, counted from the beginning of the video.
    pub first_frame: u64,
    /// Seconds from one latent frame to the next.
    pub dt_secs: f64,
}

/// What running nodes remember, by node id: LFO phases, envelopes, held values. It is data: it can be kept, compared and sent,
/// and an edit of the patch leaves it alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    nodes: BTreeMap<Arc<str>, Vec<f64>>,
    /// The last numbers on outputs, by node id and name.
    outputs: BTreeMap<Arc<str>, BTreeMap<&'static str, f64>>,
}

impl Plan {
    /// The program of one model call over `frames` latent frames, from the memory at its beginning; leaves the memory as it is
    /// at its end.
    ///
    /// A call is ticked anew before each denoising step: give each a copy of the memory from before the chunk, and keep the
    /// one from its last step.
    pub fn program(&self, inputs: &Inputs<'_>, memory: &mut Memory, frames: usize) -> Program {
        let mut program = Program::default();
        let mut values = self.recall(memory);
        for lane in 0..frames {
            let mut tick = Program::default();
            self.tick(inputs, lane as u64, memory, &mut values, &mut tick);
            add(&mut program, tick, lane);
        }
        self.remember(&values, memory);
        program.seed = self.seed;
        program.bends.retain(|bend| !bend.is_neutral());
        program
    }

    /// The values on all outputs at the beginning of a call: the last numbers, and nothing else.
    fn recall(&self, memory: &Memory) -> Vec<Option<Value>> {
        let mut values = vec![None; self.outputs];
        for slot in &self.nodes {
            let Some(last) = memory.outputs.get(&slot.id) else { continue };
            for (value, output) in values[slot.outputs.clone()].iter_mut().zip(slot.def.outputs) {
                *value = last.get(output.name).copied().map(Value::Number);
            }
        }
        values
    }

    /// Keeps the numbers on outputs for the next call.
    fn remember(&self, values: &[Option<Value>], memory: &mut Memory) {
        for slot in &self.nodes {
            let given = values[slot.outputs.clone()].iter().zip(slot.def.outputs);
            let numbers = given.filter_map(|(value, output)| match value {
                Some(Value::Number(number)) => Some((output.name, *number)),
                _ => None,
            });
            let numbers: BTreeMap<_, _> = numbers.collect();
            if !numbers.is_empty() {
                memory.outputs.insert(slot.id.clone(), numbers);
            }
        }
    }

    fn tick(
        &self,
        inputs: &Inputs<'_>,
        lane: u64,
        memory: &mut Memory,
        values: &mut [Option<Value>],
        program: &mut Program,
    ) {
        for slot in &self.nodes {
            let mut remembered = memory.nodes.remove(&slot.id).unwrap_or_default();
            remembered.resize(slot.def.memory, 0.0);
            let fed: Vec<Option<Value>> = (slot.feeds.iter().zip(slot.def.inputs))
                .map(|(feed, input)| fed(feed, input, inputs.measurements, values))
                .collect();
            let mut run = Run {
                id: &slot.id,
                inputs: slot.def.inputs,
                outputs: slot.def.outputs,
                bypass: slot.bypass,
                fed: &fed,
                given: &mut values[slot.outputs.clone()],
                memory: &mut remembered,
                world: inputs,
                frame: inputs.first_frame + lane,
                seed: self.seed,
                program,
            };
            (slot.def.run)(&mut run);
            memory.nodes.insert(slot.id.clone(), remembered);
        }
    }
}

/// The value on an input.
fn fed(feed: &Feed, input: &Input, measurements: &Measurements, values: &[Option<Value>]) -> Option<Value> {
    let Some(source) = &feed.cable else { return feed.base.clone() };
    let arrived = match &source.measured {
        Some((node, name)) => measurements.get(node).and_then(|numbers| numbers.get(name)).copied().map(Value::Number),
        None => values[source.output].clone(),
    };
    match (arrived, &feed.base) {
        (None, base) => base.clone(),
        (Some(Value::Number(x)), Some(Value::Number(base))) => {
            let value = source.gain.map_or(x, |gain| base + gain * x);
            let value = if value.is_finite() { value } else { *base };
            Some(Value::Number(value.clamp(input.hard.0, input.hard.1)))
        }
        (arrived, _) => arrived,
    }
}

/// Adds a tick's program to that of its call, as lane `lane`.
fn add(program: &mut Program, tick: Program, lane: usize) {
    if lane == 0 {
        *program = tick;
        return;
    }
    add_bends(&mut program.bends, tick.bends, lane);
    for (message, new) in program.messages.iter_mut().zip(tick.messages) {
        message.values.extend(new.values);
    }
    program.reset_cache |= tick.reset_cache;
    program.screen.extend(tick.screen);
}

/// Adds a tick's bends as lane `lane`. One that is as it was in the frame before, but for its numbers, goes on; another, whose
/// target was moved, say, is there from this frame on, and the one it replaces up to it.
fn add_bends(bends: &mut Vec<Bend>, tick: Vec<Bend>, lane: usize) {
    let mut next = 0;
    for mut new in tick {
        let same = |bend: &Bend| {
            (&bend.node, bend.site, bend.op) == (&new.node, new.site, new.op)
                && (&bend.target, &bend.with) == (&new.target, &new.with)
        };
        if let Some(found) = (next..bends.len()).find(|&index| same(&bends[index])) {
            let bend = &mut bends[found];
            bend.amount.append(&mut new.amount);
            for (lanes, mut new) in bend.params.iter_mut().zip(new.params) {
                lanes.append(&mut new);
            }
            next = found + 1;
        } else {
            // Behind what the same node asked for in the frames before.
            let after = bends.iter().rposition(|bend| bend.node == new.node).map_or(next, |last| (last + 1).max(next));
            for lanes in &mut new.params {
                lanes.resize(lane + 1, lanes[0]);
            }
            new.amount.splice(0..0, vec![0.0; lane]);
            bends.insert(after, new);
            next = after + 1;
        }
    }
    for bend in bends.iter_mut().filter(|bend| bend.amount.len() == lane) {
        bend.amount.push(0.0);
        for lanes in &mut bend.params {
            lanes.extend(lanes.last().copied());
        }
    }
}

/// A node while it runs: its inputs, outputs and memory, and the world.
pub struct Run<'a> {
    id: &'a Arc<str>,
    inputs: &'static [Input],
    outputs: &'static [Output],
    bypass: bool,
    fed: &'a [Option<Value>],
    given: &'a mut [Option<Value>],
    memory: &'a mut [f64],
    world: &'a Inputs<'a>,
    frame: u64,
    seed: u64,
    /// What the nodes of this tick ask of the model.
    program: &'a mut Program,
}

impl<'a> Run<'a> {
    fn value(&self, input: &Input) -> Option<&Value> {
        let index = self.inputs.iter().position(|known| known.name == input.name)?;
        self.fed[index].as_ref()
    }

    /// The number on an input.
    pub fn number(&self, input: &Input) -> f64 {
        match self.value(input) {
            Some(Value::Number(number)) => *number,
            _ => 0.0,
        }
    }

    /// Whether an input is on.
    pub fn gate(&self, input: &Input) -> bool {
        self.number(input) >= 0.5
    }

    /// Which of an input's choices is made.
    pub fn choice(&self, input: &Input) -> usize {
        self.number(input).round().clamp(0.0, input.choices.len().saturating_sub(1) as f64) as usize
    }

    /// The text on an input.
    pub fn text(&self, input: &Input) -> Arc<str> {
        match self.value(input) {
            Some(Value::Text(text)) => text.clone(),
            _ => Arc::from(""),
        }
    }

    /// The target on an input: everything, if there is no cable.
    pub fn target(&self, input: &Input) -> Arc<Selection> {
        match self.value(input) {
            Some(Value::Target(target)) => target.clone(),
            _ => Arc::default(),
        }
    }

    /// The bends on an input.
    pub fn bends(&self, input: &Input) -> Arc<[Arc<Bend>]> {
        match self.value(input) {
            Some(Value::Bends(bends)) => bends.clone(),
            _ => Arc::from([]),
        }
    }

    /// The picture or map on an input.
    pub fn source(&self, input: &Input) -> Option<Arc<Source>> {
        match self.value(input) {
            Some(Value::Source(source)) => Some(source.clone()),
            _ => None,
        }
    }

    /// Gives an output its value. A number that is not finite is not given: the output keeps its last one.
    pub fn set(&mut self, output: &Output, value: impl Into<Value>) {
        let value = value.into();
        if matches!(value, Value::Number(number) if !number.is_finite()) {
            return;
        }
        if let Some(index) = self.outputs.iter().position(|known| known.name == output.name) {
            self.given[index] = Some(value);
        }
    }

    /// What the node remembers.
    pub fn memory(&mut self) -> &mut [f64] {
        self.memory
    }

    /// The node's id.
    pub fn id(&self) -> &Arc<str> {
        self.id
    }

    /// Whether the node is bypassed: bends pass it unchanged.
    pub fn bypass(&self) -> bool {
        self.bypass
    }

    /// The latent frame, counted from the beginning of the video.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// Seconds from one latent frame to the next.
    pub fn dt_secs(&self) -> f64 {
        self.world.dt_secs
    }

    /// Seconds from the beginning of the video.
    pub fn secs(&self) -> f64 {
        self.frame as f64 * self.world.dt_secs
    }

    /// A number of what a tap measured in the model call before.
    pub fn measured(&self, tap: &str, name: &str) -> Option<f64> {
        self.world.measurements.get(tap).and_then(|numbers| numbers.get(name)).copied()
    }

    /// What came in from outside.
    pub fn controls(&self) -> &'a Controls {
        self.world.controls
    }

    /// A number from 0 to 1 that is random, and always the same for this patch, node, `stream` and `index`.
    pub fn random(&self, stream: u64, index: i64) -> f64 {
        let seed = self.id.bytes().fold(self.seed ^ 0x9E37_79B9_7F4A_7C15, |hash, byte| mix(hash ^ u64::from(byte)));
        let hash = mix(mix(seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03)) ^ index as u64);
        (hash >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Asks for a prompt.
    pub fn ask_prompt(&mut self, prompt: Arc<str>) {
        self.program.prompt = prompt;
    }

    /// Asks for a second prompt to be mixed in.
    pub fn ask_blend(&mut self, blend: Blend) {
        self.program.blend = Some(blend);
    }

    /// Asks for bends.
    pub fn ask_bends(&mut self, bends: &[Arc<Bend>]) {
        self.program.bends.extend(bends.iter().map(|bend| Bend::clone(bend)));
    }

    /// Asks for a measurement.
    pub fn ask_tap(&mut self, tap: Tap) {
        self.program.taps.push(tap);
    }

    /// Asks for a picture on the screen.
    pub fn ask_screen(&mut self, source: Arc<Source>) {
        self.program.screen = vec![source];
    }

    /// Asks to forget the past.
    pub fn ask_reset(&mut self) {
        self.program.reset_cache = true;
    }

    /// Asks to send a number.
    pub fn ask_message(&mut self, address: Arc<str>, value: f64) {
        let values: Lanes = vec![value];
        self.program.messages.push(Message { node: self.id.clone(), address, values });
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of `x`.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
