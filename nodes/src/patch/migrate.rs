//! Patches of earlier versions: what nodes, ports and choices were called, and what they are called now.
//!
//! A migration is data: a line for each node that was renamed or changed. A node says in a patch of which version it is (`v`, 1 if
//! it says nothing); each migration leads from one version to the next, and a node's version is one more than the migrations it
//! has had. `nodes/tests/migrations` keeps a patch from before and after each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::LIBRARY;
use crate::diagnostics::pointer::join;
use crate::diagnostics::{Code, Problem};
use crate::patch::INSTANCE;
use crate::patch::{Cable, Definition, MidiMap, Node, Patch, Place, Port, Snapshot};

/// What became of a node.
#[derive(Debug)]
pub struct Migration {
    /// Its name before.
    pub node: &'static str,
    /// Its version before.
    pub from: u32,
    /// Its name now, at version 1; else it goes on at the next version.
    pub renamed: Option<&'static str>,
    /// Inputs: before, now.
    pub inputs: &'static [(&'static str, &'static str)],
    /// Outputs: before, now.
    pub outputs: &'static [(&'static str, &'static str)],
    /// Choices: the input as it is called now, the choice before, the choice now.
    pub choices: &'static [(&'static str, &'static str, &'static str)],
    /// What is now said of inputs, as JSON, where nothing was said.
    pub set: &'static [(&'static str, &'static str)],
    /// What else has to be done. A migration that is this and nothing else leaves the version as it is, and does nothing to a node
    /// that has had it.
    pub more: Option<fn(&mut Parts<'_>, &[String])>,
}

impl Migration {
    /// A node that is called otherwise.
    const fn renamed(node: &'static str, now: &'static str) -> Self {
        Self { renamed: Some(now), ..Self::of(node, 1) }
    }

    const fn of(node: &'static str, from: u32) -> Self {
        Self { node, from, renamed: None, inputs: &[], outputs: &[], choices: &[], set: &[], more: None }
    }

    /// Whether it leaves the node's name and version as they are.
    const fn stays(&self) -> bool {
        self.renamed.is_none()
            && self.inputs.is_empty()
            && self.outputs.is_empty()
            && self.choices.is_empty()
            && self.set.is_empty()
    }

    const fn set(mut self, set: &'static [(&'static str, &'static str)]) -> Self {
        self.set = set;
        self
    }
}

/// Every migration, the earliest first.
pub static MIGRATIONS: &[Migration] = &[
    Migration::renamed("bend.cross_gain", "bend.gain"),
    Migration::renamed("bend.cross_rotate", "bend.rotate"),
    Migration::renamed("bend.cross_scale", "bend.scale"),
    Migration::renamed("bend.self_gain", "bend.gain").set(&[("site", "\"self.map\"")]),
    Migration::renamed("bend.ffn_gain", "bend.gain").set(&[("site", "\"ffn.hidden\"")]),
    Migration::renamed("bend.self_noise", "bend.noise").set(&[("site", "\"self.value\"")]),
    Migration { more: Some(take_the_mix_out), ..Migration::of("model.wan", 1) },
];

/// The ports of a model that mixed two prompts itself, and those of the node that does now.
const MIX: [(&str, &str); 4] = [("prompt", "a"), ("second", "b"), ("mix", "amount"), ("method", "method")];

