//! The ports of nodes and their kinds.

use std::collections::BTreeMap;

use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::INSTANCE;
use bendrack_nodes::patch::{Definition, Patch, Port};

use super::def_of;
use super::subpatch::{output_kind, resolve_input};

/// Ports by name.
pub type Named = Vec<(String, Kind)>;

/// The longest chain of nodes with ports of any kind through which a kind is followed.
const MOST_PASSED: usize = 64;

/// The kinds of all ports of a patch.
#[derive(Default)]
pub struct PortKinds(BTreeMap<String, (Named, Named)>);

impl PortKinds {
    /// The kinds in this patch.
    pub fn new(patch: &Patch) -> Self {
        Self(patch.nodes.keys().map(|id| (id.clone(), ports(patch, id))).collect())
    }

    /// The kind of a port: of a port of any kind, the kind of its cable; of an unknown port, a number.
    pub fn get(&self, id: &str, name: &str, output: bool) -> Kind {
        let named = self.0.get(id).map(|(inputs, outputs)| if output { outputs } else { inputs });
        let port = named.into_iter().flatten().find(|(known, _)| known == name);
        port.map_or(Kind::Number, |(_, kind)| *kind)
    }
}

/// The inputs and outputs of a node, from its definition or subpatch; of an unknown node, the ports with cables.
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
    definition.map_or_else(|| wired_ports(patch, id), |definition| ports_of(patch, id, definition))
}

/// The kind that the any-kind ports of a node take: the kind of the first cable into one of them.
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

/// The ports of an instance, with the kinds of the ports behind them.
fn ports_of(patch: &Patch, id: &str, definition: &Definition) -> (Named, Named) {
    let inputs = definition.inputs.iter().map(|inlet| {
        let within = resolve_input(patch, id, &inlet.name);
        (inlet.name.clone(), within.map_or(Kind::Any, |(_, input)| input.kind))
    });
    let outputs = definition.outputs.iter().map(|outlet| {
        let kind = output_kind(patch, &Port { node: id.to_owned(), port: outlet.name.clone() });
        (outlet.name.clone(), kind.unwrap_or(Kind::Any))
    });
    (inputs.collect(), outputs.collect())
}

/// The ports of a node that have cables.
fn wired_ports(patch: &Patch, id: &str) -> (Named, Named) {
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

/// The declaration of an input; of an instance, the declaration of the input behind it.
pub fn input_of(patch: &Patch, id: &str, name: &str) -> Option<&'static Input> {
    resolve_input(patch, id, name).map(|(_, input)| input)
}
