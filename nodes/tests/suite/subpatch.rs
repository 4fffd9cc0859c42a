//! Subpatches: definitions, instances, ports by name.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::Code;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

use crate::params::*;
use crate::patching::*;

/// A patch with these definitions, nodes and cables.
fn read(definitions: &Json, nodes: &Json, cables: &Json) -> Patch {
    let text = json!({
        "format": "bendrack-patch", "version": 1, "definitions": definitions, "nodes": nodes, "cables": cables
    });
    Patch::from_json(&text.to_string()).expect("a patch")
}

/// A definition of an LFO and a rotation, with ports for the rate and the angle.
fn wobble() -> Json {
    json!({ "wobble": {
        "inputs": [
            { "name": "speed", "to": ["lfo.rate", "second.rate"] },
            { "name": "bends", "to": ["turn.bends"] },
            { "name": "way", "to": ["turn.angle"] }
        ],
        "outputs": [{ "name": "bends", "from": "turn.bends" }, { "name": "wave", "from": "lfo.out" }],
        "nodes": {
            "lfo": { "type": "modulate.lfo", "params": { "rate": 1.0, "shape": "saw_up" } },
            "second": { "type": "modulate.lfo", "params": { "rate": 1.0 } },
            "turn": { "type": "bend.rotate", "params": { "angle": 10.0 }, "depths": { "angle": 1.0 } }
        },
        "cables": []
    } })
}

fn outputs(patch: &Patch, ports: &[(&str, &str)], frames: usize) -> Vec<Option<f64>> {
    let (measurements, mut memory) = (Measurements::new(), Memory::default());
    let inputs = Inputs {
        lanes: &[],
        measurements: &measurements,
        first_frame: 0,
        dt_secs: DT_SECS,
        step: DenoisingStep::default(),
    };
    compile(patch).program(&inputs, &mut memory, frames);
    ports.iter().map(|(node, port)| memory.output(node, port)).collect()
}

#[test]
fn instances_run_each_for_itself_with_their_own_settings() {
    let patch = read(
        &wobble(),
        &json!({
            "one": { "type": "sub.wobble" },
            "two": { "type": "sub.wobble", "params": { "speed": 0.5, "way": 45.0 } },
            "wan": { "type": "model.wan" }
        }),
        &json!([{ "from": "one.bends", "to": "two.bends" }, { "from": "two.bends", "to": "wan.bends" }]),
    );
    let (plan, problems) = Plan::compile(&patch, LIBRARY);
    assert_eq!(problems, []);
    let program = run(&plan.expect("a plan"), &mut Memory::default(), 0, 2);
    let bends: Vec<_> = program.bends.iter().map(|bend| (bend.node.to_string(), lanes_of(bend, "angle")[0])).collect();
    assert_eq!(bends, [("one/turn".to_owned(), 10.0), ("two/turn".to_owned(), 45.0)]);
    let ports = [("one/lfo", "out"), ("two/lfo", "out"), ("one/second", "out"), ("two/second", "out")];
    assert_eq!(outputs(&patch, &ports, 2)[..2], [Some(0.25), Some(0.125)]);
}

#[test]
fn cables_lead_in_and_out_with_the_depths_of_the_instance() {
    let nodes = |depths: Json| {
        json!({
            "n": { "type": "control.number", "params": { "value": 0.5 } },
            "it": { "type": "sub.wobble", "depths": depths },
            "range": { "type": "math.range", "params": { "out_max": 100.0 } },
            "wan": { "type": "model.wan" }
        })
    };
    let cables = json!([
        { "from": "n.out", "to": "it.way" },
        { "from": "it.wave", "to": "range.in" },
        { "from": "it.bends", "to": "wan.bends" }
    ]);
    let angle = |depths| {
        let patch = read(&wobble(), &nodes(depths), &cables);
        let program = run(&compile(&patch), &mut Memory::default(), 0, 1);
        (lanes_of(&program.bends[0], "angle")[0], outputs(&patch, &[("range", "out")], 2)[0])
    };
    assert_eq!(angle(json!({})), (10.0 + 180.0, Some(25.0)), "the depth of the definition");
    assert_eq!(angle(json!({ "way": 0.5 })), (10.0 + 90.0, Some(25.0)));
}

