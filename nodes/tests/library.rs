//! What every node obeys, and what a few of them give.

#![allow(clippy::float_cmp, reason = "identity is meant")]

mod patching;

use std::collections::BTreeSet;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{Curve, NodeDef, Preset};
use bendrack_nodes::patch::{Edit, Patch};
use bendrack_nodes::tick::Memory;
use bendrack_nodes::value::Kind;
use serde_json::json;

use patching::*;

#[test]
fn names_are_unique_and_plain() {
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let names: BTreeSet<_> = LIBRARY.iter().map(|def| def.name).collect();
    assert_eq!(names.len(), LIBRARY.len());
    for def in LIBRARY {
        assert!(def.name.split('.').count() == 2 && def.name.split('.').all(plain), "{}", def.name);
        let inputs: BTreeSet<_> = def.inputs.iter().map(|input| input.name).collect();
        let outputs: BTreeSet<_> = def.outputs.iter().map(|output| output.name).collect();
        assert_eq!(inputs.len(), def.inputs.len(), "{}", def.name);
        assert_eq!(outputs.len(), def.outputs.len(), "{}", def.name);
        assert!(inputs.iter().chain(&outputs).all(|name| plain(name)), "{}", def.name);
    }
}

#[test]
fn everything_is_explained_in_a_sentence() {
    for def in LIBRARY {
        let about = def.inputs.iter().map(|input| input.about).chain(def.outputs.iter().map(|output| output.about));
        for text in about.chain([def.about]) {
            assert!(text.ends_with('.') && text.len() > 8, "{}: {text:?}", def.name);
        }
        assert!(def.title.chars().next().is_some_and(char::is_uppercase), "{}", def.name);
    }
}

#[test]
fn knobs_stay_within_their_limits() {
    for (def, input) in LIBRARY.iter().flat_map(|def| def.inputs.iter().map(move |input| (def, input))) {
        let at = format!("{} {}", def.name, input.name);
        assert!(input.hard.0 <= input.soft.0 && input.soft.0 < input.soft.1 && input.soft.1 <= input.hard.1, "{at}");
        match input.default {
            Preset::Number(number) => assert!((input.hard.0..=input.hard.1).contains(&number), "{at}"),
            Preset::Text(_) => assert_eq!(input.kind, Kind::Text, "{at}"),
            Preset::Nothing => assert!(!matches!(input.kind, Kind::Number | Kind::Gate | Kind::Text), "{at}"),
        }
        assert!(input.curve == Curve::Linear || input.soft.0 > 0.0, "{at}");
    }
}

#[test]
fn every_file_is_in_the_library() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for family in std::fs::read_dir(root).expect("the crate's folder").map(|entry| entry.expect("an entry").path()) {
        if family.is_dir() && !family.ends_with("tests") {
            files += std::fs::read_dir(&family).expect("a folder").count();
        }
    }
    assert_eq!(files, LIBRARY.len(), "one file is one node, listed in LIBRARY");
}

/// A patch with one node of this kind, wired to a model if it bends.
fn alone(def: &NodeDef, params: serde_json::Value) -> Patch {
    let bends = def.output("bends").is_some();
    let mut patch = patch(&[("it", def.name, params), ("wan", "model.wan", json!({}))], &[]);
    if bends {
        patch.cables.push(cable("it.bends", "wan.bends"));
    }
    patch
}

#[test]
fn a_bend_at_its_defaults_leaves_the_program() {
    for def in LIBRARY {
        let program = run(&compile(&alone(def, json!({}))), &mut Memory::default(), 0, 3);
        assert!(program.bends.is_empty(), "{}: {program}", def.name);
    }
}

#[test]
fn a_bend_without_amount_or_bypassed_leaves_the_program() {
    for def in LIBRARY.iter().filter(|def| def.output("bends").is_some()) {
        let knob =
            def.inputs.iter().find(|input| input.kind == Kind::Number && input.name != "amount").expect("a knob");
        let moved = if knob.default == Preset::Number(knob.soft.1) { knob.soft.0 } else { knob.soft.1 };
        let bent = alone(def, json!({ knob.name: moved }));
        assert_eq!(run(&compile(&bent), &mut Memory::default(), 0, 3).bends.len(), 1, "{}", def.name);
        let dry = alone(def, json!({ knob.name: moved, "amount": 0.0 }));
        assert!(run(&compile(&dry), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut bypassed = bent.clone();
        bypassed.apply(Edit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
        assert!(run(&compile(&bypassed), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut aimless = bent;
        aimless.nodes.insert("nowhere".to_owned(), node("target.layers", &json!({ "first": 5, "last": 2 })));
        aimless.cables.push(cable("nowhere.target", "it.target"));
        assert!(run(&compile(&aimless), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
    }
}

#[test]
fn an_lfo_gives_its_wave_per_frame() {
    let lfo = |params| output(&[("lfo", "modulate.lfo", params)], &[], "lfo.out", 5);
    // One cycle a second is a quarter of a cycle per latent frame.
    assert_near(&lfo(json!({ "rate": 1.0 })), &[0.0, 0.5, 1.0, 0.5, 0.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "polarity": "bipolar", "depth": 30.0 })), &[-30.0, 0.0, 30.0, 0.0, -30.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "saw_up" })), &[0.0, 0.25, 0.5, 0.75, 0.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "saw_down", "offset": 1.0 })), &[2.0, 1.75, 1.5, 1.25, 2.0]);
    assert_near(
        &lfo(json!({ "rate": 1.0, "shape": "triangle", "width": 0.25 })),
        &[0.0, 1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
    );
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "square" })), &[0.0, 0.0, 1.0, 1.0, 0.0]);
    let steps = lfo(json!({ "rate": 2.0, "shape": "sample_hold" }));
    assert!(steps[0] == steps[1] && steps[2] == steps[3] && steps[0] != steps[2], "{steps:?}");
}

