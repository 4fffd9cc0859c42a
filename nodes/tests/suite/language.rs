//! The patch language: what a plan refuses and warns of, and edits that are undone.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::collections::BTreeMap;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::Severity;
use bendrack_nodes::patch::{Cable, Edit, LevelEdit, Patch};
use bendrack_nodes::program::op::Lanes;
use bendrack_nodes::program::pick::Pick;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{NeuronSet, Selection, Target, words};
use bendrack_nodes::program::{Bend, Program};
use bendrack_nodes::tick::Memory;
use proptest::prelude::*;
use serde_json::json;
use smallvec::smallvec;

use crate::patching::*;

#[test]
fn a_circle_is_refused_with_its_names() {
    let circle = patch(
        &[("a", "math.math", json!({})), ("b", "math.math", json!({})), ("c", "math.math", json!({}))],
        &[("a.out", "b.a"), ("b.out", "a.a"), ("b.out", "c.a")],
    );
    let (plan, problems) = Plan::compile(&circle, LIBRARY);
    assert!(plan.is_none());
    assert!(problems[0].message.starts_with("a, b form a loop"), "{}", problems[0]);
    // What a tap measured is from the call before, so it may lead back.
    let tap = patch(
        &[("t", "tap.map", json!({})), ("m", "target.layers", json!({}))],
        &[("t.max", "m.first"), ("m.target", "t.target")],
    );
    assert!(Plan::compile(&tap, LIBRARY).0.is_some());
}

#[test]
fn problems_have_a_place_and_a_suggestion() {
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
    let reported: BTreeMap<_, _> =
        problems.iter().map(|p| (p.pointer.as_str(), (p.severity, p.suggestion.as_deref()))).collect();
    assert_eq!(reported["/nodes/lfo/params/shape"], (Severity::Error, Some("sine")));
    assert_eq!(reported["/nodes/lfo/params/rat"], (Severity::Warning, Some("rate")));
    assert_eq!(reported["/nodes/lfo/params/width"], (Severity::Warning, None));
    assert_eq!(reported["/nodes/x/type"], (Severity::Warning, Some("modulate.lfo")));
    assert_eq!(reported["/cables/0/from"], (Severity::Error, Some("out")));
    assert_eq!(reported["/cables/1/from"], (Severity::Error, None));
    assert_eq!(reported["/cables/2/to"].0, Severity::Error);
}

/// A chain of `count` nodes. The output of each feeds all `inputs` of the next.
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
        tower.nodes.insert("screen".to_owned(), node("output.screen", &json!({})));
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
fn a_target_that_would_be_made_by_too_many_nodes_is_refused_and_named() {
    // Each level uses the one below twice: words within it, and words within its inverse.
    let tower = |storeys: usize| {
        let mut tower = patch(&[("map", "tap.map", json!({})), ("u0", "target.frames", json!({}))], &[]);
        for i in 0..storeys {
            let (below, above) = (format!("u{i}.target"), format!("u{}", i + 1));
            tower.nodes.insert(format!("a{i}"), node("target.words", &json!({ "words": format!("a{i}") })));
            tower.nodes.insert(format!("b{i}"), node("target.words", &json!({ "words": format!("b{i}") })));
            tower.nodes.insert(format!("n{i}"), node("target.invert", &json!({})));
            tower.nodes.insert(above.clone(), node("target.union", &json!({})));
            tower.cables.push(cable(&below, &format!("a{i}.within")));
            tower.cables.push(cable(&below, &format!("n{i}.target")));
            tower.cables.push(cable(&format!("n{i}.target"), &format!("b{i}.within")));
            tower.cables.push(cable(&format!("a{i}.target"), &format!("{above}.a")));
            tower.cables.push(cable(&format!("b{i}.target"), &format!("{above}.b")));
        }
        tower.cables.push(cable(&format!("u{storeys}.target"), "map.target"));
        tower
    };
    let program = run(&compile(&tower(3)), &mut Memory::default(), 0, 3);
    assert!(program.taps[0].target.to_string().len() < 1 << 10);
    let (plan, problems) = Plan::compile(&tower(40), LIBRARY);
    assert!(plan.is_none());
    assert_eq!(
        problems[0].to_string(),
        "error: /nodes/u4: u4 combines too many target nodes; the limit is 64; remove some"
    );
    let flat: Vec<_> = (0..30).map(|i| format!("a{i}")).collect();
    let mut joined = patch(&[("map", "tap.map", json!({})), ("u0", "target.frames", json!({ "first": 7 }))], &[]);
    for (i, id) in flat.iter().enumerate() {
        let (kind, params) = match i % 3 {
            0 => ("target.words", json!({ "words": id })),
            1 => ("target.layers", json!({ "first": i, "last": i })),
            _ => ("target.region", json!({ "x": i as f64 / 10.0 })),
        };
        joined.nodes.insert(id.clone(), node(kind, &params));
        joined.nodes.insert(format!("u{}", i + 1), node("target.union", &json!({})));
        joined.cables.push(cable(&format!("u{i}.target"), &format!("u{}.a", i + 1)));
        joined.cables.push(cable(&format!("{id}.target"), &format!("u{}.b", i + 1)));
    }
    joined.cables.push(cable("u30.target", "map.target"));
    let program = run(&compile(&joined), &mut Memory::default(), 0, 1);
    assert_eq!(program.taps[0].target.parts().len(), 31, "the parts do not overlap");
}

