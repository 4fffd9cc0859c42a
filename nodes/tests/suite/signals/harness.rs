//! A node alone, frame by frame: scripted numbers and triggers go in, and all its outputs are recorded.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::def::{Input, NodeDef, Output};
use bendrack_nodes::node::value::{Gate, Kind};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

use crate::patching::{DT_SECS, cable, node, patch};

const VALUES: Input = Input::text("values", "0", "One number for each frame; the last one stays.").numbers(4096);
const LEVELS: Input = Input::text("levels", "0", "Whether it is on, for each frame; then off.").numbers(4096);
const HITS: Input = Input::text("hits", "0", "How often it goes on, for each frame; then never.").numbers(4096);
const GATE_IN: Input = Input::gate("in", false, "What is counted.");
const OUT: Output = Output::number("out", "The number.");
const GATE: Output = Output::gate("gate", "The gate.");

/// Gives the numbers of a script.
static NUMBERS: NodeDef = NodeDef {
    name: "test.numbers",
    inputs: &[VALUES],
    outputs: &[OUT],
    run: |run| {
        let values = run.numbers(&VALUES);
        let number = values[(run.frame() as usize).min(values.len() - 1)];
        run.set(&OUT, number);
    },
    ..NodeDef::BASE
};
/// Gives the gates of a script.
static GATES: NodeDef = NodeDef {
    name: "test.gates",
    inputs: &[LEVELS, HITS],
    outputs: &[GATE],
    run: |run| {
        let at = |input| run.numbers(input).get(run.frame() as usize).copied().unwrap_or(0.0);
        run.set(&GATE, Gate { on: at(&LEVELS) != 0.0, hits: at(&HITS) as u16 });
    },
    ..NodeDef::BASE
};
/// Tells how often a gate went on.
static COUNTED: NodeDef = NodeDef {
    name: "test.hits",
    inputs: &[GATE_IN],
    outputs: &[OUT],
    run: |run| run.set(&OUT, f64::from(run.hits(&GATE_IN))),
    ..NodeDef::BASE
};

static NODES: LazyLock<Vec<&'static NodeDef>> =
    LazyLock::new(|| LIBRARY.iter().copied().chain([&NUMBERS, &GATES, &COUNTED]).collect());

/// A node that is played.
#[derive(Clone)]
pub struct Harness {
    patch: Patch,
    kind: &'static NodeDef,
    dt_secs: f64,
}

