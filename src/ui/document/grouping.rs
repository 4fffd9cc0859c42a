//! Nodes into a subpatch and back. Pure functions of a patch.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::patch::{Cable, Definition, Edit, INSTANCE, Inlet, LevelEdit, Node, Outlet, Patch, Port};

use serde_json::Map;

use super::Step;
use super::subpatch::{definition_name, definition_of, instances};

/// The stem of the names of new subpatches and of their instances.
const STEM: &str = "group";

/// Edits of the whole patch, then those of the level on the canvas, then again of the whole patch.
pub struct Regrouped {
    /// The name of the step.
    pub name: String,
    /// Subpatches that are added.
    pub before: Vec<Edit>,
    /// Nodes and cables.
    pub level: Vec<LevelEdit>,
    /// Maps, snapshots, and subpatches that are gone.
    pub after: Vec<Edit>,
    /// The new nodes.
    pub nodes: BTreeSet<String>,
}

impl Regrouped {
    /// The step, on the patch itself or within a subpatch.
    pub fn step(self, within: Option<&str>) -> Step {
        let level = Step::new(self.name.clone(), self.level);
        let level: Step = match within {
            Some(id) => level.within(id),
            None => level.into(),
        };
        Step::new(self.name, self.before.into_iter().chain(level.edits).chain(self.after).collect())
    }
}

/// Puts nodes of the shown level into a new subpatch, with one instance in their place. Cables that cross its edge get a port, and so do
/// knobs with a map or a value in a snapshot. None without nodes.
pub fn group(patch: &Patch, ids: &BTreeSet<String>) -> Option<Regrouped> {
    let nodes: BTreeMap<String, Node> =
        patch.nodes.iter().filter(|(id, _)| ids.contains(*id)).map(|(id, node)| (id.clone(), node.clone())).collect();
    if nodes.is_empty() {
        return None;
    }
    let name = free_name(patch);
    let instance = patch.free_id(STEM);
    let is_in = |port: &Port| nodes.contains_key(&port.node);
    let outer = |port: &str| Port { node: instance.clone(), port: port.to_owned() };
    let mut names = Names::default();
    let (mut inputs, mut sources): (Vec<Inlet>, Vec<(Port, bool)>) = Default::default();
    let (mut outputs, mut connections): (Vec<Outlet>, Vec<Cable>) = Default::default();
    for cable in &patch.cables {
        match (is_in(&cable.from), is_in(&cable.to)) {
            (false, true) => {
                // One source feeds one port, whatever it feeds inside.
                let source = (cable.from.clone(), cable.mute);
                if let Some(index) = sources.iter().position(|other| *other == source) {
                    inputs[index].to.push(cable.to.clone());
                } else {
                    let inlet = names.input(&cable.to);
                    connections.push(Cable { to: outer(&inlet.name), ..cable.clone() });
                    inputs.push(inlet);
                    sources.push(source);
                }
            }
            (true, false) => {
                let known = outputs.iter().find(|outlet| outlet.from == cable.from).map(|outlet| outlet.name.clone());
                let port = known.unwrap_or_else(|| {
                    let outlet = names.output(&cable.from);
                    outputs.push(outlet.clone());
                    outlet.name
                });
                connections.push(Cable { from: outer(&port), ..cable.clone() });
            }
            _ => {}
        }
    }
    let in_snapshots = patch.snapshots.iter().flat_map(|snapshot| snapshot.values.keys());
    let in_snapshots = in_snapshots.chain(&patch.stage.locked);
    let played: BTreeSet<&Port> = patch
        .maps
        .iter()
        .map(|map| &map.to)
        .chain(&patch.stage.macros)
        .chain(in_snapshots)
        .filter(|to| is_in(to))
        .collect();
    for port in played {
        if !inputs.iter().any(|inlet| inlet.to.contains(port)) {
            inputs.push(names.input(port));
        }
    }
    let places: BTreeMap<_, _> = patch
        .layout
        .iter()
        .filter(|(id, _)| nodes.contains_key(*id))
        .map(|(id, place)| (id.clone(), place.clone()))
        .collect();
    let corner = |axis: usize| places.values().map(|place| place.pos[axis]).fold(f64::INFINITY, f64::min);
    let pos = [corner(0), corner(1)].map(|at| if at.is_finite() { at } else { 0.0 });
    let outside = outside(patch, |port| {
        let inlet = inputs.iter().find(|inlet| inlet.to.contains(port))?;
        Some(vec![outer(&inlet.name)])
    });
    let mut level: Vec<LevelEdit> = nodes.keys().map(|id| LevelEdit::RemoveNode { id: id.clone() }).collect();
    let kind = format!("{INSTANCE}{name}");
    level.push(LevelEdit::AddNode { id: instance.clone(), node: Node { kind, ..Node::default() }, pos });
    level.extend(connections.into_iter().map(|cable| LevelEdit::Connect { cable }));
    let cables = patch.cables.iter().filter(|cable| is_in(&cable.from) && is_in(&cable.to)).cloned().collect();
    let definition = Definition {
        title: "Group".to_owned(),
        inputs,
        outputs,
        cables,
        layout: places,
        nodes,
        ..Definition::default()
    };
    Some(Regrouped {
        name: "make a subpatch".to_owned(),
        before: vec![Edit::SetDefinition { id: name, definition: Some(Box::new(definition)) }],
        level,
        after: outside,
        nodes: [instance].into(),
    })
}

