//! Changes of the prompt, and the past frames under them: kept, reset, recached, hidden, weakened.

use std::sync::Arc;

use bendrack_nodes::patch::{Cable, Node, Patch};
use candle_core::Result;
use serde_json::{Value as Json, json};

use crate::rig::{PROMPT, chunks, engine, moving, patch, pictures, plan};

const BLUE: &str = "a blue heart over a black background";

/// A schedule of red for a chunk and then blue, with more nodes.
fn turning(extra: &[(&str, &str, Json)], cables: &[(&str, &str)]) -> Patch {
    let nodes = [
        ("plan", "prompt.schedule", json!({ "schedule": format!("0: {PROMPT} | 3: {BLUE}") })),
        ("then", "math.expression", json!({ "formula": "frame >= 3" })),
        ("wan", "model.wan", json!({})),
    ];
    let nodes: Vec<_> = nodes.into_iter().chain(extra.iter().cloned()).collect();
    patch(&nodes, cables)
}

#[test]
fn a_prompt_changes_with_the_next_chunk() {
    let red = |picture: &[u8]| picture.chunks(3).filter(|p| p[0] > 150 && p[2] < 100).count();
    let blue = |picture: &[u8]| picture.chunks(3).filter(|p| p[2] > 150 && p[0] < 100).count();
    let video = |prompt: &str| patch(&[("wan", "model.wan", json!({ "prompt": prompt }))], &[]);
    let mut engine = engine(&video(PROMPT));
    let first = chunks(&mut engine, 1);
    assert!(red(&first[0][8].screen.rgb) > 300, "{}", red(&first[0][8].screen.rgb));
    engine.set_plan(Arc::new(plan(&video("a blue heart over a black background"))));
    let later = chunks(&mut engine, 3);
    assert!(blue(&later[2][11].screen.rgb) > 300, "{}", blue(&later[2][11].screen.rgb));
}

#[test]
fn two_prompts_are_mixed_from_the_next_chunk_on() {
    let last = |mix: f64, second: &str| {
        let nodes = [
            ("fade", "prompt.crossfade", json!({ "a": PROMPT, "b": second, "amount": mix })),
            ("wan", "model.wan", json!({})),
        ];
        let frames = chunks(&mut engine(&patch(&nodes, &[("fade.text", "wan.prompt")])), 1);
        frames[0][8].picture.rgb.clone()
    };
    assert_eq!(last(0.0, BLUE), last(0.0, ""));
    assert_eq!(last(1.0, BLUE), {
        let frames = chunks(&mut engine(&patch(&[("wan", "model.wan", json!({ "prompt": BLUE }))], &[])), 1);
        frames[0][8].picture.rgb.clone()
    });
    let half = last(0.5, BLUE);
    assert!(half != last(0.0, "") && half != last(1.0, BLUE));
}

#[test]
fn a_reset_in_the_middle_of_a_chunk_waits_for_its_end_and_happens_once() -> Result<()> {
    let with = |on: bool| {
        moving(
            &[("button", "control.button", json!({ "on": on })), ("reset", "cache.reset", json!({}))],
            &[("button.gate", "reset.trigger")],
        )
    };
    let (mut engine, mut plain) = (engine(&with(false)), engine(&with(false)));
    chunks(&mut engine, 1);
    let kept = chunks(&mut plain, 3);
    engine.step(&[])?;
    engine.step(&[])?;
    engine.set_plan(Arc::new(plan(&with(true))));
    let after = chunks(&mut engine, 2);
    assert_eq!(pictures(&kept)[9..21], pictures(&after)[..12], "the chunk under way is finished");
    assert_ne!(pictures(&kept)[21..], pictures(&after)[12..], "the next one has no past");
    assert_eq!(after[1][0].number, 21);
    let held = chunks(&mut engine, 1);
    assert!(!engine.program().cache.reset && held[0][0].number == 33, "a button that stays down resets once");
    Ok(())
}

#[test]
fn a_change_of_the_prompt_follows_its_node() {
    let video = |patch: &Patch| {
        let mut engine = engine(patch);
        let chunks = chunks(&mut engine, 3);
        let pictures: Vec<Vec<u8>> = chunks.into_iter().flatten().map(|frame| frame.picture.rgb.clone()).collect();
        (pictures, engine.times().model.count)
    };
    let changed = |policy: &str| {
        let change = [("change", "prompt.change", json!({ "policy": policy, "crossfade": 0.0 }))];
        video(&turning(&change, &[("plan.text", "change.text"), ("change.text", "wan.prompt")]))
    };
    let with = |cache: &str| {
        video(&turning(&[("it", cache, json!({}))], &[("plan.text", "wan.prompt"), ("then.out", "it.trigger")]))
    };
    let kept = video(&turning(&[], &[("plan.text", "wan.prompt")]));
    let [hard, recached, faded] = ["hard", "recache", "crossfade"].map(changed);
    assert_eq!(hard, with("cache.reset"), "forgotten as soon as the new prompt counts");
    assert_eq!(recached, with("cache.recache"), "recomputed as soon as the new prompt counts");
    assert_eq!(faded, kept, "a crossfade of no length is a cut that forgets nothing");
    // Four steps and a cache pass a chunk; the last one's cache pass is still to come.
    assert_eq!([kept.1, hard.1, recached.1], [14, 14, 15]);
    for (a, b) in [(&hard, &kept), (&recached, &kept), (&hard, &recached)] {
        assert_eq!(a.0[..9], b.0[..9], "the chunk before is as it was");
        assert!(a.0[9..] != b.0[9..]);
    }
}

