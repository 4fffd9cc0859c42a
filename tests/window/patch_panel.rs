//! The patch page and the top bar: tempo, snapshots, maps, metadata. Held numbers.

use bendrack::engine::Warning;
use bendrack_nodes::input::{self, ControlName};
use bendrack_nodes::patch::{Patch, Takeover};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

fn patch(window: &Window) -> std::sync::Arc<Patch> {
    window.state().workspace.editor.document.patch.clone()
}

fn undo(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
}

fn right_click(window: &mut Window, pos: Pos2) {
    window.hover_at(pos);
    window.run_steps(2);
    for pressed in [true, false] {
        let (button, modifiers) = (PointerButton::Secondary, Modifiers::NONE);
        window.event(Event::PointerButton { pos, button, pressed, modifiers });
        window.run_steps(1);
    }
    window.run_steps(3);
}

#[test]
fn the_tempo_is_dragged_and_tapped_and_undone() {
    let (mut window, fake) = window(first_bend());
    let plans = fake.plans();
    let at = window.get_by_label("tempo 120").rect().center();
    drag(&mut window, at, at + vec2(60.0, 0.0));
    let tempo = patch(&window).engine.tempo;
    assert!(tempo > 120.0, "{tempo}");
    assert!(fake.plans() > plans, "the engine gets the tempo");
    undo(&mut window);
    assert_eq!(patch(&window).engine.tempo, 120.0);
    // Taps 40 frames apart at 60 frames a second: 90 beats per minute.
    for _ in 0..4 {
        window.key_press(Key::T);
        window.run_steps(40);
    }
    let tapped = patch(&window).engine.tempo;
    assert!((tapped - 90.0).abs() < 4.0, "{tapped}");
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some("tap the tempo"));
}

#[test]
fn a_snapshot_is_stored_renamed_recalled_by_its_key_replaced_and_deleted() {
    let (mut window, fake) = window(first_bend());
    window.get_by_label("Store snapshot").click();
    window.run_steps(3);
    assert_eq!(patch(&window).snapshots.len(), 1);
    window.get_by_label("name of snapshot 1").focus();
    window.run_steps(2);
    type_text(&mut window, " calm");
    assert!(patch(&window).snapshots[0].name.contains("calm"));
    let at = empty_point(&window);
    click(&mut window, at);
    let before = fake.program();
    let knob = window.get_by_label("angle of rotate").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 30.0));
    assert_ne!(fake.program(), before);
    let plans = fake.plans();
    window.key_press(Key::Num1);
    window.run_steps(2);
    assert_eq!(fake.program(), before);
    assert_eq!(fake.plans(), plans + 1, "one plan");
    let name = patch(&window).snapshots[0].name.clone();
    assert_eq!(window.state().workspace.editor.document.undo_name(), Some(format!("recall {name}").as_str()));
    undo(&mut window);
    assert_ne!(fake.program(), before);
    // Replaced by the present values; then a recall changes nothing.
    window.get_by_label(&format!("replace {name}")).click();
    window.run_steps(2);
    let now = fake.program();
    window.get_by_label(&format!("recall {name}")).click();
    window.run_steps(2);
    assert_eq!(fake.program(), now);
    window.get_by_label(&format!("delete {name}")).click();
    window.run_steps(2);
    assert!(patch(&window).snapshots.is_empty());
    undo(&mut window);
    assert_eq!(patch(&window).snapshots.len(), 1);
    // The key of a missing snapshot does nothing.
    window.key_press(Key::Num9);
    window.run_steps(2);
}