/// Puts the nodes of an instance back into its level, with its own values. Its subpatch goes if it has no other instance. None for other
/// nodes.
pub fn ungroup(patch: &Patch, id: &str) -> Option<Regrouped> {
    let (name, definition, instance) = (definition_name(patch, id)?, definition_of(patch, id)?, patch.nodes.get(id)?);
    let mut taken = patch.clone();
    taken.nodes.remove(id);
    let mut new = BTreeMap::new();
    let corner = |axis: usize| definition.layout.values().map(|place| place.pos[axis]).fold(f64::INFINITY, f64::min);
    let from = [corner(0), corner(1)];
    let at = patch.layout.get(id).map_or([0.0; 2], |place| place.pos);
    let mut level = vec![LevelEdit::RemoveNode { id: id.to_owned() }];
    for (inner, node) in &definition.nodes {
        let outer = if taken.nodes.contains_key(inner) {
            taken.free_id(inner.trim_end_matches(|c: char| c.is_ascii_digit()))
        } else {
            inner.clone()
        };
        let mut node = node.clone();
        for inlet in &definition.inputs {
            for port in inlet.to.iter().filter(|port| port.node == *inner) {
                if let Some(value) = instance.params.get(&inlet.name) {
                    node.params.insert(port.port.clone(), value.clone());
                }
                if let Some(depth) = instance.depths.get(&inlet.name) {
                    node.depths.insert(port.port.clone(), *depth);
                }
            }
        }
        node.bypass |= instance.bypass;
        taken.nodes.insert(outer.clone(), node.clone());
        let place =
            definition.layout.get(inner).map_or([0.0; 2], |place| [place.pos[0] - from[0], place.pos[1] - from[1]]);
        level.push(LevelEdit::AddNode { id: outer.clone(), node, pos: [at[0] + place[0], at[1] + place[1]] });
        new.insert(inner.clone(), outer);
    }
    let outer = |port: &Port| Some(Port { node: new.get(&port.node)?.clone(), port: port.port.clone() });
    let inside = |port: &Port| -> Option<Vec<Port>> {
        let inlet = definition.inputs.iter().find(|inlet| port.node == id && inlet.name == port.port)?;
        Some(inlet.to.iter().filter_map(outer).collect())
    };
    for cable in &definition.cables {
        if let (Some(from), Some(to)) = (outer(&cable.from), outer(&cable.to)) {
            level.push(LevelEdit::Connect { cable: Cable { from, to, ..cable.clone() } });
        }
    }
    for cable in &patch.cables {
        let outlet = definition.outputs.iter().find(|outlet| cable.from.node == id && outlet.name == cable.from.port);
        let from = match outlet {
            Some(outlet) => outer(&outlet.from),
            None => Some(cable.from.clone()).filter(|from| from.node != id),
        };
        let to = inside(&cable.to).unwrap_or_else(|| vec![cable.to.clone()]);
        let is_its = cable.from.node == id || cable.to.node == id;
        for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (from.clone(), to.clone()))) {
            if is_its && to.node != id {
                level.push(LevelEdit::Connect { cable: Cable { from, to, ..cable.clone() } });
            }
        }
    }
    let mut after = outside(patch, inside);
    if instances(patch, name) == 1 {
        after.push(Edit::SetDefinition { id: name.to_owned(), definition: None });
    }
    Some(Regrouped {
        name: format!("dissolve {id}"),
        before: Vec::new(),
        level,
        after,
        nodes: new.into_values().collect(),
    })
}

