//! The inspector and the knobs: values turned, learned, undone.

use std::sync::Arc;

use bendrack_nodes::input::Event;
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

#[test]
fn a_turned_knob_reaches_the_engine_and_undo_brings_it_back() {
    let (mut window, fake) = window(first_bend());
    let (before, start) = (fake.program(), Arc::clone(&window.state().workspace.editor.document.patch));
    let knob = window.get_by_label("angle of rotate").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 30.0));
    let turned = fake.program();
    assert_ne!(turned.bends[0].params, before.bends[0].params);
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("turn angle of rotate"));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(fake.program(), before);
    assert_eq!(window.state().workspace.editor.document.patch, start, "the whole drag was one step");
}

#[test]
fn the_inspector_edits_without_losing_the_selection() {
    let (mut window, fake) = window(first_bend());
    let rect = window.state().workspace.frame.rects["lfo"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    let before = fake.program();
    let knob = window.get_by_label("rate of lfo in the inspector").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 40.0));
    assert_ne!(fake.program(), before);
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["lfo"]);
}

#[test]
fn undo_of_an_added_node_shows_the_patch_in_the_inspector() {
    let (mut window, _) = window(first_bend());
    let of_the_patch = "title of the patch";
    assert!(window.query_by_label(of_the_patch).is_some());
    let at = empty_point(&window);
    window.hover_at(at);
    window.run_steps(1);
    add_node(&mut window, "slew");
    assert_eq!(window.state().workspace.editor.selection, ["slew".to_owned()].into());
    assert!(window.query_by_label(of_the_patch).is_none(), "the inspector shows the node");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert!(!node_ids(&window).contains(&"slew".to_owned()));
    assert!(window.state().workspace.editor.selection.is_empty());
    assert!(window.query_by_label(of_the_patch).is_some());
}

#[test]
fn a_midi_control_is_learned_by_moving_it() {
    let (mut window, fake) = window(first_bend());
    let rect = window.state().workspace.frame.rects["rotate"];
    click(&mut window, rect.center_top() + vec2(0.0, 8.0));
    window.get_by_label("learn rotate.amount").scroll_to_me();
    window.run_steps(8);
    window.get_by_label("learn rotate.amount").click();
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&Event::cc(1, 20, 0.2));
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&Event::cc(1, 20, 0.5));
    window.run_steps(2);
    let patch = &window.state().workspace.editor.document.patch;
    assert!(patch.nodes.contains_key("cc20"));
    assert_eq!(patch.cable_to(&"rotate.amount".parse().unwrap()).unwrap().from.node, "cc20");
    assert_eq!(fake.program().bends[0].amount[..], [0.5; 3]);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(window.state().workspace.editor.document.patch.nodes.len(), 10, "one step");
}