#[test]
fn a_knob_is_mapped_to_a_controller_and_unmapped() {
    let (mut window, fake) = window(first_bend());
    let knob = window.get_by_label("amount of rotate").rect().center();
    right_click(&mut window, knob);
    window.get_by_label("Learn a map").click();
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&input::Event::cc(1, 20, 0.2));
    window.run_steps(2);
    fake.0.borrow_mut().controls.apply(&input::Event::cc(1, 20, 0.5));
    window.run_steps(2);
    let maps = patch(&window).maps.clone();
    assert_eq!((maps.len(), maps[0].range, maps[0].takeover), (1, [0.0, 1.0], Takeover::Pickup));
    assert_eq!(maps[0].from, ControlName::Cc { channel: 1, number: 20 }.into());
    assert_eq!(maps[0].to, "rotate.amount".parse().unwrap());
    assert_eq!(patch(&window).nodes.len(), 10, "no node is added");
    fake.play(40);
    window.run_steps(3);
    // The list changes the range and removes the map.
    window.state_mut().workspace.editor.selection.clear();
    window.run_steps(3);
    let at = window.get_by_label("high end of rotate.amount").rect().center();
    drag(&mut window, at, at - vec2(60.0, 0.0));
    assert!(patch(&window).maps[0].range[1] < 1.0);
    window.get_by_label("remove the map of rotate.amount").click();
    window.run_steps(2);
    assert!(patch(&window).maps.is_empty());
    for _ in 0..3 {
        undo(&mut window);
    }
    assert_eq!(patch(&window).to_json(), {
        let mut start = first_bend();
        start.layout = patch(&window).layout.clone();
        start.to_json()
    });
}

#[test]
fn the_metadata_is_edited_in_the_inspector() {
    let (mut window, fake) = window(Patch::default());
    window.get_by_label("About this patch").click();
    window.run_steps(20);
    let plans = fake.plans();
    for (label, text) in [
        ("title of the patch", "Tides"),
        ("author of the patch", "Ada"),
        ("licence of the patch", "CC0-1.0"),
        ("tags of the patch", "slow, blue , sea"),
        ("description of the patch", "The sea comes and goes."),
    ] {
        window.get_by_label(label).focus();
        window.run_steps(2);
        for letter in text.chars() {
            window.event(Event::Text(letter.to_string()));
            window.run_steps(1);
        }
        window.run_steps(2);
    }
    let meta = patch(&window).meta.clone();
    assert_eq!((meta.title.as_str(), meta.author.as_str(), meta.license.as_str()), ("Tides", "Ada", "CC0-1.0"));
    assert_eq!(meta.tags, ["slow", "blue", "sea"]);
    assert_eq!(meta.description, "The sea comes and goes.");
    assert_eq!(fake.plans(), plans, "metadata compiles nothing");
    window.ctx.memory_mut(eframe::egui::Memory::stop_text_input);
    window.run_steps(2);
    undo(&mut window);
    assert_eq!(patch(&window).meta.description, "", "a field is one step");
    assert_eq!(patch(&window).meta.title, "Tides");
}

#[test]
fn a_held_number_is_marked_at_its_port() {
    let (mut window, fake) = window(first_bend());
    let held = |window: &Window, port: &str| window.state().workspace.is_held(&port.parse().unwrap());
    assert!(!held(&window, "lfo.out"));
    fake.warn(Warning::held("lfo".into(), "out"));
    window.run_steps(2);
    assert!(held(&window, "lfo.out"));
    assert!(!held(&window, "lfo.phase") && !held(&window, "rotate.bends"));
    let at = port(&window, "lfo.out", true);
    window.hover_at(at);
    window.run_steps(3);
    assert!(window.query_by_label_contains("lfo.out is not a finite number").is_some(), "a tooltip at the port");
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_the_patch_panel() {
    let mut patch = Patch::from_json(include_str!("../../patches/midi_colour.json")).unwrap();
    patch.snapshots.push(patch.snapshots[1].clone());
    patch.snapshots[2].name = "half".into();
    let (mut window, fake) = window_with(patch, Some("patches/midi_colour.json".into()), None, true);
    fake.0.borrow_mut().controls.apply(&input::Event::cc(1, 1, 0.7));
    for number in 1..60 {
        fake.play(number);
        window.run_steps(1);
    }
    window.key_press(Key::Num2);
    window.run_steps(3);
    crate::shoot(&mut window, "patch_panel");
    fake.warn(Warning::of("word".into(), "target is not a finite number, so it keeps its last one"));
    window.state_mut().workspace.editor.selection = ["fade".to_owned()].into();
    window.run_steps(3);
    crate::shoot(&mut window, "mapped");
}
