//! Snapshots: settings of all knobs and fields, to come back to with one key.

use std::collections::BTreeMap;

use bendrack_nodes::def::{Input, Preset};
use bendrack_nodes::patch::{Edit, Port, Snapshot};
use bendrack_nodes::value::Kind;
use eframe::egui::{Button, Frame, Id, RichText, TextEdit, Ui, WidgetInfo, WidgetType};
use serde_json::{Map, Value as Json, json};

use crate::ui::document::ports::ports;
use crate::ui::document::subpatch::{knob, said};
use crate::ui::document::{Step, def_of};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// What an input says when nobody has said anything, as it is written in a file.
fn preset(input: &Input) -> Option<Json> {
    match (input.default, input.kind) {
        (Preset::Number(number), Kind::Gate) => Some(json!(number >= 0.5)),
        (Preset::Number(number), _) if input.choices.is_empty() => Some(json!(number)),
        (Preset::Number(number), _) => input.choices.get(number as usize).map(|choice| json!(choice)),
        (Preset::Text(text), _) => Some(json!(text)),
        (Preset::Nothing, _) => None,
    }
}

impl Desk {
    /// What a knob or field of the patch says now, even if it is its default.
    fn setting(&self, id: &str, name: &str) -> Option<Json> {
        let patch = &self.document.patch;
        let (_, input) = knob(patch, id, name)?;
        said(patch, id, name).cloned().or_else(|| preset(input))
    }

    /// What all knobs and fields of the patch say now, but for notes.
    fn settings(&self) -> BTreeMap<Port, Json> {
        let patch = &self.document.patch;
        let nodes = patch.nodes.iter().filter(|(_, node)| !node.kind.starts_with("view."));
        let inputs = nodes.flat_map(|(id, _)| ports(patch, id).0.into_iter().map(move |(name, kind)| (id, name, kind)));
        let inputs = inputs.filter(|(.., kind)| matches!(kind, Kind::Number | Kind::Gate | Kind::Text));
        let settings = inputs.filter_map(|(id, name, kind)| {
            let (value, port) = (self.setting(id, &name)?, Port { node: id.clone(), port: name });
            // Where what arrives takes the place of the field, the field says nothing.
            let replaced = patch.cable_to(&port).is_some()
                && (kind != Kind::Number || knob(patch, id, &port.port).is_some_and(|(_, input)| input.signal));
            (!replaced).then_some((port, value))
        });
        settings.collect()
    }

    /// Whether all is as a snapshot has it.
    fn is_recalled(&self, snapshot: &Snapshot) -> bool {
        let mut known = snapshot.values.iter().filter_map(|(port, value)| {
            let now = self.setting(&port.node, &port.port)?;
            Some(same(&now, value))
        });
        known.next().is_some_and(|first| first && known.all(|same| same))
    }

    /// Keeps the present settings as a new snapshot.
    pub fn store_snapshot(&mut self) {
        let mut snapshots = self.document.patch.snapshots.clone();
        let free = |n: &usize| !snapshots.iter().any(|snapshot| snapshot.name == format!("snapshot {n}"));
        let name = format!("snapshot {}", (1..=snapshots.len() + 1).rev().find(free).unwrap_or_default());
        snapshots.push(Snapshot { name: name.clone(), values: self.settings(), rest: Map::new() });
        self.document.apply(Step::new(format!("store {name}"), vec![Edit::SetSnapshots { snapshots }]));
    }

    /// Brings the settings of a snapshot back: one step and one plan, of what is other than it was. Whether there is such a one.
    pub fn recall_snapshot(&mut self, index: usize) -> bool {
        let Some(snapshot) = self.document.patch.snapshots.get(index).cloned() else { return false };
        let edits = self.document.patch.recall(&snapshot).into_iter().filter_map(|edit| {
            let Edit::SetParam { id, name, value: Some(value) } = edit else { return Some(edit) };
            if self.setting(&id, &name).is_some_and(|now| same(&now, &value)) {
                return None;
            }
            // What is at its default is not written down.
            let own = def_of(&self.document.patch.nodes.get(&id)?.kind).and_then(|def| def.input(&name));
            let default = own.and_then(|(_, input)| preset(input)).is_some_and(|preset| same(&preset, &value));
            Some(Edit::SetParam { id, name, value: (!default).then_some(value) })
        });
        let edits = edits.collect();
        self.document.apply(Step::new(format!("recall {}", snapshot.name), edits));
        self.refresh();
        true
    }

    fn change_snapshots(&mut self, step: &str, gesture: bool, change: impl FnOnce(&mut Vec<Snapshot>)) {
        let mut snapshots = self.document.patch.snapshots.clone();
        change(&mut snapshots);
        let edits = vec![Edit::SetSnapshots { snapshots }];
        self.document.apply(if gesture { Step::part(step, edits) } else { Step::new(step, edits) });
    }
}