#[test]
fn the_past_is_computed_anew_once_for_each_change_beyond_the_threshold() {
    let calls = |threshold: f64, extra: &[(&str, &str, Json)], cables: &[(&str, &str)]| {
        let again = ("again", "cache.recache", json!({ "distance": threshold }));
        let nodes: Vec<_> = extra.iter().cloned().chain([again]).collect();
        let cables: Vec<_> = cables.iter().copied().chain([("plan.text", "wan.prompt")]).collect();
        let mut engine = engine(&turning(&nodes, &cables));
        chunks(&mut engine, 4);
        engine.times().model.count
    };
    assert_eq!(calls(0.0, &[], &[]), 19, "never by itself");
    assert_eq!(calls(0.9, &[], &[]), 20, "another prompt is a distance of 1");
    assert_eq!(calls(1.1, &[], &[]), 19);
    // The gain moves by a tenth of its travel from one chunk to the next.
    let gain = [
        ("gain", "bend.gain", json!({ "site": "ffn.hidden" })),
        ("by", "math.expression", json!({ "formula": "frame / 30" })),
    ];
    let wires = [("by.out", "gain.gain"), ("gain.bends", "wan.bends")];
    let deep = |threshold: f64| {
        let mut moved = turning(&gain, &wires);
        moved.nodes.get_mut("gain").expect("a node").depths.insert("gain".into(), 1.0);
        moved.nodes.insert(
            "again".into(),
            Node {
                kind: "cache.recache".into(),
                params: serde_json::from_value(json!({ "distance": threshold })).expect("parameters"),
                ..Node::default()
            },
        );
        moved.nodes.get_mut("wan").expect("a node").params.insert("prompt".into(), json!(PROMPT));
        let mut engine = engine(&moved);
        chunks(&mut engine, 4);
        engine.times().model.count
    };
    assert_eq!([deep(0.05), deep(0.15), deep(0.5)], [22, 20, 19], "each chunk, each second one, not at all");
}

#[test]
fn a_model_that_sees_no_past_makes_each_chunk_on_its_own() {
    let off = |nodes: &[(&str, &str, Json)], cables: &[(&str, &str)], exact: bool| {
        let mut engine = engine(&moving(nodes, cables));
        engine.set_exact(exact);
        let chunks = chunks(&mut engine, 3);
        chunks.into_iter().flatten().map(|frame| frame.picture.rgb.clone()).collect::<Vec<_>>()
    };
    let near =
        |a: &[Vec<u8>], b: &[Vec<u8>]| a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| a.abs_diff(*b) <= 3);
    let blind = off(&[("off", "cache.off", json!({}))], &[], false);
    // Each chunk has a trigger of its own.
    let beat = ("beat", "math.expression", json!({ "formula": "frame % 3 == 0" }));
    let again = [beat, ("reset", "cache.reset", json!({}))];
    assert!(near(&blind, &off(&again, &[("beat.out", "reset.trigger")], false)), "as if the cache were empty");
    let seeing = off(&[], &[], false);
    assert!(blind[..9] == seeing[..9] && !near(&blind[9..], &seeing[9..]));
    // Bends of self-attention stay what they are, in frames that see the past and in others.
    let nodes = [
        ("when", "math.expression", json!({ "formula": "frame % 2 == 0" })),
        ("off", "cache.off", json!({})),
        ("turn", "bend.rotate", json!({ "site": "self.map", "angle": 30.0 })),
        ("stale", "cache.stale", json!({ "strength": 30.0 })),
    ];
    let mixed = |exact| {
        let mut mixed = moving(&nodes, &[("when.out", "off.off"), ("gain.bends", "turn.bends")]);
        mixed.cables.retain(|cable| cable.to.port != "bends" || cable.to.node != "wan");
        mixed.cables.push(Cable::new("turn.bends".parse().expect("a port"), "wan.bends".parse().expect("a port")));
        let mut engine = engine(&mixed);
        engine.set_exact(exact);
        let chunks = chunks(&mut engine, 2);
        chunks.into_iter().flatten().map(|frame| frame.picture.rgb.clone()).collect::<Vec<_>>()
    };
    assert!(near(&mixed(false), &mixed(true)), "the exact form gives the same");
}

#[test]
fn what_is_stale_is_seen_less_and_what_is_not_as_before() {
    let last = |strength: f64| {
        let stale = [("stale", "cache.stale", json!({ "strength": strength }))];
        let mut engine = engine(&turning(&stale, &[("plan.text", "wan.prompt")]));
        let chunks = chunks(&mut engine, 2);
        chunks.into_iter().map(|chunk| chunk.last().expect("frames").picture.rgb.clone()).collect::<Vec<_>>()
    };
    let [none, some, all] = [0.0, 3.0, 1000.0].map(last);
    assert!(none[0] == some[0] && none[0] == all[0], "nothing is stale yet");
    assert!(none[1] != some[1] && some[1] != all[1]);
    let off = {
        let nodes = [("off", "cache.off", json!({}))];
        let mut engine = engine(&turning(&nodes, &[("plan.text", "wan.prompt"), ("then.out", "off.off")]));
        chunks(&mut engine, 2)[1].last().expect("frames").picture.rgb.clone()
    };
    assert!(all[1].iter().zip(&off).all(|(a, b)| a.abs_diff(*b) <= 3), "at strength 1000 the past has no effect");
}
