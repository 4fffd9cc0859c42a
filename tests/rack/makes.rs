//! Chunks that are made several times: shown frames stay, and the video is the same wherever nothing changes.

use std::sync::Arc;

use bendrack::engine::{Engine, Frame};
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::patch::Patch;
use candle_core::Result;
use serde_json::json;

use crate::rig::{cc, chunks, engine, lanes_of, moving, patch, pictures, plan};

/// The frames of chunks that are made once for each latent frame, shown one by one.
fn made_again(engine: &mut Engine, count: usize) -> Vec<Vec<Frame>> {
    (0..count).map(|_| made_by(engine, |engine, _| engine.remake(&[]).map(drop))).collect()
}

/// The frames of a chunk. Calls `between` before each latent frame but the first, with the number of those that are shown.
fn made_by(engine: &mut Engine, between: impl Fn(&mut Engine, usize) -> Result<()>) -> Vec<Frame> {
    while engine.is_between_chunks() || engine.to_show().is_empty() {
        if engine.is_between_chunks() {
            engine.begin(&[]);
        }
        engine.call().expect("a call");
    }
    let (mut frames, count) = (Vec::new(), engine.to_show().len());
    for shown in 0..count {
        if shown > 0 {
            between(engine, shown).expect("a make");
            while engine.to_show().is_empty() {
                engine.call().expect("a call");
            }
        }
        frames.extend(engine.show(1).expect("frames"));
    }
    frames
}

/// A patch with a tap that feeds a bend, a measurement of the picture, and a spectrum with peaks.
fn measured() -> Patch {
    let nodes = [
        ("words", "target.words", json!({ "words": "heart" })),
        ("tap", "tap.map", json!({})),
        ("eye", "tap.picture", json!({})),
        ("heat", "output.heatmap", json!({})),
        ("out", "output.screen", json!({})),
    ];
    let cables = [
        ("words.target", "tap.target"),
        ("tap.max", "gain.amount"),
        ("eye.change", "lfo.rate"),
        ("tap.map", "heat.map"),
        ("heat.picture", "out.picture"),
    ];
    moving(&nodes, &cables)
}

#[test]
fn makes_cannot_be_seen_without_events() {
    for patch in [moving(&[], &[]), measured()] {
        let (once, again) = (chunks(&mut engine(&patch), 3), made_again(&mut engine(&patch), 3));
        assert_eq!(pictures(&once), pictures(&again));
        let numbers = |chunks: &[Vec<Frame>]| -> Vec<_> {
            chunks.iter().flatten().map(|frame| (frame.number, frame.latent, frame.messages.clone())).collect()
        };
        assert_eq!(numbers(&once), numbers(&again));
    }
}

#[test]
fn an_event_acts_in_the_next_frame_that_is_shown() -> Result<()> {
    let patch = moving(&[("cc", "midi.cc", json!({ "number": 7 }))], &[("cc.out", "gain.amount")]);
    let (mut played, mut still) = (engine(&patch), engine(&patch));
    chunks(&mut played, 1);
    chunks(&mut still, 1);
    let still = chunks(&mut still, 2);
    let event: &[Event] = &[cc(7, 1.0)];
    let turned = lanes_of(&mut Controls::default(), [event]);
    let frames = made_by(&mut played, |engine, shown| {
        let is_changed = engine.remake(if shown == 2 { &turned } else { &[] })?;
        assert_eq!(is_changed, shown == 2, "a program that is the same is not made again");
        Ok(())
    });
    let different = |a: &[Frame], b: &[Frame]| -> Vec<bool> {
        a.iter().zip(b).map(|(a, b)| a.picture.rgb != b.picture.rgb).collect()
    };
    let wanted: Vec<bool> = (0..12).map(|picture| picture >= 8).collect();
    assert_eq!(different(&frames, &still[0]), wanted);
    // The next chunk continues from the frames that were shown.
    while !played.is_between_chunks() {
        played.call()?;
    }
    assert_eq!(different(&chunks(&mut played, 1)[0], &still[1]), [true; 12]);
    Ok(())
}

#[test]
fn a_new_prompt_and_plan_act_in_the_next_frame_that_is_shown() {
    let red = |prompt: &str| patch(&[("wan", "model.wan", json!({ "prompt": prompt }))], &[]);
    let (mut played, mut still) = (engine(&red("a red heart")), engine(&red("a red heart")));
    let still = chunks(&mut still, 1);
    let frames = made_by(&mut played, |engine, shown| {
        if shown == 1 {
            engine.set_plan(Arc::new(plan(&red("a green tree over a white background"))));
        }
        assert_eq!(engine.remake(&[])?, shown == 1);
        Ok(())
    });
    assert_eq!(frames[0].picture, still[0][0].picture);
    assert!(frames[1..].iter().zip(&still[0][1..]).all(|(a, b)| a.picture != b.picture));
    assert_eq!(&*played.program().prompt, "a green tree over a white background");
}

#[test]
fn a_call_before_all_is_shown_is_refused() -> Result<()> {
    let mut engine = engine(&moving(&[], &[]));
    while engine.to_show().is_empty() {
        engine.call()?;
    }
    engine.show(1)?;
    assert_eq!(engine.to_show(), [1, 2]);
    let error = engine.call().expect_err("frames wait").to_string();
    assert!(error.contains("latent frame 1") && error.contains("show it"), "{error}");
    assert_eq!(engine.show(7)?.len(), 8);
    assert!(!engine.remake(&[])?, "all is shown");
    engine.call()?;
    assert!(engine.is_between_chunks());
    Ok(())
}
