//! Subpatches: the definition of an instance, the nodes behind its ports, its title.

pub use bendrack_nodes::address::resolve_input;
use bendrack_nodes::compile::plan::{DEFAULT_DEPTH, MOST_NESTED};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::INSTANCE;
use bendrack_nodes::patch::{Definition, Node, Patch, Port};
use serde_json::Value as Json;

use super::def_of;

/// The definition of the subpatch that a node is an instance of.
pub fn definition_of<'p>(patch: &'p Patch, id: &str) -> Option<&'p Definition> {
    patch.definitions.get(definition_name(patch, id)?)
}

/// The name of the subpatch that a node is an instance of.
pub fn definition_name<'p>(patch: &'p Patch, id: &str) -> Option<&'p str> {
    patch.nodes.get(id)?.kind.strip_prefix(INSTANCE)
}

/// A subpatch as a patch of its own.
pub fn as_patch(patch: &Patch, definition: &Definition) -> Patch {
    Patch {
        nodes: definition.nodes.clone(),
        cables: definition.cables.clone(),
        layout: definition.layout.clone(),
        definitions: patch.definitions.clone(),
        engine: patch.engine.clone(),
        ..Patch::default()
    }
}

/// The value of a knob or field. An instance without its own value has that of the subpatch.
pub fn value_of<'p>(patch: &'p Patch, id: &str, name: &str) -> Option<&'p Json> {
    let own = patch.nodes.get(id)?.params.get(name);
    own.or_else(|| resolve_input(patch, id, name).and_then(|(node, input)| node.params.get(input.name)))
}

/// The modulation depth of an input.
pub fn depth(patch: &Patch, port: &Port) -> f64 {
    let own = patch.nodes.get(&port.node).and_then(|node| node.depths.get(&port.port));
    let within = || resolve_input(patch, &port.node, &port.port).and_then(|(node, input)| node.depths.get(input.name));
    own.or_else(within).copied().unwrap_or(DEFAULT_DEPTH)
}

/// The id in the plan of the node behind an output, and the name of its output. In an instance the id is
/// `instance/node`.
pub fn resolve_output(patch: &Patch, port: &Port) -> Option<(String, String)> {
    outlet(patch, port).map(|(_, path, name)| (path, name))
}

/// The id in the plan of the node behind an output.
pub fn output_node(patch: &Patch, port: &Port) -> Option<String> {
    outlet(patch, port).map(|(_, path, _)| path)
}

/// The id in the plan of the node behind an input; of an instance, the first one that it feeds.
pub fn input_node(patch: &Patch, port: &Port) -> Option<String> {
    let (mut node, mut path, mut name) = (patch.nodes.get(&port.node)?, port.node.clone(), &port.port);
    for _ in 0..=MOST_NESTED {
        let Some(definition) = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name)) else {
            return Some(path);
        };
        let inner = definition.inputs.iter().find(|inlet| inlet.name == *name)?.to.first()?;
        (node, name) = (definition.nodes.get(&inner.node)?, &inner.port);
        path = format!("{path}/{}", inner.node);
    }
    None
}

/// The kind of the values on an output.
pub fn output_kind(patch: &Patch, port: &Port) -> Option<Kind> {
    let (node, _, name) = outlet(patch, port)?;
    def_of(&node.kind)?.output(&name).map(|(_, output)| output.kind)
}

fn outlet<'p>(patch: &'p Patch, port: &Port) -> Option<(&'p Node, String, String)> {
    let (mut node, mut path) = (patch.nodes.get(&port.node)?, port.node.clone());
    let mut name = port.port.as_str();
    for _ in 0..=MOST_NESTED {
        let Some(definition) = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name)) else {
            return Some((node, path, name.to_owned()));
        };
        let outlet = definition.outputs.iter().find(|outlet| outlet.name == name)?;
        node = definition.nodes.get(&outlet.from.node)?;
        path = format!("{path}/{}", outlet.from.node);
        name = &outlet.from.port;
    }
    None
}

/// The title of a node: its own, else that of its kind, else that of its subpatch.
pub fn title<'p>(patch: &'p Patch, id: &'p str) -> &'p str {
    let Some(node) = patch.nodes.get(id) else { return id };
    let own = Some(node.title.as_str()).filter(|title| !title.is_empty());
    let kind = || def_of(&node.kind).map(|def| def.title);
    let within =
        || definition_of(patch, id).map(|definition| definition.title.as_str()).filter(|title| !title.is_empty());
    own.or_else(kind).or_else(within).unwrap_or_else(|| node.kind.strip_prefix(INSTANCE).unwrap_or(&node.kind))
}

/// The number of instances of a subpatch in a patch; those in subpatches count once each.
pub fn instances(patch: &Patch, name: &str) -> usize {
    let within = patch.definitions.values().flat_map(|definition| definition.nodes.values());
    let all = patch.nodes.values().chain(within);
    all.filter(|node| node.kind.strip_prefix(INSTANCE) == Some(name)).count()
}

/// The prefix of the ids in the plan for the nodes of the last of these nested instances.
pub fn prefix(path: &[String]) -> String {
    path.iter().flat_map(|id| [id.as_str(), "/"]).collect()
}
