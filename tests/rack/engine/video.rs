//! Videos of a patch: the same each time, edited while they run, and without bends that overflow.

use std::collections::BTreeSet;
use std::sync::Arc;

use bendrack::engine::{Engine, Model, Warning};
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde_json::json;

use super::lanes;
use crate::rig::{PROMPT, chunks, engine, moving, patch, pictures, plan};

#[test]
fn the_same_patch_gives_the_same_video_and_frames_follow_one_another() {
    let run = || chunks(&mut engine(&moving(&[], &[])), 2);
    let (first, second) = (run(), run());
    assert_eq!(pictures(&first), pictures(&second));
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [9, 12]);
    let numbers: Vec<_> = first.iter().flatten().map(|frame| (frame.number, frame.latent)).collect();
    assert_eq!(numbers[..6], [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]);
    assert_eq!(numbers.last(), Some(&(20, 5)));
    let unbent = chunks(&mut engine(&patch(&[("wan", "model.wan", json!({ "prompt": PROMPT }))], &[])), 1);
    assert_ne!(pictures(&first)[..9], pictures(&unbent)[..], "bends are seen");
}

#[test]
fn a_video_that_begins_again_is_the_same_video() -> Result<()> {
    let mut engine = engine(&moving(&[], &[]));
    let first = chunks(&mut engine, 2);
    engine.step(&[])?;
    engine.restart();
    let again = chunks(&mut engine, 2);
    assert_eq!(pictures(&first), pictures(&again));
    assert_eq!(again[0][0].number, 0);
    Ok(())
}

#[test]
fn an_edit_takes_effect_at_the_next_step_and_no_lfo_jumps() -> Result<()> {
    let mut engine = engine(&moving(&[], &[]));
    chunks(&mut engine, 1);
    // The cache pass, then two steps of the second chunk.
    for _ in 0..3 {
        engine.step(&[])?;
    }
    let before = engine.program().clone();
    engine.set_plan(Arc::new(plan(&moving(&[("more", "modulate.lfo", json!({}))], &[("more.out", "gain.amount")]))));
    engine.step(&[])?;
    assert_eq!(lanes(engine.program()), lanes(&before), "the LFO goes on where it was");
    assert_ne!(engine.program().bends[0].amount, before.bends[0].amount, "the new cable is there in the same chunk");
    Ok(())
}

#[test]
fn cache_passes_are_counted_as_steps_of_their_chunk() -> Result<()> {
    let patch = moving(&[], &[]);
    let mut engine = engine(&patch);
    let mut between = Vec::new();
    for _ in 0..10 {
        between.push(engine.is_between_chunks());
        engine.step(&[])?;
    }
    assert_eq!(between, [true, false, false, false, false, true, false, false, false, false]);
    Ok(())
}

#[test]
fn a_patch_sets_the_denoising_steps_from_the_next_chunk_on() -> Result<()> {
    let with = |steps: Option<u64>| {
        let mut patch = moving(&[], &[]);
        patch.engine.steps = steps;
        patch
    };
    let calls = |engine: &mut Engine| {
        let mut calls = 0;
        while {
            engine.step(&[]).expect("a step");
            calls += 1;
            !engine.is_between_chunks()
        } {}
        calls
    };
    let mut two = engine(&with(Some(2)));
    assert_eq!(two.model().shape().map(|shape| shape.steps), Some(2));
    // A new number waits for the end of the chunk under way.
    let mut changed = engine(&with(Some(2)));
    changed.step(&[])?;
    changed.set_plan(Arc::new(plan(&with(Some(6)))));
    assert_eq!((calls(&mut two), calls(&mut changed)), (3, 2));
    assert_eq!((calls(&mut changed), changed.model().shape().map(|shape| shape.steps)), (7, Some(6)));
    changed.set_plan(Arc::new(plan(&with(None))));
    assert_eq!(calls(&mut changed), 5, "the number of the model");

    // The same pictures as with that number as a setting of the model, which precedes the patch.
    let set = |patch: &Patch| {
        let mut model = Model::mini().expect("mini");
        model.denoising.steps = Some(2);
        let mut engine = Engine::new(model, Arc::new(plan(patch)), (128, 128)).expect("an engine");
        engine.set_zoom(1);
        engine
    };
    let wanted = chunks(&mut engine(&with(Some(2))), 2);
    for patch in [with(None), with(Some(9))] {
        let made = chunks(&mut set(&patch), 2);
        assert_eq!(pictures(&made), pictures(&wanted));
    }
    assert_ne!(pictures(&chunks(&mut engine(&with(None)), 2)), pictures(&wanted));
    Ok(())
}

