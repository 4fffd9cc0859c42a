//! The LFO.

use std::f64::consts::{PI, TAU};

use bendrack_nodes::library::time::division;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory, Scratch};
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
        let inputs =
            Inputs { lanes: &[], measurements: &measurements, first_frame, dt_secs, step: DenoisingStep::default() };
        plan.run(&inputs, &mut memory, 0..12, &mut scratch, &mut program);
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

/// Beats of a division by its name. A bar has four quarters, a dot adds half, a triplet fits three into two.
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
    let saw = |more: Json| Bench::new("modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up" })).with(&more);
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
        Bench::new("modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "swing": swing })).with(&more)
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