#[test]
fn a_bypassed_instance_lets_bends_through() {
    let mut patch = read(
        &wobble(),
        &json!({ "it": { "type": "sub.wobble" }, "flip": { "type": "bend.flip", "params": { "vertical": true } },
            "wan": { "type": "model.wan" } }),
        &json!([{ "from": "flip.bends", "to": "it.bends" }, { "from": "it.bends", "to": "wan.bends" }]),
    );
    let bends = |patch: &Patch| run(&compile(patch), &mut Memory::default(), 0, 1).bends.len();
    assert_eq!(bends(&patch), 2);
    patch.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
    assert_eq!(bends(&patch), 1);
}

#[test]
fn subpatches_lie_in_subpatches_and_the_outermost_setting_counts() {
    let mut definitions = wobble();
    definitions["pair"] = json!({
        "inputs": [{ "name": "speed", "to": ["a.speed", "b.speed"] }, { "name": "left", "to": ["a.way"] }],
        "outputs": [{ "name": "out", "from": "b.bends" }],
        "nodes": {
            "a": { "type": "sub.wobble", "params": { "way": 20.0 } },
            "b": { "type": "sub.wobble", "params": { "way": 30.0 } }
        },
        "cables": [{ "from": "a.bends", "to": "b.bends" }]
    });
    let patch = read(
        &definitions,
        &json!({ "it": { "type": "sub.pair", "params": { "left": 40.0 } }, "wan": { "type": "model.wan" } }),
        &json!([{ "from": "it.out", "to": "wan.bends" }]),
    );
    let program = run(&compile(&patch), &mut Memory::default(), 0, 1);
    let bends: Vec<_> = program.bends.iter().map(|bend| (bend.node.to_string(), lanes_of(bend, "angle")[0])).collect();
    assert_eq!(bends, [("it/a/turn".to_owned(), 40.0), ("it/b/turn".to_owned(), 30.0)]);
}

#[test]
fn a_problem_is_reported_once_at_its_place() {
    let mut definitions = wobble();
    definitions["wobble"]["nodes"]["lfo"]["params"]["shape"] = json!("sin");
    definitions["wobble"]["inputs"][2]["to"] = json!(["turm.angle"]);
    definitions["unused"] = json!({ "nodes": { "x": { "type": "modulate.lfo", "params": { "rte": 1.0 } } } });
    let patch = read(
        &definitions,
        &json!({ "a": { "type": "sub.wobble", "params": { "sped": 1.0 } }, "b": { "type": "sub.wobble" }, "c": { "type": "sub.wobbel" } }),
        &json!([{ "from": "a.wav", "to": "b.speed" }]),
    );
    let (plan, problems) = Plan::compile(&patch, LIBRARY);
    assert!(plan.is_none());
    let mut reported: Vec<_> = problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.code, problem.suggestion.as_deref()))
        .collect();
    reported.sort_unstable();
    assert_eq!(
        reported,
        [
            ("/cables/0/from", Code::NoSuchPort, Some("wave")),
            ("/definitions/unused/nodes/x/params/rte", Code::UnknownParameter, Some("rate")),
            ("/definitions/wobble/inputs/2/to/0", Code::NoSuchNode, Some("turn")),
            ("/definitions/wobble/nodes/lfo/params/shape", Code::BadValue, Some("sine")),
            ("/nodes/a/params/sped", Code::UnknownParameter, Some("speed")),
            ("/nodes/c/type", Code::UnknownNode, Some("wobble")),
        ]
    );
}

