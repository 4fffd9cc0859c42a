//! Measurements: of words and of pictures, moving bends in the next call, and drawn as maps.

use std::sync::Arc;

use bendrack::engine::{Engine, Frame};
use candle_core::Result;
use serde_json::json;

use super::lanes;
use crate::rig::{PROMPT, chunks, engine, moving, patch, pictures, plan};

#[test]
fn what_a_tap_measures_moves_a_bend_in_the_next_call() -> Result<()> {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("word", "target.words", json!({ "words": "heart" })),
        ("map", "tap.map", json!({})),
        ("gain", "bend.gain", json!({ "gain": 2.0 })),
        ("send", "osc.out", json!({ "address": "/x" })),
    ];
    let cables =
        [("word.target", "map.target"), ("map.x", "gain.gain"), ("gain.bends", "wan.bends"), ("map.x", "send.value")];
    let mut engine = engine(&patch(&nodes, &cables));
    engine.step(&[])?;
    assert!(lanes(engine.program()).iter().all(|gain| gain.to_bits() == 2.0_f64.to_bits()), "nothing is measured yet");
    engine.step(&[])?;
    assert!(lanes(engine.program()).iter().all(|gain| *gain > 2.0), "{:?}", lanes(engine.program()));
    let frames = chunks(&mut engine, 1).remove(0);
    let map = &frames[0].taps["map"];
    assert_eq!((map.width, map.height), (8, 8));
    let counts: Vec<usize> = frames.iter().map(|frame| frame.messages.len()).collect();
    assert_eq!(counts, [1, 1, 0, 0, 0, 1, 0, 0, 0], "one message a latent frame");
    assert_eq!(&*frames[0].messages[0].address, "/x");
    assert!(frames[0].messages[0].number().is_some_and(|number| (0.0..=1.0).contains(&number)));
    Ok(())
}

#[test]
fn what_the_picture_looks_like_is_known_in_the_call_after_it_was_made() -> Result<()> {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("look", "tap.picture", json!({})),
        ("red", "osc.out", json!({ "address": "/red" })),
        ("change", "osc.out", json!({ "address": "/change" })),
        ("gain", "bend.gain", json!({ "gain": 2.0 })),
    ];
    let cables = [
        ("look.red", "red.value"),
        ("look.change", "change.value"),
        ("look.red", "gain.gain"),
        ("gain.bends", "wan.bends"),
    ];
    let mut engine = engine(&patch(&nodes, &cables));
    let sent = |engine: &Engine| {
        let of = |address: &str| engine.program().messages.iter().find(|message| &*message.address == address);
        ["/change", "/red"].map(|address| of(address).expect("a message").values.to_vec())
    };
    let frames = chunks(&mut engine, 1).remove(0);
    assert_eq!(sent(&engine), [vec![0.0; 3], vec![0.0; 3]], "no picture was there yet");
    assert!(lanes(engine.program()).iter().all(|gain| gain.to_bits() == 2.0_f64.to_bits()));
    engine.step(&[])?;
    let mean = |number: &dyn Fn(usize) -> f64, count: usize| (0..count).map(number).sum::<f64>() / count as f64 / 255.0;
    let (last, before) = (&frames[8].picture.rgb, &frames[4].picture.rgb);
    let red = mean(&|pixel| f64::from(last[3 * pixel]), last.len() / 3);
    let change = mean(&|at| f64::from(last[at].abs_diff(before[at])), last.len());
    assert!(red > 0.02 && change > 0.001, "{red} {change}");
    for (sent, measured) in sent(&engine).iter().zip([change, red]) {
        assert!(sent.iter().all(|value| (value - measured).abs() < 1e-9), "{sent:?} is not {measured}");
    }
    assert!(lanes(engine.program()).iter().all(|gain| *gain > 2.0), "{:?}", lanes(engine.program()));
    Ok(())
}

