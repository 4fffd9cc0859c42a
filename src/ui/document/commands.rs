//! Steps for the commands of the window. Each function reads a patch and returns the step; it changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::library::control::knob;
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, Edit, INSTANCE, LevelEdit, Node, Patch, Port};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value as Json, json};

use super::subpatch::value_of;
use super::{Step, def_of};
use crate::ui::theme;

/// Sets a parameter, or resets it with `None`.
pub fn set_param(verb: &str, id: &str, name: &str, value: Option<Json>) -> Step<LevelEdit> {
    let edit = LevelEdit::SetParam { id: id.to_owned(), name: name.to_owned(), value };
    Step::merging(format!("{verb} {name} of {id}"), vec![edit])
}

/// Sets the modulation depth of an input, or resets it with `None`.
pub fn set_depth(id: &str, name: &str, depth: Option<f64>) -> Step<LevelEdit> {
    let edit = LevelEdit::SetDepth { id: id.to_owned(), name: name.to_owned(), depth };
    Step::merging(format!("depth of {id}.{name}"), vec![edit])
}

/// Mutes the cable of an input, or unmutes it; none without a cable.
pub fn toggle_mute(patch: &Patch, to: &Port) -> Option<Step<LevelEdit>> {
    let mute = !patch.cable_to(to)?.mute;
    let verb = if mute { "mute" } else { "unmute" };
    Some(Step::new(format!("{verb} {to}"), vec![LevelEdit::Mute { to: to.clone(), mute }]))
}

/// Unplugs the cable of an input.
pub fn unplug(to: &Port) -> Step<LevelEdit> {
    Step::new(format!("disconnect {to}"), vec![LevelEdit::Disconnect { to: to.clone() }])
}

/// Bypasses these nodes, or ends the bypass if all of them are bypassed.
pub fn toggle_bypass(patch: &Patch, ids: &BTreeSet<String>) -> Step<LevelEdit> {
    let nodes = || ids.iter().filter_map(|id| Some((id, patch.nodes.get(id)?)));
    let bypass = nodes().any(|(_, node)| !node.bypass);
    Step::new("bypass", nodes().map(|(id, _)| LevelEdit::Bypass { id: id.clone(), bypass }).collect())
}

/// Deletes these nodes, and heals the cables: what passed through a node, as in a bypass, now goes past it.
pub fn delete(patch: &Patch, ids: &BTreeSet<String>) -> Step<LevelEdit> {
    let known = ids.iter().filter(|id| patch.nodes.contains_key(*id));
    let mut edits: Vec<LevelEdit> = known.map(|id| LevelEdit::RemoveNode { id: id.clone() }).collect();
    let name = match edits.len() {
        1 => format!("delete {}", ids.iter().next().map_or("", String::as_str)),
        count => format!("delete {count} nodes"),
    };
    for cable in patch.cables.iter().filter(|cable| ids.contains(&cable.from.node) && !ids.contains(&cable.to.node)) {
        if let Some(from) = behind(patch, ids, &cable.from) {
            edits.push(LevelEdit::Connect { cable: Cable { from, ..cable.clone() } });
        }
    }
    Step::new(name, edits)
}

/// The output of a node that stays, whose value reaches an output of nodes that go by their bypasses.
fn behind(patch: &Patch, ids: &BTreeSet<String>, output: &Port) -> Option<Port> {
    let mut output = output.clone();
    // A chain passes each node once; feedback has no beginning.
    for _ in 0..=ids.len() {
        if !ids.contains(&output.node) {
            return Some(output);
        }
        let (_, declared) = def_of(&patch.nodes.get(&output.node)?.kind)?.output(&output.port)?;
        let input = Port { node: output.node, port: declared.passes?.to_owned() };
        output = patch.cable_to(&input).filter(|cable| !cable.mute)?.from.clone();
    }
    None
}

