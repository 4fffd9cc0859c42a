//! The curve of keys.

use serde_json::{Value as Json, json};

use crate::patching::*;

/// The keys `1 0, 2 1, 4 0 hold, 5 7` at a time.
fn keyed(time: f64) -> f64 {
    match time {
        t if t < 1.0 => 0.0,
        t if t < 2.0 => t - 1.0,
        t if t < 4.0 => 2.0 - t / 2.0,
        t if t < 5.0 => 0.0,
        _ => 7.0,
    }
}

fn curve(more: &Json) -> Bench<'static> {
    Bench::new("modulate.curve", json!({ "keys": "1 0, 2 1, 4 0 hold, 5 7" })).with(more)
}

#[test]
fn a_curve_is_played_in_seconds_frames_or_beats() {
    for (base, frame) in [("seconds", 0.25), ("frames", 1.0), ("beats", 0.375)] {
        for speed in [1.0, 0.3, 2.0, 0.0] {
            let bench = curve(&json!({ "unit": base, "speed": speed })).tempo(90.0);
            assert_near(&bench.gives("out", 30), &numbers(30, |n| keyed((1.0 + n * frame * speed + 1e-11).min(5.0))));
        }
    }
    let scrubbed = curve(&json!({ "unit": "scrub" })).feed("position", &[0.0, 0.125, 0.5, 1.0, 2.0, -1.0]);
    assert_near(&scrubbed.gives("out", 6), &[0.0, 0.5, 0.5, 7.0, 7.0, 0.0]);
    assert_eq!(scrubbed.fires("end", 6), [0; 6]);
}

#[test]
fn a_curve_stays_begins_again_or_goes_back_at_its_end() {
    let frames = |more: Json| curve(&more);
    // A frame is a second.
    let once = frames(json!({ "unit": "frames" })).feed("reset", &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_near(&once.gives("out", 12), &[0.0, 1.0, 0.5, 0.0, 7.0, 7.0, 0.0, 1.0, 0.5, 0.0, 7.0, 7.0]);
    assert_eq!(once.fires("end", 12), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    let back = frames(json!({ "unit": "frames", "speed": -1.0 }));
    assert_near(&back.gives("out", 7), &[7.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(back.fires("end", 7), [0, 0, 0, 0, 1, 0, 0]);
    let looped = frames(json!({ "unit": "frames", "at_end": "loop" }));
    assert_near(&looped.gives("out", 9), &[0.0, 1.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.0, 0.0]);
    assert_eq!(looped.fires("end", 9), [0, 0, 0, 0, 1, 0, 0, 0, 1]);
    let backwards = frames(json!({ "unit": "frames", "at_end": "loop", "speed": -1.0 }));
    assert_near(&backwards.gives("out", 9), &[7.0, 0.0, 0.5, 1.0, 7.0, 0.0, 0.5, 1.0, 7.0]);
    assert_eq!(backwards.fires("end", 9), [0, 0, 0, 0, 1, 0, 0, 0, 1]);
    for speed in [1.0, -1.0] {
        let swinging = frames(json!({ "unit": "frames", "at_end": "ping_pong", "speed": speed }));
        let up_and_down = [0.0, 1.0, 0.5, 0.0, 7.0, 0.0, 0.5, 1.0, 0.0, 1.0, 0.5, 0.0, 7.0];
        let begun = if speed < 0.0 { 4 } else { 0 };
        assert_near(&swinging.gives("out", 9), &up_and_down[begun..begun + 9]);
        assert_eq!(swinging.fires("end", 9), [0, 0, 0, 0, 1, 0, 0, 0, 1]);
    }
    // Ten times the length in each frame.
    let fast = frames(json!({ "unit": "frames", "at_end": "loop", "speed": 40.0 }));
    assert_eq!(fast.fires("end", 3), [0, 10, 10]);
    let point = Bench::new("modulate.curve", json!({ "keys": "3 0.5", "at_end": "loop" }));
    assert_near(&point.gives("out", 3), &[0.5; 3]);
}