/// A smooth map equals a stepping one at the last picture of a latent frame only. A restart repeats it.
#[test]
fn maps_in_time_meet_those_that_step_at_the_last_picture_of_a_latent_frame() {
    let shown = |time: bool| {
        let nodes = [
            ("wan", "model.wan", json!({ "prompt": PROMPT })),
            ("word", "target.words", json!({ "words": "red" })),
            ("map", "tap.map", json!({})),
            ("heat", "output.heatmap", json!({ "smooth": time, "colours": "grey" })),
            ("out", "output.screen", json!({})),
        ];
        let cables = [("word.target", "map.target"), ("map.map", "heat.map"), ("heat.picture", "out.picture")];
        let mut engine = engine(&patch(&nodes, &cables));
        let frames = chunks(&mut engine, 2).concat();
        engine.restart();
        assert_eq!(frames[0].screen, chunks(&mut engine, 1)[0][0].screen, "it begins again");
        frames.into_iter().map(|frame| frame.screen.rgb.clone()).collect::<Vec<_>>()
    };
    let (steps, moves) = (shown(false), shown(true));
    assert_eq!(steps.len(), 21);
    for (number, (step, way)) in steps.iter().zip(&moves).enumerate() {
        assert_eq!(step == way, number % 4 == 0, "picture {number}");
    }
    assert!(steps[1] == steps[2] && moves[9] != moves[10], "over the border of a chunk as well");
}

/// A word outside the prompt has a map, and changes no picture. Another word takes effect with the next chunk.
#[test]
fn a_concept_has_a_map_and_changes_no_picture() {
    let with = |words: &str| moving(&[("concept", "tap.concept", json!({ "words": words }))], &[]);
    let mut plain = engine(&moving(&[], &[]));
    let mut measured = engine(&with("cat"));
    let (wanted, found) = (chunks(&mut plain, 2), chunks(&mut measured, 2));
    assert_eq!(pictures(&wanted), pictures(&found));
    let last = |chunks: &[Vec<Frame>]| chunks.last().and_then(|chunk| chunk.last()).map(|frame| frame.taps.clone());
    let cat = last(&found).expect("taps").get("concept").cloned().expect("a map");
    assert!(cat.values.iter().all(|share| (0.0..=1.0).contains(share)) && cat.values.iter().any(|share| *share > 0.0));
    measured.set_plan(Arc::new(plan(&with("heart"))));
    let heart = last(&chunks(&mut measured, 2)).expect("taps").get("concept").cloned().expect("a map");
    assert_ne!(cat, heart);
    // No word has no map.
    measured.set_plan(Arc::new(plan(&with(" , "))));
    assert!(last(&chunks(&mut measured, 2)).expect("taps").get("concept").is_none());
}

/// Many words outside the prompt do not push the prompt out of the memory of the text encoder: it would count as a new one, and empty
/// the KV cache.
#[test]
fn many_concepts_leave_the_prompt_as_it_is() {
    let words: Vec<String> = (0..40).map(|number| format!("word{number}")).collect();
    let with = |words: &str| {
        let nodes = [
            ("prompt", "prompt.text", json!({ "text": PROMPT })),
            ("change", "prompt.change", json!({})),
            ("wan", "model.wan", json!({})),
            ("concept", "tap.concept", json!({ "words": words })),
        ];
        patch(&nodes, &[("prompt.text", "change.text"), ("change.text", "wan.prompt")])
    };
    let (few, many) = (chunks(&mut engine(&with("cat")), 3), chunks(&mut engine(&with(&words.join(","))), 3));
    assert_eq!(pictures(&few), pictures(&many));
}

/// A word that is changed while the chunk is shown is measured in the make that follows.
#[test]
fn a_new_concept_is_measured_when_a_chunk_is_made_again() -> Result<()> {
    let with = |words: &str, gain: f64| {
        let mut patch = moving(&[("concept", "tap.concept", json!({ "words": words }))], &[]);
        patch.nodes.get_mut("gain").expect("the bend").params.insert("amount".to_owned(), json!(gain));
        patch
    };
    let mut engine = engine(&with("cat", 0.5));
    while !engine.call()? {}
    let first = engine.show(1)?;
    assert!(first[0].taps.contains_key("concept"));
    engine.set_plan(Arc::new(plan(&with("heart", 1.0))));
    assert!(engine.remake(&[])?, "the bend changed");
    while !engine.call()? {}
    let again = engine.show(1)?;
    assert!(again[0].taps.contains_key("concept"), "the new word has a map");
    Ok(())
}
