//! Live values: the numbers on the ports at the frame on screen.
//!
//! The window runs the plan of the document itself. A tick is a pure function that takes microseconds. It needs the
//! number of the frame, the controls, and the measurements of the taps when the frame was made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bendrack_nodes::compile::plan::{Gain, Plan};
use bendrack_nodes::input::Controls;
use bendrack_nodes::mapping::KnobState;
use bendrack_nodes::node::def::{Input, NodeDef, Scope, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Node, Patch, Port};
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};

use crate::ui::document::def_of;
use crate::ui::document::ports::PortKinds;
use crate::ui::document::subpatch::{depth, prefix, resolve_output};

/// Number of values in the trace of a node.
pub const TRACE: usize = 96;
/// The longest trace, for a scope of minutes.
const MAX_TRACE: usize = 4096;
/// Number of latent frames recomputed after a pause. Before them the memory of the nodes is empty.
const CATCH_UP: u64 = 64;

/// The numbers on the outputs of the patch on the canvas: now, and over the last seconds.
#[derive(Default)]
pub struct Live {
    plan: Option<Arc<Plan>>,
    memory: Memory,
    scratch: Scratch,
    program: Program,
    next: u64,
    /// The watched outputs: numbers and gates.
    outputs: BTreeMap<Port, Watched>,
    traces: BTreeMap<Port, VecDeque<f64>>,
    /// Outputs that repeat their last number because the new one is not finite.
    held: BTreeSet<Port>,
    dt_secs: f64,
}

/// A watched output: its node and name in the plan, and the length of its trace.
struct Watched {
    node: String,
    name: String,
    secs: f64,
}

impl Live {
    /// Runs this plan from now on. The nodes keep their memory, as in the engine.
    pub fn set_plan(&mut self, plan: Option<Arc<Plan>>) {
        self.plan = plan;
    }

    /// Watches the outputs of `shown`: the patch, or the subpatch of the last of the nested instances in `path`.
    pub fn watch(&mut self, shown: &Patch, path: &[String], kinds: &PortKinds) {
        self.outputs = outputs(shown, path, kinds);
        self.traces.retain(|port, _| self.outputs.contains_key(port));
        self.held.retain(|port| self.outputs.contains_key(port));
    }

    /// Forgets the traces.
    pub fn forget(&mut self) {
        self.traces.clear();
        self.held.clear();
    }

    /// Runs the plan up to a latent frame with its controls. Missed frames before it have the same controls, without
    /// the events within them.
    pub fn advance(&mut self, latent: u64, controls: &Arc<Controls>, measurements: &Measurements, dt_secs: f64) {
        let Some(plan) = &self.plan else { return };
        if latent + 1 < self.next || latent > self.next + CATCH_UP {
            // The video restarted, or the window was idle.
            self.memory = Memory::default();
            self.next = latent.saturating_sub(CATCH_UP);
        }
        self.dt_secs = dt_secs;
        let mut missed = controls.clone();
        if self.next < latent {
            Arc::make_mut(&mut missed).end_frame();
        }
        while self.next <= latent {
            let lanes = if self.next == latent { controls } else { &missed };
            let lanes = std::slice::from_ref(lanes);
            let inputs =
                Inputs { lanes, measurements, first_frame: self.next, dt_secs, step: DenoisingStep::default() };
            plan.run(&inputs, &mut self.memory, 0..1, &mut self.scratch, &mut self.program);
            self.held.clear();
            for (port, Watched { node, name, secs }) in &self.outputs {
                if self.scratch.held().iter().any(|(id, held)| **id == **node && held == name) {
                    self.held.insert(port.clone());
                }
                let measured = || measurements.get(node.as_str())?.get(name.as_str()).copied();
                let Some(value) = self.memory.output(node, name).or_else(measured) else { continue };
                let trace = match self.traces.get_mut(port) {
                    Some(trace) => trace,
                    None => self.traces.entry(port.clone()).or_default(),
                };
                trace.push_back(value);
                let most = ((secs / dt_secs.max(1e-3)) as usize).clamp(TRACE, MAX_TRACE);
                while trace.len() > most {
                    trace.pop_front();
                }
            }
            self.next += 1;
        }
    }

    /// The bends and taps of the frame on screen.
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The prompt of the frame on screen.
    pub fn prompt(&self) -> Arc<str> {
        self.program.prompt.clone()
    }

    /// The number on an output.
    pub fn output(&self, port: &Port) -> Option<f64> {
        self.trace(port)?.back().copied()
    }

    /// The state of a knob of the patch that has maps.
    pub fn knob(&self, port: &Port) -> Option<KnobState> {
        self.memory.knob(&port.node, &port.port)
    }

    /// The tempo that a node sets, in beats per minute.
    pub fn tempo(&self) -> Option<f64> {
        Some(self.memory.tempo()).filter(|tempo| *tempo > 0.0)
    }

    /// The beat of the frame on screen.
    pub fn beat(&self) -> f64 {
        self.memory.beat()
    }

    /// The time between two values, in seconds.
    pub fn dt_secs(&self) -> f64 {
        self.dt_secs
    }

    /// The numbers on an output over the last seconds.
    pub fn trace(&self, port: &Port) -> Option<&VecDeque<f64>> {
        self.traces.get(port)
    }

