//! What every node obeys, and what a few of them give.

#![allow(clippy::float_cmp, reason = "identity is meant")]

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::def::{Curve, NodeDef, Preset};
use bendrack_nodes::error::Severity;
use bendrack_nodes::patch::{Cable, Edit, Node, Patch};
use bendrack_nodes::plan::Plan;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{Controls, Inputs, Measurements, Memory};
use bendrack_nodes::value::Kind;
use proptest::prelude::*;
use serde_json::json;

/// Latent frames of Wan at 16 pictures a second.
const DT_SECS: f64 = 0.25;

fn cable(from: &str, to: &str) -> Cable {
    Cable::new(from.parse().expect("a port"), to.parse().expect("a port"))
}

fn node(kind: &str, params: &serde_json::Value) -> Node {
    let params = params.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    Node { kind: kind.to_owned(), params, ..Node::default() }
}

fn patch(nodes: &[(&str, &str, serde_json::Value)], cables: &[(&str, &str)]) -> Patch {
    Patch {
        nodes: nodes.iter().map(|(id, kind, params)| ((*id).to_owned(), node(kind, params))).collect(),
        cables: cables.iter().map(|(from, to)| cable(from, to)).collect(),
        ..Patch::default()
    }
}

fn compile(patch: &Patch) -> Plan {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    plan.unwrap_or_else(|| panic!("{problems:?}"))
}

fn run(plan: &Plan, memory: &mut Memory, first_frame: u64, frames: usize) -> Program {
    let (controls, measurements) = (Controls::default(), Measurements::default());
    let inputs = Inputs { controls: &controls, measurements: &measurements, first_frame, dt_secs: DT_SECS };
    plan.program(&inputs, memory, frames)
}

/// What a number node gives over `frames` frames, through an OSC message.
fn output(nodes: &[(&str, &str, serde_json::Value)], cables: &[(&str, &str)], from: &str, frames: usize) -> Vec<f64> {
    let nodes: Vec<_> = nodes.iter().cloned().chain([("send", "osc.out", json!({}))]).collect();
    let cables: Vec<_> = cables.iter().copied().chain([(from, "send.value")]).collect();
    run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, frames).messages[0].values.clone()
}

#[track_caller]
fn assert_near(actual: &[f64], expected: &[f64]) {
    let near = actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(near, "{actual:?} is not {expected:?}");
}

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

#[test]
fn a_circle_is_refused_with_its_names() {
    let circle = patch(
        &[("a", "math.math", json!({})), ("b", "math.math", json!({})), ("c", "math.math", json!({}))],
        &[("a.out", "b.a"), ("b.out", "a.a"), ("b.out", "c.a")],
    );
    let (plan, problems) = Plan::compile(&circle, LIBRARY);
    assert!(plan.is_none());
    assert!(problems[0].message.starts_with("a, b feed one another"), "{}", problems[0]);
    // What a tap measured is from the call before, so it may lead back.
    let tap = patch(
        &[("t", "tap.map", json!({})), ("m", "target.layers", json!({}))],
        &[("t.max", "m.first"), ("m.target", "t.target")],
    );
    assert!(Plan::compile(&tap, LIBRARY).0.is_some());
}

#[test]
fn problems_say_where_and_what_was_meant() {
    let wrong = patch(
        &[
            ("lfo", "modulate.lfo", json!({ "shape": "sin", "rat": 1.0, "width": 2.0 })),
            ("x", "modulate.lfoo", json!({})),
            ("n", "math.math", json!({})),
        ],
        &[("lfo.ouut", "n.a"), ("gone.out", "n.b"), ("lfo.out", "n.q")],
    );
    let (plan, problems) = Plan::compile(&wrong, LIBRARY);
    assert!(plan.is_none());
    let said: BTreeMap<_, _> =
        problems.iter().map(|p| (p.pointer.as_str(), (p.severity, p.suggestion.as_deref()))).collect();
    assert_eq!(said["/nodes/lfo/params/shape"], (Severity::Error, Some("sine")));
    assert_eq!(said["/nodes/lfo/params/rat"], (Severity::Warning, Some("rate")));
    assert_eq!(said["/nodes/lfo/params/width"], (Severity::Warning, None));
    assert_eq!(said["/nodes/x/type"], (Severity::Warning, Some("modulate.lfo")));
    assert_eq!(said["/cables/0/from"], (Severity::Error, Some("out")));
    assert_eq!(said["/cables/1/from"], (Severity::Error, None));
    assert_eq!(said["/cables/2/to"].0, Severity::Error);
}

