//! Gamepads, keys of the computer, and senders of OSC.

use std::sync::Arc;

use bendrack_nodes::input::{ComputerKey, ControlName, Controls, Event, GamepadPart};
use bendrack_nodes::library::control::key::keys_of;
use bendrack_nodes::patch::{ControlMap, Definition, Patch};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::json;

use crate::patching::{DT_SECS, compile, node, patch};

/// The output of the node `it` after each latent frame of these events.
fn outputs(patch: &Patch, name: &str, frames: &[Vec<Event>]) -> Vec<f64> {
    let (plan, mut memory, mut controls) = (compile(patch), Memory::default(), Controls::default());
    let mut frame = |events: &Vec<Event>| {
        controls.extend(events);
        let (lanes, measurements) = ([Arc::new(controls.clone())], Measurements::new());
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: 0,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        plan.program(&inputs, &mut memory, 1);
        controls.end_frame();
        memory.output("it", name).expect("a number")
    };
    frames.iter().map(&mut frame).collect()
}

#[test]
fn a_gamepad_is_read_by_its_part_and_name() {
    let of = |part, number, device: &str| Event::new(ControlName::Gamepad { part }, &[number]).on(&device.into());
    let frames = [
        vec![],
        vec![of(GamepadPart::LeftX, -0.5, "one")],
        vec![of(GamepadPart::LeftX, 0.25, "two"), of(GamepadPart::LeftY, 1.0, "one")],
        vec![],
    ];
    let read = |params| outputs(&patch(&[("it", "control.gamepad", params)], &[]), "out", &frames);
    assert_eq!(read(json!({})), [0.0, -0.5, 0.25, 0.25]);
    assert_eq!(read(json!({ "device": "one" })), [0.0, -0.5, -0.5, -0.5]);
    assert_eq!(read(json!({ "part": "left_y" })), [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_key_is_a_gate_that_counts_each_press() {
    let key = |key, number| Event::new(ControlName::Key { key }, &[number]).on(&"keyboard".into());
    let press = [key(ComputerKey::Q, 1.0), key(ComputerKey::Q, 0.0)];
    let frames = [
        vec![],
        vec![key(ComputerKey::Q, 1.0)],
        vec![],
        vec![key(ComputerKey::Q, 0.0)],
        [press.clone(), press.clone()].concat(),
        vec![key(ComputerKey::A, 1.0)],
    ];
    let node = ("it", "control.key", json!({ "key": "q" }));
    assert_eq!(outputs(&patch(std::slice::from_ref(&node), &[]), "gate", &frames), [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
    let (_, kind, params) = node;
    let counted = patch(&[("key", kind, params), ("it", "logic.counter", json!({}))], &[("key.gate", "it.up")]);
    let counts = outputs(&counted, "count", &frames);
    assert_eq!(counts.last().copied(), Some(3.0), "{counts:?}");
}

#[test]
fn the_keys_of_a_patch_are_those_of_its_nodes_subpatches_and_maps() {
    let mut patch = patch(&[("a", "control.key", json!({})), ("b", "control.key", json!({ "key": "7" }))], &[]);
    let inner = [("key".to_owned(), node("control.key", &json!({ "key": "x" })))].into();
    patch.definitions.insert("sub".to_owned(), Definition { nodes: inner, ..Definition::default() });
    let key = ControlName::Key { key: ComputerKey::M };
    patch.maps = vec![ControlMap::new(key, "a.key".parse().expect("a port"), [0.0, 1.0])];
    let keys = keys_of(&patch).into_iter().collect::<Vec<_>>();
    assert_eq!(keys, [ComputerKey::A, ComputerKey::M, ComputerKey::X, ComputerKey::Seven]);
}

#[test]
fn two_senders_of_one_address_can_be_told_apart() {
    let fader = |number, from: &str| Event::osc("/1/fader1", &[number]).on(&from.into());
    let frames = [vec![fader(0.25, "192.168.1.7"), fader(0.75, "192.168.1.8")], vec![fader(0.5, "192.168.1.7")]];
    let read = |device: &str| {
        let params = json!({ "address": "/1/fader1", "device": device });
        outputs(&patch(&[("it", "osc.in", params)], &[]), "out", &frames)
    };
    assert_eq!(read(""), [0.75, 0.5], "the last of any sender");
    assert_eq!(read("192.168.1.7"), [0.25, 0.5]);
    assert_eq!(read("192.168.1.8"), [0.75, 0.75]);
    assert_eq!(read("192.168.1.9"), [0.0, 0.0]);
}
