//! Limits of a node: the target nodes before it, edited by painting layers and bands of neurons. Pure functions of a patch.

use std::collections::BTreeSet;

use bendrack_nodes::grammar::layers;
use bendrack_nodes::library::target::schedule;
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Port};
use bendrack_nodes::program::target::Selection;
use serde_json::Value as Json;

use super::arrange::place_beside;
use super::{Step, def_of};

/// The input of a node that takes a target.
pub fn target_input(patch: &Patch, id: &str) -> Option<Port> {
    let def = def_of(&patch.nodes.get(id)?.kind)?;
    socket(def).map(|input| Port { node: id.to_owned(), port: input.name.to_owned() })
}

fn socket(def: &NodeDef) -> Option<&Input> {
    def.inputs.iter().find(|input| input.kind == Kind::Target)
}

/// The nodes that the targets of a node reach: itself, and what follows through cables of targets.
pub fn reached(patch: &Patch, id: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([id.to_owned()]);
    let mut next = vec![id.to_owned()];
    while let Some(id) = next.pop() {
        let is_target = |cable: &&Cable| {
            let def = patch.nodes.get(&id).and_then(|node| def_of(&node.kind));
            let output = def.and_then(|def| def.output(&cable.from.port));
            cable.from.node == id && output.is_some_and(|(_, output)| output.kind == Kind::Target)
        };
        for cable in patch.cables.iter().filter(is_target) {
            if found.insert(cable.to.node.clone()) {
                next.push(cable.to.node.clone());
            }
        }
    }
    found
}

/// The node of a kind that limits a node: itself, or the one whose target goes straight into it.
pub fn limiter<'p>(patch: &'p Patch, id: &str, def: &NodeDef) -> Option<(&'p str, &'p Node)> {
    let of_kind = |id: &str| patch.nodes.get_key_value(id).filter(|(_, node)| node.kind == def.name);
    let before = || of_kind(&patch.cable_to(&target_input(patch, id)?)?.from.node);
    of_kind(id).or_else(before).map(|(id, node)| (id.as_str(), node))
}

/// The layers of each step that a schedule leaves to a node; none without a schedule, or with a damaged one.
pub fn schedule_of(patch: &Patch, id: &str) -> Option<Selection> {
    let (_, node) = limiter(patch, id, &schedule::NODE)?;
    let text = node.params.get(schedule::LAYERS.name).and_then(Json::as_str).unwrap_or_default();
    layers::parse(text).ok()
}

/// The step that limits a node by a target node of a kind with these parameters: the one before it, or a new one. None for a node without
/// targets. Consecutive steps of one name are one gesture.
pub fn limit(
    patch: &Patch,
    id: &str,
    def: &NodeDef,
    name: String,
    params: Vec<(&str, Json)>,
) -> Option<Step<LevelEdit>> {
    let set = |id: &str| {
        let id = id.to_owned();
        move |(name, value): (&str, Json)| LevelEdit::SetParam {
            id: id.clone(),
            name: name.to_owned(),
            value: Some(value),
        }
    };
    if let Some((own, _)) = limiter(patch, id, def) {
        return Some(Step::merging(name, params.into_iter().map(set(own)).collect()));
    }
    let to = target_input(patch, id)?;
    let stem = def.name.rsplit('.').next().unwrap_or(def.name);
    let new = patch.free_id(stem);
    let port = |name: &str| Port { node: new.clone(), port: name.to_owned() };
    let (within, out) = (socket(def)?, def.outputs.first()?);
    let mut edits =
        vec![LevelEdit::AddNode { id: new.clone(), node: Node::new(def.name), pos: place_beside(patch, id) }];
    edits.extend(params.into_iter().map(set(&new)));
    if let Some(cable) = patch.cable_to(&to) {
        edits.push(LevelEdit::Connect { cable: Cable { to: port(within.name), ..cable.clone() } });
    }
    edits.push(LevelEdit::Connect { cable: Cable::new(port(out.name), to) });
    Some(Step::merging(name, edits))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    fn paint(patch: &mut Patch, id: &str, text: &str) {
        let params = vec![(schedule::LAYERS.name, json!(text))];
        let step = limit(patch, id, &schedule::NODE, "paint".into(), params).unwrap();
        step.edits.into_iter().for_each(|edit| drop(patch.apply(edit).unwrap()));
    }

    #[test]
    fn a_painted_schedule_stands_between_a_node_and_its_target() {
        let mut patch = first_bend();
        let before = patch.cable_to(&target_input(&patch, "rotate").unwrap()).unwrap().from.clone();
        assert_eq!(schedule_of(&patch, "rotate"), None);
        paint(&mut patch, "rotate", "0: 2");
        let input = |port: &str| patch.cable_to(&port.parse().unwrap()).map(|cable| cable.from.to_string());
        assert_eq!(input("rotate.target").as_deref(), Some("schedule.target"));
        assert_eq!(input("schedule.within"), Some(before.to_string()));
        let nodes = patch.nodes.len();
        paint(&mut patch, "rotate", "1: 3");
        paint(&mut patch, "schedule", "1-2: 3");
        assert_eq!(patch.nodes.len(), nodes, "the same schedule");
        assert_eq!(schedule_of(&patch, "rotate").unwrap().to_string(), "steps 1-2, layers 3, pass denoise");
        assert!(reached(&patch, "schedule").contains("rotate"));
        assert!(limit(&patch, "lfo", &schedule::NODE, "paint".into(), Vec::new()).is_none(), "no target");
    }

    #[test]
    fn a_target_reaches_every_bend_and_tap_behind_it() {
        let patch = first_bend();
        let reached = reached(&patch, "word");
        assert!(reached.contains("rotate") && reached.contains("map") && !reached.contains("wan"), "{reached:?}");
    }
}
