//! Patches written in a line, for tests.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::node::def::{DefaultValue, NodeDef};
use bendrack_nodes::node::sound::{Hop, share};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

/// Latent frames of Wan at 16 pictures a second.
pub const DT_SECS: f64 = 0.25;

/// A cable between ports written `node.port`.
pub fn cable(from: &str, to: &str) -> Cable {
    Cable::new(from.parse().expect("a port"), to.parse().expect("a port"))
}

/// A node with these parameters.
pub fn node(kind: &str, params: &Json) -> Node {
    let params = params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    Node { kind: kind.to_owned(), params, ..Node::default() }
}

/// A patch of nodes `(id, kind, params)` and cables.
pub fn patch(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    Patch {
        nodes: nodes.iter().map(|(id, kind, params)| ((*id).to_owned(), node(kind, params))).collect(),
        cables: cables.iter().map(|(from, to)| cable(from, to)).collect(),
        ..Patch::default()
    }
}

/// A patch with one node of this kind, wired to a model if it bends.
pub fn alone(def: &NodeDef, params: Json) -> Patch {
    let mut patch = patch(&[("it", def.name, params), ("wan", "model.wan", json!({}))], &[]);
    if def.output("bends").is_some() {
        patch.cables.push(cable("it.bends", "wan.bends"));
    }
    patch
}

/// The nodes that bend.
pub fn bends() -> impl Iterator<Item = &'static NodeDef> {
    LIBRARY.iter().copied().filter(|def| def.output("bends").is_some())
}

/// Parameters with which a bend is not neutral: its first knob or switch moved, or a word written.
pub fn moved(def: &NodeDef) -> Json {
    let is_knob = |kind| matches!(kind, Kind::Number | Kind::Gate | Kind::Text);
    let mut knobs = def.inputs.iter().filter(|input| is_knob(input.kind) && input.choices.is_empty());
    let knob = knobs.next().filter(|input| input.name != "amount").expect("a knob");
    match (knob.kind, knob.default) {
        (Kind::Text, _) => json!({ knob.name: "red" }),
        (Kind::Gate, default) => json!({ knob.name: default == DefaultValue::Number(0.0) }),
        (_, default) if default == DefaultValue::Number(knob.soft.1) => json!({ knob.name: knob.soft.0 }),
        _ => json!({ knob.name: knob.soft.1 }),
    }
}

/// Its plan.
pub fn compile(patch: &Patch) -> Plan {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    plan.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The program of a call when nothing comes in from outside.
pub fn run(plan: &Plan, memory: &mut Memory, first_frame: u64, frames: usize) -> Program {
    hear(plan, memory, &[], first_frame, frames)
}

/// Controls of frames that share this sound evenly.
pub fn heard(sound: &[Hop], frames: usize) -> Vec<Arc<Controls>> {
    let lane = |frame| share(sound, frame, frames).iter().map(|hop| Event::Sound(Box::new(*hop))).collect();
    (0..frames).map(|frame| Arc::new(lane(frame))).collect()
}

/// The event of an OSC message with one number.
pub fn osc(address: &str, number: f64) -> Event {
    Event::osc(address, &[number])
}

/// The last of four denoising steps.
const LAST_STEP: DenoisingStep = DenoisingStep { index: 3, count: 4 };

/// The program of a call with this sound.
pub fn hear(plan: &Plan, memory: &mut Memory, sound: &[Hop], first_frame: u64, frames: usize) -> Program {
    let (lanes, measurements) = (heard(sound, frames), Measurements::default());
    let inputs = Inputs { lanes: &lanes, measurements: &measurements, first_frame, dt_secs: DT_SECS, step: LAST_STEP };
    plan.program(&inputs, memory, frames)
}

/// What a number node gives over `frames` frames, through an OSC message.
pub fn output(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)], from: &str, frames: usize) -> Vec<f64> {
    let nodes: Vec<_> = nodes.iter().cloned().chain([("send", "osc.out", json!({}))]).collect();
    let cables: Vec<_> = cables.iter().copied().chain([(from, "send.value")]).collect();
    run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, frames).messages[0].values.to_vec()
}

#[track_caller]
pub fn assert_near(actual: &[f64], expected: &[f64]) {
    let near = actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(near, "{actual:?} is not {expected:?}");
}

