//! The step sequencer, compared with its formulas.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use bendrack_nodes::library::time::division;
use bendrack_nodes::tick::Memory;
use serde_json::{Value as Json, json};

use crate::patching::*;

/// A sequencer with these parameters besides a clock input that counts.
fn clocked(params: &Json) -> Bench<'static> {
    Bench::new("modulate.sequencer", json!({ "sync": "clock" })).with(params)
}

/// A sequencer with a step per frame.
fn stepping(params: &Json) -> Bench<'static> {
    clocked(params).strike("clock", 1)
}

#[test]
fn steps_are_played_in_five_orders() {
    for (seed, steps) in [(0, 1), (0, 2), (3, 5), (0, 64)] {
        let last = steps - 1;
        let there_and_back: Vec<i64> = (0..steps).chain((1..last).rev()).collect();
        let mut walk = 0;
        let walks: Vec<i64> = (0..200)
            .map(|n| {
                walk += if n > 0 { (3.0 * seeded(seed, 0, n)) as i64 - 1 } else { 0 };
                walk.rem_euclid(steps)
            })
            .collect();
        let orders: [(&str, &dyn Fn(i64) -> i64); 5] = [
            ("forward", &|n| n % steps),
            ("reverse", &|n| last - n % steps),
            ("ping_pong", &|n| there_and_back[n as usize % there_and_back.len()]),
            ("random", &|n| (seeded(seed, 0, n) * steps as f64) as i64),
            ("brownian", &|n| walks[n as usize]),
        ];
        for (direction, order) in orders {
            let bench = stepping(&json!({ "steps": steps, "direction": direction, "seed": seed }));
            assert_near(&bench.gives("step", 200), &numbers(200, |n| order(n as i64) as f64));
            let round = if direction == "ping_pong" { there_and_back.len() } else { steps as usize };
            let ends: Vec<_> = (0..200).map(|n| u16::from(n > 0 && n % round == 0)).collect();
            assert_eq!(bench.fires("end", 200), ends, "{direction} {steps}");
        }
    }
}

