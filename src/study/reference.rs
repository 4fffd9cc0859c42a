//! The patch without bends, in a form that many bent patches share.

use std::collections::BTreeSet;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::Patch;

/// The family of nodes that measure. They stay, so that their maps can be compared.
const TAPS: &str = "tap";

/// The patch without bends. Nodes that only served bends are left out, so that patches that differ in their bends alone have one
/// reference.
pub(super) fn without_bends(patch: &Patch) -> Patch {
    let mut patch = patch.clone();
    // The rest is for the identity: at depth 0 the model runs as without bends.
    patch.engine.master = 0.0;
    let def = |patch: &Patch, id: &str| -> Option<&'static NodeDef> {
        let kind = &patch.nodes.get(id)?.kind;
        LIBRARY.iter().find(|def| def.name == *kind).copied()
    };
    // The ends of chains of bends: inputs of nodes that pass no bends on.
    let is_end = |patch: &Patch, node: &str, port: &str| {
        def(patch, node).is_some_and(|def| {
            let takes_bends = def.input(port).is_some_and(|(_, input)| input.kind == Kind::Bend);
            takes_bends && def.outputs.iter().all(|output| output.kind != Kind::Bend)
        })
    };
    let served: BTreeSet<String> = patch.cables.iter().map(|cable| cable.from.node.clone()).collect();
    let (ends, mut cables): (Vec<_>, Vec<_>) =
        patch.cables.iter().cloned().partition(|cable| is_end(&patch, &cable.to.node, &cable.to.port));
    if ends.is_empty() {
        return patch;
    }
    loop {
        let used: BTreeSet<&str> = cables.iter().map(|cable| &*cable.from.node).collect();
        let is_idle = |id: &String| {
            served.contains(id) && !used.contains(&**id) && def(&patch, id).is_none_or(|def| def.family() != TAPS)
        };
        let idle: BTreeSet<String> = patch.nodes.keys().filter(|id| is_idle(id)).cloned().collect();
        if idle.is_empty() {
            break;
        }
        patch.nodes.retain(|id, _| !idle.contains(id));
        cables.retain(|cable| !idle.contains(&cable.to.node));
    }
    patch.cables = cables;
    let is_there = |node: &str| patch.nodes.contains_key(node);
    patch.maps.retain(|map| is_there(&map.to.node));
    patch.snapshots.clear();
    patch.stage = bendrack_nodes::patch::Stage::default();
    patch
}