/// A patch in which `count` nodes follow one another: each takes the output of the one before at all of `inputs`.
fn tower(kind: &str, count: usize, output: &str, inputs: &[&str]) -> Patch {
    let mut tower = patch(&[("wan", "model.wan", json!({}))], &[]);
    for i in 0..count {
        tower.nodes.insert(format!("n{i}"), node(kind, &json!({})));
        for input in inputs.iter().filter(|_| i > 0) {
            tower.cables.push(cable(&format!("n{}.{output}", i - 1), &format!("n{i}.{input}")));
        }
    }
    tower
}

#[test]
fn a_picture_that_would_be_too_large_is_refused_and_named() {
    let screened = |kind: &str, count: usize, inputs: &[&str]| {
        let mut tower = tower(kind, count, "picture", inputs);
        tower.nodes.insert("map".to_owned(), node("tap.map", &json!({})));
        tower.nodes.insert("screen".to_owned(), node("output.picture", &json!({})));
        tower.cables.push(cable("wan.picture", &format!("n0.{}", inputs[0])));
        tower.cables.push(cable(&format!("n{}.picture", count - 1), "screen.picture"));
        if kind == "output.heatmap" {
            tower.cables.extend((0..count).map(|i| cable("map.map", &format!("n{i}.map"))));
        }
        tower
    };
    for (kind, inputs, most, over) in
        [("output.compositor", ["a", "b"].as_slice(), 9, 20), ("output.heatmap", ["below"].as_slice(), 60, 3000)]
    {
        let plan = compile(&screened(kind, most, inputs));
        let program = serde_json::to_string(&run(&plan, &mut Memory::default(), 0, 3)).expect("JSON");
        assert!(program.len() < 1 << 20, "{kind}: {}", program.len());
        let (plan, problems) = Plan::compile(&screened(kind, over, inputs), LIBRARY);
        assert!(plan.is_none(), "{kind}");
        let errors: Vec<_> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
        let node = errors[0].pointer.strip_prefix("/nodes/").expect("a node");
        assert!(errors[0].message.starts_with(node) && node.starts_with('n'), "{}", errors[0]);
    }
}

#[test]
fn a_chain_of_bends_has_an_end() {
    let chain = |count| {
        let mut chain = tower("bend.cross_gain", count, "bends", &["bends"]);
        chain.cables.push(cable(&format!("n{}.bends", count - 1), "wan.bends"));
        chain
    };
    assert!(Plan::compile(&chain(256), LIBRARY).0.is_some());
    let (plan, problems) = Plan::compile(&chain(257), LIBRARY);
    assert!(plan.is_none() && problems[0].pointer == "/nodes/n256", "{problems:?}");
    // Several models are given no more than one.
    let mut many = chain(200);
    many.nodes.insert("wan2".to_owned(), node("model.wan", &json!({})));
    many.cables.push(cable("n199.bends", "wan2.bends"));
    assert!(Plan::compile(&many, LIBRARY).0.is_none());
    let (plan, problems) = Plan::compile(&tower("math.math", 5000, "out", &["a"]), LIBRARY);
    assert!(plan.is_none() && problems[0].pointer == "/nodes", "{problems:?}");
}

#[test]
fn words_beyond_the_limit_are_left_out_with_a_warning() {
    let list: Vec<String> = (0..100_000).map(|i| format!("word{i}")).collect();
    let aimed = patch(
        &[
            ("prompt", "prompt.text", json!({ "text": list.join(",") })),
            ("a", "target.words", json!({ "words": list.join(",") })),
            ("b", "target.words", json!({})),
            ("map", "tap.map", json!({})),
        ],
        &[("prompt.text", "b.words"), ("a.target", "b.within"), ("b.target", "map.target")],
    );
    let (plan, problems) = Plan::compile(&aimed, LIBRARY);
    assert_eq!(problems.len(), 1, "a prompt is no list");
    assert_eq!((problems[0].pointer.as_str(), problems[0].severity), ("/nodes/a/params/words", Severity::Warning));
    let program = run(&plan.expect("a plan"), &mut Memory::default(), 0, 3);
    assert_eq!(program.taps[0].target.words, list[..256].join(", ").parse().expect("words"));
}