#[test]
fn a_list_that_is_shorter_goes_round_by_itself() {
    let bench = stepping(&json!({ "steps": 6, "values": "1 2 3 4 5 6 7 8", "gates": "1 0 0 0", "ratchets": "1" }));
    assert_near(&bench.gives("out", 30), &numbers(30, |n| n % 6.0 + 1.0));
    assert_eq!(bench.fires("gate", 30), (0..30).map(|n| u16::from(n % 4 == 0)).collect::<Vec<_>>());
    let back = stepping(&json!({ "steps": 6, "values": "1 2 3 4", "direction": "reverse" }));
    assert_near(&back.gives("out", 9), &[4.0, 3.0, 2.0, 1.0, 4.0, 3.0, 2.0, 1.0, 4.0]);
    assert_near(&back.gives("step", 9), &[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
    let empty = stepping(&json!({ "values": "", "gates": "", "chance": "", "ratchets": "", "glide": "" }));
    assert_near(&empty.gives("out", 3), &[0.0; 3]);
    assert_eq!(empty.fires("gate", 3), [1; 3]);
    let numbers = stepping(&json!({}));
    assert_near(&numbers.gives("out", 9), &[0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]);
}

#[test]
fn every_beat_of_a_clock_counts() {
    let beats = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    let bench = clocked(&json!({ "values": "1 2 3 4" })).feed("clock", &beats);
    assert_near(&bench.gives("out", 8), &[0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0]);
    assert_eq!(bench.fires("gate", 8), [0, 1, 0, 0, 1, 0, 0, 1]);
    let quick = clocked(&json!({ "values": "1 2 3 4 5", "steps": 5 })).strike("clock", 7);
    assert_near(&quick.gives("out", 6), &numbers(6, |n| (7.0 * n) % 5.0 + 1.0));
    assert_eq!(quick.fires("gate", 4), [1, 7, 7, 7]);
    assert_eq!(quick.fires("end", 5), [0, 1, 1, 2, 1]);
}

#[test]
fn every_division_is_a_step() {
    for (index, name) in division::NAMES.into_iter().enumerate() {
        let bench = Bench::new("modulate.sequencer", json!({ "sync": name, "steps": 64 })).tempo(90.0).dt(0.1);
        // 90 beats a minute are 0.15 in a tenth of a second.
        let step = |n: f64| (0.15 * n / division::beats(index) + 1e-6).floor();
        assert_near(&bench.gives("step", 120), &numbers(120, |n| step(n) % 64.0));
        let begun: Vec<_> =
            (0..120).map(f64::from).map(|n| if n == 0.0 { 1 } else { (step(n) - step(n - 1.0)) as u16 }).collect();
        assert_eq!(bench.fires("gate", 120), begun, "{name}");
    }
    // The default is a quarter note: two frames.
    assert_near(&Bench::new("modulate.sequencer", json!({})).gives("step", 5), &[0.0, 0.0, 1.0, 1.0, 2.0]);
}

#[test]
fn swing_makes_every_second_step_late() {
    let steps =
        |swing: f64| Bench::new("modulate.sequencer", json!({ "sync": "1_bar", "swing": swing })).gives("step", 33);
    // A bar is eight frames, two bars are sixteen.
    for (swing, first) in [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)] {
        let expected = numbers(33, |n| 2.0 * (n / 16.0).floor() + f64::from(u8::from(n % 16.0 >= first)));
        assert_near(&steps(swing), &expected);
    }
}

#[test]
fn a_gate_lasts_its_part_of_a_step_and_of_each_ratchet() {
    // A bar is eight frames.
    let bar = |gates: &str, ratchets: &str| {
        Bench::new("modulate.sequencer", json!({ "sync": "1_bar", "gates": gates, "ratchets": ratchets }))
    };
    for gate in [0.0, 0.01, 0.25, 0.5, 0.7, 1.0] {
        for ratchets in [1.0, 2.0, 3.0, 4.0] {
            let bench = bar(&gate.to_string(), &ratchets.to_string());
            let part = |n: f64| ratchets * (n % 8.0) / 8.0;
            let strikes = |n: f64| u16::from(n % 8.0 == 0.0 || part(n).floor() > part(n - 1.0).floor());
            let struck: Vec<_> = (0..24).map(|n| if gate > 0.0 { strikes(f64::from(n)) } else { 0 }).collect();
            assert_eq!(bench.fires("gate", 24), struck, "{gate} {ratchets}");
            let on = numbers(24, |n| f64::from(u8::from(part(n).fract() < gate || struck[n as usize] > 0)));
            assert_near(&bench.gives("gate", 24), &on);
        }
    }
    // Ratchets that are shorter than a frame all count.
    let quick = Bench::new("modulate.sequencer", json!({ "sync": "1/8", "ratchets": "4 2" }));
    assert_eq!(
        quick.fires("gate", 5),
        [1, 3 + 1, 1 + 1, 3 + 1, 1 + 1],
        "ratchets of a finished step fire in the next frame"
    );
    // With a clock a step is taken to be as long as the one before.
    let beats = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let bench = clocked(&json!({ "ratchets": "2", "gates": "1, 0.5" })).feed("clock", &beats);
    assert_eq!(bench.fires("gate", 12), [1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
}

#[test]
fn a_step_that_is_not_played_leaves_value_and_gate() {
    let bench = stepping(&json!({ "values": "1 2 3", "steps": 3, "chance": "0.5, 1, 0.2, 0", "seed": 2 }));
    let mut value = 0.0;
    let played: Vec<bool> = (0..60).map(|n| seeded(2, 1, n) < [0.5, 1.0, 0.2][n as usize % 3]).collect();
    let values = numbers(60, |n| n % 3.0 + 1.0);
    let expected: Vec<f64> = values
        .iter()
        .zip(&played)
        .map(|(now, played)| {
            value = if *played { *now } else { value };
            value
        })
        .collect();
    assert_near(&bench.gives("out", 60), &expected);
    assert_eq!(bench.fires("gate", 60), played.iter().map(|played| u16::from(*played)).collect::<Vec<_>>());
    assert!(played.contains(&true) && played.contains(&false));
}

#[test]
fn a_value_glides_in_its_seconds() {
    // A step is a second: four frames.
    let params = json!({ "sync": "1/2", "values": "0 1 -1", "steps": 3, "glide": "0, 0.5, 2" });
    let given = Bench::new("modulate.sequencer", params).gives("out", 16);
    let glided = [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0];
    assert_near(&given, &glided);
}

#[test]
fn a_reset_is_the_first_step() {
    let resets = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let synced = Bench::new("modulate.sequencer", json!({ "sync": "1/4" })).feed("reset", &resets);
    assert_near(&synced.gives("step", 10), &[0.0, 0.0, 1.0, 1.0, 2.0, 0.0, 0.0, 1.0, 1.0, 2.0]);
    assert_eq!(synced.fires("gate", 10), [1, 0, 1, 0, 1, 1, 0, 1, 0, 1]);
    assert_eq!(synced.fires("end", 10), [0; 10]);
    let beats = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let clocked = clocked(&json!({ "values": "1 2 3 4" })).feed("reset", &resets).feed("clock", &beats);
    assert_near(&clocked.gives("out", 10), &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, 2.0]);
    // A reset and a beat in one frame: the beat plays the first step.
    let both = stepping(&json!({ "values": "1 2 3 4" })).feed("reset", &[1.0, 0.0, 0.0, 1.0]);
    assert_near(&both.gives("out", 6), &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
}

#[test]
fn a_sequencer_that_comes_late_or_changes_its_division_plays_one_step() {
    let with = |sync: &str| {
        let nodes = [
            ("it", "modulate.sequencer", json!({ "sync": sync, "steps": 64 })),
            ("count", "modulate.sequencer", json!({ "sync": "clock", "steps": 64 })),
        ];
        compile(&patch(&nodes, &[("it.gate", "count.clock")]))
    };
    let mut memory = Memory::default();
    run(&compile(&patch(&[("n", "control.number", json!({}))], &[])), &mut memory, 0, 40);
    for (sync, step) in [("1/4", 20.0), ("1/32", 36.0), ("4_bars", 1.0)] {
        let played = memory.output("count", "step");
        run(&with(sync), &mut memory, 40, 1);
        assert_eq!(memory.output("it", "step"), Some(step), "{sync}");
        let steps = memory.output("count", "step").expect("a step") - played.unwrap_or(-1.0);
        assert_eq!(steps, 1.0, "{sync}");
    }
}