/// Moves the knobs of these nodes without cables towards random places of their travel, which depend on a seed: by an amount of the way, 0
/// to 1. A choice changes in that share of cases. Ranges stay ranges, and locked knobs stay where they are.
pub fn randomise(patch: &Patch, ids: &BTreeSet<String>, seed: u64, amount: f64) -> Step<LevelEdit> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut edits = Vec::new();
    for (id, def) in ids.iter().filter_map(|id| Some((id, def_of(&patch.nodes.get(id)?.kind)?))) {
        let mut values = BTreeMap::new();
        for input in def.inputs.iter().filter(|input| input.kind == Kind::Number && !input.direct && !input.unique) {
            let place = f64::from(random.next_u32()) / f64::from(u32::MAX);
            let port = Port { node: id.clone(), port: input.name.to_owned() };
            let chance = f64::from(random.next_u32()) / f64::from(u32::MAX);
            if patch.cable_to(&port).is_some() || patch.stage.locked.contains(&port) {
                continue;
            }
            let value = match input.choices.len() {
                0 => {
                    let now = value_of(patch, id, input.name)
                        .and_then(Json::as_f64)
                        .unwrap_or_else(|| input.default_number());
                    let from = input.part_at(now);
                    json!(input.step_at(from + (place - from) * amount))
                }
                _ if chance >= amount => continue,
                count => json!(input.choices[((place * count as f64) as usize).min(count - 1)]),
            };
            values.insert(input.name, value);
        }
        for (first, last) in def.inputs.iter().filter_map(|input| Some((input.begins?, input.name))) {
            let number = |name: &str| values.get(name)?.as_f64();
            if let (Some(low), Some(high)) = (number(first), number(last))
                && low > high
            {
                values.extend([(first, json!(high)), (last, json!(low))]);
            }
        }
        let edit = |(name, value): (&str, Json)| LevelEdit::SetParam {
            id: id.clone(),
            name: name.to_owned(),
            value: Some(value),
        };
        edits.extend(values.into_iter().map(edit));
    }
    Step::new("randomise knobs", edits)
}

/// Moves nodes to the least place of all along an axis, 0 for x and 1 for y. Nodes that would cover one another keep their order, side by
/// side.
pub fn align(patch: &Patch, ids: &BTreeSet<String>, axis: usize) -> Step<LevelEdit> {
    let mut places: Vec<(&String, [f64; 2])> =
        ids.iter().filter_map(|id| Some((id, patch.layout.get(id)?.pos))).collect();
    let least = places.iter().map(|(_, pos)| pos[axis]).fold(f64::INFINITY, f64::min);
    let other = 1 - axis;
    places.sort_by(|a, b| a.1[other].total_cmp(&b.1[other]));
    // The size of a node along the other axis, at least.
    let room = [f64::from(theme::NODE_WIDTH), 6.0 * f64::from(theme::ROW)][other] + theme::GAP[other];
    let mut next = f64::NEG_INFINITY;
    let edits = places.into_iter().map(|(id, mut pos)| {
        pos[axis] = least;
        pos[other] = pos[other].max(next);
        next = pos[other] + room;
        LevelEdit::Move { id: id.clone(), pos }
    });
    Step::new("align", edits.collect())
}

/// Sets the title of a node; an empty one is that of its kind.
pub fn set_title(id: &str, title: &str) -> Step<LevelEdit> {
    let edit = LevelEdit::SetTitle { id: id.to_owned(), title: title.to_owned() };
    Step::merging(format!("rename {id}"), vec![edit])
}

/// Links two knobs to one source: that of the first if it has a cable, or is the knob of a source itself; else a new knob at `place`, which
/// covers the travel of both. None if the second knob follows the source already, or would be its own source.
pub fn link(
    patch: &Patch,
    (from, of_from): (&Port, &Input),
    (to, of_to): (&Port, &Input),
    place: [f64; 2],
) -> Option<Step<LevelEdit>> {
    let name = format!("link {to} to {from}");
    let is_source = patch.nodes.get(&from.node)?.kind == knob::NODE.name;
    let out = |node: &str| Port { node: node.to_owned(), port: knob::NODE.outputs[0].name.to_owned() };
    let known = patch.cable_to(from).map(|cable| cable.from.clone()).or_else(|| is_source.then(|| out(&from.node)));
    if let Some(source) = known {
        let is_there = patch.cable_to(to).is_some_and(|cable| cable.from == source);
        let connect = LevelEdit::Connect { cable: Cable::new(source.clone(), to.clone()) };
        return (!is_there && source.node != to.node).then(|| Step::new(name, vec![connect]));
    }
    let value =
        value_of(patch, &from.node, &from.port).and_then(Json::as_f64).unwrap_or_else(|| of_from.default_number());
    let id = patch.free_id("knob");
    let input = knob::NODE.inputs[0].name.to_owned();
    let node = Node { params: [(input, json!(of_from.part_at(value)))].into(), ..Node::new(knob::NODE.name) };
    let mut edits = vec![LevelEdit::AddNode { id: id.clone(), node, pos: place }];
    for (port, input) in [(from, of_from), (to, of_to)] {
        let Port { node, port: name } = port.clone();
        edits.push(LevelEdit::SetParam { id: node.clone(), name: name.clone(), value: Some(json!(input.soft.0)) });
        edits.push(LevelEdit::Connect { cable: Cable::new(out(&id), port.clone()) });
        if !input.direct {
            edits.push(LevelEdit::SetDepth { id: node, name, depth: Some(1.0) });
        }
    }
    Some(Step::new(name, edits))
}

