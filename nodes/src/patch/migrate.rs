//! Migration of patches of earlier versions: former names of nodes, ports and choices to the present ones.
//!
//! A migration is data: one entry for each renamed or changed node. A node has its version in a patch (`v`, 1 by
//! default). Each migration leads from one version to the next, so a node's version is one more than its migrations.
//! `nodes/tests/migrations` keeps a patch from before and after each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::LIBRARY;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::patch::{Cable, ControlMap, Definition, INSTANCE, MOST_NESTED, Node, Patch, Place, Port, Snapshot};

/// The change of a node from one version to the next.
#[derive(Debug)]
pub struct Migration {
    /// Its former name.
    pub node: &'static str,
    /// Its former version.
    pub from: u32,
    /// Its new name, at version 1; without one, the node moves to the next version.
    pub renamed: Option<&'static str>,
    /// Inputs: former name, new name.
    pub inputs: &'static [(&'static str, &'static str)],
    /// Outputs: former name, new name.
    pub outputs: &'static [(&'static str, &'static str)],
    /// Choices: new name of the input, former choice, new choice.
    pub choices: &'static [(&'static str, &'static str, &'static str)],
    /// New values of inputs without a value, as JSON.
    pub set: &'static [(&'static str, &'static str)],
    /// A change beyond names. A migration with nothing else keeps the version and has no effect on migrated nodes.
    pub more: Option<fn(&mut Migrated<'_>, &[String])>,
}

impl Migration {
    /// A node with a new name.
    const fn renamed(node: &'static str, now: &'static str) -> Self {
        Self { renamed: Some(now), ..Self::of(node, 1) }
    }

    const fn of(node: &'static str, from: u32) -> Self {
        Self { node, from, renamed: None, inputs: &[], outputs: &[], choices: &[], set: &[], more: None }
    }

    /// True if the node keeps its name and version.
    const fn stays(&self) -> bool {
        self.renamed.is_none()
            && self.inputs.is_empty()
            && self.outputs.is_empty()
            && self.choices.is_empty()
            && self.set.is_empty()
    }

    const fn inputs(mut self, inputs: &'static [(&'static str, &'static str)]) -> Self {
        self.inputs = inputs;
        self
    }

    const fn outputs(mut self, outputs: &'static [(&'static str, &'static str)]) -> Self {
        self.outputs = outputs;
        self
    }

    const fn choices(mut self, choices: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        self.choices = choices;
        self
    }

    const fn set(mut self, set: &'static [(&'static str, &'static str)]) -> Self {
        self.set = set;
        self
    }
}

/// All migrations, oldest first.
pub static MIGRATIONS: &[Migration] = &[
    Migration::renamed("bend.cross_gain", "bend.gain"),
    Migration::renamed("bend.cross_rotate", "bend.rotate"),
    Migration::renamed("bend.cross_scale", "bend.scale"),
    Migration::renamed("bend.self_gain", "bend.gain").set(&[("site", "\"self.map\"")]),
    Migration::renamed("bend.ffn_gain", "bend.gain").set(&[("site", "\"ffn.hidden\"")]),
    Migration::renamed("bend.self_noise", "bend.noise").set(&[("site", "\"self.value\"")]),
    Migration { more: Some(extract_crossfade), ..Migration::of("model.wan", 1) },
    Migration::renamed("output.picture", "output.screen"),
    Migration::renamed("tap.activity", "tap.neuron_map"),
    Migration::renamed("esp32.in", "serial.in"),
    Migration::renamed("bend.time", "bend.timestep"),
    Migration::of("bend.tint", 1)
        .choices(&[("site", "noise.first", "noise.init"), ("site", "noise.again", "noise.step")]),
    Migration::of("bend.position", 1).inputs(&[("time", "frames")]),
    Migration::of("modulate.curve", 1)
        .inputs(&[("time", "unit"), ("loop", "at_end")])
        .choices(&[("at_end", "once", "hold")]),
    Migration::of("modulate.noise", 1).inputs(&[("loop", "loop_length")]),
    Migration::of("modulate.recorder", 1).inputs(&[("length", "loop_length")]),
    Migration::of("modulate.shift", 1).inputs(&[("length", "stages")]),
    Migration::of("modulate.walk", 1).inputs(&[("step", "step_size")]),
    Migration::of("math.mix", 1).inputs(&[("count", "inputs"), ("curve", "fade")]),
    Migration::of("math.smooth_switch", 1).inputs(&[("time", "glide"), ("curve", "easing")]),
    Migration::of("logic.select", 1).inputs(&[("count", "inputs")]),
    Migration::of("logic.switch", 1).inputs(&[("count", "inputs")]),
    Migration::of("time.clock", 1).inputs(&[("length", "gate_length")]).outputs(&[("count", "pulse")]),
    Migration::of("prompt.schedule", 1).inputs(&[("loop", "loop_length")]),
    Migration::of("prompt.change", 1).inputs(&[("seconds", "crossfade")]),
    Migration::of("cache.reset", 1).inputs(&[("every", "wait")]),
    Migration::of("cache.recache", 1).inputs(&[("threshold", "distance")]),
    Migration::of("output.heatmap", 1).inputs(&[("time", "smooth")]),
    Migration::of("output.spectrum", 1).inputs(&[("level", "normalise"), ("hold", "decay")]),
];

