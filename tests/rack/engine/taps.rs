//! Measurements: of words and of pictures, moving bends in the next call, and drawn as maps.

use bendrack::engine::Engine;
use candle_core::Result;
use serde_json::json;

use super::lanes;
use crate::rig::{PROMPT, chunks, engine, patch};

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