/// A list of numbers as it is written in a patch.
fn written(numbers: impl Iterator<Item = f64>) -> String {
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

impl Harness {
    /// The node `it` of this kind.
    pub fn new(kind: &str, params: Json) -> Self {
        let kind = LIBRARY.iter().copied().find(|def| def.name == kind).expect("a kind");
        let mut patch = patch(&[("it", kind.name, params)], &[]);
        for output in kind.outputs {
            let (from, to) = (format!("it.{}", output.name), format!("tell_{}", output.name));
            patch.nodes.insert(to.clone(), node("osc.out", &json!({})));
            patch.cables.push(cable(&from, &format!("{to}.value")));
            if output.kind == Kind::Gate {
                let hits = format!("count_{}", output.name);
                patch.nodes.insert(hits.clone(), node("test.hits", &json!({})));
                patch.nodes.insert(format!("tell_{hits}"), node("osc.out", &json!({})));
                patch.cables.push(cable(&from, &format!("{hits}.in")));
                patch.cables.push(cable(&format!("{hits}.out"), &format!("tell_{hits}.value")));
            }
        }
        Self { patch, kind, dt_secs: DT_SECS }
    }

    /// With numbers at an input, frame by frame; the last one stays.
    pub fn number(mut self, input: &str, values: &[f64]) -> Self {
        let id = format!("give_{input}");
        self.patch
            .nodes
            .insert(id.clone(), node("test.numbers", &json!({ "values": written(values.iter().copied()) })));
        self.patch.cables.push(cable(&format!("{id}.out"), &format!("it.{input}")));
        self
    }

    /// With a gate at an input: whether it is on and how often it went on, frame by frame.
    pub fn gate(mut self, input: &str, gates: &[(bool, u16)]) -> Self {
        let id = format!("give_{input}");
        let levels = written(gates.iter().map(|(on, _)| f64::from(u8::from(*on))));
        let hits = written(gates.iter().map(|(_, hits)| f64::from(*hits)));
        self.patch.nodes.insert(id.clone(), node("test.gates", &json!({ "levels": levels, "hits": hits })));
        self.patch.cables.push(cable(&format!("{id}.gate"), &format!("it.{input}")));
        self
    }

    /// With triggers at an input: how many of them, frame by frame.
    pub fn triggers(self, input: &str, hits: &[u16]) -> Self {
        let gates: Vec<_> = hits.iter().map(|hits| (*hits > 0, *hits)).collect();
        self.gate(input, &gates)
    }

    /// With levels at an input, one letter for each frame: `#` is on.
    pub fn levels(self, input: &str, levels: &str) -> Self {
        let was_on = [false].into_iter().chain(levels.chars().map(|c| c == '#'));
        let gates: Vec<_> =
            levels.chars().zip(was_on).map(|(c, was_on)| (c == '#', u16::from(c == '#' && !was_on))).collect();
        self.gate(input, &gates)
    }

    /// With a parameter.
    pub fn param(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.patch.nodes.get_mut("it").expect("the node").params.insert(name.to_owned(), value.into());
        self
    }

    /// With a cable of this depth.
    pub fn depth(mut self, name: &str, depth: f64) -> Self {
        self.patch.nodes.get_mut("it").expect("the node").depths.insert(name.to_owned(), depth);
        self
    }

    /// Bypassed.
    pub fn bypass(mut self) -> Self {
        self.patch.nodes.get_mut("it").expect("the node").bypass = true;
        self
    }

    /// With frames of another length.
    pub fn dt(mut self, dt_secs: f64) -> Self {
        self.dt_secs = dt_secs;
        self
    }

    /// At another tempo.
    pub fn tempo(mut self, beats_per_minute: f64) -> Self {
        self.patch.engine.tempo = beats_per_minute;
        self
    }

    /// With another seed of the patch.
    pub fn seed(mut self, seed: u64) -> Self {
        self.patch.engine.seed = seed;
        self
    }

    /// What it gives over so many frames.
    pub fn play(&self, frames: usize) -> Trace {
        self.play_in(&[frames])
    }

    /// What it gives over calls of these numbers of frames.
    pub fn play_in(&self, calls: &[usize]) -> Trace {
        self.play_from(&mut Memory::default(), 0, calls)
    }

    /// What it gives from a frame on, with what it remembers.
    pub fn play_from(&self, memory: &mut Memory, mut first_frame: u64, calls: &[usize]) -> Trace {
        let (plan, problems) = Plan::compile(&self.patch, &NODES);
        let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
        let measurements = Measurements::default();
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for frames in calls {
            let inputs = Inputs {
                lanes: &[],
                measurements: &measurements,
                first_frame,
                dt_secs: self.dt_secs,
                step: DenoisingStep::default(),
            };
            for message in plan.program(&inputs, memory, *frames).messages {
                let name = message.node.strip_prefix("tell_").expect("an output").to_owned();
                values.entry(name).or_default().extend(message.values);
            }
            first_frame += *frames as u64;
        }
        Trace(values)
    }

    /// Its kind.
    pub fn kind(&self) -> &'static NodeDef {
        self.kind
    }
}

/// What a node gave, by the name of the output, frame by frame.
#[derive(Clone, Debug)]
pub struct Trace(BTreeMap<String, Vec<f64>>);

impl Trace {
    /// The numbers on an output.
    #[track_caller]
    pub fn of(&self, output: &str) -> &[f64] {
        self.0.get(output).unwrap_or_else(|| panic!("no output {output}"))
    }

    /// Whether a gate was on, a letter for each frame: `#` is on.
    #[track_caller]
    pub fn levels(&self, output: &str) -> String {
        self.of(output).iter().map(|on| if *on == 0.0 { '.' } else { '#' }).collect()
    }

    /// How often a gate went on.
    #[track_caller]
    pub fn hits(&self, output: &str) -> Vec<u16> {
        self.of(&format!("count_{output}")).iter().map(|hits| *hits as u16).collect()
    }

    /// All numbers as bits.
    pub fn bits(&self) -> BTreeMap<String, Vec<u64>> {
        let bits = |numbers: &Vec<f64>| numbers.iter().map(|number| number.to_bits()).collect();
        self.0.iter().map(|(name, numbers)| (name.clone(), bits(numbers))).collect()
    }

    /// The names and numbers of all outputs.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.0.iter().map(|(name, numbers)| (name.as_str(), numbers.as_slice()))
    }
}