#[test]
fn a_chain_of_bends_has_an_end() {
    let chain = |count| {
        let mut chain = tower("bend.gain", count, "bends", &["bends"]);
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
    let (plan, problems) = Plan::compile(&tower("math.math", 20_000, "out", &["a"]), LIBRARY);
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
    let first = Target { words: words(&list[..256].join(", ")), ..Target::default() };
    assert_eq!(*program.taps[0].target, Selection::from(first));
}

#[test]
fn an_untouched_range_reaches_to_the_models_last() {
    let set = |kind: &str, params| {
        let aimed = patch(&[("aim", kind, params), ("map", "tap.map", json!({}))], &[("aim.target", "map.target")]);
        let selection = run(&compile(&aimed), &mut Memory::default(), 0, 1).taps[0].target.clone();
        let target = selection.parts()[0].clone();
        match (kind, &target.neurons) {
            ("target.steps", _) => target.steps.clone(),
            ("target.layers", _) => target.layers.clone(),
            ("target.heads", _) => target.heads.clone(),
            ("target.frames", _) => target.frames.clone(),
            (_, Pick::These(NeuronSet::Set(set))) => set.clone(),
            _ => Set::ALL,
        }
    };
    for kind in ["target.steps", "target.layers", "target.heads", "target.frames", "target.neurons"] {
        // Neurons of the largest model.
        assert!(set(kind, json!({})).contains(13_823), "{kind}");
        assert_eq!(set(kind, json!({ "first": 3 })).to_string(), "3-end", "{kind}");
        assert_eq!(set(kind, json!({ "first": 3, "last": 5 })).to_string(), "3-5", "{kind}");
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
            ("left", "output.screen", json!({})),
            ("right", "output.screen", json!({})),
            ("unused", "output.screen", json!({})),
        ],
        &[("n.out", "moved.first"), ("a.picture", "left.picture"), ("b.picture", "right.picture")],
    );
    let (plan, problems) = Plan::compile(&doubled, LIBRARY);
    let plan = plan.expect("these are warnings");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(
        problems[0].to_string(),
        "warning: /nodes/aim/params/last: first 5 is above last 2, so the target is empty; swap the two"
    );
    let used = |what: &str| {
        let reported = problems.iter().find(|problem| problem.message.contains(what)).expect("a warning").to_string();
        let ids: Vec<_> = ["a", "b", "left", "right"]
            .into_iter()
            .filter(|id| reported.contains(&format!("; {id} is used")))
            .collect();
        assert!(ids.len() == 1 && !reported.starts_with(&format!("warning: /nodes/{}:", ids[0])), "{reported}");
        ids[0]
    };
    // The winner that the warning names is the one in use.
    let prompt = run(&plan, &mut Memory::default(), 0, 1).prompt;
    assert_eq!(&*prompt, if used("prompt") == "a" { "a rose" } else { "a ship" });
    assert!(["left", "right"].contains(&used("picture")));
}