/// Whether two settings are the same: 1 and 1.0 are.
fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

/// The list of snapshots.
pub fn snapshots_ui(ui: &mut Ui, desk: &mut Desk) {
    let patch = std::sync::Arc::clone(&desk.document.patch);
    for (index, snapshot) in patch.snapshots.iter().enumerate() {
        ui.horizontal(|ui| {
            let recalled = desk.is_recalled(snapshot);
            let key = if index < 9 { (index + 1).to_string() } else { "·".to_owned() };
            let button = Button::selectable(recalled, RichText::new(key).monospace()).min_size([26.0, 22.0].into());
            let button = ui.add(button);
            let label = format!("recall {}", snapshot.name);
            button.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, recalled, &label));
            let hint = if index < 9 { format!("Brings these settings back. Key {}", index + 1) } else { label.clone() };
            if button.on_hover_text(hint).clicked() {
                desk.recall_snapshot(index);
            }
            let mut name = snapshot.name.clone();
            let room = (ui.available_width() - 140.0).max(60.0);
            let field = TextEdit::singleline(&mut name).id(Id::new(("snapshot", index))).desired_width(room);
            let field = field.frame(Frame::NONE);
            let field = ui.add(field);
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, format!("name of {}", snapshot.name)));
            if field.changed() {
                desk.change_snapshots("rename a snapshot", true, |all| all[index].name = name);
            }
            if small(ui, "replace", &format!("replace {}", snapshot.name), "Puts the present settings in its place.") {
                let values = desk.settings();
                desk.change_snapshots("replace a snapshot", false, |all| all[index].values = values);
            }
            if small(ui, "delete", &format!("delete {}", snapshot.name), "Takes it out of the list.") {
                desk.change_snapshots("delete a snapshot", false, |all| drop(all.remove(index)));
            }
        });
    }
    let store = ui.button("Store the settings");
    if store.on_hover_text("Keeps what all knobs and fields say, to come back to with a key.").clicked() {
        desk.store_snapshot();
    }
}

/// A small button of a list.
pub fn small(ui: &mut Ui, text: &str, label: &str, hint: &str) -> bool {
    let button = Button::new(RichText::new(text).size(theme::SMALL).color(theme::WEAK)).frame_when_inactive(false);
    let button = ui.add(button);
    button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, label));
    button.on_hover_text(hint).clicked()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use bendrack_nodes::patch::Patch;

    use super::*;
    use crate::ui::document::Document;
    use crate::ui::widgets::knob::Turn;

    fn desk(text: &str) -> (Desk, Rc<RefCell<usize>>) {
        let plans = Rc::new(RefCell::new(0));
        let count = Rc::clone(&plans);
        let sink = Box::new(move |_| *count.borrow_mut() += 1);
        (Desk::new(Document::new(Patch::from_json(text).unwrap(), None, sink)), plans)
    }

    #[test]
    fn a_snapshot_brings_all_back_with_one_plan_and_one_step() {
        let (mut desk, plans) = desk(include_str!("../../../patches/first_bend.json"));
        desk.turn("lfo", "rate", Turn::Reset);
        let plans_before = *plans.borrow();
        desk.store_snapshot();
        assert_eq!(*plans.borrow(), plans_before, "storing changes nothing that runs");
        let stored = desk.document.patch.to_json();
        desk.turn("lfo", "rate", Turn::To(3.0));
        desk.turn("rotate", "amount", Turn::To(0.25));
        desk.set("lfo", "shape", json!("square"));
        desk.set("prompt", "text", json!("a yellow cross"));
        assert!(!desk.is_recalled(&desk.document.patch.snapshots[0].clone()));
        let (before, made) = (desk.document.patch.to_json(), *plans.borrow());
        assert!(desk.recall_snapshot(0));
        assert_eq!(*plans.borrow(), made + 1);
        assert_eq!(desk.document.patch.to_json(), stored, "what was at its default is not written down");
        assert!(desk.is_recalled(&desk.document.patch.snapshots[0].clone()));
        assert!(desk.document.undo());
        assert_eq!(desk.document.patch.to_json(), before);
        assert!(!desk.recall_snapshot(1));
    }

    #[test]
    fn settings_of_instances_are_kept_by_the_names_of_their_ports() {
        let (mut desk, _) = desk(include_str!("../../../patches/chorus.json"));
        desk.store_snapshot();
        let values = &desk.document.patch.snapshots[0].values;
        assert_eq!(values[&"two.rate".parse().unwrap()], json!(0.3), "its own");
        assert_eq!(values[&"one.phase".parse().unwrap()], json!(0.0), "that of the node within");
        desk.turn("one", "rate", Turn::To(1.5));
        desk.recall_snapshot(0);
        assert_eq!(desk.document.patch.nodes["one"].params["rate"], json!(0.2));
    }
}