/// Inserts a node into the cable that ends at an input; none if the node has no ports for it, or has cables there.
pub fn insert(patch: &Patch, id: &str, to: &Port) -> Option<Step<LevelEdit>> {
    let cable = patch.cable_to(to)?.clone();
    let [source, target] = [&cable.from, to].map(|port| def_of(&patch.nodes.get(&port.node)?.kind));
    let (_, from) = source?.output(&cable.from.port)?;
    let (_, end) = target?.input(&to.port)?;
    let def = def_of(&patch.nodes.get(id)?.kind)?;
    if cable.from.node == id || to.node == id {
        return None;
    }
    let (input, output) = through(def, from.kind, end.kind)?;
    let port = |name: &str| Port { node: id.to_owned(), port: name.to_owned() };
    if patch.cable_to(&port(input)).is_some() {
        return None;
    }
    let edits = vec![
        LevelEdit::Connect { cable: Cable { to: port(input), mute: false, ..cable.clone() } },
        LevelEdit::Connect { cable: Cable { from: port(output), ..cable } },
    ];
    Some(Step::new(format!("insert {id}"), edits))
}

/// The input and output of a node for a cable between these kinds: preferably those that its bypass connects.
pub fn through(def: &NodeDef, from: Kind, to: Kind) -> Option<(&'static str, &'static str)> {
    let fits_input = |input: &Input| input.kind.accepts(from);
    let outputs = || def.outputs.iter().filter(|output| to.accepts(output.kind));
    let passing = outputs().find_map(|output| {
        let (_, input) = def.input(output.passes?)?;
        fits_input(input).then_some((input.name, output.name))
    });
    let same =
        || def.inputs.iter().find(|input| input.kind == from).or_else(|| def.inputs.iter().find(|i| fits_input(i)));
    passing.or_else(|| Some((same()?.name, outputs().next()?.name)))
}

/// The text of these nodes as a patch: with the cables between them, their places, and their subpatches.
pub fn copy(patch: &Patch, ids: &BTreeSet<String>) -> Option<String> {
    let nodes: BTreeMap<String, Node> =
        patch.nodes.iter().filter(|(id, _)| ids.contains(*id)).map(|(id, node)| (id.clone(), node.clone())).collect();
    if nodes.is_empty() {
        return None;
    }
    let is_inside = |cable: &&Cable| ids.contains(&cable.from.node) && ids.contains(&cable.to.node);
    let layout = patch.layout.iter().filter(|(id, _)| ids.contains(*id));
    let mut copied = Patch {
        cables: patch.cables.iter().filter(is_inside).cloned().collect(),
        layout: layout.map(|(id, place)| (id.clone(), place.clone())).collect(),
        nodes,
        ..Patch::default()
    };
    let mut wanted: Vec<String> = copied.nodes.values().filter_map(subpatch_of).collect();
    while let Some(name) = wanted.pop() {
        if let Some(definition) = patch.definitions.get(&name).filter(|_| !copied.definitions.contains_key(&name)) {
            wanted.extend(definition.nodes.values().filter_map(subpatch_of));
            copied.definitions.insert(name, definition.clone());
        }
    }
    Some(copied.to_json())
}

fn subpatch_of(node: &Node) -> Option<String> {
    node.kind.strip_prefix(INSTANCE).map(str::to_owned)
}

/// The edits that add the nodes of another patch at a place, with new ids, and the ids. Subpatches that the patch lacks are added; one
/// of the same name stays as it is.
pub fn paste(patch: &Patch, pasted: &Patch, at: [f64; 2]) -> (Vec<Edit>, Vec<LevelEdit>, BTreeSet<String>) {
    let missing = pasted.definitions.iter().filter(|(name, _)| !patch.definitions.contains_key(*name));
    let definitions = missing.map(|(name, definition)| Edit::SetDefinition {
        id: name.clone(),
        definition: Some(Box::new(definition.clone())),
    });
    let mut taken = patch.clone();
    let corner = |axis: usize| {
        let places = pasted.nodes.keys().map(|id| pasted.layout.get(id).map_or(0.0, |place| place.pos[axis]));
        places.fold(f64::INFINITY, f64::min)
    };
    let origin = [corner(0), corner(1)];
    let (mut ids, mut edits) = (BTreeMap::new(), Vec::new());
    for (index, (id, node)) in pasted.nodes.iter().enumerate() {
        let new = if taken.nodes.contains_key(id) {
            taken.free_id(id.trim_end_matches(|c: char| c.is_ascii_digit()))
        } else {
            id.clone()
        };
        // Nodes without places lie in a row.
        let beside = [index as f64 * 240.0, 0.0];
        let place = pasted.layout.get(id).map_or(beside, |place| [place.pos[0] - origin[0], place.pos[1] - origin[1]]);
        taken.nodes.insert(new.clone(), node.clone());
        let pos = [at[0] + place[0], at[1] + place[1]];
        edits.push(LevelEdit::AddNode { id: new.clone(), node: node.clone(), pos });
        ids.insert(id.clone(), new);
    }
    for cable in &pasted.cables {
        if let (Some(from), Some(to)) = (ids.get(&cable.from.node), ids.get(&cable.to.node)) {
            let mut cable = cable.clone();
            cable.from.node.clone_from(from);
            cable.to.node.clone_from(to);
            edits.push(LevelEdit::Connect { cable });
        }
    }
    (definitions.collect(), edits, ids.into_values().collect())
}

