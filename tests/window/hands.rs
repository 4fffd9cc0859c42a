//! Keys of the computer for the patch, maps learned knob after knob, sets of maps.

use bendrack_nodes::input::{ComputerKey, ControlName, Event as Message};
use bendrack_nodes::patch::{MapSet, Node, Patch};
use eframe::egui::{DroppedFile, Event, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use serde_json::json;

use crate::driver::*;

fn set_key(window: &mut Window, key: Key, pressed: bool, modifiers: Modifiers) {
    window.event(Event::Key { key, physical_key: None, pressed, repeat: false, modifiers });
    window.run_steps(2);
}

fn tap_key(window: &mut Window, key: Key) {
    set_key(window, key, true, Modifiers::NONE);
    set_key(window, key, false, Modifiers::NONE);
}

/// The first bend with a node that reads the key B.
fn with_key() -> Patch {
    let mut patch = first_bend();
    let mut key = Node::new("control.key");
    key.params.insert("key".to_owned(), json!("b"));
    patch.nodes.insert("key".to_owned(), key);
    patch
}

#[test]
fn a_key_that_the_patch_reads_is_no_shortcut() {
    let devices = FakeDevices::default();
    let (mut window, _, _) = recording_window_with(with_key(), devices.clone());
    let keys = || std::mem::take(&mut devices.0.borrow_mut().keys);
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    let bypassed = |window: &Window| window.state().workspace.editor.document.patch.nodes["rotate"].bypass;
    tap_key(&mut window, Key::B);
    assert_eq!(keys(), [(ComputerKey::B, true), (ComputerKey::B, false)]);
    assert!(!bypassed(&window), "the shortcut of B bypasses");
    // Other keys, and this one with Ctrl, are shortcuts.
    let ids = node_ids(&window).len();
    set_key(&mut window, Key::D, true, Modifiers::COMMAND);
    set_key(&mut window, Key::D, false, Modifiers::NONE);
    assert_eq!((keys(), node_ids(&window).len()), (vec![], ids + 1));
    // A text field has the key for itself.
    window.state_mut().workspace.editor.selection.clear();
    window.run_steps(2);
    window.get_by_label("title of the patch").focus();
    window.run_steps(2);
    tap_key(&mut window, Key::B);
    assert_eq!(keys(), []);
}

#[test]
fn a_held_key_is_released_when_the_window_loses_the_keyboard() {
    let devices = FakeDevices::default();
    let (mut window, _, _) = recording_window_with(with_key(), devices.clone());
    set_key(&mut window, Key::B, true, Modifiers::NONE);
    window.run_steps(5);
    assert_eq!(devices.0.borrow().keys, [(ComputerKey::B, true)]);
    window.event(Event::WindowFocused(false));
    window.run_steps(2);
    assert_eq!(devices.0.borrow().keys, [(ComputerKey::B, true), (ComputerKey::B, false)]);
}

#[test]
fn without_the_node_the_key_is_a_shortcut() {
    let devices = FakeDevices::default();
    let (mut window, _, _) = recording_window_with(first_bend(), devices.clone());
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.run_steps(1);
    tap_key(&mut window, Key::B);
    assert!(window.state().workspace.editor.document.patch.nodes["rotate"].bypass);
    assert_eq!(devices.0.borrow().keys, []);
}

#[test]
fn maps_are_learned_knob_after_knob() {
    let (mut window, fake) = window(first_bend());
    window.key_press_modifiers(Modifiers::COMMAND, Key::M);
    window.run_steps(3);
    let mut learn = |knob: &str, number: u8| {
        window.get_by_label(&format!("learn a map of {knob}")).click();
        window.run_steps(2);
        for value in [0.1, 0.9] {
            fake.0.borrow_mut().controls.apply(&Message::cc(1, number, value));
            window.run_steps(2);
        }
    };
    learn("rotate.angle", 20);
    learn("lfo.rate", 21);
    let maps = |window: &Window| {
        let patch = &window.state().workspace.editor.document.patch;
        patch.maps.iter().map(|map| (map.to.to_string(), map.from.name.clone())).collect::<Vec<_>>()
    };
    let cc = |number| ControlName::Cc { channel: 1, number };
    assert_eq!(maps(&window), [("rotate.angle".to_owned(), cc(20)), ("lfo.rate".to_owned(), cc(21))]);
    // A drag on a row turns no knob meanwhile, and moves no node.
    let before = window.state().workspace.editor.document.patch.clone();
    let knob = window.get_by_label("learn a map of lfo.rate").rect().center();
    drag(&mut window, knob, knob - eframe::egui::vec2(0.0, 40.0));
    assert_eq!(window.state().workspace.editor.document.patch, before);
    window.key_press(Key::Escape);
    window.run_steps(2);
    if window.state().workspace.editor.learns_maps {
        window.key_press(Key::Escape);
        window.run_steps(2);
    }
    assert!(window.query_by_label("learn a map of lfo.rate").is_none(), "Esc ends it");
    assert_eq!(maps(&window).len(), 2);
}

#[test]
fn a_dropped_set_of_maps_replaces_the_maps_and_names_missing_knobs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.json");
    let text = r#"{ "format": "bendrack-maps", "version": 1, "maps": [
        { "kind": "cc", "channel": 1, "number": 20, "to": "rotate.angle", "range": [0, 90] },
        { "kind": "cc", "channel": 1, "number": 21, "to": "gone.rate", "range": [0, 1] } ] }"#;
    std::fs::write(&path, text).unwrap();
    assert!(MapSet::from_slice(text.as_bytes()).is_ok());
    let (mut window, _) = window(first_bend());
    window.input_mut().dropped_files.push(DroppedFile { path: Some(path), ..DroppedFile::default() });
    until(&mut window, |app| !app.workspace.editor.document.patch.maps.is_empty());
    assert_eq!(window.state().workspace.editor.document.patch.maps.len(), 1);
    window.run_steps(2);
    assert!(window.query_by_label_contains("1 map; this patch has no gone.rate").is_some());
    assert!(window.state_mut().workspace.editor.document.undo(), "and one step brings the old ones back");
    assert!(window.state().workspace.editor.document.patch.maps.is_empty());
}