#[test]
fn an_untouched_range_reaches_to_the_models_last() {
    for kind in ["target.layers", "target.neurons", "target.steps"] {
        let target = |params| {
            let aimed = patch(&[("aim", kind, params), ("map", "tap.map", json!({}))], &[("aim.target", "map.target")]);
            run(&compile(&aimed), &mut Memory::default(), 0, 1).taps[0].target.clone()
        };
        let set = |params| {
            let target = target(params);
            let set = [&target.layers, &target.neurons, &target.steps].into_iter().find(|set| !set.is_all());
            set.expect("a range").clone()
        };
        // Neurons of the largest model.
        assert!(set(json!({})).contains(13_823) && set(json!({ "first": 3 })).to_string() == "3-end", "{kind}");
        assert_eq!(set(json!({ "first": 3, "last": 5 })).to_string(), "3-5", "{kind}");
    }
}

#[test]
fn what_would_do_nothing_is_warned_of() {
    let doubled = patch(
        &[
            ("aim", "target.layers", json!({ "first": 5, "last": 2 })),
            ("moved", "target.steps", json!({ "first": 5, "last": 2 })),
            ("n", "control.number", json!({})),
            ("a", "model.wan", json!({ "prompt": "a rose" })),
            ("b", "model.wan", json!({ "prompt": "a ship" })),
            ("left", "output.picture", json!({})),
            ("right", "output.picture", json!({})),
            ("unused", "output.picture", json!({})),
        ],
        &[("n.out", "moved.first"), ("a.picture", "left.picture"), ("b.picture", "right.picture")],
    );
    let (plan, problems) = Plan::compile(&doubled, LIBRARY);
    let plan = plan.expect("these are warnings");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(problems[0].to_string(), "warning: /nodes/aim/params/last: first 5 is past last 2: nothing is meant");
    let used = |what: &str| {
        let said = problems.iter().find(|problem| problem.message.contains(what)).expect("a warning").to_string();
        let ids: Vec<_> =
            ["a", "b", "left", "right"].into_iter().filter(|id| said.contains(&format!("that of {id} is"))).collect();
        assert!(ids.len() == 1 && !said.starts_with(&format!("warning: /nodes/{}:", ids[0])), "{said}");
        ids[0]
    };
    // What is said to be used is.
    let prompt = run(&plan, &mut Memory::default(), 0, 1).prompt;
    assert_eq!(&*prompt, if used("prompt") == "a" { "a rose" } else { "a ship" });
    assert!(["left", "right"].contains(&used("picture")));
}

#[test]
fn suggestions_end_before_they_take_long() {
    let mut wrong = patch(&[("lfo", "modulate.lfo", json!({})), ("n", "math.math", json!({}))], &[]);
    wrong.cables = vec![cable("lfoo.out", "n.a"); 101];
    let (_, problems) = Plan::compile(&wrong, LIBRARY);
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[0].suggestion.as_deref(), Some("lfo"));
    assert_eq!(problems[100].suggestion, None);
}

#[test]
fn what_is_unknown_survives() {
    let text = r#"{"format": "bendrack-patch", "version": 1, "future": {"a": [1, 2]},
        "nodes": {"x": {"type": "bend.tomorrow", "params": {"p": 0.25}, "shade": "blue"}},
        "cables": [{"from": "x.out", "to": "y.in", "colour": 3}], "meta": {"title": "t", "licence": "CC0"}}"#;
    let patch = Patch::from_json(text).expect("a patch");
    let written: serde_json::Value = serde_json::from_str(&patch.to_json()).expect("JSON");
    let read: serde_json::Value = serde_json::from_str(text).expect("JSON");
    for key in ["future", "nodes", "cables", "meta"] {
        assert_eq!(written[key], read[key], "{key}");
    }
    assert_eq!(Patch::from_json(&patch.to_json()).expect("its own").to_json(), patch.to_json());
    for wrong in ["", "{}", "[]", r#"{"format": "x", "version": 1}"#, r#"{"format": "bendrack-patch", "version": 9}"#] {
        assert!(Patch::from_json(wrong).is_err(), "{wrong}");
    }
}

