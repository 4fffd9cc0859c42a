//! The monitor of devices: lights, table of controls, assignment to nodes.

use bendrack::io::Request;
use bendrack_nodes::input::Event;
use bendrack_nodes::patch::{Node, Patch};
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use serde_json::json;

use crate::driver::*;

fn open_monitor(window: &mut Window) {
    window.get_by_label("Devices").click();
    window.run_steps(3);
}

fn undo_name(window: &Window) -> Option<String> {
    window.state().workspace.editor.document.undo_name().map(str::to_owned)
}

#[test]
fn the_monitor_shows_lights_counts_and_controls_and_closes() {
    let (mut window, _) = window(first_bend());
    assert!(window.query_by_label("12345 messages, 2 errors").is_none());
    open_monitor(&mut window);
    for text in ["12345 messages, 2 errors", "0 lines, 57 errors", "0.2 s ago, invalid: a number without a name: 512"] {
        assert!(window.query_by_label(text).is_some(), "{text}");
    }
    // A row for each number of a message.
    for row in [
        "MIDI CC 7, channel 1",
        "MIDI note 36, channel 10",
        "OSC /1/fader1",
        "OSC /accxyz   2",
        "OSC /bang",
        "sensor touch",
    ] {
        assert!(window.query_by_label(&format!("add node: {row}")).is_some(), "{row}");
    }
    window.get_by_label("find a control").focus();
    window.run_steps(2);
    type_text(&mut window, "acc");
    assert_eq!(window.query_all_by_label_contains("add node: ").count(), 3);
    window.get_by_label("close the devices").click();
    window.run_steps(3);
    assert!(window.query_by_label("find a control").is_none());
    // A light of the status bar opens it too.
    window.get_by_label("light of ESP32").click();
    window.run_steps(3);
    assert!(window.query_by_label("find a control").is_some());
}

#[test]
fn the_latest_messages_of_a_device_open_below_it_newest_first() {
    let (mut window, _) = window(first_bend());
    open_monitor(&mut window);
    let newest = "0.1 s ago, invalid: a packet without an address";
    assert!(window.query_by_label(newest).is_none());
    window.get_by_label("show the latest messages of OSC 192.168.1.5:9000").click();
    window.run_steps(3);
    let place = |label: &str| window.get_by_label(label).rect();
    let [first, second, third] = [newest, "0.2 s ago, /1/fader1 0.62", "0.3 s ago, /1/fader1 0.61"].map(place);
    assert!(first.bottom() <= second.top() + 0.5 && second.bottom() <= third.top() + 0.5, "{first:?} {second:?}");
    assert!(window.query_by_label("show the latest messages of ESP32").is_some(), "each device has its own list");
    window.get_by_label("hide the latest messages of OSC 192.168.1.5:9000").click();
    window.run_steps(3);
    assert!(window.query_by_label(newest).is_none());
}

#[test]
fn a_click_on_a_control_adds_a_node_or_sets_the_selected_one() {
    let (mut window, fake) = window(Patch::default());
    open_monitor(&mut window);
    let plans = fake.plans();
    window.get_by_label("add node: OSC /1/fader1").click();
    window.run_steps(3);
    let patch = |window: &Window| window.state().workspace.editor.document.patch.clone();
    let params = |window: &Window, id: &str| patch(window).nodes[id].params.clone();
    assert_eq!((node_ids(&window), undo_name(&window)), (vec!["fader1".to_owned()], Some("add OSC in".to_owned())));
    assert_eq!(params(&window, "fader1")["address"], json!("/1/fader1"));
    assert!(fake.plans() > plans, "the engine runs it");
    // The new node is selected, so that the next address is for it.
    window.get_by_label("to fader1: OSC /accxyz   2").click();
    window.run_steps(3);
    assert_eq!(params(&window, "fader1")["address"], json!("/accxyz"));
    assert_eq!(params(&window, "fader1")["index"], json!(2));
    assert_eq!(undo_name(&window).as_deref(), Some("learn fader1"));
    // A sensor is not for it.
    window.get_by_label("add node: sensor touch").click();
    window.run_steps(3);
    assert_eq!(node_ids(&window), ["fader1", "touch"]);
    assert_eq!(patch(&window).nodes["touch"].kind, "serial.in");
    // Nodes do not cover one another.
    let rects = &window.state().workspace.frame.rects;
    assert!(!rects["fader1"].intersects(rects["touch"]), "{rects:?}");
    window.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::Z);
    window.run_steps(2);
    assert_eq!(node_ids(&window), ["fader1"], "one step");
}

