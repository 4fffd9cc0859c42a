//! Patches of earlier versions do what they did.

#![allow(clippy::float_cmp, reason = "identity is meant")]

mod patching;

use bendrack_nodes::patch::{Node, Patch};
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use bendrack_nodes::{LIBRARY, migrate};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use patching::*;

/// A patch as it is read from a file.
fn read(nodes: &Json, cables: &Json) -> Patch {
    let text = json!({ "format": "bendrack-patch", "version": 1, "nodes": nodes, "cables": cables }).to_string();
    let patch = Patch::from_json(&text).expect("a patch");
    assert_eq!(Patch::from_json(&patch.to_json()).expect("a patch"), patch, "it is brought up to date once");
    patch
}

/// What the output of a node is when this number is on the knob `x`.
fn given(patch: &Patch, x: f64, port: (&str, &str)) -> f64 {
    let (measurements, mut memory) = (Measurements::new(), Memory::default());
    let controls = Controls { osc: [("/x".to_owned(), vec![x])].into(), ..Controls::default() };
    let inputs = Inputs { controls: &controls, measurements: &measurements, first_frame: 0, dt_secs: DT_SECS };
    let prompt = compile(patch).program(&inputs, &mut memory, 1).prompt;
    memory.output(port.0, port.1).unwrap_or_else(|| prompt.parse().expect("a number"))
}

/// A switch between four numbers and a list of nine prompts that are moved by what is on `x`.
fn chosen(depth: Option<f64>, base: f64, v: u32) -> Patch {
    let depths = depth.map_or(json!({}), |depth| json!({ "index": depth }));
    read(
        &json!({
            "x": { "type": "osc.in", "params": { "address": "/x" } },
            "n0": { "type": "control.number", "params": { "value": 0.0 } },
            "n1": { "type": "control.number", "params": { "value": 1.0 } },
            "n2": { "type": "control.number", "params": { "value": 2.0 } },
            "n3": { "type": "control.number", "params": { "value": 3.0 } },
            "either": { "type": "logic.switch", "v": v, "params": { "count": 4, "index": base }, "depths": depths },
            "list": {
                "type": "prompt.list", "v": v,
                "params": { "prompts": "0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8", "index": base }, "depths": depths
            },
            "wan": { "type": "model.wan" }
        }),
        &json!([
            { "from": "x.out", "to": "either.index" },
            { "from": "n0.out", "to": "either.a" },
            { "from": "n1.out", "to": "either.b" },
            { "from": "n2.out", "to": "either.c" },
            { "from": "n3.out", "to": "either.d" },
            { "from": "x.out", "to": "list.index" },
            { "from": "list.text", "to": "wan.prompt" }
        ]),
    )
}

#[test]
fn a_counter_at_an_index_skips_nothing() {
    let patch = chosen(Some(0.5), 7.0, 2);
    for x in 0..20 {
        let x = f64::from(x);
        assert_near(&[given(&patch, x, ("either", "out"))], &[x % 4.0]);
        assert_near(&[given(&patch, x, ("list", "text"))], &[x % 9.0]);
    }
}

proptest! {
    #[test]
    fn an_index_that_a_cable_moved_by_its_depth_chooses_what_it_chose(
        depth in prop::option::of(prop_oneof![-1.0..1.0, Just(1.0 / 3.0), Just(0.3334), Just(0.125), Just(0.25)]),
        base in prop_oneof![Just(0.0), (-4..9).prop_map(f64::from)],
        x in -12.0..12.0,
    ) {
        let patch = chosen(depth, base, 1);
        for (port, travel, count) in [(("either", "out"), 3.0, 4.0), (("list", "text"), 8.0, 9.0_f64)] {
            let moved: f64 = base + depth.unwrap_or(0.25) * travel * x;
            // Between two of them the last digit decides, or the hand that wrote a third as 0.3334.
            prop_assume!((moved - moved.floor() - 0.5).abs() > 0.01);
            let was = moved.round_ties_even().rem_euclid(count);
            prop_assert_eq!(given(&patch, x, port), was, "{}", patch.to_json());
        }
    }
}

#[test]
fn a_new_node_is_of_the_version_of_today() {
    for def in LIBRARY {
        let mut patch = Patch::default();
        patch.nodes.insert("it".to_owned(), Node::new(def.name));
        assert_eq!(patch.nodes["it"].v, migrate::version_of(def.name));
        assert_eq!(Patch::from_json(&patch.to_json()).expect("a patch"), patch, "{}", def.name);
    }
}
