//! Nodes that move by themselves, against what is written about them as formulas.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::f64::consts::{PI, TAU};

use bendrack_nodes::library::time::division;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{Inputs, Measurements, Memory, Scratch};
use serde_json::{Value as Json, json};

use crate::patching::*;

/// A shape of the LFO at a phase, with a width.
fn shape(name: &str, cycles: f64, width: f64, seed: u64) -> f64 {
    let (cycle, phase) = (cycles.floor() as i64, cycles.rem_euclid(1.0));
    let before_peak = phase < width;
    let level = |cycle| seeded(seed, 0, cycle);
    match name {
        "sine" if before_peak => (1.0 - (PI * phase / width).cos()) / 2.0,
        "sine" => (1.0 - (PI * (1.0 + (phase - width) / (1.0 - width))).cos()) / 2.0,
        "triangle" => (phase / width).min((1.0 - phase) / (1.0 - width)),
        "saw_up" => phase,
        "saw_down" => 1.0 - phase,
        "square" => f64::from(u8::from(phase >= 1.0 - width)),
        "pulse" => f64::from(u8::from(before_peak)),
        "sample_hold" => level(cycle),
        _ => {
            level(cycle) * (1.0 - phase).powi(2) * (1.0 + 2.0 * phase)
                + level(cycle + 1) * phase.powi(2) * (3.0 - 2.0 * phase)
        }
    }
}

/// Number of warnings of an LFO in each of two calls of twelve frames.
fn warnings(params: Json, rate: f64, dt_secs: f64) -> [usize; 2] {
    let mut lfo = patch(&[("it", "modulate.lfo", params)], &[]);
    lfo.nodes.get_mut("it").expect("the node").params.insert("rate".to_owned(), json!(rate));
    let (plan, measurements) = (compile(&lfo), Measurements::default());
    let (mut memory, mut scratch, mut program) = (Memory::default(), Scratch::default(), Program::default());
    [0, 12].map(|first_frame| {
        let inputs = Inputs { lanes: &[], measurements: &measurements, first_frame, dt_secs };
        plan.run(&inputs, &mut memory, 12, &mut scratch, &mut program);
        assert!(scratch.warnings().iter().all(|(id, sentence)| &**id == "it" && sentence.contains("aliases")));
        scratch.warnings().len()
    })
}

#[test]
fn an_lfo_warns_once_in_a_call_if_it_is_too_fast_for_the_latent_frames() {
    for (rate, dt_secs, warned) in
        [(0.5, 0.25, 0), (2.0, 0.25, 0), (2.01, 0.25, 1), (30.0, 0.25, 1), (30.0, 1.0 / 60.0, 0)]
    {
        assert_eq!(warnings(json!({}), rate, dt_secs), [warned; 2], "{rate} Hz");
        assert_eq!(warnings(json!({ "run": false }), rate, dt_secs), [0; 2], "it stands still");
        for shape in ["pulse", "sample_hold", "smooth_random"] {
            assert_eq!(warnings(json!({ "shape": shape }), rate, dt_secs), [0; 2], "a fast {shape} has no warning");
        }
    }
    // At 120 beats a minute an eighth lasts a latent frame, a quarter two.
    assert_eq!(
        [warnings(json!({ "sync": "1/4" }), 30.0, 0.25), warnings(json!({ "sync": "1/8" }), 0.1, 0.25)],
        [[0; 2], [1; 2]]
    );
}

const SHAPES: [&str; 8] = ["sine", "triangle", "saw_up", "saw_down", "square", "sample_hold", "smooth_random", "pulse"];