#[test]
fn suggestions_end_before_they_take_long() {
    let mut wrong = patch(&[("lfo", "modulate.lfo", json!({})), ("n", "math.math", json!({}))], &[]);
    wrong.nodes.extend((0..1000).map(|n| (format!("lf{n}"), node("view.note", &json!({})))));
    wrong.cables = vec![cable("lfoo.out", "n.a"); 1000];
    let (_, problems) = Plan::compile(&wrong, LIBRARY);
    assert_eq!(problems.len(), 1000);
    assert_eq!(problems[0].suggestion.as_deref(), Some("lfo"));
    assert_eq!(problems[999].suggestion, None);
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
    let level = prop_oneof![
        (id(), kind()).prop_map(|(id, def)| LevelEdit::AddNode {
            id,
            node: node(def.name, &json!({})),
            pos: [1.0, 2.0]
        }),
        id().prop_map(|id| LevelEdit::RemoveNode { id }),
        (port(), port()).prop_map(|(from, to)| LevelEdit::Connect { cable: Cable::new(from, to) }),
        port().prop_map(|to| LevelEdit::Disconnect { to }),
        (id(), -500.0..500.0f64).prop_map(|(id, x)| LevelEdit::SetParam {
            id,
            name: "rate".to_owned(),
            value: Some(json!(x))
        }),
        (id(), any::<bool>()).prop_map(|(id, bypass)| LevelEdit::Bypass { id, bypass }),
        (id(), "[a-z ]{0,8}").prop_map(|(id, title)| LevelEdit::SetTitle { id, title }),
        (id(), 0.0..9.0f64).prop_map(|(id, x)| LevelEdit::Move { id, pos: [x, x] }),
    ];
    let edit = prop_oneof![
        7 => level.prop_map(Edit::Level),
        1 => any::<u64>().prop_map(|seed| Edit::SetSeed { seed }),
    ];
    prop::collection::vec(edit, 0..40)
}

/// What the bends of a program do in one frame, those of no amount left out.
fn in_frame(program: &Program, frame: usize) -> Vec<String> {
    let bends = program.bends.iter().filter(|bend| bend.amount[frame] != 0.0);
    let alone = |lanes: &Lanes| smallvec![lanes[frame]];
    let bends = bends.map(|bend| Bend { params: bend.params.map(alone), amount: alone(&bend.amount), ..bend.clone() });
    // One that is neutral in this frame may be there for the others.
    let bends = bends.filter(|bend| !bend.is_neutral()).collect();
    Program { bends, ..Program::default() }.to_string().lines().map(str::to_owned).collect()
}

