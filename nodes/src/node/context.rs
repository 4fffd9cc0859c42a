//! Context of a running node: inputs, outputs, memory, and requests to the model.

use std::sync::Arc;

use crate::choice::Choice;
use crate::grammar::expression::Expression;
use crate::grammar::keyframes::Curve;
use crate::grammar::prompts::Schedule;
use crate::input::{Control, ControlId, ControlName, Reading, Strike};
use crate::node::def::{Input, NodeDef, Output};
use crate::node::requests::Requests;
use crate::node::sound::Hop;
use crate::node::value::{Chain, Gate, Value};
use crate::program::measurement::MapNumber;
use crate::program::prompt::Prompt;
use crate::program::source::Source;
use crate::program::target::Selection;
use crate::tick::{DenoisingStep, Inputs, Lane};

/// Context of a node in one tick: its inputs, outputs, memory and requests.
pub struct NodeContext<'a> {
    pub(crate) id: &'a Arc<str>,
    /// The seed of its random numbers.
    pub(crate) seed: u64,
    pub(crate) def: &'static NodeDef,
    pub(crate) bypass: bool,
    /// The values on its inputs.
    pub(crate) inputs: &'a [Option<Value>],
    /// The values on its outputs: those of the previous frame, until the node sets others.
    pub(crate) outputs: &'a mut [Option<Value>],
    /// Outputs that the node set in this tick: bit `i` is output `i`.
    pub(crate) set_outputs: u64,
    /// Outputs that kept their last number, as the new one was not finite: bit `i` is output `i`.
    pub(crate) held: u64,
    pub(crate) memory: &'a mut [f64],
    pub(crate) texts: &'a mut [Option<Arc<str>>],
    pub(crate) tick: &'a TickContext<'a>,
    pub(crate) requests: &'a mut Requests,
}

/// Context shared by all nodes of a tick.
pub(crate) struct TickContext<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) lane: Lane<'a>,
    pub(crate) frame: u64,
    pub(crate) beat: f64,
    pub(crate) tempo: f64,
    /// The bank of maps.
    pub(crate) bank: u8,
    pub(crate) everything: &'a Arc<Selection>,
}

