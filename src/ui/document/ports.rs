//! The ports of nodes and their kinds.

use std::collections::BTreeMap;

use bendrack_nodes::compile::Resolved;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::INSTANCE;
use bendrack_nodes::patch::{Definition, Patch, Port};

use super::def_of;
use super::subpatch::{input_node, output_kind, output_node, resolve_input};

/// Ports by name.
pub type Named = Vec<(String, Kind)>;

/// The kinds of all ports of a patch.
#[derive(Default)]
pub struct PortKinds(BTreeMap<String, (Named, Named)>);

impl PortKinds {
    /// The kinds in a patch, or in a subpatch whose nodes have ids with this prefix in the plan.
    pub fn new(patch: &Patch, prefix: &str, resolved: &Resolved) -> Self {
        let kinds = |id: &String| {
            let (mut inputs, mut outputs) = ports(patch, id);
            let open = inputs.iter_mut().map(|port| (port, false)).chain(outputs.iter_mut().map(|port| (port, true)));
            for ((name, kind), output) in open.filter(|((_, kind), _)| *kind == Kind::Any) {
                let port = Port { node: id.clone(), port: name.clone() };
                if let Some(node) = if output { output_node(patch, &port) } else { input_node(patch, &port) } {
                    *kind = resolved.kind(&format!("{prefix}{node}"));
                }
            }
            (id.clone(), (inputs, outputs))
        };
        Self(patch.nodes.keys().map(kinds).collect())
    }

    /// The inputs of a node.
    pub fn inputs(&self, id: &str) -> &[(String, Kind)] {
        self.0.get(id).map_or(&[], |(inputs, _)| inputs)
    }

    /// The outputs of a node.
    pub fn outputs(&self, id: &str) -> &[(String, Kind)] {
        self.0.get(id).map_or(&[], |(_, outputs)| outputs)
    }

    /// The kind of a port. A port of any kind has that of its cable; an unknown port is a number.
    pub fn get(&self, id: &str, name: &str, output: bool) -> Kind {
        let named = self.0.get(id).map(|(inputs, outputs)| if output { outputs } else { inputs });
        let port = named.into_iter().flatten().find(|(known, _)| known == name);
        port.map_or(Kind::Number, |(_, kind)| *kind)
    }
}

/// The declared inputs and outputs of a node or subpatch; of an unknown node, the ports with cables.
pub fn ports(patch: &Patch, id: &str) -> (Named, Named) {
    let Some(node) = patch.nodes.get(id) else { return Default::default() };
    if let Some(def) = def_of(&node.kind) {
        let inputs = def.inputs.iter().map(|input| (input.name.to_owned(), input.kind)).collect();
        let outputs = def.outputs.iter().map(|output| (output.name.to_owned(), output.kind)).collect();
        return (inputs, outputs);
    }
    let definition = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name));
    definition.map_or_else(|| wired_ports(patch, id), |definition| ports_of(patch, id, definition))
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
