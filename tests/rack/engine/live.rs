//! The engine on a thread of its own: the rendered video, edits, failures, every hit of a pad.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Model, Stage};
use bendrack::input::Inbox;
use bendrack::wan::parts::Choice;
use bendrack_nodes::input::Event;
use bendrack_nodes::program::message::OscMessage;
use candle_core::Result;
use serde_json::{Value as Json, json};

use crate::rig::{cc, chunks, engine, key, moving, plan};

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
    let load = || {
        Model::open(std::path::Path::new("no/such/folder"), &Choice::default())
            .and_then(|_| -> Result<Engine> { unreachable!() })
    };
    let rack = EngineHandle::start(load, |_| {});
    wait_until(|| rack.status().stage != Stage::Loading);
    let Stage::Failed(why) = rack.status().stage else { panic!("it failed") };
    assert!(why.contains("no/such/folder") && !why.contains("backtrace"), "{why}");
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
        sounds.lock().expect("hits").extend(frame.messages.iter().filter_map(OscMessage::number));
    });
    wait_until(|| rack.frame().is_some());
    // Released before the engine reads it.
    rack.inbox().push(Instant::now(), [key(0.5), key(0.0)]);
    wait_until(|| hits.lock().expect("hits").contains(&1.0));
    wait_until(|| hits.lock().expect("hits").last() == Some(&0.0));
}

/// Plays on a running engine for some seconds. Returns the values that it sends, one per latent frame.
fn sent(nodes: &[(&str, &str, Json)], cables: &[(&str, &str)], play: impl FnOnce(&Inbox)) -> Vec<f64> {
    let patch = moving(nodes, cables);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let messages = sent.clone();
    let load = move || Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan(&patch)), (32, 32)));
    let rack = EngineHandle::start(load, move |frame| {
        messages.lock().expect("values").extend(frame.messages.iter().filter_map(OscMessage::number));
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
                inbox.push(Instant::now(), [Event::osc("/tap", &[number])]);
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