/// Former ports of a model for the mix of two prompts, and the ports of the node for it.
const MIX: [(&str, &str); 4] = [("prompt", "a"), ("second", "b"), ("mix", "amount"), ("method", "method")];

/// Moves the mix of two prompts from a model to a separate node; one cable carries the mix.
fn extract_crossfade(parts: &mut Migrated<'_>, ids: &[String]) {
    let mixes = |port: &str| MIX[1..].iter().any(|(before, _)| *before == port);
    let to_mix = parts.cables.iter().map(|cable| &cable.to).filter(|to| mixes(&to.port));
    let wired: BTreeSet<String> = to_mix.map(|to| to.node.clone()).collect();
    let (mut names, mut crossfades) = (1.., BTreeMap::new());
    for id in ids {
        let Some(model) = parts.nodes.get_mut(id) else { continue };
        if wired.contains(id) || model.params.keys().any(|param| mixes(param)) {
            let crossfade = crossfade_of(model);
            let new = free(parts.nodes, "crossfade", &mut names);
            parts.nodes.insert(new.clone(), crossfade);
            crossfades.insert(id.as_str(), new);
        }
    }
    parts.each_input(&|port: &mut Port| {
        let now = MIX.iter().find(|(before, _)| *before == port.port);
        if let (Some(new), Some((_, now))) = (crossfades.get(port.node.as_str()), now) {
            *port = Port { node: new.clone(), port: (*now).to_owned() };
        }
    });
    for (id, new) in crossfades {
        let port = |node: &str, port: &str| Port { node: node.to_owned(), port: port.to_owned() };
        parts.cables.push(Cable::new(port(&new, "text"), port(id, "prompt")));
        if let Some(place) = parts.layout.get(id) {
            let pos = [place.pos[0] - 240.0, place.pos[1]];
            parts.layout.insert(new, Place { pos, ..Place::default() });
        }
    }
}

/// Moves the values of the mix from a model to a new node.
fn crossfade_of(model: &mut Node) -> Node {
    let mut crossfade = Node::new("prompt.crossfade");
    for (before, now) in MIX {
        crossfade.params.extend(model.params.remove(before).map(|value| (now.to_owned(), value)));
        crossfade.depths.extend(model.depths.remove(before).map(|depth| (now.to_owned(), depth)));
    }
    crossfade
}

/// An unused id: `stem` for 1, then `stem2`, `stem3`, …, with the next of these numbers.
fn free(nodes: &BTreeMap<String, Node>, stem: &str, numbers: &mut impl Iterator<Item = usize>) -> String {
    let mut ids = numbers.map(|n| if n == 1 { stem.to_owned() } else { format!("{stem}{n}") });
    ids.find(|id| !nodes.contains_key(id)).unwrap_or_default()
}

/// The present version of a kind of node.
pub fn version_of(kind: &str) -> u32 {
    let steps = MIGRATIONS.iter().filter(|step| step.node == kind && step.renamed.is_none() && !step.stays());
    1 + steps.count() as u32
}

