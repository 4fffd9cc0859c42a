//! The engine: deterministic, edited while it runs, and never without a picture.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Frame, Model, Stage, Warning};
use bendrack::input::Inbox;
use bendrack::sound::Sound;
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::node::sound::{BANDS, Hop};
use bendrack_nodes::patch::{Cable, Node, Patch};
use bendrack_nodes::program::Program;
use bendrack_nodes::program::message::Midi;
use candle_core::Result;
use serde_json::{Value as Json, json};

use crate::rig::{PROMPT, cc, chunks, engine, key, lanes_of, moving, patch, pictures, plan};

/// Lanes of the gain of the first bend.
fn lanes(program: &Program) -> &[f64] {
    program.bends[0].params.iter().next().expect("the gain").1
}

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
fn an_event_acts_from_its_latent_frame_on() -> Result<()> {
    let patch = moving(&[("cc", "midi.cc", json!({ "number": 7 }))], &[("cc.out", "gain.amount")]);
    let mut engine = engine(&patch);
    let mut controls = Controls::default();
    engine.step(&lanes_of(&mut controls, [&[], &[cc(7, 0.25)], &[cc(7, 0.5), cc(7, 0.75)]]))?;
    let amounts = |engine: &Engine| engine.program().bends[0].amount.to_vec();
    // The cable moves the amount by a quarter of the controller's value.
    let base = amounts(&engine)[0];
    assert_eq!(amounts(&engine), [base, base + 0.0625, base + 0.1875]);
    // Other steps of the chunk have the same controls.
    engine.step(&lanes_of(&mut controls, [&[cc(7, 0.0)]]))?;
    assert_eq!(amounts(&engine)[2..], [base + 0.1875]);
    // In further frames, the last controls hold.
    chunks(&mut engine, 1);
    while !engine.is_between_chunks() {
        engine.step(&[])?;
    }
    engine.step(&lanes_of(&mut controls, [&[cc(7, 0.125)]]))?;
    assert_eq!(amounts(&engine), [base + 0.03125; 3]);
    Ok(())
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
fn a_key_resets_the_chunk_of_its_frame_once() {
    let patch = moving(
        &[("key", "midi.note", json!({})), ("reset", "cache.reset", json!({}))],
        &[("key.gate", "reset.trigger")],
    );
    let mut engine = engine(&patch);
    let mut controls = Controls::default();
    let resets = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.0]].map(|velocities| {
        let events = velocities.map(|velocity| if velocity > 0.0 { vec![key(velocity)] } else { Vec::new() });
        let lanes = lanes_of(&mut controls, [&events[0], &events[1], &events[2]]);
        engine.step(&lanes).expect("a step");
        let resets = engine.program().cache.reset;
        while !engine.is_between_chunks() {
            engine.step(&[]).expect("a step");
        }
        resets
    });
    assert_eq!(resets, [false, true, false]);
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
    assert_eq!(&*frames[0].messages[0].0, "/x");
    assert!((0.0..=1.0).contains(&frames[0].messages[0].1));
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

