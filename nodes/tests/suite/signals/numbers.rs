//! Numbers from numbers: math, range, quantise, mix, smooth switch, delay, and what is shown.

use std::f64::consts::{E, PI};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::tick::Memory;
use serde_json::json;

use super::harness::Harness;
use crate::patching::{assert_near, output, patch};

#[test]
fn math_does_what_is_usual() {
    for (op, a, b, is) in [
        ("add", 0.5, 0.25, 0.75),
        ("subtract", 0.5, 0.75, -0.25),
        ("multiply", 0.5, -3.0, -1.5),
        ("divide", 1.0, 8.0, 0.125),
        ("min", 2.0, -3.0, -3.0),
        ("max", 2.0, -3.0, 2.0),
        ("modulo", -0.25, 1.0, 0.75),
        ("power", 3.0, 4.0, 81.0),
        ("absolute", -0.5, 9.0, 0.5),
        ("floor", -0.5, 9.0, -1.0),
        ("difference", 0.25, 1.0, 0.75),
        ("difference", 1.0, 0.25, 0.75),
        ("sign", -0.125, 9.0, -1.0),
        ("sign", 0.0, 9.0, 0.0),
        ("sign", 40.0, 9.0, 1.0),
        ("round", 2.4, 9.0, 2.0),
        ("round", -2.6, 9.0, -3.0),
        ("round", 2.5, 9.0, 2.0),
        ("ceil", 0.125, 9.0, 1.0),
        ("ceil", -1.5, 9.0, -1.0),
        ("sine", 0.25, 9.0, 1.0),
        ("sine", 1.0 / 12.0, 9.0, 0.5),
        ("sine", 2.75, 9.0, -1.0),
        ("log", E * E, 9.0, 2.0),
        ("log", 1.0, 9.0, 0.0),
    ] {
        let harness = Harness::new("math.math", json!({ "op": op })).number("a", &[a]).number("b", &[b]);
        assert_near(harness.play(1).of("out"), &[is]);
    }
    let mixed = Harness::new("math.math", json!({ "op": "mix", "mix": 0.25 })).number("a", &[1.0]).number("b", &[3.0]);
    assert_near(mixed.play(1).of("out"), &[1.5]);
    let log = Harness::new("math.math", json!({ "op": "log" })).number("a", &[E, 0.0, -1.0, 1.0]);
    assert_near(log.play(4).of("out"), &[1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn a_range_is_mapped_bent_and_continued() {
    let at = |params: serde_json::Value, xs: &[f64]| {
        Harness::new("math.range", params).number("in", xs).play(xs.len()).of("out").to_vec()
    };
    let xs = [-0.5, 0.0, 0.25, 1.0, 1.25];
    assert_near(&at(json!({}), &xs), &[0.0, 0.0, 0.25, 1.0, 1.0]);
    assert_near(&at(json!({ "outside": "wrap" }), &xs), &[0.5, 0.0, 0.25, 0.0, 0.25]);
    assert_near(&at(json!({ "outside": "fold" }), &xs), &[0.5, 0.0, 0.25, 1.0, 0.75]);
    assert_near(&at(json!({ "outside": "none" }), &xs), &xs);
    // −1 to 3 on 10 down to 2: two down for each one up.
    let turned = json!({ "in_min": -1.0, "in_max": 3.0, "out_min": 10.0, "out_max": 2.0 });
    assert_near(&at(turned, &[-1.0, 0.0, 2.5, 3.0]), &[10.0, 8.0, 3.0, 2.0]);
    assert_near(&at(json!({ "curve": -1.0 }), &[0.5]), &[1.0 / 256.0]);
    assert_near(&at(json!({ "curve": 1.0 / 3.0 }), &[0.25]), &[0.5]);
    assert_near(&at(json!({ "in_min": 0.5, "in_max": 0.5, "out_min": 0.25 }), &[0.0, 0.5, 9.0]), &[0.25; 3]);
}

#[test]
fn a_range_learns_from_what_arrives() {
    let xs = [5.0, 2.0, 4.0, 10.0, 6.0, 20.0, 3.0, 7.0];
    let harness = Harness::new("math.range", json!({ "in_max": 10.0, "outside": "none" })).number("in", &xs);
    let learned = harness.clone().levels("learn", ".###....").play(8);
    // The range is 0 to 10 at first. Learning narrows it to 2, then widens it to 4 and to 10.
    assert_near(learned.of("out"), &[0.5, 0.0, 1.0, 1.0, 0.5, 2.25, 0.125, 0.625]);
    // A second run of learning replaces the first.
    let again = harness.clone().levels("learn", "##...##.").play(8);
    assert_near(again.of("out"), &[0.0, 0.0, 2.0 / 3.0, 8.0 / 3.0, 4.0 / 3.0, 0.0, 0.0, 4.0 / 17.0]);
    // From the first frame on, by hand.
    assert_near(harness.clone().param("learn", true).play(3).of("out"), &[0.0, 0.0, 2.0 / 3.0]);
    // A moved knob overrides the learned range.
    let mut memory = Memory::default();
    harness.clone().levels("learn", "##").play_from(&mut memory, 0, &[2]);
    assert_near(harness.clone().play_from(&mut memory, 2, &[1]).of("out"), &[2.0 / 3.0]);
    assert_near(harness.param("in_min", 2.0).play_from(&mut memory, 3, &[1]).of("out"), &[1.0]);
}

#[test]
fn quantise_gives_the_level_by_its_mode() {
    let xs: Vec<f64> = (-20..=120).map(|i| f64::from(i) / 100.0 + 0.001).collect();
    for steps in [2_u32, 3, 8, 128] {
        for (low, high) in [(0.0, 1.0), (-1.0, 0.5), (1.0, 0.0)] {
            for mode in ["nearest", "floor", "ceil"] {
                let params = json!({ "steps": steps, "mode": mode, "hysteresis": 0.0, "low": low, "high": high });
                let given = Harness::new("math.quantise", params).number("in", &xs).play(xs.len());
                let (least, most, last) = (f64::min(low, high), f64::max(low, high), f64::from(steps - 1));
                let formula = |x: &f64| {
                    let place = (x - least) / (most - least) * last;
                    let level = match mode {
                        "floor" => place.floor(),
                        "ceil" => place.ceil(),
                        _ => place.round(),
                    };
                    least + (most - least) * level.clamp(0.0, last) / last
                };
                assert_near(given.of("out"), &xs.iter().map(formula).collect::<Vec<_>>());
            }
        }
    }
    // Levels meet themselves, and the ends are reached.
    for mode in ["nearest", "floor", "ceil"] {
        let xs = [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0];
        let harness = Harness::new("math.quantise", json!({ "steps": 5, "mode": mode, "hysteresis": 0.0 }));
        assert_near(harness.number("in", &xs).play(9).of("out"), &xs);
        let ends =
            Harness::new("math.quantise", json!({ "mode": mode, "hysteresis": 50.0 })).number("in", &[0.4, 1.0, 0.0]);
        assert_near(&ends.play(3).of("out")[1..], &[1.0, 0.0]);
    }
    let same = Harness::new("math.quantise", json!({ "low": 0.5, "high": 0.5 })).number("in", &[0.0, 1.0]);
    assert_near(same.play(2).of("out"), &[0.5, 0.5]);
}

#[test]
fn quantise_takes_a_list_and_tells_of_changes() {
    let list = Harness::new("math.quantise", json!({ "levels": "1, -1 0.25;0.25", "hysteresis": 0.0 }));
    let played = list.number("in", &[-9.0, -0.4, -0.3, 0.6, 0.7, 9.0, -1.0]).play(7);
    assert_near(played.of("out"), &[-1.0, -1.0, 0.25, 0.25, 1.0, 1.0, -1.0]);
    assert_eq!(played.hits("change"), [0, 0, 1, 0, 1, 0, 1]);
    let one = Harness::new("math.quantise", json!({ "levels": "3" })).number("in", &[-1.0, 5.0]).play(2);
    assert_near(one.of("out"), &[3.0, 3.0]);
    assert_eq!(one.hits("change"), [0, 0]);
}

#[test]
fn quantise_holds_on_to_its_level_by_the_hysteresis() {
    // A ramp up and down over five levels. Level i goes up at (i + ½ + h)/4, and down at (i − ½ − h)/4.
    let up: Vec<f64> = (0..=1000).map(|i| f64::from(i) / 1000.0 + 1e-5).collect();
    let down: Vec<f64> = up.iter().rev().map(|x| x - 2e-5).collect();
    for (mode, percent, up_at, down_at) in [
        ("nearest", 0.0, 0.5, 0.5),
        ("nearest", 10.0, 0.6, 0.4),
        ("nearest", 50.0, 1.0, 0.0),
        ("floor", 10.0, 1.0, 0.9),
        ("ceil", 10.0, 0.1, 0.0),
        ("floor", 50.0, 1.0, 0.5),
        ("ceil", 50.0, 0.5, 0.0),
    ] {
        let params = json!({ "steps": 5, "mode": mode, "hysteresis": percent });
        let xs: Vec<f64> = [-1.0].iter().chain(&up).chain(&down).copied().collect();
        let given = Harness::new("math.quantise", params).number("in", &xs).play(xs.len());
        let (given, half) = (&given.of("out")[1..], up.len());
        for i in 0..4 {
            let (low, high) = (f64::from(i) / 4.0, f64::from(i + 1) / 4.0);
            let rises = given[..half].iter().position(|level| *level >= high - 1e-9).expect("it rises");
            let falls = given[half..].iter().position(|level| *level <= low + 1e-9).expect("it falls");
            assert!((up[rises] - (low + up_at / 4.0)).abs() < 2e-3, "{mode} {percent} up from {i}: {}", up[rises]);
            assert!(
                (down[falls] - (low + down_at / 4.0)).abs() < 2e-3,
                "{mode} {percent} down to {i}: {}",
                down[falls]
            );
        }
    }
    // The default: 10 % of a seventh.
    let edge = 0.5 / 7.0;
    let xs = [0.0, edge + 0.09 / 7.0, edge + 0.11 / 7.0, edge - 0.09 / 7.0, edge - 0.11 / 7.0];
    let played = Harness::new("math.quantise", json!({})).number("in", &xs).play(5);
    assert_near(played.of("out"), &[0.0, 0.0, 1.0 / 7.0, 1.0 / 7.0, 0.0]);
}

#[test]
fn mix_fades_from_one_to_the_next() {
    let mix = |count: u32, curve: &str, position: f64| {
        let numbers = [1.0, -2.0, 4.0, 8.0];
        let mut harness = Harness::new("math.mix", json!({ "inputs": count, "fade": curve, "position": position }));
        for (name, number) in ["a", "b", "c", "d"].into_iter().zip(numbers) {
            harness = harness.number(name, &[number]);
        }
        harness.play(1).of("out")[0]
    };
    for (count, position, is) in [
        (2, 0.0, 1.0),
        (2, 0.5, -0.5),
        (2, 1.0, -2.0),
        (3, 0.25, -0.5),
        (3, 0.5, -2.0),
        (3, 0.75, 1.0),
        (3, 1.0, 4.0),
        (4, 1.0 / 3.0, -2.0),
        (4, 0.5, 1.0),
        (4, 5.0 / 6.0, 6.0),
        (4, 1.0, 8.0),
    ] {
        assert_near(&[mix(count, "linear", position)], &[is]);
    }
    // Thirty degrees: cos is √3/2, sin ½.
    assert_near(&[mix(2, "equal_power", 1.0 / 3.0)], &[3_f64.sqrt() / 2.0 - 1.0]);
    assert_near(&[mix(3, "equal_power", 0.75)], &[2.0 / 2_f64.sqrt()]);
    assert_near(&[mix(4, "equal_power", 0.0), mix(4, "equal_power", 1.0)], &[1.0, 8.0]);
    for i in 0..=8_u32 {
        // Two equal numbers x are x (sin + cos) together, which is √2 x sin(angle + 45°).
        let position = f64::from(i) / 8.0;
        let harness =
            Harness::new("math.mix", json!({ "fade": "equal_power", "position": position, "a": 3.0, "b": 3.0 }));
        assert_near(harness.play(1).of("out"), &[3.0 * 2_f64.sqrt() * (PI / 2.0 * position + PI / 4.0).sin()]);
    }
}

#[test]
fn delay_gives_what_was_so_many_frames_ago() {
    let xs: Vec<f64> = (0..600).map(|i| f64::from(i * i % 97)).collect();
    for frames in [1_usize, 2, 7, 255, 256] {
        let harness = Harness::new("math.delay", json!({ "frames": frames, "initial": -5.0 })).number("in", &xs);
        let played = harness.play_in(&[3, 1, 296, 300]);
        // In the first frame, the port behind the delay has the value of its own knob.
        let ago = |frame: usize| if frame < frames { -5.0 } else { xs[frame - frames] };
        let formula: Vec<f64> = [0.0].into_iter().chain((1..600).map(ago)).collect();
        assert_near(played.of("out"), &formula);
    }
    // Longer while it runs: what is asked for is still there.
    let mut memory = Memory::default();
    let harness = |frames: u32| Harness::new("math.delay", json!({ "frames": frames })).number("in", &xs);
    harness(1).play_from(&mut memory, 0, &[400]);
    let longer = harness(200).play_from(&mut memory, 400, &[2]);
    assert_near(longer.of("out"), &[xs[399], xs[201]]);
}

#[test]
fn a_loop_through_a_delay_is_feedback() {
    let nodes = [
        ("knock", "control.number", json!({ "value": 1.0 })),
        ("sum", "math.math", json!({ "op": "add" })),
        ("part", "math.math", json!({ "op": "multiply", "b": 0.5 })),
        ("delay", "math.delay", json!({ "frames": 3 })),
    ];
    let cables = [("knock.out", "sum.a"), ("sum.out", "delay.in"), ("delay.out", "part.a"), ("part.out", "sum.b")];
    let mut echo = vec![0.0; 12];
    for i in 0..12 {
        echo[i] = 1.0 + if i < 3 { 0.0 } else { 0.5 * echo[i - 3] };
    }
    assert_near(&output(&nodes, &cables, "sum.out", 12), &echo);
    // Bypassed it is a frame late nevertheless, so the loop stays legal.
    let mut bypassed = patch(&nodes, &cables);
    bypassed.nodes.get_mut("delay").expect("the delay").bypass = true;
    assert!(Plan::compile(&bypassed, LIBRARY).0.is_some());
}

#[test]
fn a_smooth_switch_glides_along_its_curve() {
    for (curve, formula) in [
        ("linear", (|x| x) as fn(f64) -> f64),
        ("ease_in", |x| x.powi(2)),
        ("ease_out", |x| 1.0 - (1.0 - x).powi(2)),
        ("ease_in_out", |x| 3.0 * x.powi(2) - 2.0 * x.powi(3)),
    ] {
        let harness = Harness::new("math.smooth_switch", json!({ "glide": 1.0, "easing": curve, "a": 2.0, "b": 6.0 }));
        let played = harness.number("index", &[0.0, 0.0, 1.0]).play(8);
        let parts = [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0];
        assert_near(played.of("out"), &parts.map(|part| 2.0 + 4.0 * formula(part)));
    }
}

#[test]
fn a_smooth_switch_chooses_and_follows() {
    let numbers = json!({ "glide": 0.0, "a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0 });
    let jumps = Harness::new("math.smooth_switch", numbers.clone()).number("index", &[3.0, 0.0, 1.4, 2.4, 9.0, -3.0]);
    assert_near(jumps.play(6).of("out"), &[8.0, 1.0, 2.0, 4.0, 8.0, 1.0]);
    // A new choice during a glide begins at the present value: from 1.5, half way to 2, to 8.
    let turned = Harness::new("math.smooth_switch", numbers).param("glide", 0.5).number("index", &[0.0, 1.0, 3.0]);
    assert_near(turned.play(5).of("out"), &[1.0, 1.5, 4.75, 8.0, 8.0]);
    // What is chosen may move meanwhile.
    let moving = Harness::new("math.smooth_switch", json!({ "glide": 1.0 })).number("index", &[0.0, 1.0]);
    let moving = moving.number("b", &[0.0, 4.0, 8.0, 8.0, 2.0, 3.0]).play(6);
    assert_near(moving.of("out"), &[0.0, 1.0, 4.0, 6.0, 2.0, 3.0]);
}

#[test]
fn what_is_shown_passes() {
    let xs = [0.25, -3.0, 1e6];
    assert_near(Harness::new("view.number", json!({})).number("in", &xs).play(3).of("out"), &xs);
    let scope = Harness::new("view.scope", json!({ "low": -2.0, "high": 5.0, "window": 3.0 }));
    assert_near(scope.number("in", &xs).play(3).of("out"), &xs);
}