/// Models mixed two prompts themselves; now a node does, and one cable carries the mix.
fn take_the_mix_out(parts: &mut Parts<'_>, ids: &[String]) {
    let mixes = |port: &str| MIX[1..].iter().any(|(before, _)| *before == port);
    let to_mix = parts.cables.iter().map(|cable| &cable.to).filter(|to| mixes(&to.port));
    let wired: BTreeSet<String> = to_mix.map(|to| to.node.clone()).collect();
    let (mut names, mut crossfades) = (1.., BTreeMap::new());
    for id in ids {
        let Some(model) = parts.nodes.get_mut(id) else { continue };
        if wired.contains(id) || model.params.keys().any(|param| mixes(param)) {
            let crossfade = take_out(model);
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

/// Takes out of a model what it said of the mix.
fn take_out(model: &mut Node) -> Node {
    let mut crossfade = Node::new("prompt.crossfade");
    for (before, now) in MIX {
        crossfade.params.extend(model.params.remove(before).map(|value| (now.to_owned(), value)));
        crossfade.depths.extend(model.depths.remove(before).map(|depth| (now.to_owned(), depth)));
    }
    crossfade
}

/// An id that no node has: the stem with the next of these numbers behind it; 1 is not written.
fn free(nodes: &BTreeMap<String, Node>, stem: &str, numbers: &mut impl Iterator<Item = usize>) -> String {
    let mut ids = numbers.map(|n| if n == 1 { stem.to_owned() } else { format!("{stem}{n}") });
    ids.find(|id| !nodes.contains_key(id)).unwrap_or_default()
}

/// The version that a node of this kind is of now.
pub fn version_of(kind: &str) -> u32 {
    let steps = MIGRATIONS.iter().filter(|step| step.node == kind && step.renamed.is_none() && !step.stays());
    1 + steps.count() as u32
}

/// The nodes of a patch or of a definition, and what speaks of them.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The nodes.
    pub nodes: &'a mut BTreeMap<String, Node>,
    /// The cables.
    pub cables: &'a mut Vec<Cable>,
    /// Where they stand.
    pub layout: &'a mut BTreeMap<String, Place>,
    /// Ports that are meant from outside: of maps, snapshots and the ports of a subpatch.
    meant: Vec<&'a mut Port>,
    snapshots: Option<&'a mut Vec<Snapshot>>,
}

/// Brings every node of a patch to the version of today. Says which nodes are of a later one.
pub(crate) fn migrate(patch: &mut Patch) -> Vec<Problem> {
    let Patch { nodes, cables, layout, maps, snapshots, definitions, .. } = patch;
    let meant = maps.iter_mut().map(|MidiMap { to, .. }| to).collect();
    let mut problems = Parts { nodes, cables, layout, meant, snapshots: Some(snapshots) }.migrate("");
    for (id, definition) in definitions {
        let Definition { nodes, cables, layout, inputs, outputs, .. } = definition;
        let inlets = inputs.iter_mut().flat_map(|inlet| &mut inlet.to);
        let meant = inlets.chain(outputs.iter_mut().map(|outlet| &mut outlet.from)).collect();
        problems.extend(Parts { nodes, cables, layout, meant, snapshots: None }.migrate(&join("/definitions", [id])));
    }
    problems
}

impl Parts<'_> {
    fn migrate(&mut self, pointer: &str) -> Vec<Problem> {
        for step in MIGRATIONS {
            let is_meant = |node: &Node| node.kind == step.node && node.v == step.from;
            let ids = self.nodes.iter().filter(|(_, node)| is_meant(node)).map(|(id, _)| id.clone());
            let ids: Vec<String> = ids.collect();
            for id in &ids {
                self.step(step, id);
            }
            if let Some(more) = step.more.filter(|_| !ids.is_empty()) {
                more(self, &ids);
            }
        }
        // That a node is not known is said already.
        let is_known = |kind: &str| kind.starts_with(INSTANCE) || LIBRARY.iter().any(|def| def.name == kind);
        let is_later = |node: &Node| node.v > version_of(&node.kind) && is_known(&node.kind);
        let later = self.nodes.iter().filter(|(_, node)| is_later(node));
        let problem = |(id, node): (&String, &Node)| {
            let message = format!(
                "{} of version {} was made by a later bendrack, and this one may do something else with it; update bendrack",
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
            // What a migration says is JSON: a test reads each.
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
            for port in cables.chain(self.meant.iter_mut().map(|port| &mut **port)).filter(|port| is_one(port, before))
            {
                (*now).clone_into(&mut port.port);
            }
        }
    }

    /// Looks at every input that is spoken of: by cables, maps, snapshots and the ports of a subpatch.
    fn each_input(&mut self, look: &dyn Fn(&mut Port)) {
        self.cables.iter_mut().for_each(|cable| look(&mut cable.to));
        self.meant.iter_mut().for_each(|port| look(port));
        for snapshot in self.snapshots.iter_mut().flat_map(|snapshots| snapshots.iter_mut()) {
            let values = std::mem::take(&mut snapshot.values).into_iter();
            snapshot.values = values
                .map(|(mut port, value)| {
                    look(&mut port);
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