/// A bench for one node: scripted inputs per frame, and the values of its outputs.
pub struct Bench<'a> {
    pub kind: &'a str,
    pub params: Json,
    /// What arrives at an input in each frame; 0 after the last.
    pub fed: Vec<(&'a str, Vec<f64>)>,
    /// Triggers of an input: one in the first frame, then so many in each.
    pub struck: Vec<(&'a str, u16)>,
    /// The sound, and its hops per frame; silence after the last.
    pub sound: (Vec<Hop>, usize),
    pub dt_secs: f64,
    pub tempo: f64,
}

impl<'a> Bench<'a> {
    pub fn new(kind: &'a str, params: Json) -> Self {
        Self {
            kind,
            params,
            fed: Vec::new(),
            struck: Vec::new(),
            sound: (Vec::new(), 0),
            dt_secs: DT_SECS,
            tempo: 120.0,
        }
    }

    /// With these parameters besides.
    #[must_use]
    pub fn with(mut self, more: &Json) -> Self {
        let params = self.params.as_object_mut().expect("parameters");
        params.extend(more.as_object().expect("parameters").clone());
        self
    }

    #[must_use]
    pub fn feed(mut self, input: &'a str, values: &[f64]) -> Self {
        self.fed.push((input, values.to_vec()));
        self
    }

    #[must_use]
    pub fn strike(mut self, input: &'a str, times: u16) -> Self {
        self.struck.push((input, times));
        self
    }

    #[must_use]
    pub fn hear(mut self, sound: Vec<Hop>, hops: usize) -> Self {
        self.sound = (sound, hops);
        self
    }

    #[must_use]
    pub fn dt(mut self, dt_secs: f64) -> Self {
        self.dt_secs = dt_secs;
        self
    }

    #[must_use]
    pub fn tempo(mut self, tempo: f64) -> Self {
        self.tempo = tempo;
        self
    }

    /// The node `it`, an OSC input for each fed input, and a counter `count_…` for each gate output.
    fn patch(&self) -> Patch {
        let mut bench = patch(&[("it", self.kind, self.params.clone())], &[]);
        bench.engine.tempo = self.tempo;
        for (input, _) in &self.fed {
            let id = format!("in_{input}");
            bench.nodes.insert(id.clone(), node("osc.in", &json!({ "address": format!("/{input}") })));
            bench.cables.push(cable(&format!("{id}.out"), &format!("it.{input}")));
        }
        for (input, times) in &self.struck {
            let (id, rate) = (format!("strike_{input}"), f64::from(*times) / self.dt_secs);
            assert!(rate <= 30.0, "an LFO is not that fast");
            bench.nodes.insert(id.clone(), node("modulate.lfo", &json!({ "rate": rate })));
            bench.cables.push(cable(&format!("{id}.wrap"), &format!("it.{input}")));
        }
        let numbers: Vec<_> = (1..=64).map(|n: u8| n.to_string()).collect();
        let counter = json!({ "sync": "clock", "steps": 64, "values": numbers.join(" ") });
        let def = LIBRARY.iter().find(|def| def.name == self.kind).expect("a node");
        for output in def.outputs.iter().filter(|output| output.kind == Kind::Gate) {
            let id = format!("count_{}", output.name);
            bench.nodes.insert(id.clone(), node("modulate.sequencer", &counter));
            bench.cables.push(cable(&format!("it.{}", output.name), &format!("{id}.clock")));
        }
        bench
    }

    /// Memory after each call. The fed numbers of a call's first frame hold for all its frames.
    pub fn memories(&self, calls: &[usize]) -> Vec<Memory> {
        let (plan, measurements) = (compile(&self.patch()), Measurements::default());
        let (mut memory, mut frame) = (Memory::default(), 0);
        let call = |frames: &usize| {
            let value = |values: &[f64]| values.get(frame).copied().unwrap_or(0.0);
            let (all, hops) = &self.sound;
            let sound: Vec<Hop> = all.iter().copied().skip(frame * hops).take(frames * hops).collect();
            // A number that arrived before the call, so that its change is the only edge.
            let mut controls: Controls =
                self.fed.iter().map(|(input, values)| osc(&format!("/{input}"), value(values))).collect();
            controls.end_frame();
            let mut lanes = heard(&sound, *frames);
            for lane in &mut lanes {
                let sound = std::mem::replace(lane, Arc::new(controls.clone()));
                let hops = sound.sound().iter().map(|hop| Event::Sound(Box::new(*hop)));
                Arc::make_mut(lane).extend(&hops.collect::<Vec<_>>());
            }
            let inputs = Inputs {
                lanes: &lanes,
                measurements: &measurements,
                first_frame: frame as u64,
                dt_secs: self.dt_secs,
                step: DenoisingStep::default(),
            };
            plan.program(&inputs, &mut memory, *frames);
            frame += frames;
            memory.clone()
        };
        calls.iter().map(call).collect()
    }

    /// What an output gives in each frame; of a gate, whether it is on.
    pub fn gives(&self, output: &str, frames: usize) -> Vec<f64> {
        self.memories(&vec![1; frames]).iter().map(|memory| memory.output("it", output).expect("a number")).collect()
    }

    /// How often an output fires in each frame.
    pub fn fires(&self, output: &str, frames: usize) -> Vec<u16> {
        let memories = self.memories(&vec![1; frames]);
        let counts = memories.iter().map(|memory| memory.output(&format!("count_{output}"), "out").expect("a number"));
        let mut before = 0.0;
        counts.map(|count| (count - std::mem::replace(&mut before, count)).rem_euclid(64.0) as u16).collect()
    }
}

/// Value of [`bendrack_nodes::node::context::NodeContext::random`] for node `it` and patch seed 0.
///
/// Patches depend on these numbers, so they never change.
pub fn dice(stream: u64, index: i64) -> f64 {
    fn splitmix(state: u64) -> u64 {
        let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    let node = "it".bytes().fold(0x9e37_79b9_7f4a_7c15, |hash, byte| splitmix(hash ^ u64::from(byte)));
    let hash = splitmix(splitmix(node ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03)) ^ index as u64);
    (hash >> 11) as f64 / 9_007_199_254_740_992.0
}

/// [`dice`] of a node with a seed of its own.
pub fn seeded(seed: u64, sequence: u64, index: i64) -> f64 {
    dice(256 * seed + sequence, index)
}

/// `count` numbers made from 0, 1, 2, ….
pub fn numbers(count: usize, number: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..count).map(|n| number(n as f64)).collect()
}
