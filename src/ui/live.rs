//! What the ports say now: the window runs the plan once more for itself, for the frames that are shown.
//!
//! A tick is a pure function, and it costs microseconds. So the values on the canvas need nothing from the engine but the number
//! of the frame and what came in from outside. What a tap measures the window does not know: ports that depend on taps have no
//! value here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{Input, Late};
use bendrack_nodes::patch::{Patch, Port};
use bendrack_nodes::plan::{DEFAULT_DEPTH, Gain, Plan};
use bendrack_nodes::program::Program;
use bendrack_nodes::sound::Hop;
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory, Workspace};
use bendrack_nodes::value::Kind;

use super::document::def_of;

/// How many values of the past a scope shows.
pub const TRACE: usize = 96;
/// Frames that are caught up with after a pause; before that the past is forgotten.
const CATCH_UP: u64 = 64;

/// The numbers on the outputs of a patch, now and in the last seconds.
#[derive(Default)]
pub struct Live {
    plan: Option<Plan>,
    memory: Memory,
    room: Workspace,
    program: Program,
    next: u64,
    /// The outputs that have a number and do not depend on a tap.
    outputs: BTreeSet<Port>,
    traces: BTreeMap<Port, VecDeque<f64>>,
}

impl Live {
    /// Looks at this patch from now on. What nodes remember is kept, as the engine keeps it.
    pub fn set_patch(&mut self, patch: &Patch) {
        // A patch that does not compile leaves the plan before, as it does in the engine.
        if let (Some(plan), _) = Plan::compile(patch, LIBRARY) {
            self.plan = Some(plan);
            self.outputs = outputs(patch);
            self.traces.retain(|port, _| self.outputs.contains(port));
        }
    }

    /// Goes on to the latent frame that is shown, at which this was heard.
    pub fn advance(&mut self, latent: u64, controls: &Controls, sound: &[Hop], dt_secs: f64) {
        let Some(plan) = &self.plan else { return };
        if latent + 1 < self.next || latent > self.next + CATCH_UP {
            // The video began again, or the window slept.
            self.memory = Memory::default();
            self.next = latent.saturating_sub(CATCH_UP);
        }
        let measurements = Measurements::new();
        while self.next <= latent {
            let inputs = Inputs {
                controls,
                measurements: &measurements,
                sound: if self.next == latent { sound } else { &[] },
                first_frame: self.next,
                dt_secs,
            };
            plan.run(&inputs, &mut self.memory, 1, &mut self.room, &mut self.program);
            for port in &self.outputs {
                let Some(value) = self.memory.output(&port.node, &port.port) else { continue };
                let trace = match self.traces.get_mut(port) {
                    Some(trace) => trace,
                    None => self.traces.entry(port.clone()).or_default(),
                };
                trace.push_back(value);
                if trace.len() > TRACE {
                    trace.pop_front();
                }
            }
            self.next += 1;
        }
    }

    /// The number on an output.
    pub fn output(&self, port: &Port) -> Option<f64> {
        self.trace(port)?.back().copied()
    }

    /// The numbers on an output in the last seconds.
    pub fn trace(&self, port: &Port) -> Option<&VecDeque<f64>> {
        self.traces.get(port)
    }

    /// The number on an input with a cable: the knob, moved by what arrives.
    pub fn input(&self, patch: &Patch, id: &str, input: &Input, base: f64) -> Option<f64> {
        let port = Port { node: id.to_owned(), port: input.name.to_owned() };
        let arrived = self.output(&patch.cable_to(&port)?.from)?;
        let depth = patch.nodes.get(id)?.depths.get(input.name).copied().unwrap_or(DEFAULT_DEPTH);
        let value = Gain::of(input, depth).moved(base, arrived);
        Some(value.clamp(input.hard.0, input.hard.1))
    }
}