/// The nodes of a patch or of a definition, and all references to them.
#[derive(Debug)]
pub struct Migrated<'a> {
    /// The nodes.
    pub nodes: &'a mut BTreeMap<String, Node>,
    /// The cables.
    pub cables: &'a mut Vec<Cable>,
    /// Their places on the canvas.
    pub layout: &'a mut BTreeMap<String, Place>,
    /// References from outside: of maps, of macros and of the ports of a subpatch.
    outside: Vec<&'a mut Port>,
    snapshots: Option<&'a mut Vec<Snapshot>>,
    /// Choices with new names: input, former choice, new choice.
    choices: Vec<(Port, &'static str, &'static str)>,
}

/// Migrates all nodes of a patch to their present versions. Reports nodes of later versions.
pub(crate) fn migrate(patch: &mut Patch) -> Vec<Problem> {
    let Patch { nodes, cables, layout, maps, snapshots, stage, definitions, .. } = patch;
    let outside =
        maps.iter_mut().map(|ControlMap { to, .. }| to).chain(&mut stage.macros).chain(&mut stage.locked).collect();
    let mut parts = Migrated { nodes, cables, layout, outside, snapshots: Some(snapshots), choices: Vec::new() };
    let mut problems = parts.migrate("");
    let mut choices = Choices::new();
    for (id, definition) in definitions {
        let Definition { nodes, cables, layout, inputs, outputs, .. } = definition;
        let inlets = inputs.iter_mut().flat_map(|inlet| &mut inlet.to);
        let outside = inlets.chain(outputs.iter_mut().map(|outlet| &mut outlet.from)).collect();
        let mut parts = Migrated { nodes, cables, layout, outside, snapshots: None, choices: Vec::new() };
        problems.extend(parts.migrate(&join("/definitions", [id])));
        for (port, before, now) in parts.choices {
            choices.entry((id.clone(), port)).or_default().insert((before, now));
        }
    }
    if !choices.is_empty() {
        rename_choices_of_instances(patch, &choices);
    }
    problems
}

/// Renamed choices by definition and input of a node in it: former name, new name.
type Choices = BTreeMap<(String, Port), BTreeSet<(&'static str, &'static str)>>;