#[test]
fn the_exact_form_gives_the_same_pictures() {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("word", "target.words", json!({ "words": "heart, red" })),
        ("turn", "bend.rotate", json!({ "angle": 40.0 })),
        ("more", "bend.gain", json!({ "gain": 2.0, "renormalise": true })),
    ];
    let cables = [
        ("word.target", "turn.target"),
        ("word.target", "more.target"),
        ("turn.bends", "more.bends"),
        ("more.bends", "wan.bends"),
    ];
    let video = |exact: bool| {
        let mut engine = engine(&patch(&nodes, &cables));
        engine.set_exact(exact);
        chunks(&mut engine, 1)[0][8].picture.rgb.clone()
    };
    let (fast, exact) = (video(false), video(true));
    assert!(fast.iter().zip(&exact).all(|(a, b)| a.abs_diff(*b) <= 2), "not the same picture");
}

#[test]
fn a_wrong_size_is_refused_with_a_reason() {
    let plan = Arc::new(plan(&moving(&[], &[])));
    let error = Model::mini().and_then(|mini| Engine::new(mini, plan, (130, 128))).err().expect("refused").to_string();
    assert!(error.contains("130x128") && error.contains("16"), "{error}");
}

#[test]
fn a_wave_that_is_too_fast_for_the_latent_frames_is_warned_of_once() -> Result<()> {
    let mut engine =
        engine(&moving(&[("fast", "modulate.lfo", json!({ "rate": 3.9 }))], &[("fast.out", "gain.amount")]));
    for _ in 0..6 {
        engine.step(&[])?;
        let warned: Vec<_> =
            engine.warnings().iter().map(|warning| (warning.node.as_deref(), &*warning.message)).collect();
        assert!(matches!(warned[..], [(Some("fast"), sentence)] if sentence.contains("aliases")), "{warned:?}");
    }
    Ok(())
}

#[test]
fn a_bend_that_drives_the_model_to_infinity_is_left_out_where_it_does_and_named() {
    let ids: Vec<String> = (0..24).map(|i| format!("g{i}")).collect();
    let mut nodes = vec![
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("late", "target.layers", json!({ "first": 4, "last": 4 })),
        ("step", "target.steps", json!({ "first": 2, "last": 2 })),
    ];
    nodes.extend(ids.iter().map(|id| (id.as_str(), "bend.gain", json!({ "site": "ffn.out", "gain": 100.0 }))));
    let mut ports: Vec<(String, String)> = vec![("late.target".into(), "step.within".into())];
    ports.extend(ids.windows(2).map(|pair| (format!("{}.bends", pair[0]), format!("{}.bends", pair[1]))));
    ports.push(("g23.bends".into(), "wan.bends".into()));
    ports.extend(ids.iter().map(|id| ("step.target".into(), format!("{id}.target"))));
    let cables: Vec<(&str, &str)> = ports.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let calm = patch(&nodes[..1], &[]);
    let mut engine = engine(&calm);
    chunks(&mut engine, 1);
    engine.set_plan(Arc::new(plan(&patch(&nodes, &cables))));
    let wild = chunks(&mut engine, 1);
    let pictures: BTreeSet<_> = wild[0].iter().map(|frame| frame.picture.rgb.clone()).collect();
    assert!(wild[0].len() == 12 && pictures.len() > 6, "the picture goes on");
    let named = |warning: &Warning| {
        let sentence = &warning.message;
        warning.node.is_some() && sentence.contains("ffn.out, layer 4, step 2") && sentence.contains("lower its amount")
    };
    let warnings = engine.warnings().to_vec();
    assert!(!warnings.is_empty() && warnings.iter().all(named), "{warnings:?}");
    assert!(
        !warnings.iter().any(|warning| warning.node.as_deref() == Some("g0")),
        "the first ones do no harm: {warnings:?}"
    );
    engine.set_plan(Arc::new(plan(&calm)));
    let after = chunks(&mut engine, 3).pop().expect("a chunk");
    let picture = &after[11].picture.rgb;
    assert!(
        picture.iter().any(|&x| x > 150) && picture.iter().filter(|&&x| x < 40).count() > picture.len() / 2,
        "a red heart on black"
    );
    assert!(engine.warnings().is_empty(), "{:?}", engine.warnings());
}