#[test]
fn an_lfo_has_its_shapes_in_all_settings() {
    let near = |name: &str, given: &[f64], expected: &dyn Fn(f64) -> f64| {
        for (n, value) in given.iter().enumerate() {
            assert!((value - expected(n as f64)).abs() < 1e-9, "{name} at {n}: {value} is not {}", expected(n as f64));
        }
    };
    // 0.7 Hz at 100 frames a second: no frame lies on an edge.
    for name in SHAPES {
        for (width, seed) in [(0.5, 0), (0.2511, 0), (0.011, 3), (0.99, 99_999)] {
            let params =
                json!({ "rate": 0.7, "shape": name, "phase": 0.1003, "width": width, "seed": seed, "spread": 0.3 });
            let bench = Bench::new("modulate.lfo", params).dt(0.01);
            for (index, output) in ["out", "out2", "out3", "out4"].into_iter().enumerate() {
                let at = |n: f64| 0.1003 + 0.3 * index as f64 + 0.007 * n;
                near(name, &bench.gives(output, 600), &|n| shape(name, at(n), width, seed));
            }
            near(name, &bench.gives("phase", 600), &|n| (0.1003 + 0.007 * n).rem_euclid(1.0));
        }
    }
    for (invert, bipolar) in [(false, false), (false, true), (true, false), (true, true)] {
        let polarity = if bipolar { "bipolar" } else { "unipolar" };
        let params =
            json!({ "rate": 0.7, "depth": -3.0, "offset": 0.25, "invert": invert, "polarity": polarity, "phase": 0.6 });
        let wave = |n: f64| (TAU * (0.6 + 0.007 * n)).cos() * if invert { 1.0 } else { -1.0 };
        let wave = |n: f64| if bipolar { wave(n) } else { 0.5 + 0.5 * wave(n) };
        near("sine", &Bench::new("modulate.lfo", params).dt(0.01).gives("out", 300), &|n| 0.25 - 3.0 * wave(n));
    }
}

#[test]
fn an_lfo_fires_as_often_as_cycles_begin() {
    for (rate, phase) in [(0.0, 0.0), (0.0, 0.5), (1.0, 0.0), (1.0, 0.5), (9.0, 0.1), (30.0, 0.0), (3.31, -0.4)] {
        let bench =
            Bench::new("modulate.lfo", json!({ "rate": rate, "phase": phase, "shape": "pulse", "width": 0.01 }));
        let cycles = |n: f64| (phase + n * rate * DT_SECS + 1e-9).floor();
        let expected: Vec<_> = (0..40)
            .map(|n| {
                if n == 0 {
                    u16::from(phase == 0.0)
                } else {
                    (cycles(f64::from(n)) - cycles(f64::from(n) - 1.0)) as u16
                }
            })
            .collect();
        assert_eq!(bench.fires("wrap", 40), expected, "{rate} {phase}");
        // However narrow a pulse is, it is seen once in each cycle.
        let seen: Vec<_> = bench.gives("out", 40).iter().map(|on| u16::from(*on == 1.0)).collect();
        let began: Vec<_> = expected.iter().map(|hits| u16::from(*hits > 0)).collect();
        assert_eq!(seen, if rate == 0.0 && phase == 0.0 { vec![1; 40] } else { began }, "{rate} {phase}");
    }
}

/// The beats of a division by its name: a bar has four quarters, a dot adds half, a triplet has three in the time of two.
fn beats_of(name: &str) -> f64 {
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let (length, more) = name.split_once('_').unwrap_or((name, ""));
    let whole = length.strip_prefix("1/").map_or_else(|| 4.0 * number(length), |part| 4.0 / number(part));
    whole
        * match more {
            "dotted" => 1.5,
            "triplet" => 2.0 / 3.0,
            _ => 1.0,
        }
}

#[test]
fn an_lfo_in_sync_is_where_the_beat_is() {
    for name in division::NAMES {
        let beats = beats_of(name);
        let bench =
            Bench::new("modulate.lfo", json!({ "sync": name, "shape": "saw_up", "rate": 7.0 })).tempo(100.0).dt(0.2);
        // 100 beats a minute are a third of a beat in 0.2 seconds.
        let expected = numbers(40, |n| {
            let cycles = n / 3.0 / beats;
            if (cycles - cycles.round()).abs() < 1e-6 { 0.0 } else { cycles.fract() }
        });
        assert_near(&bench.gives("out", 40), &expected);
    }
}

#[test]
fn a_new_tempo_moves_no_lfo() {
    let saw = |tempo: f64| {
        let mut patch = patch(&[("it", "modulate.lfo", json!({ "sync": "2_bars", "shape": "saw_up" }))], &[]);
        patch.engine.tempo = tempo;
        compile(&patch)
    };
    let (slow, fast, mut memory) = (saw(60.0), saw(240.0), Memory::default());
    let mut phases = Vec::new();
    for frame in 0..12 {
        run(if frame < 6 { &slow } else { &fast }, &mut memory, frame, 1);
        phases.push(memory.output("it", "phase").expect("a phase"));
    }
    // A quarter of a beat, then a beat a frame; 2 bars are eight.
    let beats = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5];
    assert_near(&phases, &beats.map(|beat| beat / 8.0));
}

