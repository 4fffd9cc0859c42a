//! Sound: of a file by the time of its pictures, live once and in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Frame, Model};
use bendrack::sound::Sound;
use bendrack_nodes::input::Event;
use bendrack_nodes::node::sound::{BANDS, Hop};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::message::OscMessage;
use serde_json::json;

use super::lanes;
use crate::rig::{PROMPT, chunks, engine, patch, pictures, plan};

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
    sounds.collect::<BTreeMap<_, _>>().into_values().collect()
}

#[test]
fn a_video_follows_a_file_by_the_time_of_its_pictures() {
    // Latent frame 2 is pictures 5 to 8, shown from 5/16 s on. Latent frame 4 is pictures 13 to 16, from 13/16 s on.
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
    let values: Vec<f64> =
        video.iter().flatten().flat_map(|frame| &frame.messages).filter_map(OscMessage::number).collect();
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
