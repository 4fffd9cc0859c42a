//! What the ports say now: the window runs the plan once more for itself, for the frames that are shown.
//!
//! A tick is a pure function, and it costs microseconds. So the values on the canvas need nothing from the engine but the number
//! of the frame and what came in from outside. What a tap measures the window does not know: ports that depend on taps have no
//! value here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{Input, Late};
use bendrack_nodes::flat::INSTANCE;
use bendrack_nodes::patch::{Cable, Patch, Port};
use bendrack_nodes::plan::{Gain, Plan};
use bendrack_nodes::program::Program;
use bendrack_nodes::sound::Hop;
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory, Workspace};
use bendrack_nodes::value::Kind;

use crate::ui::document::def_of;
use crate::ui::document::subpatch::{definition_of, depth, resolve};

/// How many values of the past a scope shows.
pub const TRACE: usize = 96;
/// How many values of the past are kept at most, for a scope that shows minutes.
const LONGEST: usize = 4096;
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
    outputs: BTreeMap<Port, Watched>,
    traces: BTreeMap<Port, VecDeque<f64>>,
    /// The outputs that keep an old number.
    held: BTreeSet<Port>,
    dt_secs: f64,
}

/// An output that is watched: where it is in the plan, and how many seconds of it are kept.
struct Watched {
    node: String,
    name: String,
    secs: f64,
}

impl Live {
    /// Looks at this patch from now on. What nodes remember is kept, as the engine keeps it.
    pub fn set_patch(&mut self, patch: &Patch) {
        // A patch that does not compile leaves the plan before, as it does in the engine.
        if let (Some(plan), _) = Plan::compile(patch, LIBRARY) {
            self.plan = Some(plan);
        }
    }

    /// Looks at the nodes of the patch or, if `path` names instances in one another, at those of the innermost.
    pub fn look_at(&mut self, patch: &Patch, shown: &Patch, path: &[String]) {
        self.outputs = outputs(patch, shown, path);
        self.traces.retain(|port, _| self.outputs.contains_key(port));
        self.held.retain(|port| self.outputs.contains_key(port));
    }

