//! Which ports a node has, of which kinds, and which of them have a row.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::def::Input;
use bendrack_nodes::flat::INSTANCE;
use bendrack_nodes::patch::{Definition, Patch, Port};
use bendrack_nodes::value::Kind;

use crate::ui::canvas::face::Face;
use crate::ui::document::def_of;
use crate::ui::document::subpatch::{knob, output_within};

/// Ports by name.
type Named = Vec<(String, Kind)>;

/// Nodes that take anything, one behind the other, through which a kind is followed.
const MOST_PASSED: usize = 64;

/// The kind of a port; of one that takes anything, that of what arrives; of one that nobody declares, a number.
pub fn kind_of(patch: &Patch, id: &str, name: &str, output: bool) -> Kind {
    let (inputs, outputs) = ports(patch, id);
    let named = if output { outputs } else { inputs };
    named.into_iter().find(|(known, _)| known == name).map_or(Kind::Number, |(_, kind)| kind)
}

/// The ports of a node: of its kind or of its subpatch, or, if this bendrack does not know it, those that its cables speak of.
pub fn ports(patch: &Patch, id: &str) -> (Named, Named) {
    let Some(node) = patch.nodes.get(id) else { return Default::default() };
    if let Some(def) = def_of(&node.kind) {
        let anything = anything(patch, id);
        let kind = |kind| if kind == Kind::Any { anything } else { kind };
        let inputs = def.inputs.iter().map(|input| (input.name.to_owned(), kind(input.kind))).collect();
        let outputs = def.outputs.iter().map(|output| (output.name.to_owned(), kind(output.kind))).collect();
        return (inputs, outputs);
    }
    let definition = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name));
    definition.map_or_else(|| spoken_of(patch, id), |definition| ports_of(patch, id, definition))
}

/// The kind of the ports of a node that take anything: that of the first cable that arrives at one.
fn anything(patch: &Patch, id: &str) -> Kind {
    let mut node = id.to_owned();
    for _ in 0..MOST_PASSED {
        let def = patch.nodes.get(&node).and_then(|node| def_of(&node.kind));
        let anything = def.into_iter().flat_map(|def| def.inputs).filter(|input| input.kind == Kind::Any);
        let mut ports = anything.map(|input| Port { node: node.clone(), port: input.name.to_owned() });
        let Some(cable) = ports.find_map(|port| patch.cable_to(&port)) else { return Kind::Any };
        let from = patch.nodes.get(&cable.from.node).and_then(|node| def_of(&node.kind));
        match from.and_then(|def| def.output(&cable.from.port)) {
            Some((_, output)) if output.kind != Kind::Any => return output.kind,
            _ => node = cable.from.node.clone(),
        }
    }
    Kind::Any
}

/// The ports of an instance, each of the kind of the port within that it leads to.
fn ports_of(patch: &Patch, id: &str, definition: &Definition) -> (Named, Named) {
    let inputs = definition.inputs.iter().map(|inlet| {
        let within = knob(patch, id, &inlet.name);
        (inlet.name.clone(), within.map_or(Kind::Any, |(_, input)| input.kind))
    });
    let outputs = definition.outputs.iter().map(|outlet| {
        let kind = output_within(patch, &Port { node: id.to_owned(), port: outlet.name.clone() });
        (outlet.name.clone(), kind.unwrap_or(Kind::Any))
    });
    (inputs.collect(), outputs.collect())
}

/// The ports of a node that its cables speak of.
fn spoken_of(patch: &Patch, id: &str) -> (Named, Named) {
    let known = |port: &Port| patch.nodes.get(&port.node).and_then(|node| def_of(&node.kind));
    let (mut inputs, mut outputs) = (BTreeMap::new(), BTreeMap::new());
    for cable in &patch.cables {
        if cable.to.node == id {
            let kind = known(&cable.from).and_then(|def| def.output(&cable.from.port)).map(|(_, output)| output.kind);
            inputs.insert(cable.to.port.clone(), kind.unwrap_or(Kind::Number));
        }
        if cable.from.node == id {
            let kind = known(&cable.to).and_then(|def| def.input(&cable.to.port)).map(|(_, input)| input.kind);
            outputs.insert(cable.from.port.clone(), kind.unwrap_or(Kind::Number));
        }
    }
    (inputs.into_iter().collect(), outputs.into_iter().collect())
}

/// The inputs of a node that have a row. A node shows what has a cable, was turned, or cannot be set otherwise, and of the rest the
/// first few; `open` shows all.
pub fn shown_inputs(patch: &Patch, id: &str, open: bool) -> Named {
    const ROWS: usize = 5;
    let (inputs, _) = ports(patch, id);
    match Face::of(patch, id) {
        Face::Note => return Vec::new(),
        // What a scope is told stands in its drawing.
        Face::Scope if !open => {
            let wired = |name: &str| patch.cables.iter().any(|cable| cable.to.node == id && cable.to.port == name);
            return inputs.into_iter().filter(|(name, _)| name == "in" || wired(name)).collect();
        }
        _ => {}
    }
    let Some(node) = patch.nodes.get(id) else { return inputs };
    if open || inputs.len() <= ROWS + 1 {
        return inputs;
    }
    let wired: BTreeSet<&str> =
        patch.cables.iter().filter(|cable| cable.to.node == id).map(|cable| cable.to.port.as_str()).collect();
    let mut free = ROWS;
    let keep = |(name, kind): &(String, Kind)| {
        let must = wired.contains(name.as_str())
            || node.params.contains_key(name)
            || !matches!(kind, Kind::Number | Kind::Gate | Kind::Text);
        let keep = must || free > 0;
        free = free.saturating_sub(usize::from(keep));
        keep
    };
    inputs.into_iter().filter(keep).collect()
}

/// The declaration of an input; of an instance, that of the input within that it feeds.
pub fn input_of(patch: &Patch, id: &str, name: &str) -> Option<&'static Input> {
    knob(patch, id, name).map(|(_, input)| input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_many_inputs_shows_few_and_what_has_a_cable() {
        let mut patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let names = |patch: &Patch, open| {
            shown_inputs(patch, "lfo", open).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert!(names(&patch, false).len() <= 6);
        assert_eq!(names(&patch, true).len(), def_of("modulate.lfo").unwrap().inputs.len());
        patch.cables.push(bendrack_nodes::patch::Cable::new("map.x".parse().unwrap(), "lfo.reset".parse().unwrap()));
        assert!(names(&patch, false).contains(&"reset".to_owned()));
    }
}