#[test]
fn a_selected_midi_node_takes_a_controller_of_the_monitor() {
    let mut patch = first_bend();
    patch.nodes.insert("pad".into(), Node { kind: "midi.note".into(), ..Node::default() });
    let (mut window, _) = window(patch);
    window.state_mut().workspace.editor.selection = ["pad".to_owned()].into();
    open_monitor(&mut window);
    assert!(window.query_by_label("add node: MIDI CC 7, channel 1").is_some(), "a note node takes no controller");
    window.get_by_label("to pad: MIDI note 36, channel 10").click();
    window.run_steps(3);
    let params = window.state().workspace.editor.document.patch.nodes["pad"].params.clone();
    assert_eq!((&params["channel"], &params["note"]), (&json!(10), &json!(36)));
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_the_monitor() {
    let (mut window, fake) = window_with(first_bend(), Some("patches/first_bend.json".into()), None, true);
    for number in 1..60 {
        fake.play(number);
        window.run_steps(1);
    }
    open_monitor(&mut window);
    crate::shoot(&mut window, "monitor");
    let at = window.get_by_label("add node: OSC /1/fader1").rect().center();
    window.hover_at(at);
    window.run_steps(3);
    window.get_by_label("add node: OSC /1/fader1").click();
    window.run_steps(60);
    crate::shoot(&mut window, "monitor_added");
}

#[test]
fn a_port_gets_a_name_for_patches_and_the_patch_describes_its_devices() {
    let devices = FakeDevices::default();
    let mut patch = first_bend();
    let faders = serde_json::from_str(r#"{ "kind": "midi_in", "match": { "name": "nano" } }"#).expect("a device");
    patch.devices.insert("faders".into(), faders);
    let (mut window, _, _) = recording_window_with(patch.clone(), devices.clone());
    window.run_steps(2);
    assert_eq!(devices.0.borrow().wanted, patch.devices);
    window.get_by_label("Devices").click();
    window.run_steps(3);
    let write = |window: &mut Window, text: &str| {
        window.get_by_label("name of nanoKONTROL2").click();
        window.run_steps(2);
        window.key_press_modifiers(Modifiers::COMMAND, Key::A);
        window.event(egui::Event::Text(text.to_owned()));
        window.run_steps(2);
        window.key_press(Key::Enter);
        window.run_steps(3);
    };
    write(&mut window, "box");
    assert_eq!(devices.0.borrow().names.get("nanoKONTROL2").map(String::as_str), Some("box"));
    write(&mut window, "nanoKONTROL2");
    assert!(devices.0.borrow().names.is_empty(), "its own name");
}

#[test]
fn messages_to_a_knob_turn_it_and_one_undo_turns_it_back() {
    let mut patch = Patch::default();
    patch.nodes.insert("lfo".into(), Node::new("modulate.lfo"));
    let devices = FakeDevices::default();
    let (mut window, ..) = recording_window_with(patch, devices.clone());
    let rate =
        |window: &Window| window.state().workspace.editor.document.patch.nodes["lfo"].params.get("rate").cloned();
    let send = |window: &mut Window, number: f64| {
        let event = Event::osc("/bend/lfo/rate", &[number]);
        devices.1.borrow_mut().extend(Request::of_event(&event));
        window.run_steps(2);
    };
    for number in [1.5, 2.0, 2.5] {
        send(&mut window, number);
        assert_eq!(rate(&window), Some(json!(number)));
    }
    assert_eq!(undo_name(&window), Some("turn knobs by OSC".to_owned()));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(rate(&window), None);
}