    /// Forgets what was: other nodes are looked at, which may have the same names.
    pub fn forget(&mut self) {
        self.traces.clear();
        self.held.clear();
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
        self.dt_secs = dt_secs;
        while self.next <= latent {
            let inputs = Inputs {
                controls,
                measurements: &measurements,
                sound: if self.next == latent { sound } else { &[] },
                first_frame: self.next,
                dt_secs,
            };
            plan.run(&inputs, &mut self.memory, 1, &mut self.room, &mut self.program);
            self.held.clear();
            for (port, Watched { node, name, secs }) in &self.outputs {
                if self.room.held().iter().any(|(id, held)| **id == **node && held == name) {
                    self.held.insert(port.clone());
                }
                let Some(value) = self.memory.output(node, name) else { continue };
                let trace = match self.traces.get_mut(port) {
                    Some(trace) => trace,
                    None => self.traces.entry(port.clone()).or_default(),
                };
                trace.push_back(value);
                let most = ((secs / dt_secs.max(1e-3)) as usize).clamp(TRACE, LONGEST);
                while trace.len() > most {
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

    /// The tempo that a node of the patch asks for, in beats per minute.
    pub fn tempo(&self) -> Option<f64> {
        Some(self.memory.tempo()).filter(|tempo| *tempo > 0.0)
    }

    /// Seconds from a value to the next.
    pub fn dt_secs(&self) -> f64 {
        self.dt_secs
    }

    /// The numbers on an output in the last seconds.
    pub fn trace(&self, port: &Port) -> Option<&VecDeque<f64>> {
        self.traces.get(port)
    }

    /// The number on an input with a cable along which something flows: the knob, moved by what arrives.
    pub fn input(&self, patch: &Patch, port: &Port, input: &Input, base: f64) -> Option<f64> {
        let cable = patch.cable_to(port).filter(|cable| !cable.mute)?;
        let value = Gain::of(input, depth(patch, port)).moved(base, self.output(&cable.from)?);
        Some(value.clamp(input.hard.0, input.hard.1))
    }

    /// Whether the number on an output is an old one, as the node gives one that is not finite.
    pub fn is_held(&self, port: &Port) -> bool {
        self.held.contains(port)
    }
}

/// The outputs of what is shown that give a number or a gate and do not depend on a tap.
fn outputs(patch: &Patch, shown: &Patch, path: &[String]) -> BTreeMap<Port, Watched> {
    let unknown = after_taps(shown, &measured_inside(patch, path));
    let prefix = crate::ui::document::subpatch::prefix(path);
    let known = shown.nodes.iter().filter(|(id, _)| !unknown.contains(id.as_str()));
    let outputs = known.flat_map(|(id, node)| {
        let (_, named) = crate::ui::document::ports::ports(shown, id);
        let numbers = named.into_iter().filter(|(_, kind)| matches!(kind, Kind::Number | Kind::Gate));
        let secs = crate::ui::canvas::scope::secs(node);
        let prefix = prefix.as_str();
        numbers.filter_map(move |(name, _)| {
            let port = Port { node: id.clone(), port: name };
            let (node, name) = resolve(shown, &port)?;
            Some((port, Watched { node: format!("{prefix}{node}"), name, secs }))
        })
    });
    outputs.collect()
}

/// The nodes within the innermost of these instances that are fed by what is measured outside of it.
fn measured_inside(patch: &Patch, path: &[String]) -> BTreeSet<String> {
    let (mut scope, mut fed) = (patch.clone(), BTreeSet::new());
    for id in path {
        let unknown: BTreeSet<String> = after_taps(&scope, &fed).into_iter().map(str::to_owned).collect();
        let Some(definition) = definition_of(&scope, id) else { return fed };
        let arrive = |name: &str| {
            let ends = |cable: &&Cable| cable.to.node == *id && cable.to.port == name;
            scope.cables.iter().filter(ends).any(|cable| unknown.contains(&cable.from.node))
        };
        let fed_now = definition.inputs.iter().filter(|inlet| arrive(&inlet.name)).flat_map(|inlet| &inlet.to);
        fed = fed_now.map(|port| port.node.clone()).collect();
        scope = crate::ui::document::subpatch::shown(patch, definition);
    }
    fed
}

/// The nodes that measure, and those that are fed by them or by `fed`.
fn after_taps<'p>(patch: &'p Patch, fed: &BTreeSet<String>) -> BTreeSet<&'p str> {
    let within = measuring(patch);
    let starts = patch.nodes.iter().filter(|(id, node)| fed.contains(*id) || measures(&node.kind, &within));
    let mut found: BTreeSet<&str> = starts.map(|(id, _)| id.as_str()).collect();
    loop {
        let before = found.len();
        for cable in patch.cables.iter().filter(|cable| !cable.mute) {
            if found.contains(cable.from.node.as_str()) {
                found.insert(&cable.to.node);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Whether a kind of node measures; `within` are the subpatches that do.
fn measures(kind: &str, within: &BTreeSet<&str>) -> bool {
    match kind.strip_prefix(INSTANCE) {
        Some(name) => within.contains(name),
        None => def_of(kind).is_some_and(|def| def.outputs.iter().any(|output| output.late == Some(Late::Call))),
    }
}

/// The subpatches in which something measures.
fn measuring(patch: &Patch) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for (name, definition) in &patch.definitions {
            if definition.nodes.values().any(|node| measures(&node.kind, &found)) {
                found.insert(name.as_str());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::patch::{Edit, Node};
    use serde_json::json;

    use super::*;

    fn port(text: &str) -> Port {
        text.parse().unwrap()
    }

    fn look(live: &mut Live, patch: &Patch) {
        live.set_patch(patch);
        live.look_at(patch, patch, &[]);
    }

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn the_lfo_of_the_first_bend_is_seen_where_the_engine_has_it() {
        let patch = first_bend();
        let mut live = Live::default();
        look(&mut live, &patch);
        let (controls, measurements) = (Controls::default(), Measurements::new());
        live.advance(5, &controls, &[], 0.25);

        let (plan, _) = Plan::compile(&patch, LIBRARY);
        let inputs =
            Inputs { controls: &controls, measurements: &measurements, sound: &[], first_frame: 0, dt_secs: 0.25 };
        let program = plan.unwrap().program(&inputs, &mut Memory::default(), 6);
        let angle = program.bends[0].params[0][5];
        let (_, input) = def_of("bend.rotate").unwrap().input("angle").unwrap();
        assert_eq!(live.input(&patch, &port("rotate.angle"), input, 0.0), Some(angle));
        assert_eq!(live.trace(&port("lfo.out")).unwrap().len(), 6);
    }

    #[test]
    fn an_edit_leaves_the_phase_and_a_restart_does_not() {
        let mut patch = first_bend();
        let (mut live, mut other) = (Live::default(), Live::default());
        look(&mut live, &patch);
        look(&mut other, &patch);
        live.advance(7, &Controls::default(), &[], 0.25);
        other.advance(3, &Controls::default(), &[], 0.25);
        let name = "amount".to_owned();
        patch.apply(Edit::SetParam { id: "rotate".into(), name, value: Some(json!(0.5)) }).unwrap();
        look(&mut other, &patch);
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
        look(&mut live, &patch);
        live.advance(3, &Controls::default(), &[], 0.25);
        assert_eq!(live.output(&port("map.mean")), None);
        assert_eq!(live.output(&port("range.out")), None);
        assert!(live.output(&port("lfo.out")).is_some());
    }
}
