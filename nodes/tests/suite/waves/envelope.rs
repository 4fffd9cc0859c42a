//! The envelope.

use serde_json::{Value as Json, json};

use crate::patching::*;

/// The curve of an envelope: `bend` 1 has six time constants.
fn bent(x: f64, bend: f64) -> f64 {
    let k = 6.0 * bend;
    if bend == 0.0 { x } else { (1.0 - (-k * x).exp()) / (1.0 - (-k).exp()) }
}

/// Where that curve has this height.
fn unbent(height: f64, bend: f64) -> f64 {
    let k = 6.0 * bend;
    if bend == 0.0 { height } else { -(1.0 - height * (1.0 - (-k).exp())).ln() / k }
}

#[test]
fn the_stages_of_an_envelope_follow_their_curves() {
    let (dt, attack, decay, sustain, release, level) = (0.01, 0.3, 0.4, 0.25, 0.5, -2.0);
    for bends in [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [0.3, -0.7, 0.001], [-1e-6, 0.5, -0.2]] {
        let params = json!({
            "attack": attack, "decay": decay, "sustain": sustain, "release": release, "level": level,
            "attack_curve": bends[0], "decay_curve": bends[1], "release_curve": bends[2],
        });
        let bench = Bench::new("modulate.envelope", params).feed("gate", &[1.0; 100]).dt(dt);
        let given = bench.gives("out", 200);
        for (n, value) in given.iter().enumerate() {
            let secs = dt * (n as f64 + 1.0);
            let height = if n < 30 {
                bent(secs / attack, bends[0])
            } else if n < 100 {
                (1.0 - bent((secs - 0.3) / decay, bends[1])).max(sustain)
            } else {
                let begun = unbent(1.0 - sustain, bends[2]);
                if begun + (secs - 1.0) / release >= 1.0 {
                    0.0
                } else {
                    1.0 - bent(begun + (secs - 1.0) / release, bends[2])
                }
            };
            assert!((value - level * height).abs() < 1e-8, "{bends:?} at {n}: {value}, {}", level * height);
        }
        assert_eq!((given[29], given[99], given[199]), (level, level * sustain, 0.0), "exact ends: {bends:?}");
        let ends = bench.fires("end", 200);
        assert_eq!(ends.iter().sum::<u16>(), 1, "{bends:?}");
        assert_eq!(given[ends.iter().position(|end| *end > 0).expect("an end")], 0.0);
    }
}

#[test]
fn an_envelope_has_three_shapes() {
    let envelope = |shape: &str, gate: &[f64], more: Json| {
        let params = json!({ "shape": shape, "attack": 0.5, "decay": 1.0, "sustain": 0.5, "release": 0.5 });
        Bench::new("modulate.envelope", params).with(&more).feed("gate", gate)
    };
    let held = [1.0; 5];
    assert_near(&envelope("adsr", &held, json!({})).gives("out", 8), &[0.5, 1.0, 0.75, 0.5, 0.5, 0.0, 0.0, 0.0]);
    assert_near(&envelope("ar", &held, json!({})).gives("out", 8), &[0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]);
    let down = [0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0];
    assert_near(&envelope("ad", &held, json!({})).gives("out", 8), &down);
    assert_near(&envelope("ad", &[1.0], json!({})).gives("out", 8), &down);
    assert_eq!(envelope("ad", &[1.0], json!({})).fires("end", 8), [0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(
        envelope("ad", &[1.0; 9], json!({})).fires("end", 9),
        [0, 0, 0, 0, 0, 1, 0, 0, 0],
        "a held gate triggers once"
    );
    // A trigger is an attack of a frame.
    assert_near(&envelope("adsr", &[1.0], json!({ "release": 1.0 })).gives("out", 4), &[0.5, 0.25, 0.0, 0.0]);
    // Without times it is the gate.
    let nothing = json!({ "attack": 0.0, "decay": 0.0, "release": 0.0 });
    assert_near(&envelope("adsr", &held, nothing.clone()).gives("out", 7), &[1.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]);
    assert_eq!(envelope("adsr", &held, nothing).fires("end", 7), [0, 0, 0, 0, 0, 1, 0]);
    // A sustain of 1 holds the peak.
    let rising = envelope("adsr", &held, json!({ "attack": 0.0, "decay": 0.0, "sustain": 1.0 }));
    assert_near(&rising.gives("out", 3), &[1.0; 3]);
}

#[test]
fn an_envelope_loops_while_its_gate_is_on() {
    let looped = |shape: &str| {
        let params =
            json!({ "shape": shape, "attack": 0.5, "decay": 0.5, "sustain": 0.5, "release": 0.25, "loop": true });
        Bench::new("modulate.envelope", params).feed("gate", &[1.0; 6])
    };
    assert_near(&looped("adsr").gives("out", 8), &[0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.0, 0.0]);
    assert_eq!(looped("adsr").fires("end", 8), [0, 0, 1, 0, 1, 0, 1, 0]);
    assert_near(&looped("ar").gives("out", 8), &[0.5, 1.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0]);
    assert_near(&looped("ad").gives("out", 8), &[0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5, 0.0]);
    assert_eq!(looped("ad").fires("end", 8), [0, 0, 0, 1, 0, 0, 0, 1]);
}

#[test]
fn a_gate_that_is_on_is_struck_again_or_not() {
    // An LFO of four hertz fires in each frame, so that the gate never goes off.
    let struck = |retrigger: &str| {
        let params = json!({ "attack": 0.5, "decay": 0.5, "sustain": 0.0, "retrigger": retrigger });
        Bench::new("modulate.envelope", params).strike("gate", 1).gives("out", 6)
    };
    assert_near(&struck("restart"), &[0.5, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_near(&struck("legato"), &[0.5, 1.0, 0.5, 0.0, 0.0, 0.0]);
    // After it was released both go on from the level that it has.
    for retrigger in ["restart", "legato"] {
        let params = json!({ "attack": 1.0, "release": 1.0, "sustain": 1.0, "retrigger": retrigger });
        let bench = Bench::new("modulate.envelope", params).feed("gate", &[1.0, 1.0, 0.0, 1.0, 1.0]);
        assert_near(&bench.gives("out", 5), &[0.25, 0.5, 0.25, 0.5, 0.75]);
    }
}
