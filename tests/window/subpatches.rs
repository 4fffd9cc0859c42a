//! Subpatches: instances on the canvas, opening them, going back.

use bendrack_nodes::patch::Patch;
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

fn chorus() -> Patch {
    Patch::from_json(include_str!("../../patches/chorus.json")).unwrap()
}

fn shown(window: &Window) -> Vec<String> {
    window.state().workspace.frame.rects.keys().cloned().collect()
}

#[test]
fn the_knobs_of_an_instance_control_the_nodes_in_its_subpatch() {
    let (mut window, fake) = window(chorus());
    fake.play(20);
    window.run_steps(2);
    let before = fake.program();
    let knob = window.get_by_label("rate of two").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 30.0));
    let rate = window.state().workspace.editor.document.patch.nodes["two"].params["rate"].as_f64().unwrap();
    assert!(rate > 0.3, "{rate}");
    assert_ne!(fake.program(), before);
    // A knob without a value of its own shows the value in the subpatch.
    window.state_mut().workspace.editor.selection = ["one".to_owned()].into();
    window.run_steps(2);
    assert!(window.query_by_label("phase of one in the inspector").is_some());
    assert!(window.query_by_label("Turns a target back and forth.").is_some());
}

#[test]
fn a_double_click_opens_a_subpatch_for_editing_and_u_goes_back() {
    let (mut window, fake) = window(chorus());
    let start = window.state().workspace.editor.document.patch.clone();
    let rect = window.state().workspace.frame.rects["two"];
    let at = rect.center_top() + vec2(0.0, 8.0);
    window.hover_at(at);
    window.run_steps(1);
    for _ in 0..2 {
        window.drag_at(at);
        window.drop_at(at);
    }
    window.run_steps(4);
    assert_eq!(shown(&window), ["lfo", "turn"]);
    assert!(window.query_by_label_contains("Wobble two").is_some(), "breadcrumbs");
    assert!(window.query_by_label_contains("shared by 3").is_some());
    assert!(!window.state().workspace.editor.document.is_dirty(), "opening is no edit");
    // The live values are those of this instance.
    fake.play(40);
    window.run_steps(3);
    let lfo = window.state().workspace.playback.live.output(&"lfo.out".parse().unwrap());
    assert!(lfo.is_some());
    // A turn of a knob is one step and affects all instances without a value of their own.
    let before = fake.program();
    let knob = window.get_by_label("amount of turn").rect().center();
    drag(&mut window, knob, knob + vec2(0.0, 60.0));
    assert_ne!(fake.program(), before);
    assert!(
        window.state().workspace.editor.document.patch.definitions["wobble"].nodes["turn"]
            .params
            .contains_key("amount")
    );
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(fake.program(), before);
    // A node in the subpatch is deleted and restored.
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(3);
    assert_eq!(shown(&window), ["turn"]);
    assert!(
        !window.state().workspace.editor.problems_of("turn").is_empty()
            || window.state().workspace.editor.document.is_broken()
    );
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(shown(&window), ["lfo", "turn"]);
    window.key_press(Key::U);
    window.run_steps(3);
    assert!(shown(&window).contains(&"two".to_owned()));
    assert_eq!(window.state().workspace.editor.selection.iter().collect::<Vec<_>>(), ["two"]);
    let (mut now, mut then) = ((*window.state().workspace.editor.document.patch).clone(), (*start).clone());
    for patch in [&mut now, &mut then] {
        patch.definitions.get_mut("wobble").unwrap().layout.clear();
    }
    assert_eq!(now.to_json(), then.to_json());
    // Enter opens it again, and the breadcrumbs lead back.
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(shown(&window), ["lfo", "turn"]);
    window.get_by_label("Patch").click();
    window.run_steps(3);
    assert!(shown(&window).contains(&"two".to_owned()));
}

#[test]
fn a_deleted_subpatch_is_left_and_invalid_ones_are_tolerated() {
    let mut patch = chorus();
    let wobble = patch.definitions.get_mut("wobble").unwrap();
    wobble.inputs.push(serde_json::from_str(r#"{ "name": "nowhere", "to": [] }"#).unwrap());
    wobble.inputs.push(serde_json::from_str(r#"{ "name": "self", "to": ["me.self"] }"#).unwrap());
    wobble.outputs.push(serde_json::from_str(r#"{ "name": "self", "from": "me.self" }"#).unwrap());
    wobble.nodes.insert("me".into(), serde_json::from_str(r#"{ "type": "sub.wobble" }"#).unwrap());
    patch.nodes.insert("gone".into(), serde_json::from_str(r#"{ "type": "sub.nobody" }"#).unwrap());
    let (mut window, _) = window(patch);
    for id in ["gone", "one"] {
        window.state_mut().workspace.editor.selection = [id.to_owned()].into();
        window.run_steps(3);
    }
    assert!(window.state_mut().workspace.editor.enter("one"));
    for _ in 0..40 {
        window.state_mut().workspace.editor.enter("me");
        window.run_steps(1);
    }
    assert!(window.state().workspace.editor.location.path.len() <= 16);
    let edit = bendrack_nodes::patch::Edit::SetDefinition { id: "wobble".into(), definition: None };
    let step = bendrack::ui::document::Step::new("delete the definition", vec![edit]);
    window.state_mut().workspace.editor.document.apply(step);
    window.run_steps(3);
    assert!(window.state().workspace.editor.location.path.is_empty());
    assert!(shown(&window).contains(&"wan".to_owned()));
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_subpatches() {
    let (mut window, fake) = window_with(chorus(), Some("patches/chorus.json".into()), None, true);
    for number in 1..200 {
        fake.play(number);
        window.run_steps(1);
    }
    window.state_mut().workspace.editor.selection = ["two".to_owned()].into();
    window.run_steps(3);
    crate::shoot(&mut window, "instances");
    window.key_press(Key::Enter);
    for number in 200..400 {
        fake.play(number);
        window.run_steps(1);
    }
    crate::shoot(&mut window, "inside");
}

#[test]
fn a_selection_becomes_a_subpatch_and_comes_back() {
    let (mut window, fake) = window(first_bend());
    let start = window.state().workspace.editor.document.patch.clone();
    let before = fake.program();
    window.state_mut().workspace.editor.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
    window.run_steps(1);
    window.key_press_modifiers(Modifiers::COMMAND, Key::G);
    window.run_steps(3);
    let patch = window.state().workspace.editor.document.patch.clone();
    assert_eq!(patch.nodes["group"].kind, "sub.group");
    assert!(!patch.nodes.contains_key("lfo") && patch.definitions["group"].nodes.contains_key("lfo"));
    assert_eq!(window.state().workspace.editor.selection, ["group".to_owned()].into());
    assert_eq!(fake.program().bends[0].params, before.bends[0].params, "it plays on");
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    window.run_steps(3);
    let back = window.state().workspace.editor.document.patch.clone();
    assert_eq!((&back.nodes, back.definitions.len()), (&start.nodes, 0));
    for _ in 0..2 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_steps(2);
    }
    assert_eq!(window.state().workspace.editor.document.patch, start);
}