/// Maps, macros and snapshots with other ports for some: a map and a macro get the first, a snapshot all.
fn outside(patch: &Patch, moved: impl Fn(&Port) -> Option<Vec<Port>>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut maps = patch.maps.clone();
    for map in &mut maps {
        if let Some(to) = moved(&map.to).and_then(|ports| ports.into_iter().next()) {
            map.to = to;
        }
    }
    if maps != patch.maps {
        edits.push(Edit::SetMaps { maps });
    }
    let mut stage = patch.stage.clone();
    for port in stage.macros.iter_mut().chain(&mut stage.locked) {
        if let Some(to) = moved(port).and_then(|ports| ports.into_iter().next()) {
            *port = to;
        }
    }
    if stage != patch.stage {
        edits.push(Edit::SetStage { stage: Box::new(stage) });
    }
    let mut snapshots = patch.snapshots.clone();
    for snapshot in &mut snapshots {
        let values = std::mem::take(&mut snapshot.values).into_iter().flat_map(|(port, value)| {
            let ports = moved(&port).unwrap_or_else(|| vec![port]);
            ports.into_iter().map(move |port| (port, value.clone()))
        });
        snapshot.values = values.collect();
    }
    if snapshots != patch.snapshots {
        edits.push(Edit::SetSnapshots { snapshots });
    }
    edits
}

/// The step that gives an input of a node in a subpatch a port on its instances, or takes it away. None without such a subpatch.
pub fn expose(patch: &Patch, subpatch: &str, port: &Port) -> Option<Step> {
    let mut definition = patch.definitions.get(subpatch)?.clone();
    let verb = if let Some(inlet) = definition.inputs.iter_mut().find(|inlet| inlet.to.contains(port)) {
        inlet.to.retain(|to| to != port);
        definition.inputs.retain(|inlet| !inlet.to.is_empty());
        "hide"
    } else {
        let mut names =
            Names { inputs: definition.inputs.iter().map(|inlet| inlet.name.clone()).collect(), ..Names::default() };
        definition.inputs.push(names.input(port));
        "expose"
    };
    let edit = Edit::SetDefinition { id: subpatch.to_owned(), definition: Some(Box::new(definition)) };
    Some(Step::new(format!("{verb} {port}"), vec![edit]))
}

/// True if an instance of a subpatch has a cable, a value, a depth, a map, a macro or a value in a snapshot on an input.
pub fn is_used(patch: &Patch, subpatch: &str, input: &str) -> bool {
    let is_instance = |node: &Node| node.kind.strip_prefix(INSTANCE) == Some(subpatch);
    let uses = |nodes: &BTreeMap<String, Node>, cables: &[Cable]| {
        let is_its = |port: &Port| port.port == input && nodes.get(&port.node).is_some_and(is_instance);
        let has_value = |node: &Node| node.params.contains_key(input) || node.depths.contains_key(input);
        nodes.values().any(|node| is_instance(node) && has_value(node)) || cables.iter().any(|cable| is_its(&cable.to))
    };
    let in_snapshots = patch.snapshots.iter().flat_map(|snapshot| snapshot.values.keys());
    let mut played = patch.maps.iter().map(|map| &map.to).chain(&patch.stage.macros).chain(in_snapshots);
    played.any(|port| port.port == input && patch.nodes.get(&port.node).is_some_and(is_instance))
        || uses(&patch.nodes, &patch.cables)
        || patch.definitions.values().any(|definition| uses(&definition.nodes, &definition.cables))
}

fn free_name(patch: &Patch) -> String {
    let names = std::iter::once(STEM.to_owned()).chain((2..).map(|n: usize| format!("{STEM}{n}")));
    names.into_iter().find(|name| !patch.definitions.contains_key(name)).unwrap_or_default()
}

/// The names of the ports of a new subpatch. Inputs and outputs have names of their own.
#[derive(Default)]
struct Names {
    inputs: BTreeSet<String>,
    outputs: BTreeSet<String>,
}

impl Names {
    fn input(&mut self, port: &Port) -> Inlet {
        let name = free(&mut self.inputs, port);
        Inlet { name, to: vec![port.clone()], about: String::new(), rest: Map::default() }
    }

    fn output(&mut self, port: &Port) -> Outlet {
        let name = free(&mut self.outputs, port);
        Outlet { name, from: port.clone(), about: String::new(), rest: Map::default() }
    }
}