/// Deletes a frame; its nodes stay. None if there is no frame with this index.
pub fn delete_frame(patch: &Patch, index: usize) -> Option<Step> {
    let mut frames = patch.frames.clone();
    if index >= frames.len() {
        return None;
    }
    frames.remove(index);
    Some(Step::new("delete frame", vec![Edit::SetFrames { frames }]))
}

/// Duplicates these nodes with the cables between them and, with `incoming`, the cables from other nodes. Also returns
/// the ids of the copies.
pub fn duplicate(patch: &Patch, ids: &BTreeSet<String>, incoming: bool) -> (Step<LevelEdit>, BTreeSet<String>) {
    let mut taken = patch.clone();
    let (mut copies, mut edits) = (BTreeMap::new(), Vec::new());
    for (id, node) in ids.iter().filter_map(|id| Some((id, patch.nodes.get(id)?))) {
        let copy = taken.free_id(id.trim_end_matches(|c: char| c.is_ascii_digit()));
        let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
        taken.nodes.insert(copy.clone(), node.clone());
        edits.push(LevelEdit::AddNode { id: copy.clone(), node: node.clone(), pos: [x + 32.0, y + 32.0] });
        copies.insert(id, copy);
    }
    for cable in &patch.cables {
        let Some(to) = copies.get(&cable.to.node) else { continue };
        let from = copies.get(&cable.from.node).or(incoming.then_some(&cable.from.node));
        if let Some(from) = from {
            let mut cable = cable.clone();
            cable.from.node.clone_from(from);
            cable.to.node.clone_from(to);
            edits.push(LevelEdit::Connect { cable });
        }
    }
    (Step::new("duplicate", edits), copies.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    fn ids(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn apply(patch: &mut Patch, edits: Vec<LevelEdit>) {
        for edit in edits {
            patch.apply(edit).unwrap();
        }
    }

    fn source(patch: &Patch, to: &str) -> Option<String> {
        patch.cable_to(&to.parse().unwrap()).map(|cable| cable.from.to_string())
    }

    #[test]
    fn a_deleted_node_is_passed_as_in_a_bypass() {
        let mut patch = first_bend();
        // Heat passes `below`, the compositor `a`.
        let edits = delete(&patch, &ids(&["heat"])).edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "beside.b").as_deref(), Some("wan.picture"));
        let edits = delete(&patch, &ids(&["beside"])).edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "screen.picture").as_deref(), Some("wan.picture"));
        let mut patch = first_bend();
        let edits = delete(&patch, &ids(&["heat", "beside"])).edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "screen.picture").as_deref(), Some("wan.picture"), "through a chain");
        let mut patch = first_bend();
        let edits = delete(&patch, &ids(&["lfo"])).edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "rotate.angle"), None, "an LFO passes nothing");
    }

    #[test]
    fn a_node_is_inserted_into_a_cable_by_its_bypass() {
        let mut patch = first_bend();
        patch.nodes.insert("slew".to_owned(), Node::new("modulate.slew"));
        let to: Port = "rotate.angle".parse().unwrap();
        let edits = insert(&patch, "slew", &to).unwrap().edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "rotate.angle").as_deref(), Some("slew.out"));
        assert_eq!(source(&patch, "slew.in").as_deref(), Some("lfo.out"));
        assert!(insert(&patch, "slew", &to).is_none(), "it has a cable");
        assert!(insert(&patch, "screen", &to).is_none(), "a screen passes no number");
        patch.nodes.insert("gain".to_owned(), Node::new("bend.gain"));
        let edits = insert(&patch, "gain", &"wan.bends".parse().unwrap()).unwrap().edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "wan.bends").as_deref(), Some("gain.bends"));
        assert_eq!(source(&patch, "gain.bends").as_deref(), Some("rotate.bends"));
    }

    #[test]
    fn linked_knobs_have_one_source() {
        let mut patch = first_bend();
        let port = |text: &str| text.parse::<Port>().unwrap();
        let input =
            |patch: &Patch, port: &Port| crate::ui::document::ports::input_of(patch, &port.node, &port.port).unwrap();
        let link = |patch: &Patch, from: &str, to: &str| {
            let (from, to) = (port(from), port(to));
            super::link(patch, (&from, input(patch, &from)), (&to, input(patch, &to)), [0.0; 2])
        };
        let edits = link(&patch, "rotate.amount", "lfo.rate").unwrap().edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "rotate.amount").as_deref(), Some("knob.out"));
        assert_eq!(source(&patch, "lfo.rate").as_deref(), Some("knob.out"));
        assert_eq!(patch.nodes["knob"].params["value"], json!(1.0), "the amount was at its end");
        assert!(link(&patch, "rotate.amount", "lfo.rate").is_none(), "they are linked");
        assert!(link(&patch, "lfo.rate", "knob.value").is_none(), "its own source");
        // The source of a cable, or the knob of a source, serves others too.
        let edits = link(&patch, "rotate.angle", "rotate.amount").unwrap().edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "rotate.amount"), source(&patch, "rotate.angle"));
        let edits = link(&patch, "knob.value", "lfo.offset").unwrap().edits;
        apply(&mut patch, edits);
        assert_eq!(source(&patch, "lfo.offset").as_deref(), Some("knob.out"));
    }

    #[test]
    fn aligned_nodes_share_an_edge_and_cover_no_other() {
        let mut patch = first_bend();
        let names = ["lfo", "rotate", "word", "heat"];
        let edits = align(&patch, &ids(&names), 0).edits;
        apply(&mut patch, edits);
        let places = names.map(|id| patch.layout[id].pos);
        assert!(places.iter().all(|pos| pos[0] == places[0][0]), "{places:?}");
        let mut rows = places.map(|pos| pos[1]);
        rows.sort_by(f64::total_cmp);
        assert!(rows.windows(2).all(|pair| pair[1] - pair[0] >= 144.0), "{rows:?}");
    }

    #[test]
    fn copied_nodes_are_a_patch_that_any_patch_takes() {
        let mut patch = first_bend();
        let text = copy(&patch, &ids(&["lfo", "rotate", "word"])).unwrap();
        let pasted = Patch::from_json(&text).unwrap();
        assert_eq!((pasted.nodes.len(), pasted.cables.len()), (3, 2));
        let before = patch.clone();
        let (definitions, edits, new) = paste(&patch, &pasted, [100.0, 200.0]);
        assert!(definitions.is_empty());
        apply(&mut patch, edits);
        assert_eq!(new, ids(&["lfo2", "rotate2", "word2"]));
        assert_eq!(source(&patch, "rotate2.angle").as_deref(), Some("lfo2.out"));
        assert_eq!(patch.nodes["lfo2"], before.nodes["lfo"]);
        let left = new.iter().map(|id| patch.layout[id].pos[0]).fold(f64::INFINITY, f64::min);
        assert_eq!(left, 100.0);
        assert!(copy(&patch, &ids(&["no"])).is_none());
        // A whole patch, into an empty one.
        let mut empty = Patch::default();
        let (_, edits, _) = paste(&empty, &before, [0.0, 0.0]);
        apply(&mut empty, edits);
        assert_eq!((&empty.nodes, &empty.cables), (&before.nodes, &before.cables));
    }

    #[test]
    fn a_copied_instance_brings_its_subpatch() {
        let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": { "a": { "type": "sub.outer" } },
            "definitions": { "outer": { "nodes": { "b": { "type": "sub.inner" } } },
                "inner": { "nodes": { "lfo": { "type": "modulate.lfo" } } }, "other": { "nodes": {} } } }"#;
        let patch = Patch::from_json(text).unwrap();
        let pasted = Patch::from_json(&copy(&patch, &ids(&["a"])).unwrap()).unwrap();
        assert_eq!(pasted.definitions.keys().collect::<Vec<_>>(), ["inner", "outer"]);
        let (definitions, ..) = paste(&Patch::default(), &pasted, [0.0; 2]);
        assert_eq!(definitions.len(), 2);
        let (definitions, ..) = paste(&patch, &pasted, [0.0; 2]);
        assert_eq!(definitions.len(), 0, "they are there");
    }
}