/// A wave of one second holds a note, plays another one four times a latent frame, and switches the recorder.
#[test]
fn a_frame_has_its_messages_and_the_state_of_the_recorder() {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" })),
        ("fast", "modulate.lfo", json!({ "rate": 8.0 })),
        ("key", "midi.out", json!({ "send": "note", "note": 60 })),
        ("roll", "midi.out", json!({ "send": "note", "note": 61 })),
        ("knob", "midi.out", json!({ "number": 7, "value": 0.25 })),
        ("video", "output.record", json!({})),
    ];
    let cables = [("wave.out", "key.gate"), ("fast.wrap", "roll.gate"), ("wave.out", "video.gate")];
    let frames = chunks(&mut engine(&patch(&nodes, &cables)), 2).concat();
    let of = |node: &str| -> Vec<Midi> {
        let says = |frame: &Frame| frame.midi.iter().find(|(id, _)| &**id == node).expect("it plays").1;
        frames.iter().map(says).collect()
    };
    let key = |midi: &Midi| match midi {
        Midi::Note { held, hits, .. } => (*held, *hits),
        Midi::Controller { .. } => panic!("a key"),
    };
    // One picture of the first latent frame, four of each of the others: two are off, two on.
    let latents: Vec<bool> = frames.iter().map(|frame| frame.latent % 4 >= 2).collect();
    assert_eq!(frames.iter().map(|frame| frame.recorded).collect::<Vec<_>>(), latents);
    let struck: Vec<usize> = (0..frames.len()).filter(|at| key(&of("key")[*at]).1 > 0).collect();
    assert_eq!(of("key").iter().map(|midi| key(midi).0).collect::<Vec<_>>(), latents);
    // Picture 5 is the first of latent frame 2, and 21 would be that of 6.
    assert_eq!(struck, [5]);
    assert_eq!(of("roll")[5..13].iter().map(|midi| key(midi).1).collect::<Vec<_>>(), [1, 0, 1, 0, 1, 0, 1, 0]);
    assert!(
        of("knob").iter().all(|midi| *midi == Midi::Controller { channel: 1, number: 7, value: 0.25, fine: false })
    );
    assert!(frames.iter().all(|frame| frame.messages.is_empty()), "nothing of this goes by OSC");
}

/// In time, a map is at a latent frame's last picture what it is there, before it on its way, and the same in one go and again.
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
    let pictures: std::collections::BTreeSet<_> = wild[0].iter().map(|frame| frame.picture.rgb.clone()).collect();
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
    assert_eq!(recached, with("cache.recache"), "computed anew as soon as the new prompt counts");
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
    assert!(all[1].iter().zip(&off).all(|(a, b)| a.abs_diff(*b) <= 3), "in the end nothing of it is seen");
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

/// Waits until `done`, or fails after a minute.
fn wait_until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < end, "nothing happened for a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn played_live_it_is_the_video_that_is_rendered() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = seen.clone();
    let load = || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&moving(&[], &[]))), (128, 128)));
    let rack = EngineHandle::start(load, move |frame| watch.lock().expect("frames").push(frame.clone()));
    wait_until(|| seen.lock().expect("frames").len() >= 21);
    let status = rack.status();
    assert!(status.stage == Stage::Running && status.speed > 0.0, "{status:?}");
    assert!(rack.frame().is_some());
    drop(rack);
    let rendered = chunks(&mut engine(&moving(&[], &[])), 2);
    let seen = seen.lock().expect("frames");
    for (live, rendered) in seen.iter().zip(rendered.iter().flatten()) {
        assert_eq!(live.number, rendered.number);
        assert!(live.picture == rendered.picture, "frame {}", live.number);
    }
}

#[test]
fn a_plan_given_while_it_plays_is_seen_and_a_restart_begins_at_the_first_frame() {
    let load = || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&moving(&[], &[]))), (128, 128)));
    let rack = EngineHandle::start(load, |_| {});
    wait_until(|| rack.frame().is_some());
    let heat = moving(
        &[("map", "tap.map", json!({})), ("heat", "output.heatmap", json!({})), ("out", "output.screen", json!({}))],
        &[("map.map", "heat.map"), ("heat.picture", "out.picture")],
    );
    let plan = plan(&heat);
    rack.set_patch(heat, plan);
    wait_until(|| rack.frame().is_some_and(|frame| frame.taps.contains_key("map")));
    // A chunk that was wholly made under it may be the one after.
    wait_until(|| rack.status().latency.last > 0.0);
    rack.restart();
    wait_until(|| rack.frame().is_some_and(|frame| frame.number < 3));
}