/// The name of a port, with the id of its node if another has it.
fn free(taken: &mut BTreeSet<String>, port: &Port) -> String {
    let long = format!("{}_{}", port.node, port.port);
    let names = [port.port.clone(), long.clone()].into_iter().chain((2..).map(|n: usize| format!("{long}{n}")));
    let name = names.into_iter().find(|name| !taken.contains(name)).unwrap_or(long);
    taken.insert(name.clone());
    name
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
    use serde_json::json;

    use super::*;

    fn apply(patch: &mut Patch, regrouped: Regrouped) {
        for edit in regrouped.step(None).edits {
            patch.apply(edit).unwrap();
        }
    }

    /// The lines of the program of a patch, without ids of subpatches, in one order.
    fn program(patch: &Patch) -> Vec<String> {
        let (plan, problems) = Plan::compile(patch, LIBRARY);
        let measurements = Measurements::new();
        let inputs = Inputs {
            lanes: &[],
            measurements: &measurements,
            first_frame: 0,
            dt_secs: 0.25,
            step: DenoisingStep::default(),
        };
        let plan = plan.unwrap_or_else(|| panic!("{problems:?}"));
        let text = plan.program(&inputs, &mut Memory::default(), 6).to_string().replace("group/", "");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[test]
    fn a_grouped_example_has_the_same_program_and_ungrouped_it_is_the_example() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let patch = Patch::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
            let name = entry.file_name();
            // Every other node, the first half, all but the model.
            let all: Vec<&String> = patch.nodes.keys().collect();
            let sets: [BTreeSet<String>; 3] = [
                all.iter().step_by(2).map(|id| (*id).clone()).collect(),
                all[..all.len() / 2].iter().map(|id| (*id).clone()).collect(),
                all.iter().filter(|id| patch.nodes[**id].kind != "model.wan").map(|id| (*id).clone()).collect(),
            ];
            for ids in sets {
                let mut grouped = patch.clone();
                apply(&mut grouped, group(&patch, &ids).unwrap());
                // A random node has another stream under another id.
                let is_random = |id: &String| {
                    let kind = patch.nodes[id].kind.as_str();
                    ["noise", "walk", "hold", "renoise"].iter().any(|part| kind.contains(part))
                };
                if !ids.iter().any(is_random) {
                    assert_eq!(program(&grouped), program(&patch), "{name:?}: {ids:?}");
                    count += 1;
                }
                let back = ungroup(&grouped, "group").unwrap();
                apply(&mut grouped, back);
                assert_eq!(grouped.nodes, patch.nodes, "{name:?}");
                let sorted = |cables: &[Cable]| {
                    let mut cables: Vec<String> = cables.iter().map(|cable| format!("{cable:?}")).collect();
                    cables.sort();
                    cables
                };
                assert_eq!(sorted(&grouped.cables), sorted(&patch.cables), "{name:?}");
                assert_eq!((&grouped.maps, &grouped.snapshots), (&patch.maps, &patch.snapshots), "{name:?}");
                assert_eq!(grouped.definitions, patch.definitions, "{name:?}");
            }
        }
        assert!(count > 40, "{count} groups");
    }

    #[test]
    fn one_source_has_one_port_and_equal_names_get_the_id_of_their_node() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let ids = ["rotate".to_owned(), "map".to_owned(), "heat".to_owned()].into();
        let mut grouped = patch.clone();
        apply(&mut grouped, group(&patch, &ids).unwrap());
        let definition = &grouped.definitions["group"];
        let inputs: Vec<(&str, usize)> =
            definition.inputs.iter().map(|inlet| (inlet.name.as_str(), inlet.to.len())).collect();
        assert_eq!(inputs, [("target", 2), ("angle", 1), ("below", 1)]);
        let outputs: Vec<&str> = definition.outputs.iter().map(|outlet| outlet.name.as_str()).collect();
        assert_eq!(outputs, ["bends", "picture"]);
        assert!(group(&patch, &BTreeSet::new()).is_none() && ungroup(&patch, "rotate").is_none());
    }

    #[test]
    fn a_knob_is_exposed_and_hidden() {
        let mut patch = Patch::from_json(include_str!("../../../patches/chorus.json")).unwrap();
        let before = patch.clone();
        let name = definition_name(&patch, "two").unwrap().to_owned();
        let port: Port = "lfo.width".parse().unwrap();
        for count in [1, 0] {
            for edit in expose(&patch, &name, &port).unwrap().edits {
                patch.apply(edit).unwrap();
            }
            let has = |inlet: &&Inlet| inlet.to.contains(&port);
            assert_eq!(patch.definitions[&name].inputs.iter().filter(has).count(), count);
        }
        assert_eq!(patch, before);
        assert!(is_used(&patch, &name, "rate") && !is_used(&patch, &name, "no"));
        assert!(expose(&patch, "no", &port).is_none());
    }

    #[test]
    fn values_of_the_instance_come_back_and_other_instances_keep_the_subpatch() {
        let patch = Patch::from_json(include_str!("../../../patches/chorus.json")).unwrap();
        let mut open = patch.clone();
        open.nodes.get_mut("two").unwrap().params.insert("rate".to_owned(), json!(0.7));
        let regrouped = ungroup(&open, "two").unwrap();
        let lfo = regrouped.nodes.iter().find(|id| id.starts_with("lfo")).unwrap().clone();
        apply(&mut open, regrouped);
        assert_eq!(open.nodes[&lfo].params["rate"], json!(0.7));
        assert_eq!(open.definitions, patch.definitions, "two instances are left");
    }
}