#[test]
fn an_lfo_is_reset_held_and_run_once() {
    let saw = |more: Json| {
        let mut params = json!({ "rate": 1.0, "shape": "saw_up" });
        params.as_object_mut().expect("parameters").extend(more.as_object().expect("parameters").clone());
        Bench::new("modulate.lfo", params)
    };
    let reset = saw(json!({ "phase": 0.5 })).feed("reset", &[1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_near(&reset.gives("out", 8), &[0.5, 0.75, 0.5, 0.75, 0.0, 0.25, 0.5, 0.75]);
    assert_eq!(saw(json!({})).feed("reset", &[0.0, 0.0, 1.0]).fires("wrap", 8), [1, 0, 1, 0, 0, 0, 1, 0]);
    assert_near(&saw(json!({})).strike("reset", 3).gives("out", 4), &[0.0; 4]);
    let held = saw(json!({})).feed("run", &[1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    assert_near(&held.gives("out", 7), &[0.0, 0.25, 0.5, 0.5, 0.5, 0.5, 0.75]);
    // Half a beat a frame: an eighth of a bar.
    let synced = saw(json!({ "sync": "1_bar" })).feed("run", &[1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_near(&synced.gives("out", 7), &[0.0, 0.125, 0.25, 0.25, 0.25, 0.625, 0.75]);
    let synced = saw(json!({ "sync": "1_bar" })).feed("reset", &[0.0, 0.0, 0.0, 1.0]);
    assert_near(&synced.gives("out", 6), &[0.0, 0.125, 0.25, 0.0, 0.125, 0.25]);
    let once = saw(json!({ "once": true })).feed("reset", &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_near(&once.gives("out", 12), &[0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
    assert_eq!(once.fires("wrap", 12), [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]);
    for (shape, end) in [("sine", 0.0), ("triangle", 0.0), ("saw_down", 0.0), ("square", 1.0), ("pulse", 0.0)] {
        let bench = Bench::new("modulate.lfo", json!({ "rate": 3.0, "shape": shape, "once": true }));
        assert_near(&bench.gives("out", 6)[2..], &[end; 4]);
    }
    let random = Bench::new("modulate.lfo", json!({ "rate": 3.0, "shape": "sample_hold", "once": true }));
    assert_near(&random.gives("out", 5), &[dice(0, 0); 5]);
    let synced = saw(json!({ "sync": "1/2", "once": true }));
    assert_near(&synced.gives("out", 6), &[0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
}

#[test]
fn swing_makes_every_second_cycle_late() {
    let phases = |swing: f64, more: Json| {
        let mut params = json!({ "rate": 1.0, "shape": "saw_up", "swing": swing });
        params.as_object_mut().expect("parameters").extend(more.as_object().expect("parameters").clone());
        Bench::new("modulate.lfo", params)
    };
    // Of two seconds the first cycle takes 1.5.
    let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(|n| n / 6.0);
    let swung = phases(1.0, json!({})).gives("out", 16);
    for pair in [&swung[..8], &swung[8..]] {
        assert_near(pair, &[&expected[..], &[0.0, 0.5]].concat());
    }
    assert_eq!(phases(1.0, json!({})).fires("wrap", 9), [1, 0, 0, 0, 0, 0, 1, 0, 1]);
    let synced = phases(1.0, json!({ "sync": "1/2" })).gives("out", 16);
    assert_near(&synced, &swung);
    assert_near(&phases(0.0, json!({})).gives("out", 4), &[0.0, 0.25, 0.5, 0.75]);
    let triplets = phases(2.0 / 3.0, json!({})).dt(2.0 / 3.0).gives("out", 4);
    assert_near(&triplets, &[0.0, 0.5, 0.0, 0.0]);
}

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
        let mut params = json!({ "shape": shape, "attack": 0.5, "decay": 1.0, "sustain": 0.5, "release": 0.5 });
        params.as_object_mut().expect("parameters").extend(more.as_object().expect("parameters").clone());
        Bench::new("modulate.envelope", params).feed("gate", gate)
    };
    let held = [1.0; 5];
    assert_near(&envelope("adsr", &held, json!({})).gives("out", 8), &[0.5, 1.0, 0.75, 0.5, 0.5, 0.0, 0.0, 0.0]);
    assert_near(&envelope("ar", &held, json!({})).gives("out", 8), &[0.5, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]);
    let down = [0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0];
    assert_near(&envelope("ad", &held, json!({})).gives("out", 8), &down);
    assert_near(&envelope("ad", &[1.0], json!({})).gives("out", 8), &down);
    assert_eq!(envelope("ad", &[1.0], json!({})).fires("end", 8), [0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(envelope("ad", &[1.0; 9], json!({})).fires("end", 9), [0, 0, 0, 0, 0, 1, 0, 0, 0], "a gate is one blow");
    // A trigger is an attack of a frame.
    assert_near(&envelope("adsr", &[1.0], json!({ "release": 1.0 })).gives("out", 4), &[0.5, 0.25, 0.0, 0.0]);
    // Without times it is the gate.
    let nothing = json!({ "attack": 0.0, "decay": 0.0, "release": 0.0 });
    assert_near(&envelope("adsr", &held, nothing.clone()).gives("out", 7), &[1.0, 0.5, 0.5, 0.5, 0.5, 0.0, 0.0]);
    assert_eq!(envelope("adsr", &held, nothing).fires("end", 7), [0, 0, 0, 0, 0, 1, 0]);
    // Stages that are longer than a minute's frames, and a sustain that comes up.
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

/// Ken Perlin's improved noise on a line, its slopes by their place.
fn line(slope: impl Fn(i64) -> f64, x: f64) -> f64 {
    let (cell, t) = (x.floor() as i64, x.fract());
    let fade = 6.0 * t.powi(5) - 15.0 * t.powi(4) + 10.0 * t.powi(3);
    (1.0 - fade) * slope(cell) * t + fade * slope(cell + 1) * (t - 1.0)
}

/// The same in the plane, with slopes of length 1 by their angle.
fn plane(angle: impl Fn(i64, i64) -> f64, x: f64, y: f64) -> f64 {
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    let fade = |t: f64| 6.0 * t.powi(5) - 15.0 * t.powi(4) + 10.0 * t.powi(3);
    let (right, up) = (fade(x - x.floor()), fade(y - y.floor()));
    let mut sum = 0.0;
    for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let (dx, dy) = (x - (column + i) as f64, y - (row + j) as f64);
        let turn = angle(column + i, row + j);
        let weight = if i == 1 { right } else { 1.0 - right } * if j == 1 { up } else { 1.0 - up };
        sum += weight * (turn.cos() * dx + turn.sin() * dy);
    }
    sum
}

#[test]
fn noise_is_layers_of_gradient_noise() {
    for (octaves, persistence, lacunarity, seed, polarity) in [
        (1, 0.5, 2.0, 0, "bipolar"),
        (4, 0.7, 2.0, 0, "bipolar"),
        (8, 0.5, 3.7, 5, "unipolar"),
        (3, 0.0, 1.0, 1, "bipolar"),
    ] {
        let params = json!({ "rate": 0.77, "octaves": octaves, "persistence": persistence, "lacunarity": lacunarity,
            "seed": seed, "polarity": polarity });
        let expected = numbers(100, |n| {
            let (mut sum, mut all) = (0.0, 0.0);
            for octave in 0..octaves {
                let weight = f64::powi(persistence, octave);
                let slope = |cell| 2.0 * seeded(seed, octave as u64, cell) - 1.0;
                sum += weight * 2.0 * line(slope, 0.77 * 0.1 * n * f64::powi(lacunarity, octave));
                all += weight;
            }
            let noise = (sum / all).clamp(-1.0, 1.0);
            if polarity == "unipolar" { 0.5 * noise + 0.5 } else { noise }
        });
        let given = Bench::new("modulate.noise", params).dt(0.1).gives("out", 100);
        let near = given.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{given:?} is not {expected:?}");
    }
    assert_near(&Bench::new("modulate.noise", json!({ "rate": 0.0 })).gives("out", 3), &[0.0; 3]);
}

#[test]
fn a_loop_of_noise_is_a_circle_in_the_plane() {
    let (rate, secs, lacunarity, seed) = (0.8, 5.0, 2.5, 2);
    let params = json!({ "rate": rate, "loop_length": secs, "octaves": 2, "persistence": 0.4, "lacunarity": lacunarity, "seed": seed });
    let bench = Bench::new("modulate.noise", params);
    let given = bench.gives("out", 61);
    let expected = numbers(61, |n| {
        let (angle, radius) = (TAU * n * DT_SECS / secs, rate * secs / TAU);
        let layer = |octave: u64, finer: f64| {
            let turn = |x: i64, y: i64| TAU * seeded(seed, 8 + octave, x * 4_294_967_296 + y);
            2.0_f64.sqrt() * plane(turn, finer * (0.5 + radius * angle.cos()), finer * (0.5 + radius * angle.sin()))
        };
        (layer(0, 1.0) + 0.4 * layer(1, lacunarity)) / 1.4
    });
    assert_near(&given, &expected);
    assert_eq!(given[..20], given[20..40], "five seconds are twenty frames");
    assert_eq!(given[..20], given[40..60]);
    // The seam is as smooth as the rest: no step is much larger than the others.
    let steps: Vec<_> = given.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let largest = steps[..19].iter().copied().fold(0.0, f64::max);
    assert!(steps[19] <= largest && largest > 0.0, "{steps:?}");
}

#[test]
fn a_walk_is_thrown_back_at_its_bounds() {
    for (step, reversion, low, high, seed) in
        [(0.3, 0.1, 0.0, 1.0, 0), (3.0, 0.0, -1.0, 0.5, 4), (50.0, 1.0, 2.0, -2.0, 1), (1.0, 0.5, 0.25, 0.25, 0)]
    {
        let params = json!({ "step_size": step, "reversion": reversion, "low": low, "high": high, "seed": seed });
        let (middle, half) = (f64::midpoint(low, high), f64::abs(high - low) / 2.0);
        let mut at = middle;
        let mut way = Vec::new();
        for n in 0..80 {
            // Mirrors on both sides, one after the other.
            for _ in 0..10_000 {
                at = if half == 0.0 {
                    middle
                } else if at > middle + half {
                    2.0 * (middle + half) - at
                } else if at < middle - half {
                    2.0 * (middle - half) - at
                } else {
                    break;
                };
            }
            way.push(at);
            let kept = f64::powf(1.0 - reversion, 0.2);
            at = middle + (at - middle) * kept + step * f64::sqrt(0.2 * 3.0) * (2.0 * seeded(seed, 0, n) - 1.0);
        }
        let given = Bench::new("modulate.walk", params).dt(0.2).gives("out", 80);
        assert_near(&given, &way);
        assert!(given.iter().all(|x| (low.min(high)..=low.max(high)).contains(x)));
    }
    let reset = Bench::new("modulate.walk", json!({})).feed("reset", &[1.0, 0.0, 0.0, 0.0, 1.0]).gives("out", 8);
    assert_eq!((reset[0], reset[4], &reset[..4]), (0.5, 0.5, &reset[4..]));
}

#[test]
fn a_walk_gets_as_far_at_any_frame_rate() {
    // The deviation of many walks after one second is the step.
    for dt in [0.5, 0.1, 0.02] {
        let frames = (1.0_f64 / dt).round() as usize + 1;
        let ends: Vec<f64> = (0..400)
            .map(|seed| {
                let params = json!({ "step_size": 0.4, "reversion": 0.0, "low": -1e3, "high": 1e3, "seed": seed });
                Bench::new("modulate.walk", params).dt(dt).memories(&[frames])[0].output("it", "out").expect("a number")
            })
            .collect();
        let deviation = (ends.iter().map(|end| end * end).sum::<f64>() / ends.len() as f64).sqrt();
        assert!((0.34..0.46).contains(&deviation), "{dt}: {deviation}");
    }
}

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
    let mut params = json!({ "keys": "1 0, 2 1, 4 0 hold, 5 7" });
    params.as_object_mut().expect("parameters").extend(more.as_object().expect("parameters").clone());
    Bench::new("modulate.curve", params)
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