#[test]
fn a_model_that_cannot_be_loaded_is_reported() {
    let load =
        || Model::open(std::path::Path::new("no/such/folder")).and_then(|_| -> Result<Engine> { unreachable!() });
    let rack = EngineHandle::start(load, |_| {});
    wait_until(|| rack.status().stage != Stage::Loading);
    let Stage::Failed(why) = rack.status().stage else { panic!("it failed") };
    assert!(why.contains("no/such/folder") && !why.contains("backtrace"), "{why}");
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
fn a_short_hit_of_a_pad_is_not_lost_while_the_engine_waits() {
    let patch = moving(
        &[("key", "midi.note", json!({})), ("send", "osc.out", json!({ "address": "/hit" }))],
        &[("key.gate", "send.value")],
    );
    let hits = Arc::new(Mutex::new(Vec::new()));
    let sounds = hits.clone();
    let load = move || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&patch)), (128, 128)));
    let rack = EngineHandle::start(load, move |frame| {
        sounds.lock().expect("hits").extend(frame.messages.iter().map(|(_, value)| *value));
    });
    wait_until(|| rack.frame().is_some());
    // Released before the engine reads it.
    rack.inbox().push(Instant::now(), [key(0.5), key(0.0)]);
    wait_until(|| hits.lock().expect("hits").contains(&1.0));
    wait_until(|| hits.lock().expect("hits").last() == Some(&0.0));
}

/// A hop that is as loud as this.
fn hop(amplitude: f32) -> Hop {
    Hop { bands: [amplitude; BANDS] }
}

/// The sound sets the gain of neurons, and its onsets are sent.
fn hearing() -> Patch {
    let nodes = [
        ("wan", "model.wan", json!({ "prompt": PROMPT })),
        ("ear", "audio.in", json!({ "attack": 0.0, "release": 0.0 })),
        ("gain", "bend.gain", json!({ "site": "ffn.hidden", "gain": 0.5 })),
        ("send", "osc.out", json!({ "address": "/onset" })),
    ];
    patch(&nodes, &[("ear.level", "gain.gain"), ("gain.bends", "wan.bends"), ("ear.onset", "send.value")])
}

/// The sound at each latent frame.
fn sounds(frames: &[Frame]) -> Vec<Vec<Hop>> {
    let sounds = frames.iter().map(|frame| (frame.latent, frame.controls.sound().to_vec()));
    sounds.collect::<std::collections::BTreeMap<_, _>>().into_values().collect()
}

#[test]
fn a_video_follows_a_file_by_the_time_of_its_pictures() {
    // Pictures 5 to 8, which are latent frame 2, are shown from 5/16 s on, pictures 13 to 16, which are 4, from 13/16 s on.
    let mut beats = vec![Hop::default(); 100];
    (beats[32], beats[83]) = (hop(0.5), hop(0.25));
    let sound = Arc::new(Sound::new(beats.clone()));
    let play = |sound: Option<&Arc<Sound>>| {
        let mut engine = engine(&hearing());
        engine.set_sound(sound.cloned());
        let first = chunks(&mut engine, 1);
        let gains = [lanes(engine.program()).to_vec()];
        let second = chunks(&mut engine, 1);
        let gains = [gains[0].clone(), lanes(engine.program()).to_vec()].concat();
        (engine, [first, second].concat(), gains)
    };
    let (mut engine, video, gains) = play(Some(&sound));
    let differs = |latent: usize| (gains[latent] - gains[0]).abs() > 1e-9;
    assert_eq!([1, 2, 3, 4, 5].map(differs), [false, true, false, true, false], "{gains:?}");
    let values: Vec<f64> = video.iter().flatten().flat_map(|frame| &frame.messages).map(|(_, value)| *value).collect();
    assert_eq!(values, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    // Every hop arrives once, in its place: silence before the beginning and after the end.
    let expected = [vec![Hop::default(); 19], beats, vec![Hop::default(); 31]].concat();
    assert_eq!(sounds(&video.concat()).concat(), expected);

    let (_, again, _) = play(Some(&sound));
    assert!(pictures(&video) == pictures(&again), "the same file gives the same video");
    engine.restart();
    assert!(pictures(&video) == pictures(&chunks(&mut engine, 2)), "and so it does from the start");
    let (_, silent, _) = play(None);
    assert!(pictures(&video) != pictures(&silent), "sound changes the picture");
}

#[test]
fn live_sound_arrives_once_and_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = seen.clone();
    let load = || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&hearing())), (128, 128)));
    let rack = EngineHandle::start(load, move |frame| watch.lock().expect("frames").push(frame.clone()));
    let (mut played, begin) = (Vec::new(), Instant::now());
    while seen.lock().expect("frames").len() < 60 && begin.elapsed() < Duration::from_mins(1) {
        let hop = hop((played.len() + 1) as f32 / 10_000.0);
        played.push(hop);
        rack.inbox().push(Instant::now(), [Event::Sound(Box::new(hop))]);
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(rack);
    let sounds = sounds(&seen.lock().expect("frames")).concat();
    assert!(
        !sounds.is_empty() && played.starts_with(&sounds[..sounds.len().min(played.len())]),
        "{} hops",
        sounds.len()
    );
}