/// A chain of bends. Square waves of these rates move their targets, sites and settings; a rate of 0 moves nothing.
fn restless(moved: &[(usize, [f64; 4])]) -> Patch {
    let mut chain = patch(&[("wan", "model.wan", json!({})), ("wan2", "model.wan", json!({}))], &[]);
    for (i, (kind, rates)) in moved.iter().enumerate() {
        let (kind, knob) = [
            ("target.layers", Some("first")),
            ("target.region", Some("width")),
            ("target.union", None),
            ("target.invert", None),
        ][*kind];
        let (aim, bend) = (format!("aim{i}"), format!("bend{i}"));
        chain.nodes.insert(aim.clone(), node(kind, &json!({ "last": 7 })));
        let mut gain = node("bend.gain", &json!({ "gain": 2.0 }));
        // One site farther, of which there are nine.
        gain.depths.insert("site".to_owned(), 0.125);
        chain.nodes.insert(bend.clone(), gain);
        let ends = [knob.map(|knob| format!("{aim}.{knob}")), Some(format!("{bend}.gain"))];
        let ends = ends.into_iter().chain(["site", "renormalise"].map(|knob| Some(format!("{bend}.{knob}"))));
        for (j, (end, rate)) in ends.zip(rates).enumerate() {
            let Some(end) = end.filter(|_| *rate > 0.0) else { continue };
            chain.nodes.insert(format!("lfo{i}{j}"), node("modulate.lfo", &json!({ "rate": rate, "shape": "square" })));
            chain.cables.push(cable(&format!("lfo{i}{j}.out"), &end));
        }
        // Joined with those before: their parts change places when these move.
        let inputs = if kind == "target.union" { &["a", "b"][..] } else { &["target"] };
        for (back, input) in inputs.iter().enumerate().filter(|(back, _)| knob.is_none() && *back < i) {
            chain.cables.push(cable(&format!("aim{}.target", i - 1 - back), &format!("{aim}.{input}")));
        }
        chain.cables.push(cable(&format!("{aim}.target"), &format!("{bend}.target")));
        chain.cables.extend((i > 0).then(|| cable(&format!("bend{}.bends", i - 1), &format!("{bend}.bends"))));
    }
    chain.cables.push(cable(&format!("bend{}.bends", moved.len() - 1), "wan.bends"));
    chain.cables.push(cable(&format!("bend{}.bends", moved.len() / 2), "wan2.bends"));
    chain
}

proptest! {
    /// Each frame of a call has the same bends as in a call of this frame alone.
    #[test]
    fn a_call_bends_each_frame_as_a_call_of_that_frame_does(
        moved in prop::collection::vec((0..4_usize, prop::array::uniform4(prop::sample::select(vec![0.0, 0.5, 0.8, 2.0]))), 1..6),
        frames in 1..7_usize,
    ) {
        let plan = compile(&restless(&moved));
        let whole = run(&plan, &mut Memory::default(), 0, frames);
        let mut memory = Memory::default();
        for frame in 0..frames {
            let alone = run(&plan, &mut memory, frame as u64, 1);
            prop_assert_eq!(in_frame(&whole, frame), in_frame(&alone, 0), "frame {} of {}", frame, &whole);
        }
        prop_assert!(whole.bends.iter().all(|bend| bend.amount.len() == frames));
        prop_assert!(whole.bends.iter().all(|bend| bend.params.iter().all(|(_, lanes)| lanes.len() == frames)));
    }

    /// Undoing all edits restores the patch, and nothing panics. A plan that runs twice gives the same program.
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
        while let Some((inverse, before)) = undo.pop() {
            for edit in inverse {
                patch.apply(edit).expect("an inverse fits");
            }
            prop_assert_eq!(&patch, &before);
        }
    }

    /// Chunks one after another are one long call: memory carries over.
    #[test]
    fn chunks_join_without_a_seam(rate in 0.01f64..4.0, frames in 1usize..9) {
        let nodes = [("lfo", "modulate.lfo", json!({ "rate": rate })), ("n", "modulate.noise", json!({ "rate": rate })),
            ("m", "math.math", json!({})), ("send", "osc.out", json!({}))];
        let plan = compile(&patch(&nodes, &[("lfo.out", "m.a"), ("n.out", "m.b"), ("m.out", "send.value")]));
        let whole = run(&plan, &mut Memory::default(), 0, 3 * frames).messages[0].values.to_vec();
        let mut memory = Memory::default();
        let parts: Vec<f64> = (0..3).flat_map(|i| run(&plan, &mut memory, i * frames as u64, frames).messages[0].values.clone()).collect();
        prop_assert_eq!(whole, parts);
    }
}
