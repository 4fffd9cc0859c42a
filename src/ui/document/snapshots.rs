//! Snapshots: stored values of all knobs and fields.

use std::collections::BTreeMap;

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Edit, LevelEdit, Patch, Port, Snapshot};
use serde_json::{Map, Value as Json};

use super::ports::ports;
use super::subpatch::{resolve_input, value_of};
use super::{Step, def_of};

/// The value of a knob or field, its default included.
pub(super) fn setting(patch: &Patch, id: &str, name: &str) -> Option<Json> {
    let (_, input) = resolve_input(patch, id, name)?;
    value_of(patch, id, name).cloned().or_else(|| input.default_json())
}

/// The values of all knobs and fields of a patch except those of its displays.
pub fn settings(patch: &Patch) -> BTreeMap<Port, Json> {
    let nodes = patch.nodes.iter().filter(|(_, node)| !def_of(&node.kind).is_some_and(NodeDef::is_display));
    let inputs = nodes.flat_map(|(id, _)| ports(patch, id).0.into_iter().map(move |(name, kind)| (id, name, kind)));
    let inputs = inputs.filter(|(.., kind)| matches!(kind, Kind::Number | Kind::Gate | Kind::Text));
    let settings = inputs.filter_map(|(id, name, kind)| {
        let (value, port) = (setting(patch, id, &name)?, Port { node: id.clone(), port: name });
        // A cable replaces the values of such fields, so snapshots omit them.
        let replaced = patch.cable_to(&port).is_some()
            && (kind != Kind::Number || resolve_input(patch, id, &port.port).is_some_and(|(_, input)| input.direct));
        (!replaced).then_some((port, value))
    });
    settings.collect()
}

/// True if the patch has all values of a snapshot.
pub fn is_recalled(patch: &Patch, snapshot: &Snapshot) -> bool {
    let mut known = snapshot.values.iter().filter_map(|(port, value)| {
        let now = setting(patch, &port.node, &port.port)?;
        Some(same(&now, value))
    });
    known.next().is_some_and(|first| first && known.all(|same| same))
}

/// The step that stores the present values as a new snapshot.
pub fn store(patch: &Patch) -> Step {
    let mut snapshots = patch.snapshots.clone();
    let free = |n: &usize| !snapshots.iter().any(|snapshot| snapshot.name == format!("snapshot {n}"));
    let name = format!("snapshot {}", (1..=snapshots.len() + 1).rev().find(free).unwrap_or_default());
    snapshots.push(Snapshot { name: name.clone(), values: settings(patch), rest: Map::new() });
    Step::new(format!("store {name}"), vec![Edit::SetSnapshots { snapshots }])
}

/// The step that sets the differing values of a snapshot; none without a snapshot at this index.
pub fn recall(patch: &Patch, index: usize) -> Option<Step<LevelEdit>> {
    let snapshot = patch.snapshots.get(index)?;
    let edits = patch.recall(snapshot).into_iter().filter_map(|edit| {
        let LevelEdit::SetParam { id, name, value: Some(value) } = edit else { return Some(edit) };
        if setting(patch, &id, &name).is_some_and(|now| same(&now, &value)) {
            return None;
        }
        // Defaults are not written to the file.
        let own = def_of(&patch.nodes.get(&id)?.kind).and_then(|def| def.input(&name));
        let is_default = own.and_then(|(_, input)| input.default_json()).is_some_and(|default| same(&default, &value));
        Some(LevelEdit::SetParam { id, name, value: (!is_default).then_some(value) })
    });
    Some(Step::new(format!("recall {}", snapshot.name), edits.collect()))
}

/// True if two values are equal; 1 equals 1.0.
fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use serde_json::json;

    use super::super::Document;
    use super::super::commands::set_param;
    use super::*;

    fn document(text: &str) -> (Document, Rc<RefCell<usize>>) {
        let plans = Rc::new(RefCell::new(0));
        let count = Rc::clone(&plans);
        let sink = Box::new(move |_, _| *count.borrow_mut() += 1);
        (Document::new(Patch::from_json(text).unwrap(), None, sink), plans)
    }

    fn set(document: &mut Document, id: &str, name: &str, value: impl Into<Json>) {
        document.apply(set_param("set", id, name, Some(value.into())));
    }

    #[test]
    fn a_recall_is_one_step_and_one_plan() {
        let (mut document, plans) = document(include_str!("../../../patches/first_bend.json"));
        document.apply(set_param("turn", "lfo", "rate", None));
        let plans_before = *plans.borrow();
        document.apply(store(&document.patch));
        assert_eq!(*plans.borrow(), plans_before, "the plan does not depend on snapshots");
        let stored = document.patch.to_json();
        set(&mut document, "lfo", "rate", 3.0);
        set(&mut document, "rotate", "amount", 0.25);
        set(&mut document, "lfo", "shape", "square");
        set(&mut document, "prompt", "text", "a yellow cross");
        assert!(!is_recalled(&document.patch, &document.patch.snapshots[0]));
        let (before, made) = (document.patch.to_json(), *plans.borrow());
        assert!(document.apply(recall(&document.patch, 0).unwrap()));
        assert_eq!(*plans.borrow(), made + 1);
        assert_eq!(document.patch.to_json(), stored, "defaults are not written to the file");
        assert!(is_recalled(&document.patch, &document.patch.snapshots[0]));
        assert!(document.undo());
        assert_eq!(document.patch.to_json(), before);
        assert!(recall(&document.patch, 1).is_none());
    }

    #[test]
    fn values_of_instances_are_stored_under_the_names_of_their_ports() {
        let (mut document, _) = document(include_str!("../../../patches/chorus.json"));
        document.apply(store(&document.patch));
        let values = &document.patch.snapshots[0].values;
        assert_eq!(values[&"two.rate".parse().unwrap()], json!(0.3), "its own");
        assert_eq!(values[&"one.phase".parse().unwrap()], json!(0.0), "the value in the subpatch");
        set(&mut document, "one", "rate", 1.5);
        document.apply(recall(&document.patch, 0).unwrap());
        assert_eq!(document.patch.nodes["one"].params["rate"], json!(0.2));
    }
}