/// Plays on a running engine for some seconds, and returns the values that it sends to an address, one per latent frame.
fn sent(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)], play: impl FnOnce(&Inbox)) -> Vec<f64> {
    let patch = moving(nodes, cables);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let messages = sent.clone();
    let load = move || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&patch)), (32, 32)));
    let rack = EngineHandle::start(load, move |frame| {
        messages.lock().expect("values").extend(frame.messages.iter().map(|(_, value)| *value));
    });
    wait_until(|| rack.frame().is_some());
    play(rack.inbox());
    // The last events belong to the next chunk.
    let played = rack.frame().map_or(0, |frame| frame.number);
    wait_until(|| rack.frame().is_some_and(|frame| frame.number > played + 30));
    drop(rack);
    let sent = sent.lock().expect("values");
    sent.clone()
}

#[test]
fn each_tap_on_a_phone_is_a_press() {
    let nodes = [
        ("tap", "osc.in", json!({ "address": "/tap" })),
        ("count", "logic.counter", json!({ "to": 1000 })),
        ("send", "osc.out", json!({ "address": "/count" })),
    ];
    let cables = [("tap.out", "count.up"), ("count.count", "send.value")];
    let counts = sent(&nodes, &cables, |inbox| {
        for wait in [310, 170, 730, 20, 450, 90, 610, 240] {
            for number in [1.0, 0.0] {
                inbox.push(Instant::now(), [Event::Osc { address: "/tap".into(), numbers: [number].into() }]);
                std::thread::sleep(Duration::from_millis(100));
            }
            std::thread::sleep(Duration::from_millis(wait));
        }
    });
    assert_eq!(counts.last(), Some(&8.0), "{counts:?}");
}

#[test]
fn pads_that_are_struck_without_a_break_all_count() {
    let nodes = [
        ("pad", "midi.note", json!({})),
        ("count", "logic.counter", json!({ "to": 1000 })),
        ("send", "osc.out", json!({ "address": "/count" })),
    ];
    let cables = [("pad.gate", "count.up"), ("count.count", "send.value")];
    let counts = sent(&nodes, &cables, |inbox| {
        for _ in 0..16 {
            inbox.push(Instant::now(), [key(0.5), key(0.0)]);
            std::thread::sleep(Duration::from_millis(125));
        }
    });
    assert_eq!(counts.last(), Some(&16.0), "{counts:?}");
}

#[test]
fn a_fader_has_a_value_of_its_own_in_each_latent_frame() {
    let nodes = [("fader", "midi.cc", json!({ "number": 7 })), ("send", "osc.out", json!({ "address": "/fader" }))];
    let values = sent(&nodes, &[("fader.out", "send.value")], |inbox| {
        for step in 1..=150 {
            inbox.push(Instant::now(), [cc(7, f64::from(step) / 150.0)]);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let moving: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0 && *value < 1.0).collect();
    // Three seconds of a fader are twelve latent frames.
    assert!(moving.len() >= 8, "{values:?}");
    assert!(moving.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
}