/// The outputs that give a number or a gate and do not depend on a tap.
fn outputs(patch: &Patch) -> BTreeSet<Port> {
    let unknown = after_taps(patch);
    let known = patch.nodes.iter().filter(|(id, _)| !unknown.contains(id.as_str()));
    let outputs = known.filter_map(|(id, node)| Some((id, def_of(&node.kind)?))).flat_map(|(id, def)| {
        let numbers = def.outputs.iter().filter(|output| matches!(output.kind, Kind::Number | Kind::Gate));
        numbers.map(move |output| Port { node: id.clone(), port: output.name.to_owned() })
    });
    outputs.collect()
}

/// The nodes that measure, and those that are fed by them.
fn after_taps(patch: &Patch) -> BTreeSet<&str> {
    let late = |node: &bendrack_nodes::patch::Node| {
        def_of(&node.kind).is_some_and(|def| def.outputs.iter().any(|output| output.late == Some(Late::Call)))
    };
    let mut found: BTreeSet<&str> =
        patch.nodes.iter().filter(|(_, node)| late(node)).map(|(id, _)| id.as_str()).collect();
    loop {
        let before = found.len();
        for cable in &patch.cables {
            if found.contains(cable.from.node.as_str()) {
                found.insert(&cable.to.node);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::patch::{Cable, Edit, Node};
    use serde_json::json;

    use super::*;

    fn port(text: &str) -> Port {
        text.parse().unwrap()
    }

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn the_lfo_of_the_first_bend_is_seen_where_the_engine_has_it() {
        let patch = first_bend();
        let mut live = Live::default();
        live.set_patch(&patch);
        let (controls, measurements) = (Controls::default(), Measurements::new());
        live.advance(5, &controls, &[], 0.25);

        let (plan, _) = Plan::compile(&patch, LIBRARY);
        let inputs =
            Inputs { controls: &controls, measurements: &measurements, sound: &[], first_frame: 0, dt_secs: 0.25 };
        let program = plan.unwrap().program(&inputs, &mut Memory::default(), 6);
        let angle = program.bends[0].params[0][5];
        let (_, input) = def_of("bend.rotate").unwrap().input("angle").unwrap();
        assert_eq!(live.input(&patch, "rotate", input, 0.0), Some(angle));
        assert_eq!(live.trace(&port("lfo.out")).unwrap().len(), 6);
    }

    #[test]
    fn an_edit_leaves_the_phase_and_a_restart_does_not() {
        let mut patch = first_bend();
        let (mut live, mut other) = (Live::default(), Live::default());
        live.set_patch(&patch);
        other.set_patch(&patch);
        live.advance(7, &Controls::default(), &[], 0.25);
        other.advance(3, &Controls::default(), &[], 0.25);
        let name = "amount".to_owned();
        patch.apply(Edit::SetParam { id: "rotate".into(), name, value: Some(json!(0.5)) }).unwrap();
        other.set_patch(&patch);
        other.advance(7, &Controls::default(), &[], 0.25);
        assert_eq!(live.output(&port("lfo.out")), other.output(&port("lfo.out")));

        live.advance(0, &Controls::default(), &[], 0.25);
        assert_eq!(live.output(&port("lfo.out")), Some(-1.0), "a sine begins low");
    }

    #[test]
    fn what_depends_on_a_tap_has_no_value() {
        let mut patch = first_bend();
        let node = Node { kind: "math.range".into(), ..Node::default() };
        patch.apply(Edit::AddNode { id: "range".into(), node, pos: [0.0, 0.0] }).unwrap();
        let input = def_of("math.range").unwrap().inputs[0].name;
        let to = Port { node: "range".into(), port: input.into() };
        patch.apply(Edit::Connect { cable: Cable::new(port("map.mean"), to) }).unwrap();
        let mut live = Live::default();
        live.set_patch(&patch);
        live.advance(3, &Controls::default(), &[], 0.25);
        assert_eq!(live.output(&port("map.mean")), None);
        assert_eq!(live.output(&port("range.out")), None);
        assert!(live.output(&port("lfo.out")).is_some());
    }
}