#[test]
fn slew_and_envelope_take_their_time() {
    let number = |value: f64| ("n", "control.number", json!({ "value": value }));
    let slewed = output(
        &[
            ("lfo", "modulate.lfo", json!({ "rate": 0.5, "shape": "square" })),
            ("s", "modulate.slew", json!({ "rise": 0.5, "fall": 0.0 })),
        ],
        &[("lfo.out", "s.in")],
        "s.out",
        9,
    );
    // Up after four frames of 0.25 s; after half a second it is 90 % there.
    assert_near(&slewed[..4], &[0.0; 4]);
    assert_near(&slewed[5..6], &[0.9]);
    assert_near(&slewed[8..], &[0.0]);
    let envelope = output(
        &[number(1.0), ("e", "modulate.envelope", json!({ "attack": 0.5, "decay": 0.5, "sustain": 0.25 }))],
        &[("n.out", "e.gate")],
        "e.out",
        5,
    );
    assert_near(&envelope, &[0.5, 1.0, 0.5, 0.25, 0.25]);
}

#[test]
fn a_cable_moves_a_knob_by_its_depth_and_gives_signals_as_they_are() {
    let angle = |depth: Option<f64>| {
        let mut patch = patch(
            &[
                ("n", "control.number", json!({ "value": 0.5 })),
                ("r", "bend.cross_rotate", json!({ "angle": 10.0 })),
                ("wan", "model.wan", json!({})),
            ],
            &[("n.out", "r.angle"), ("r.bends", "wan.bends")],
        );
        patch.apply(Edit::SetDepth { id: "r".to_owned(), name: "angle".to_owned(), depth }).expect("an edit");
        run(&compile(&patch), &mut Memory::default(), 0, 2).bends[0].params[0].clone()
    };
    // The knob travels 360°.
    assert_near(&angle(None), &[55.0, 55.0]);
    assert_near(&angle(Some(-1.0)), &[-170.0, -170.0]);
    assert_near(&output(&[("n", "control.number", json!({ "value": 0.5 }))], &[], "n.out", 1), &[0.5]);
}

#[test]
fn math_without_a_result_keeps_the_last_one() {
    let divided = output(
        &[
            ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "depth": 4.0 })),
            ("one", "control.number", json!({ "value": 1.0 })),
            ("m", "math.math", json!({ "op": "divide" })),
        ],
        &[("one.out", "m.a"), ("lfo.out", "m.b")],
        "m.out",
        5,
    );
    assert_near(&divided[1..], &[1.0, 0.5, 1.0 / 3.0, 1.0 / 3.0]);
}

#[test]
fn an_output_without_a_result_keeps_its_last_one_from_call_to_call() {
    // The divisor is 0 in the first frame of each second call of four.
    let nodes = [
        ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "depth": 4.0 })),
        ("one", "control.number", json!({ "value": 1.0 })),
        ("m", "math.math", json!({ "op": "divide" })),
        ("send", "osc.out", json!({ "value": 0.125 })),
    ];
    let mut divided = patch(&nodes, &[("one.out", "m.a"), ("lfo.out", "m.b"), ("m.out", "send.value")]);
    let mut memory = Memory::default();
    let sent =
        |patch: &Patch, memory: &mut Memory, first| run(&compile(patch), memory, first, 4).messages[0].values.clone();
    assert_near(&sent(&divided, &mut memory, 0), &[0.125, 1.0, 0.5, 1.0 / 3.0]);
    let before = memory.clone();
    assert_near(&sent(&divided, &mut memory, 4), &[1.0 / 3.0, 1.0, 0.5, 1.0 / 3.0]);
    // The same again from the same memory, and over an edit.
    divided.apply(Edit::RemoveNode { id: "one".to_owned() }).expect("an edit");
    divided.nodes.get_mut("m").expect("the node").params.insert("a".to_owned(), json!(2.0));
    assert_near(&sent(&divided, &mut before.clone(), 4), &[1.0 / 3.0, 2.0, 1.0, 2.0 / 3.0]);
}
