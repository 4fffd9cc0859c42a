//! Steps for the commands of the window. Each function reads a patch and returns the step; it changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::patch::{Edit, LevelEdit, Patch, Port};
use serde_json::Value as Json;

use super::Step;

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

/// Deletes these nodes.
pub fn delete(patch: &Patch, ids: &BTreeSet<String>) -> Step<LevelEdit> {
    let known = ids.iter().filter(|id| patch.nodes.contains_key(*id));
    let edits: Vec<LevelEdit> = known.map(|id| LevelEdit::RemoveNode { id: id.clone() }).collect();
    let name = match edits.len() {
        1 => format!("delete {}", ids.iter().next().map_or("", String::as_str)),
        count => format!("delete {count} nodes"),
    };
    Step::new(name, edits)
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
