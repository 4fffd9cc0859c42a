//! Nodes that follow, hold, shift and record signals, compared with their formulas.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::collections::VecDeque;
use std::f64::consts::{PI, TAU};

use serde_json::{Value as Json, json};

use crate::patching::*;

/// Something that moves, −1 to 1, without ever being the same.
fn restless(n: f64) -> f64 {
    (0.37 * n + 0.01 * n * n).sin()
}

#[test]
fn hold_takes_what_is_there_at_a_trigger() {
    let (signal, trigger) = (numbers(8, |n| n / 10.0), [0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    let hold = |params: Json| Bench::new("modulate.hold", params).feed("in", &signal).feed("trigger", &trigger);
    assert_near(&hold(json!({})).gives("out", 8), &[0.0, 0.1, 0.1, 0.1, 0.1, 0.5, 0.5, 0.7]);
    let track = hold(json!({ "mode": "track_hold" }));
    assert_near(&track.gives("out", 8), &[0.0, 0.1, 0.2, 0.2, 0.2, 0.5, 0.5, 0.7]);
    assert_near(&hold(json!({ "chance": 0.0 })).gives("out", 8), &[0.0; 8]);
    assert_near(&hold(json!({ "chance": 0.0, "mode": "track_hold" })).gives("out", 8), &[0.0; 8]);
    // The internal trigger fires every second frame, the input in between.
    assert_near(&hold(json!({ "rate": 2.0 })).gives("out", 8), &[0.0, 0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.7]);
    // A second of which the first half is on.
    let alone = Bench::new("modulate.hold", json!({ "rate": 1.0, "mode": "track_hold" })).feed("in", &signal);
    assert_near(&alone.gives("out", 8), &[0.0, 0.1, 0.1, 0.1, 0.4, 0.5, 0.5, 0.5]);
}

#[test]
fn hold_throws_dice_for_every_trigger() {
    for (chance, times, seed, polarity) in
        [(0.5, 1, 0, "unipolar"), (0.3, 3, 7, "bipolar"), (1.0, 4, 0, "unipolar"), (0.01, 30, 1, "bipolar")]
    {
        let params = json!({ "chance": chance, "seed": seed, "polarity": polarity });
        let (mut held, mut count) = (0.0, 0);
        let expected = numbers(1, |_| 0.0).into_iter().cycle().take(60).enumerate().map(|(n, _)| {
            for _ in 0..if n == 0 { 1 } else { times } {
                count += 1;
                if seeded(seed, 1, count) < chance {
                    let level = seeded(seed, 0, count);
                    held = if polarity == "bipolar" { 2.0 * level - 1.0 } else { level };
                }
            }
            held
        });
        let expected: Vec<_> = expected.collect();
        let bench = Bench::new("modulate.hold", params).strike("trigger", times).dt(1.0);
        assert_near(&bench.gives("out", 60), &expected);
    }
    // The internal trigger has its rate, also several times a frame: 1.75 a frame.
    let bench = Bench::new("modulate.hold", json!({ "rate": 7.0 }));
    assert_near(&bench.gives("out", 20), &numbers(20, |n| dice(0, (1.75 * n) as i64 + 1)));
    // A number that is written is taken like one that arrives.
    let written = Bench::new("modulate.hold", json!({ "rate": 7.0, "in": 0.125 }));
    assert_near(&written.gives("out", 2), &[0.125; 2]);
}

#[test]
fn a_shift_register_is_a_row_of_places() {
    for (chance, length, seed, times, goes_round) in [
        (1.0, 8, 0, 1, false),
        (0.0, 8, 0, 1, false),
        (0.5, 3, 5, 2, false),
        (0.7, 1, 0, 11, false),
        (1.0, 4, 0, 1, true),
    ] {
        for wired in [true, false] {
            let params = json!({ "chance": chance, "stages": length, "seed": seed, "loop": goes_round });
            let signal = numbers(40, restless);
            let mut bench = Bench::new("modulate.shift", params).strike("trigger", times).dt(1.0);
            bench.fed.extend(wired.then(|| ("in", signal.clone())));
            let (mut row, mut count) = (VecDeque::from([0.0; 8]), 0);
            let mut expected = Vec::new();
            for (n, now) in signal.iter().enumerate() {
                for _ in 0..if n == 0 { 1 } else { times } {
                    count += 1;
                    let again = goes_round || seeded(seed, 1, count) >= chance;
                    let random = if wired { *now } else { seeded(seed, 0, count) };
                    row.push_front(if again { row[length - 1] } else { random });
                    row.pop_back();
                }
                expected.push(row.clone());
            }
            for place in 0..8 {
                let expected: Vec<_> = expected.iter().map(|row| row[place]).collect();
                assert_near(&bench.gives(&format!("out{}", place + 1), 40), &expected);
            }
        }
    }
    let reset = Bench::new("modulate.shift", json!({})).feed("in", &[1.0; 9]).strike("trigger", 1);
    let reset = reset.feed("reset", &[0.0, 0.0, 0.0, 1.0]);
    assert_near(&reset.gives("out3", 6), &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
    // A reset and a trigger in one frame: empty, then one on.
    assert_near(&reset.gives("out1", 6), &[1.0; 6]);
}

#[test]
fn slew_comes_to_nine_tenths_in_its_time() {
    let slew = |params: Json, signal: &[f64]| Bench::new("modulate.slew", params).feed("in", signal).dt(0.05);
    let (up, down) = ([vec![0.0], vec![2.0; 200]].concat(), [vec![2.0], vec![0.0; 200]].concat());
    for (signal, sign, from) in [(&up, 1.0, 0.0), (&down, -1.0, 2.0)] {
        let at = |part: f64| from + 2.0 * sign * part;
        for secs in [0.0, 0.07, 0.5, 3.0] {
            let times = if sign > 0.0 { ("rise", "fall") } else { ("fall", "rise") };
            let given =
                |more: Json| slew(json!({ times.0: secs, times.1: 11.0 }), signal).with(&more).gives("out", 201);
            let part = |n: f64| if secs == 0.0 { f64::INFINITY } else { 0.05 * n / secs };
            let expected = numbers(201, |n| if n == 0.0 { from } else { at(1.0 - 0.1_f64.powf(part(n))) });
            assert_near(&given(json!({})), &expected);
            let expected = numbers(201, |n| if n == 0.0 { from } else { at((0.45 * part(n)).min(1.0)) });
            assert_near(&given(json!({ "shape": "linear" })), &expected);
            assert_eq!(given(json!({ "shape": "linear", "rise": 0.1, "fall": 0.1 }))[200], at(1.0), "it arrives");
        }
    }
}

#[test]
fn a_slew_on_a_spring_overshoots_by_its_setting() {
    let slew = |overshoot: f64, secs: f64, dt: f64, frames: usize| {
        let params = json!({ "shape": "spring", "rise": secs, "fall": 50.0, "overshoot": overshoot });
        let signal = [vec![0.0], vec![1.0; frames]].concat();
        Bench::new("modulate.slew", params).feed("in", &signal).dt(dt).gives("out", frames + 1)
    };
    for overshoot in [0.0, 0.05, 0.3, 0.9] {
        // Nine tenths after 0.5 seconds, whatever the frame rate.
        for (dt, frame) in [(0.5, 1), (0.1, 5), (0.005, 100)] {
            let given = slew(overshoot, 0.5, dt, frame)[frame];
            assert!((given - 0.9).abs() < 1e-9, "{overshoot} {dt}: {given}");
        }
        let peak = slew(overshoot, 0.5, 0.001, 4000).into_iter().fold(0.0, f64::max);
        let reached = if overshoot == 0.0 { 1.0 } else { 1.0 + overshoot };
        assert!((peak - reached).abs() < 1e-4, "{overshoot}: {peak}");
        // The textbook's answer to a step.
        if overshoot > 0.0 {
            let damping = -f64::ln(overshoot) / (PI * PI + f64::ln(overshoot).powi(2)).sqrt();
            let given = slew(overshoot, 0.5, 0.01, 300);
            let shape = |angle: f64| {
                let own = (1.0 - damping * damping).sqrt();
                1.0 - (-damping * angle).exp() * ((own * angle).cos() + damping / own * (own * angle).sin())
            };
            let mut pace = 0.0;
            while shape(0.5 * pace) < 0.9 {
                pace += 1e-4;
            }
            let near = given.iter().enumerate().all(|(n, level)| (level - shape(pace * 0.01 * n as f64)).abs() < 1e-3);
            assert!(near, "{overshoot}: {given:?}");
        }
    }
    let still = slew(0.9, 0.0, 0.25, 3);
    assert_near(&still, &[0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_spring_with_two_paces_never_runs_away() {
    let signal = numbers(4000, |n| dice(9, n as i64));
    let params = json!({ "shape": "spring", "rise": 0.01, "fall": 60.0, "overshoot": 0.9 });
    let given = Bench::new("modulate.slew", params).feed("in", &signal).gives("out", 4000);
    assert!(given.iter().all(|level| level.abs() < 20.0), "{:?}", given.iter().copied().fold(0.0, f64::max));
}

/// The 1€ filter as its authors write it, with a low-pass filter as a thing of its own.
struct LowPass(Option<f64>);

impl LowPass {
    fn filter(&mut self, value: f64, alpha: f64) -> f64 {
        let filtered = self.0.map_or(value, |before| alpha * value + (1.0 - alpha) * before);
        self.0 = Some(filtered);
        filtered
    }
}

#[test]
fn the_one_euro_filter_is_that_of_its_authors() {
    for (min_cutoff, beta, d_cutoff, dt) in
        [(1.0, 0.01, 1.0, 0.25), (0.1, 2.0, 0.5, 0.01), (30.0, 0.0, 1.0, 0.25), (0.001, 1000.0, 1000.0, 0.1)]
    {
        let params = json!({ "min_cutoff": min_cutoff, "beta": beta, "d_cutoff": d_cutoff });
        let signal = numbers(100, restless);
        let alpha = |cutoff: f64| 1.0 / (1.0 + (1.0 / (TAU * cutoff)) / dt);
        let (mut x, mut dx) = (LowPass(None), LowPass(None));
        let expected: Vec<_> = signal
            .iter()
            .map(|now| {
                let speed = x.0.map_or(0.0, |before| (now - before) / dt);
                let cutoff = min_cutoff + beta * dx.filter(speed, alpha(d_cutoff)).abs();
                x.filter(*now, alpha(cutoff))
            })
            .collect();
        assert_near(&Bench::new("modulate.one_euro", params).feed("in", &signal).dt(dt).gives("out", 100), &expected);
    }
    let defaults = Bench::new("modulate.one_euro", json!({})).feed("in", &[0.0, 1.0, 1.0]).gives("out", 2);
    // By hand: the speed is 4 per second, of which the filter lets 1.5708/2.5708 through.
    let speed = 4.0 * (PI / 2.0) / (1.0 + PI / 2.0);
    let angle = TAU * (1.0 + 0.01 * speed) * 0.25;
    assert_near(&defaults, &[0.0, angle / (1.0 + angle)]);
}

#[test]
fn a_spring_moves_by_physics() {
    let dt = 0.25;
    for (stiffness, damping, strength) in [
        (10.0, 0.2, 1.0),
        (40.0, 0.0, -0.5),
        (3.0, 1.0, 2.0),
        (3.0, 1.000_001, 2.0),
        (9.0, 3.0, 1.0),
        (0.01, 0.5, 1.0),
        (300.0, 0.05, 0.1),
    ] {
        let (signal, blows) = (numbers(40, |n| (n / 7.0).floor() % 3.0), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        let params = json!({ "stiffness": stiffness, "damping": damping, "strength": strength });
        let bench = Bench::new("modulate.spring", params).feed("in", &signal).feed("impulse", &blows);
        // Runge and Kutta, with steps so small that they are as good as exact.
        let (pace, steps) = (f64::sqrt(stiffness), 4000);
        let h = dt / f64::from(steps);
        let (mut x, mut v) = (signal[0], 0.0);
        let expected: Vec<_> = signal
            .iter()
            .enumerate()
            .map(|(n, target)| {
                v += if matches!(n, 2 | 6) { strength * pace } else { 0.0 };
                let pull = |x: f64, v: f64| stiffness * (target - x) - 2.0 * damping * pace * v;
                for _ in 0..steps {
                    let (k1, l1) = (v, pull(x, v));
                    let (k2, l2) = (v + h / 2.0 * l1, pull(x + h / 2.0 * k1, v + h / 2.0 * l1));
                    let (k3, l3) = (v + h / 2.0 * l2, pull(x + h / 2.0 * k2, v + h / 2.0 * l2));
                    let (k4, l4) = (v + h * l3, pull(x + h * k3, v + h * l3));
                    x += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
                    v += h / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4);
                }
                x
            })
            .collect();
        let given = bench.gives("out", 40);
        let near = given.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{stiffness} {damping}: {given:?} is not {expected:?}");
    }
    // Three impulses in a frame equal one of three times the strength.
    let blown = |times: u16, strength: f64| {
        let params = json!({ "strength": strength, "damping": 0.0, "stiffness": 4.0 * PI * PI });
        Bench::new("modulate.spring", params).strike("impulse", times).gives("out", 2)
    };
    // An impulse in the first frame. The spring swings once a second, so it peaks a quarter of a second later.
    assert_near(&blown(1, 0.5)[..1], &[0.5]);
    assert_near(&[blown(3, 0.5)[1]], &[1.5]);
}

fn recorder(params: Json, record: &[f64]) -> Bench<'static> {
    Bench::new("modulate.recorder", params).feed("in", &numbers(200, |n| n)).feed("record", record)
}

#[test]
fn a_recorder_plays_what_it_recorded() {
    let take = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    let bench = recorder(json!({}), &take);
    let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 2.0, 3.0, 4.0, 5.0, 2.0, 3.0];
    assert_near(&bench.gives("out", 12), &expected);
    assert_near(&bench.gives("position", 12)[5..], &[0.0, 0.0, 0.25, 0.5, 0.75, 0.0, 0.25]);
    let speed = |speed: f64| recorder(json!({ "speed": speed }), &take).gives("out", 16)[6..].to_vec();
    assert_near(&speed(0.5), &[2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 3.5, 2.0, 2.5]);
    assert_near(&speed(-1.0), &[2.0, 5.0, 4.0, 3.0, 2.0, 5.0, 4.0, 3.0, 2.0, 5.0]);
    assert_near(&speed(3.0), &[2.0, 5.0, 4.0, 3.0, 2.0, 5.0, 4.0, 3.0, 2.0, 5.0]);
    assert_near(&speed(4.0), &[2.0; 10]);
    assert_near(&speed(0.0), &[2.0; 10]);
    assert_near(&speed(-0.25)[..4], &[2.0, 2.75, 3.5, 4.25]);
    let held = recorder(json!({}), &take).feed("play", &[[1.0; 8].as_slice(), &[0.0; 3], &[1.0; 3]].concat());
    assert_near(&held.gives("out", 13)[6..], &[2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 5.0]);
    let cleared = recorder(json!({}), &take).feed("clear", &[[0.0; 8].as_slice(), &[1.0]].concat());
    assert_near(&cleared.gives("out", 11)[6..], &[2.0, 3.0, 8.0, 9.0, 10.0]);
    // From the first frame, and one frame alone.
    assert_near(&recorder(json!({}), &[1.0]).gives("out", 5), &[0.0; 5]);
    assert_near(&recorder(json!({}), &[0.0, 1.0]).gives("out", 5), &[0.0, 1.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_recorder_ends_at_its_length() {
    let long = recorder(json!({ "loop_length": 3 }), &[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    let expected = [0.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 8.0, 9.0, 10.0, 8.0, 9.0];
    assert_near(&long.gives("out", 13), &expected);
    // A thousand frames and a few.
    let most =
        Bench::new("modulate.recorder", json!({})).feed("in", &numbers(2100, |n| n)).feed("record", &[1.0; 1100]);
    let given = most.gives("out", 2060);
    assert_near(&given[..1024], &numbers(1024, |n| n));
    assert_near(&given[1024..2048], &numbers(1024, |n| n));
    assert_near(&given[2048..], &numbers(12, |n| n));
}

#[test]
fn a_recorder_adds_to_its_loop() {
    let record = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0];
    let added = recorder(json!({ "overdub": "add" }), &record).gives("out", 16);
    // 6, 7 and 8 arrive while 0, 1 and 2 play.
    assert_near(&added, &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 6.0, 8.0, 10.0, 6.0, 8.0, 10.0, 6.0, 8.0, 10.0, 6.0]);
    let replaced = recorder(json!({ "overdub": "replace" }), &record).gives("out", 16);
    assert_near(&replaced, &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 6.0, 7.0, 8.0, 6.0, 7.0, 8.0, 6.0, 7.0, 8.0, 6.0]);
}

#[test]
fn a_recorder_makes_whole_divisions() {
    // Half a beat a frame: two frames a quarter note. Three are rounded to four, the last one held.
    let quantised =
        |frames: usize| recorder(json!({ "quantise": "1/4" }), &vec![1.0; frames]).gives("out", 16)[frames..].to_vec();
    assert_near(&quantised(1)[..4], &[0.0, 0.0, 0.0, 0.0]);
    assert_near(&quantised(3)[..8], &[0.0, 1.0, 2.0, 2.0, 0.0, 1.0, 2.0, 2.0]);
    assert_near(&quantised(4)[..8], &[0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0]);
    assert_near(&quantised(5)[..8], &[0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 0.0, 1.0]);
    // A half note is four frames: of five the last is cut.
    let cut = recorder(json!({ "quantise": "1/2" }), &[1.0; 5]).gives("out", 12);
    assert_near(&cut[5..], &[0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0]);
    // A triplet of half notes is 2⅔ frames; two of them are 5⅓.
    let bench = recorder(json!({ "quantise": "1/2_triplet" }), &[1.0; 5]);
    let positions = bench.gives("position", 40)[5..].to_vec();
    assert_near(&positions, &numbers(35, |n| (n / (16.0 / 3.0)).fract()));
    // Two bars are more than the length lets it record.
    let short = recorder(json!({ "quantise": "2_bars", "loop_length": 5 }), &[1.0; 9]).gives("out", 12);
    assert_near(&short, &[0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0]);
}