/// Renames the choices that instances and snapshots set on inputs within subpatches.
fn rename_choices_of_instances(patch: &mut Patch, choices: &Choices) {
    let definition_of = |node: &Node| node.kind.strip_prefix(INSTANCE).map(str::to_owned);
    // Renamed choices by definition and name of its input; each round adds one more level of subpatches.
    let mut inlets: BTreeMap<(String, String), BTreeSet<(&str, &str)>> = BTreeMap::new();
    for _ in 0..MOST_NESTED {
        let before: usize = inlets.values().map(BTreeSet::len).sum();
        for (id, definition) in &patch.definitions {
            for (inlet, port) in
                definition.inputs.iter().flat_map(|inlet| inlet.to.iter().map(move |port| (inlet, port)))
            {
                let direct = choices.get(&(id.clone(), port.clone()));
                let inner = definition.nodes.get(&port.node).and_then(definition_of);
                let inner = inner.and_then(|inner| inlets.get(&(inner, port.port.clone())));
                let found: Vec<_> = direct.into_iter().chain(inner).flatten().copied().collect();
                if !found.is_empty() {
                    inlets.entry((id.clone(), inlet.name.clone())).or_default().extend(found);
                }
            }
        }
        if inlets.values().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    let rename = |definition: &str, name: &str, value: &mut Json| {
        let renamed = inlets.get(&(definition.to_owned(), name.to_owned())).into_iter().flatten();
        if let Some((_, now)) = renamed.into_iter().find(|(before, _)| *value == **before) {
            *value = Json::from(*now);
        }
    };
    let Patch { nodes, definitions, snapshots, .. } = patch;
    for node in nodes.values_mut().chain(definitions.values_mut().flat_map(|definition| definition.nodes.values_mut()))
    {
        if let Some(definition) = definition_of(node) {
            node.params.iter_mut().for_each(|(name, value)| rename(&definition, name, value));
        }
    }
    for (port, value) in snapshots.iter_mut().flat_map(|snapshot| &mut snapshot.values) {
        if let Some(definition) = nodes.get(&port.node).and_then(definition_of) {
            rename(&definition, &port.port, value);
        }
    }
}

impl Migrated<'_> {
    fn migrate(&mut self, pointer: &str) -> Vec<Problem> {
        for step in MIGRATIONS {
            let is_former = |node: &Node| node.kind == step.node && node.v == step.from;
            let ids = self.nodes.iter().filter(|(_, node)| is_former(node)).map(|(id, _)| id.clone());
            let ids: Vec<String> = ids.collect();
            for id in &ids {
                self.step(step, id);
            }
            if let Some(more) = step.more.filter(|_| !ids.is_empty()) {
                more(self, &ids);
            }
        }
        // Unknown nodes are reported elsewhere.
        let is_known = |kind: &str| kind.starts_with(INSTANCE) || LIBRARY.iter().any(|def| def.name == kind);
        let is_later = |node: &Node| node.v > version_of(&node.kind) && is_known(&node.kind);
        let later = self.nodes.iter().filter(|(_, node)| is_later(node));
        let problem = |(id, node): (&String, &Node)| {
            let message = format!(
                "{} version {} comes from a newer bendrack and may behave differently here; update bendrack",
                node.kind, node.v
            );
            Problem::warning(Code::LaterVersion, join(pointer, ["nodes", id, "v"]), message)
        };
        later.map(problem).collect()
    }

    fn step(&mut self, step: &Migration, id: &str) {
        let Some(node) = self.nodes.get_mut(id) else { return };
        match step.renamed {
            Some(now) => (node.kind, node.v) = (now.to_owned(), 1),
            None if step.stays() => {}
            None => node.v += 1,
        }
        for (before, now) in step.inputs {
            move_key(&mut node.params, before, now);
            move_key(&mut node.depths, before, now);
        }
        for (input, before, now) in step.choices {
            if let Some(value) = node.params.get_mut(*input).filter(|value| **value == **before) {
                *value = Json::from(*now);
            }
        }
        for (input, value) in step.set {
            // All values of migrations are valid JSON, by a test.
            node.params.entry((*input).to_owned()).or_insert_with(|| serde_json::from_str(value).unwrap_or_default());
        }
        let is_one = |port: &Port, before: &str| port.node == id && port.port == before;
        for (before, now) in step.inputs {
            self.each_input(&|port: &mut Port| {
                if is_one(port, before) {
                    (*now).clone_into(&mut port.port);
                }
            });
        }
        for (before, now) in step.outputs {
            let cables = self.cables.iter_mut().map(|cable| &mut cable.from);
            for port in
                cables.chain(self.outside.iter_mut().map(|port| &mut **port)).filter(|port| is_one(port, before))
            {
                (*now).clone_into(&mut port.port);
            }
        }
        for (input, before, now) in step.choices {
            let port = Port { node: id.to_owned(), port: (*input).to_owned() };
            for snapshot in self.snapshots.iter_mut().flat_map(|snapshots| snapshots.iter_mut()) {
                if let Some(value) = snapshot.values.get_mut(&port).filter(|value| **value == **before) {
                    *value = Json::from(*now);
                }
            }
            self.choices.push((port, before, now));
        }
    }

    /// Visits all references to inputs: of cables, maps, snapshots and the ports of a subpatch.
    fn each_input(&mut self, visit: &dyn Fn(&mut Port)) {
        self.cables.iter_mut().for_each(|cable| visit(&mut cable.to));
        self.outside.iter_mut().for_each(|port| visit(port));
        for snapshot in self.snapshots.iter_mut().flat_map(|snapshots| snapshots.iter_mut()) {
            let values = std::mem::take(&mut snapshot.values).into_iter();
            snapshot.values = values
                .map(|(mut port, value)| {
                    visit(&mut port);
                    (port, value)
                })
                .collect();
        }
    }
}

fn move_key<T>(map: &mut BTreeMap<String, T>, before: &str, now: &str) {
    if let Some(value) = map.remove(before) {
        map.insert(now.to_owned(), value);
    }
}
