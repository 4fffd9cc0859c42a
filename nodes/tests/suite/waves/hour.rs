//! An hour of latent frames: modulators keep the exact time.

use std::f64::consts::PI;

use serde_json::{Value as Json, json};

use crate::patching::*;

/// Latent frames of an hour.
const HOUR: usize = 14_400;
/// Largest error, in parts of the range.
const ERROR: f64 = 1e-6;

/// The largest difference of an output from its value at the exact time, in seconds. `around`: the value runs in a circle of 1.
fn error(kind: &str, params: &Json, output: &str, around: bool, exact: impl Fn(f64) -> f64) -> f64 {
    let values = Bench::new(kind, params.clone()).gives(output, HOUR);
    let far = values.iter().enumerate().map(|(frame, value)| {
        let far = (value - exact(frame as f64 * DT_SECS)).abs();
        if around { far.min((1.0 - far).abs()) } else { far }
    });
    far.fold(0.0, f64::max)
}

#[test]
fn modulators_keep_the_exact_time_for_an_hour() {
    for rate in [0.0103, 0.0076, 0.1, 0.25, 1.7] {
        let sine = |secs: f64| (1.0 - (2.0 * PI * rate * secs).cos()) / 2.0;
        let lfo = |shape: &str| json!({ "rate": rate, "shape": shape });
        let errors = [
            error("modulate.lfo", &lfo("sine"), "out", false, sine),
            error("modulate.lfo", &lfo("saw_up"), "out", true, |secs| (rate * secs).fract()),
            error("modulate.lfo", &lfo("sine"), "phase", true, |secs| (rate * secs).fract()),
        ];
        assert!(errors.iter().all(|error| *error <= ERROR), "{rate} Hz: {errors:?}");
    }
    for tempo in [59.9, 120.0, 133.7] {
        let bars = |secs: f64| (secs * tempo / 240.0).fract();
        let values =
            Bench::new("modulate.lfo", json!({ "sync": "1_bar", "shape": "saw_up" })).tempo(tempo).gives("out", HOUR);
        let far = values.iter().enumerate().map(|(frame, value)| (value - bars(frame as f64 * DT_SECS)).abs());
        let error = far.map(|far| far.min((1.0 - far).abs())).fold(0.0, f64::max);
        assert!(error <= ERROR, "{tempo} beats per minute: {error}");
    }
    let looped = json!({ "keys": "0 0, 7 1", "unit": "seconds", "at_end": "loop" });
    let error = error("modulate.curve", &looped, "out", true, |secs| (secs / 7.0).fract());
    assert!(error <= ERROR, "a curve of seven seconds: {error}");
}
