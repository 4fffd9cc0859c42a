//! Numbers over the frames: waves, cables to knobs, and outputs without a result.

use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::tick::Memory;
use serde_json::json;

use crate::params::*;
use crate::patching::*;

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
                ("r", "bend.rotate", json!({ "angle": 10.0 })),
                ("wan", "model.wan", json!({})),
            ],
            &[("n.out", "r.angle"), ("r.bends", "wan.bends")],
        );
        patch.apply(LevelEdit::SetDepth { id: "r".to_owned(), name: "angle".to_owned(), depth }).expect("an edit");
        lanes_of(&run(&compile(&patch), &mut Memory::default(), 0, 2).bends[0], "angle").to_vec()
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
    divided.apply(LevelEdit::RemoveNode { id: "one".to_owned() }).expect("an edit");
    divided.nodes.get_mut("m").expect("the node").params.insert("a".to_owned(), json!(2.0));
    assert_near(&sent(&divided, &mut before.clone(), 4), &[1.0 / 3.0, 2.0, 1.0, 2.0 / 3.0]);
}