#[test]
fn hostile_subpatches_are_refused_at_once() {
    // One that contains itself, by way of another.
    let circle = read(
        &json!({ "a": { "nodes": { "x": { "type": "sub.b" } } }, "b": { "nodes": { "x": { "type": "sub.a" } } } }),
        &json!({ "it": { "type": "sub.a" } }),
        &json!([]),
    );
    let (plan, problems) = Plan::compile(&circle, LIBRARY);
    assert!(plan.is_none() && problems[0].code == Code::Circle, "{problems:?}");
    // Eight instances on each of 15 levels are 8¹⁵ instances, with and without a node in the innermost.
    for ground in [json!({}), json!({ "x": { "type": "control.number" } })] {
        let mut definitions = json!({ "s0": { "nodes": ground } });
        for storey in 1..16 {
            let rooms: serde_json::Map<String, Json> =
                (0..8).map(|room| (format!("r{room}"), json!({ "type": format!("sub.s{}", storey - 1) }))).collect();
            definitions[format!("s{storey}")] = json!({ "nodes": rooms });
        }
        let tower = read(&definitions, &json!({ "it": { "type": "sub.s15" } }), &json!([]));
        let (plan, problems) = Plan::compile(&tower, LIBRARY);
        assert!(plan.is_none() && problems.iter().any(|problem| problem.code == Code::TooMany), "{problems:?}");
    }
    // Nested too deep.
    let mut definitions = json!({ "s0": { "nodes": {} } });
    for storey in 1..40 {
        definitions[format!("s{storey}")] = json!({ "nodes": { "x": { "type": format!("sub.s{}", storey - 1) } } });
    }
    let deep = read(&definitions, &json!({ "it": { "type": "sub.s39" } }), &json!([]));
    let (plan, problems) = Plan::compile(&deep, LIBRARY);
    assert!(plan.is_none() && problems.iter().any(|problem| problem.message.contains("16 deep")), "{problems:?}");
    // One input that leads to any number of knobs.
    let ports: Vec<String> = vec!["x.in".to_owned(); 60];
    let mut definitions = json!({ "s0": {
        "inputs": [{ "name": "in", "to": vec!["n.value"; 60] }], "nodes": { "n": { "type": "control.number" } }
    } });
    for storey in 1..15 {
        definitions[format!("s{storey}")] = json!({
            "inputs": [{ "name": "in", "to": ports }], "nodes": { "x": { "type": format!("sub.s{}", storey - 1) } }
        });
    }
    let fan = read(&definitions, &json!({ "it": { "type": "sub.s14", "params": { "in": 1.0 } } }), &json!([]));
    let (plan, problems) = Plan::compile(&fan, LIBRARY);
    assert!(plan.is_none() && problems.iter().any(|problem| problem.code == Code::TooMany), "{problems:?}");
}

#[test]
fn an_id_with_a_slash_is_not_that_of_a_node_in_an_instance() {
    let definitions = json!({ "d": { "nodes": { "a": { "type": "view.note" } } } });
    for (id, refused) in [("left/a", true), ("left/b", false)] {
        let nodes = json!({ "left": { "type": "sub.d" }, id: { "type": "modulate.recorder" } });
        let (plan, problems) = Plan::compile(&read(&definitions, &nodes, &json!([])), LIBRARY);
        assert_eq!(plan.is_none(), refused, "{id}");
        let reported = problems.iter().any(|problem| problem.code == Code::BadId && problem.message.contains("left/a"));
        assert_eq!(reported, refused, "{problems:?}");
    }
}

#[test]
fn the_kinds_of_ports_follow_cables_through_subpatches_and_in_patches_with_errors() {
    let definitions = json!({ "pass": {
        "nodes": { "dot": { "type": "view.reroute" } },
        "inputs": [{ "name": "in", "to": ["dot.in"] }],
        "outputs": [{ "name": "out", "from": "dot.out" }]
    } });
    let nodes = json!({
        "word": { "type": "target.words" }, "one": { "type": "sub.pass" }, "behind": { "type": "view.reroute" },
        "alone": { "type": "view.reroute" }, "turn": { "type": "bend.rotate" }
    });
    let cables = json!([
        { "from": "word.target", "to": "one.in" }, { "from": "one.out", "to": "behind.in" },
        { "from": "behind.out", "to": "turn.angle" }
    ]);
    let patch = read(&definitions, &nodes, &cables);
    let (plan, problems, resolved) = Plan::compile_resolved(&patch, LIBRARY);
    assert!(plan.is_none(), "a target into a number: {problems:?}");
    assert_eq!([resolved.kind("one/dot"), resolved.kind("behind")], [Kind::Target; 2]);
    assert_eq!([resolved.kind("alone"), resolved.kind("nowhere")], [Kind::Any; 2]);
}