impl<'a> NodeContext<'a> {
    fn value(&self, input: &Input) -> Option<&'a Value> {
        let index = place(self.def.inputs, input.name, |known| known.name);
        debug_assert!(index.is_some(), "{} has no input {}; declare it", self.def.name, input.name);
        self.inputs[index?].as_ref()
    }

    /// Index of an output.
    fn output(&self, output: &Output) -> Option<usize> {
        let index = place(self.def.outputs, output.name, |known| known.name);
        debug_assert!(index.is_some(), "{} has no output {}; declare it", self.def.name, output.name);
        index
    }

    /// The number on an input; a gate is 1 or 0.
    pub fn number(&self, input: &Input) -> f64 {
        self.value(input).and_then(Value::number).unwrap_or(0.0)
    }

    /// The number on an input, rounded to an integer, halves to even.
    pub fn whole(&self, input: &Input) -> i64 {
        self.number(input).round_ties_even() as i64
    }

    /// True while an input is on.
    pub fn gate(&self, input: &Input) -> bool {
        match self.value(input) {
            Some(Value::Gate(gate)) => gate.on,
            _ => self.number(input) >= 0.5,
        }
    }

    /// Number of rising edges of an input since the previous frame.
    pub fn hits(&self, input: &Input) -> u16 {
        match self.value(input) {
            Some(Value::Gate(gate)) => gate.hits,
            _ => 0,
        }
    }

    /// True if an input had a rising edge since the previous frame.
    pub fn rises(&self, input: &Input) -> bool {
        self.hits(input) > 0
    }

    /// State of an input and its rising edges since the previous frame, to pass on unchanged.
    pub fn trigger(&self, input: &Input) -> Gate {
        Gate { on: self.gate(input), hits: self.hits(input) }
    }

    /// Index of an input's chosen option.
    pub fn choice(&self, input: &Input) -> usize {
        self.whole(input).clamp(0, input.choices.len() as i64 - 1) as usize
    }

    /// The choice of an input that was declared with [`Input::choice_of`] this type.
    pub fn chosen<T: Choice>(&self, input: &Input) -> T {
        debug_assert_eq!(input.choices, T::CHOICES, "{} has other choices", input.name);
        T::ALL[self.choice(input)]
    }

    /// True if an input has a value.
    pub fn has(&self, input: &Input) -> bool {
        self.value(input).is_some()
    }

    /// The text on an input; of a mix, the nearer text.
    pub fn text(&self, input: &Input) -> Arc<str> {
        match self.value(input) {
            Some(Value::Text(text) | Value::Prompt(Prompt { text, .. })) => text.clone(),
            _ => Arc::default(),
        }
    }

    /// Prompt on an input, with its mix and its policy for past frames.
    pub fn prompt(&self, input: &Input) -> Prompt {
        match self.value(input) {
            Some(Value::Prompt(prompt)) => prompt.clone(),
            _ => self.text(input).into(),
        }
    }

    /// The list of texts on an input.
    pub fn texts(&self, input: &Input) -> &'a [Arc<str>] {
        match self.value(input) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// The schedule on an input.
    pub fn schedule(&self, input: &Input) -> Option<&'a Schedule> {
        match self.value(input) {
            Some(Value::Schedule(schedule)) => Some(schedule),
            _ => None,
        }
    }

    /// The list of numbers on an input.
    pub fn numbers(&self, input: &Input) -> &'a [f64] {
        match self.value(input) {
            Some(Value::Numbers(numbers)) => numbers,
            _ => &[],
        }
    }

    /// The curve on an input.
    pub fn curve(&self, input: &Input) -> Option<&'a Curve> {
        match self.value(input) {
            Some(Value::Curve(curve)) => Some(curve),
            _ => None,
        }
    }

    /// The formula on an input.
    pub fn expression(&self, input: &Input) -> Option<&'a Expression> {
        match self.value(input) {
            Some(Value::Expression(expression)) => Some(expression),
            _ => None,
        }
    }

    /// The target on an input: everything, if there is no cable.
    pub fn target(&self, input: &Input) -> Arc<Selection> {
        match self.value(input) {
            Some(Value::Target(target)) => target.clone(),
            _ => self.tick.everything.clone(),
        }
    }

    /// The target that selects everything, at any site.
    pub fn everything(&self) -> Arc<Selection> {
        self.tick.everything.clone()
    }

    /// The bends on an input.
    pub fn bends(&self, input: &Input) -> Chain {
        match self.value(input) {
            Some(Value::Bends(chain)) => *chain,
            _ => Chain::default(),
        }
    }

    /// The picture or map on an input.
    pub fn source(&self, input: &Input) -> Option<Arc<Source>> {
        match self.value(input) {
            Some(Value::Source(source)) => Some(source.clone()),
            _ => None,
        }
    }

    /// Value on an input, of any kind.
    pub fn any(&self, input: &Input) -> Option<Value> {
        self.value(input).cloned()
    }

    /// Sets the value of an output. A number that is not finite has no effect.
    pub fn set(&mut self, output: &Output, value: impl Into<Value>) {
        let value = value.into();
        let Some(index) = self.output(output) else { return };
        if value.number().is_some_and(|number| !number.is_finite()) {
            self.held |= 1 << index;
            return;
        }
        self.set_outputs |= 1 << index;
        self.outputs[index] = Some(value);
    }

    /// Switches an output on or off.
    pub fn switch(&mut self, output: &Output, on: bool) {
        let was_on = self.last(output) >= 0.5;
        self.set(output, Gate::level(on, was_on));
    }

    /// Fires an output this many times; 0 is off.
    pub fn fire(&mut self, output: &Output, times: i64) {
        self.set(output, Gate::fired(times.clamp(0, i64::from(u16::MAX)) as u16));
    }

    /// Sets the picture or map of an output. An equal source keeps its allocation.
    pub fn show(&mut self, output: &Output, source: Source) {
        let Some(index) = self.output(output) else { return };
        self.set_outputs |= 1 << index;
        if !matches!(&self.outputs[index], Some(Value::Source(known)) if **known == source) {
            self.outputs[index] = Some(Value::Source(Arc::new(source)));
        }
    }

    /// The last number on an output, or state of a gate as 1 or 0; 0 before the first.
    pub fn last(&self, output: &Output) -> f64 {
        let value = self.output(output).and_then(|index| self.outputs[index].as_ref());
        value.and_then(Value::number).unwrap_or(0.0)
    }

    /// Numbers of the node's memory.
    pub fn memory(&mut self) -> &mut [f64] {
        self.memory
    }

    /// Texts of the node's memory.
    pub fn remembered(&mut self) -> &mut [Option<Arc<str>>] {
        self.texts
    }

    /// The node's id.
    pub fn id(&self) -> &Arc<str> {
        self.id
    }

    /// True if the node is bypassed.
    pub fn bypass(&self) -> bool {
        self.bypass
    }

    /// The latent frame, counted from the beginning of the video.
    pub fn frame(&self) -> u64 {
        self.tick.frame
    }

    /// The denoising step of the model call.
    pub fn denoising_step(&self) -> DenoisingStep {
        self.tick.inputs.step
    }

    /// Seconds from one latent frame to the next.
    pub fn dt_secs(&self) -> f64 {
        self.tick.inputs.dt_secs
    }

    /// Seconds from the beginning of the video.
    pub fn secs(&self) -> f64 {
        self.tick.frame as f64 * self.tick.inputs.dt_secs
    }

    /// Beats from the beginning of the video.
    pub fn beat(&self) -> f64 {
        self.tick.beat
    }

    /// Beats from one latent frame to the next.
    pub fn dt_beats(&self) -> f64 {
        self.tick.inputs.dt_secs * self.tick.tempo / 60.0
    }

    /// Beats per minute.
    pub fn tempo(&self) -> f64 {
        self.tick.tempo
    }

    /// A number of the map that a tap measured in the previous model call.
    pub fn measured(&self, tap: &str, number: MapNumber) -> Option<f64> {
        self.tick.inputs.measurements.get(tap).and_then(|numbers| numbers.get(number.name())).copied()
    }

    /// A control of the device that an input names, or of every device if the name is empty.
    pub fn control_of(&self, device: &Input, name: ControlName) -> ControlId {
        let device = Some(self.text(device)).filter(|device| !device.is_empty());
        ControlId { name, device }
    }

    /// A number of a control, by its index in the message; none before the first message.
    pub fn reading(&self, control: &ControlId, index: usize) -> Option<Reading> {
        let Lane { controls, is_held } = self.tick.lane;
        let control = controls.get(control, index)?;
        if is_held { control.held() } else { control.reading() }
    }

    /// The last number of a control, by its index in the message, and the count of messages within this latent frame.
    pub fn latest(&self, control: &ControlId, index: usize) -> (Option<f64>, usize) {
        let Lane { controls, is_held } = self.tick.lane;
        let control = controls.get(control, index);
        let count = control.filter(|_| !is_held).map_or(0, |control| control.path().len());
        (control.and_then(Control::last), count)
    }

    /// A key.
    pub fn strike(&self, key: &ControlId) -> Strike {
        let Lane { controls, is_held } = self.tick.lane;
        controls.key(key).map(|key| if is_held { key.held() } else { key.strike() }).unwrap_or_default()
    }

    /// Sound of this latent frame, oldest hop first.
    pub fn sound(&self) -> &'a [Hop] {
        let Lane { controls, is_held } = self.tick.lane;
        if is_held { &[] } else { controls.sound() }
    }

    /// A random number from 0 to below 1. It depends on the patch's seed, the node's id, `stream` and `index` only.
    pub fn random(&self, stream: u64, index: i64) -> f64 {
        let hash = mix(mix(self.seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03)) ^ index as u64);
        (hash >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Index of the port of this name. Addresses are compared first, as `name` is usually that of the declaration.
fn place<T>(ports: &[T], name: &str, name_of: impl Fn(&T) -> &'static str) -> Option<usize> {
    let by_address = ports.iter().position(|port| std::ptr::eq(name_of(port), name));
    by_address.or_else(|| ports.iter().position(|port| name_of(port) == name))
}

/// The seed of a node's random numbers.
pub(crate) fn seed_of(id: &str, seed: u64) -> u64 {
    id.bytes().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of `x`.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