/// Any edit, likely or not.
fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let id = || prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned);
    let kind = || (0..LIBRARY.len()).prop_map(|i| LIBRARY[i]);
    let port = move || {
        (id(), kind(), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(id, def, index, input)| {
            let names: Vec<_> = if input {
                def.inputs.iter().map(|input| input.name).collect()
            } else {
                def.outputs.iter().map(|output| output.name).collect()
            };
            let name = if names.is_empty() { "out" } else { names[index.index(names.len())] };
            format!("{id}.{name}").parse().expect("a port")
        })
    };
    let edit = prop_oneof![
        (id(), kind()).prop_map(|(id, def)| Edit::AddNode { id, node: node(def.name, &json!({})), pos: [1.0, 2.0] }),
        id().prop_map(|id| Edit::RemoveNode { id }),
        (port(), port()).prop_map(|(from, to)| Edit::Connect { cable: Cable::new(from, to) }),
        port().prop_map(|to| Edit::Disconnect { to }),
        (id(), -500.0..500.0f64).prop_map(|(id, x)| Edit::SetParam {
            id,
            name: "rate".to_owned(),
            value: Some(json!(x))
        }),
        (id(), any::<bool>()).prop_map(|(id, bypass)| Edit::Bypass { id, bypass }),
        any::<u64>().prop_map(|seed| Edit::SetSeed { seed }),
        (id(), 0.0..9.0f64).prop_map(|(id, x)| Edit::Move { id, pos: [x, x] }),
    ];
    prop::collection::vec(edit, 0..40)
}

proptest! {
    /// Whatever is done to a patch, undoing it all gives it back; nothing panics on the way, and what compiles runs alike twice.
    #[test]
    fn edits_can_be_undone_and_plans_are_deterministic(edits in edits()) {
        let (mut patch, mut undo) = (Patch::default(), Vec::new());
        for edit in edits {
            let before = patch.clone();
            if let Ok(inverse) = patch.apply(edit) {
                undo.push((inverse, before));
            } else {
                prop_assert_eq!(&patch, &before);
            }
            if let (Some(plan), _) = Plan::compile(&patch, LIBRARY) {
                let (mut a, mut b) = (Memory::default(), Memory::default());
                prop_assert_eq!(run(&plan, &mut a, 7, 3), run(&plan, &mut b, 7, 3));
                prop_assert_eq!(a, b);
            }
        }
        let sorted = |mut patch: Patch| { patch.cables.sort_by(|a, b| a.to.cmp(&b.to)); patch };
        while let Some((inverse, before)) = undo.pop() {
            for edit in inverse {
                patch.apply(edit).expect("an inverse fits");
            }
            prop_assert_eq!(sorted(patch.clone()), sorted(before));
        }
    }

    /// Chunks one after another are one long call: memory carries over.
    #[test]
    fn chunks_join_without_a_seam(rate in 0.01f64..4.0, frames in 1usize..9) {
        let nodes = [("lfo", "modulate.lfo", json!({ "rate": rate })), ("n", "modulate.noise", json!({ "rate": rate })),
            ("m", "math.math", json!({})), ("send", "osc.out", json!({}))];
        let plan = compile(&patch(&nodes, &[("lfo.out", "m.a"), ("n.out", "m.b"), ("m.out", "send.value")]));
        let whole = run(&plan, &mut Memory::default(), 0, 3 * frames).messages[0].values.clone();
        let mut memory = Memory::default();
        let parts: Vec<f64> = (0..3).flat_map(|i| run(&plan, &mut memory, i * frames as u64, frames).messages[0].values.clone()).collect();
        prop_assert_eq!(whole, parts);
    }
}