    /// The number on an input with a cable that is not muted: `base` plus the modulation.
    pub fn input(&self, patch: &Patch, port: &Port, input: &Input, base: f64) -> Option<f64> {
        let cable = patch.cable_to(port).filter(|cable| !cable.mute)?;
        let value = Gain::of(input, depth(patch, port)).moved(base, self.output(&cable.from)?);
        Some(value.clamp(input.hard.0, input.hard.1))
    }

    /// True if an output repeats its last number because the new one is not finite.
    pub fn is_held(&self, port: &Port) -> bool {
        self.held.contains(port)
    }
}

/// The outputs of `shown` that are numbers or gates.
fn outputs(shown: &Patch, path: &[String], kinds: &PortKinds) -> BTreeMap<Port, Watched> {
    let prefix = prefix(path);
    let outputs = shown.nodes.iter().flat_map(|(id, node)| {
        let named = kinds.outputs(id);
        let numbers = named.iter().filter(|(_, kind)| matches!(kind, Kind::Number | Kind::Gate));
        let secs = secs(node);
        let prefix = prefix.as_str();
        numbers.filter_map(move |(name, _)| {
            let port = Port { node: id.clone(), port: name.clone() };
            let (node, name) = resolve_output(shown, &port)?;
            Some((port, Watched { node: format!("{prefix}{node}"), name, secs }))
        })
    });
    outputs.collect()
}

/// The length of the traces of a node, in seconds; a scope sets it.
fn secs(node: &Node) -> f64 {
    let Some(View::Scope(Scope { window, .. })) = def_of(&node.kind).map(NodeDef::face) else { return 0.0 };
    node.params.get(window.name).and_then(serde_json::Value::as_f64).unwrap_or_else(|| window.default_number())
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::patch::{Cable, LevelEdit, Node};
    use serde_json::json;

    use super::*;

    fn port(text: &str) -> Port {
        text.parse().unwrap()
    }

    fn watch(live: &mut Live, patch: &Patch) {
        let (plan, _, resolved) = Plan::compile_resolved(patch, LIBRARY);
        live.set_plan(plan.map(Arc::new));
        live.watch(patch, &[], &PortKinds::new(patch, "", &resolved));
    }

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn the_lfo_of_the_first_bend_has_the_value_of_the_engine() {
        let patch = first_bend();
        let mut live = Live::default();
        watch(&mut live, &patch);
        let measurements = Measurements::new();
        live.advance(5, &Arc::default(), &Measurements::new(), 0.25);

        let (plan, _) = Plan::compile(&patch, LIBRARY);
        let inputs = Inputs {
            lanes: &[],
            measurements: &measurements,
            first_frame: 0,
            dt_secs: 0.25,
            step: DenoisingStep::default(),
        };
        let program = plan.unwrap().program(&inputs, &mut Memory::default(), 6);
        let (_, angle) = program.bends[0].params.iter().next().expect("the angle");
        let angle = angle[5];
        let (_, input) = def_of("bend.rotate").unwrap().input("angle").unwrap();
        assert_eq!(live.input(&patch, &port("rotate.angle"), input, 0.0), Some(angle));
        assert_eq!(live.trace(&port("lfo.out")).unwrap().len(), 6);
    }

    #[test]
    fn an_edit_keeps_the_phase_and_a_restart_resets_it() {
        let mut patch = first_bend();
        let (mut live, mut other) = (Live::default(), Live::default());
        watch(&mut live, &patch);
        watch(&mut other, &patch);
        live.advance(7, &Arc::default(), &Measurements::new(), 0.25);
        other.advance(3, &Arc::default(), &Measurements::new(), 0.25);
        let name = "amount".to_owned();
        patch.apply(LevelEdit::SetParam { id: "rotate".into(), name, value: Some(json!(0.5)) }).unwrap();
        watch(&mut other, &patch);
        other.advance(7, &Arc::default(), &Measurements::new(), 0.25);
        assert_eq!(live.output(&port("lfo.out")), other.output(&port("lfo.out")));

        let mut fresh = Live::default();
        watch(&mut fresh, &patch);
        for live in [&mut live, &mut fresh] {
            live.advance(0, &Arc::default(), &Measurements::new(), 0.25);
        }
        assert!(fresh.output(&port("lfo.out")).is_some());
        assert_eq!(live.output(&port("lfo.out")), fresh.output(&port("lfo.out")), "it begins again");
        assert_ne!(live.output(&port("lfo.out")), other.output(&port("lfo.out")));
    }

    #[test]
    fn ports_of_a_tap_and_downstream_of_it_have_the_values_of_the_frame() {
        let mut patch = first_bend();
        let node = Node { kind: "math.range".into(), ..Node::default() };
        patch.apply(LevelEdit::AddNode { id: "range".into(), node, pos: [0.0, 0.0] }).unwrap();
        let input = def_of("math.range").unwrap().inputs[0].name;
        let to = Port { node: "range".into(), port: input.into() };
        patch.apply(LevelEdit::Connect { cable: Cable::new(port("map.mean"), to) }).unwrap();
        let mut live = Live::default();
        watch(&mut live, &patch);
        live.advance(3, &Arc::default(), &Measurements::new(), 0.25);
        assert_eq!(live.output(&port("map.mean")), None, "the tap has measured nothing");
        assert!(live.output(&port("lfo.out")).is_some());
        let measured = Measurements::from([("map".into(), BTreeMap::from([("mean", 0.625)]))]);
        live.advance(4, &Arc::default(), &measured, 0.25);
        assert_eq!((live.output(&port("map.mean")), live.output(&port("range.out"))), (Some(0.625), Some(0.625)));
    }
}
