//! A key of the computer's keyboard.

use std::collections::BTreeSet;

use serde_json::json;

use crate::choice::Choice;
use crate::input::{ComputerKey, ControlId, ControlName, Reading};
use crate::node::def::{Input, NodeDef, Output, Reads};
use crate::node::value::Gate;
use crate::patch::Patch;

const KEY: Input = Input::choice_of::<ComputerKey>("key", "Letter or digit of the keyboard.");
const GATE: Output = Output::gate("gate", "On while the key is held, for one latent frame at least.");

/// A key of the computer's keyboard.
pub const NODE: NodeDef = NodeDef {
    name: "control.key",
    title: "Key",
    about: "Reads a key while the window has the keyboard. The key is no shortcut then.",
    inputs: &[KEY],
    outputs: &[GATE],
    run: |ctx| {
        let key = ControlId::any(ControlName::Key { key: ctx.chosen(&KEY) });
        let Reading { on, hits, .. } = ctx.reading(&key, 0).unwrap_or_default();
        ctx.set(&GATE, Gate { on, hits });
    },
    reads: Some(Reads {
        values: |name| match name {
            ControlName::Key { key } => Some(vec![(&KEY, json!(key.name()))]),
            _ => None,
        },
        device: None,
        index: None,
    }),
    ..NodeDef::BASE
};

/// The keys that the nodes and maps of a patch read.
pub fn keys_of(patch: &Patch) -> BTreeSet<ComputerKey> {
    let within = patch.definitions.values().flat_map(|definition| definition.nodes.values());
    let nodes = patch.nodes.values().chain(within).filter(|node| node.kind == NODE.name).filter_map(|node| {
        let Some(name) = node.params.get(KEY.name) else { return Some(ComputerKey::default()) };
        ComputerKey::ALL.iter().copied().find(|key| name.as_str() == Some(key.name()))
    });
    let maps = patch.maps.iter().filter_map(|map| match map.from.name {
        ControlName::Key { key } => Some(key),
        _ => None,
    });
    nodes.chain(maps).collect()
}
