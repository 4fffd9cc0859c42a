//! What holds for these nodes whatever their parameters and whatever arrives.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::{Grammar, Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use serde_json::{Map, Value as Json, json};

use super::harness::Harness;

/// Frames that are played.
const FRAMES: usize = 48;

/// The nodes that these tests are about: all of these families but the note, which gives nothing.
fn kinds() -> Vec<&'static NodeDef> {
    let families = ["logic", "time", "math", "view"];
    let names = ["control.button"];
    let ours = |def: &&&NodeDef| families.contains(&def.family()) || names.contains(&def.name);
    LIBRARY.iter().filter(ours).filter(|def| !def.outputs.is_empty()).copied().collect()
}

/// Within what an output stays, for any parameters.
fn bounds(node: &str, output: &str) -> (f64, f64) {
    match (node, output) {
        ("logic.counter" | "time.timer", "normalised") | ("time.clock", "phase") | ("time.tempo", "bar") => (0.0, 1.0),
        ("time.tempo", "bpm") => (20.0, 300.0),
        ("time.tempo", "beat") | ("time.clock", "pulse") | ("time.timer", "seconds") => (0.0, f64::MAX),
        ("time.euclid", "step") => (0.0, 63.0),
        ("logic.select", "chosen") => (0.0, 7.0),
        ("logic.counter", "count") => (-1e6, 1e6),
        _ => (f64::MIN, f64::MAX),
    }
}

/// A number that is often a special one.
fn number(rng: &mut TestRng, (low, high): (f64, f64)) -> f64 {
    match rng.random_range(0..8) {
        0 => low,
        1 => high,
        2 => 0.0_f64.clamp(low, high),
        3 => rng.random_range(low..=high).round().clamp(low, high),
        _ => rng.random_range(low..=high),
    }
}

/// How often a gate goes on, frame by frame.
fn triggers(rng: &mut TestRng) -> Vec<(bool, u16)> {
    let often = rng.random_range(1..10);
    let mut gate = || match rng.random_range(0..often + 2) {
        0 => (true, rng.random_range(1..5)),
        1 => (false, rng.random_range(0..3)),
        _ => (rng.random_range(0..3) == 0, 0),
    };
    (0..FRAMES).map(|_| gate()).collect()
}

/// A knob somewhere on its travel or at its very limits.
fn knob(rng: &mut TestRng, input: &Input) -> f64 {
    let range = if rng.random_range(0..8) == 0 { input.hard } else { input.soft };
    number(rng, range)
}

/// A node with any parameters, and with anything at its inputs.
fn any_rig(kind: &'static NodeDef, rng: &mut TestRng) -> Harness {
    let mut params = Map::new();
    for input in kind.inputs {
        let value = match (input.kind, input.grammar) {
            (Kind::Number, _) if !input.choices.is_empty() => {
                json!(input.choices[rng.random_range(0..input.choices.len())])
            }
            (Kind::Number, _) => json!(knob(rng, input)),
            (Kind::Gate, _) => json!(rng.random_range(0..2) == 0),
            (_, Grammar::Numbers(most)) => {
                let count = rng.random_range(0..=most);
                let numbers: Vec<_> = (0..count).map(|_| number(rng, (-1.0, 1.0)).to_string()).collect();
                json!(numbers.join(" "))
            }
            _ => continue,
        };
        params.insert(input.name.to_owned(), value);
    }
    let dt = [0.25, 1.0 / 15.0, 1.0 / 3.0, 0.0625][rng.random_range(0..4)];
    let mut harness = Harness::new(kind.name, Json::Object(params)).dt(dt).tempo(rng.random_range(20.0..300.0));
    for input in kind.inputs.iter().filter(|input| !input.grammar.is_compiled() && input.choices.is_empty()) {
        harness = match (input.kind, rng.random_range(0..3)) {
            (Kind::Number, 0) => {
                let values: Vec<f64> = (0..FRAMES).map(|_| knob(rng, input)).collect();
                harness.number(input.name, &values).depth(input.name, rng.random_range(-1.0..1.0))
            }
            (Kind::Gate, 0 | 1) => harness.gate(input.name, &triggers(rng)),
            _ => harness,
        };
    }
    harness
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_a_node_stays_in_bounds_and_repeats_itself(mut rng in any::<u64>().prop_perturb(|_, rng| rng)) {
        for kind in kinds() {
            let harness = any_rig(kind, &mut rng);
            let once = harness.play(FRAMES);
            for (name, numbers) in once.all() {
                prop_assert_eq!(numbers.len(), FRAMES);
                let (low, high) = bounds(kind.name, name);
                let out: Vec<_> = numbers.iter().filter(|x| !x.is_finite() || !(low..=high).contains(*x)).collect();
                prop_assert!(out.is_empty(), "{} {name}: {out:?}", harness.kind().name);
            }
            prop_assert_eq!(harness.play(FRAMES).bits(), once.bits(), "{}", kind.name);
            // Memory is all there is: calls of any sizes give the same.
            let mut calls = Vec::new();
            while calls.iter().sum::<usize>() < FRAMES {
                let left = FRAMES - calls.iter().sum::<usize>();
                calls.push(rng.random_range(1..=left.min(9)));
            }
            prop_assert_eq!(harness.play_in(&calls).bits(), once.bits(), "{} in {:?}", kind.name, calls);
        }
    }

    #[test]
    fn a_node_that_is_bypassed_passes_its_declared_input(mut rng in any::<u64>().prop_perturb(|_, rng| rng)) {
        for kind in kinds() {
            let numbers: Vec<f64> = (0..FRAMES).map(|_| rng.random_range(-1.0..1.0)).collect();
            let gates = triggers(&mut rng);
            for output in kind.outputs {
                let mut harness = Harness::new(kind.name, json!({})).bypass();
                if let Some(name) = output.passes {
                    let (_, input) = kind.input(name).expect("an input");
                    harness = if input.kind == Kind::Gate { harness.gate(name, &gates) } else { harness.number(name, &numbers) };
                }
                let played = harness.play(FRAMES);
                match (output.passes, output.kind) {
                    (None, _) => prop_assert!(played.of(output.name).iter().all(|x| *x == 0.0), "{}", kind.name),
                    (_, Kind::Gate) => {
                        let on: String = gates.iter().map(|(on, _)| if *on { '#' } else { '.' }).collect();
                        prop_assert_eq!(played.levels(output.name), on, "{}", kind.name);
                    }
                    _ if output.latency.is_some() => prop_assert_eq!(&played.of(output.name)[1..], &numbers[..FRAMES - 1]),
                    _ => prop_assert_eq!(played.of(output.name), &numbers, "{}", kind.name),
                }
            }
        }
    }

    #[test]
    fn a_linear_mix_and_a_glide_stay_between_their_numbers(
        numbers in prop::array::uniform4(-1.0..1.0_f64),
        count in 2..5_u32,
        position in 0.0..=1.0_f64,
        indices in prop::collection::vec(0.0..3.0_f64, FRAMES),
        secs in 0.0..3.0_f64,
    ) {
        let (low, high) = numbers.iter().fold((1.0_f64, -1.0_f64), |(low, high), x| (low.min(*x), high.max(*x)));
        let is_between = |x: &f64| (low - 1e-12..=high + 1e-12).contains(x);
        let all = json!({ "a": numbers[0], "b": numbers[1], "c": numbers[2], "d": numbers[3] });
        let mixed = Harness::new("math.mix", all.clone()).param("inputs", count).param("position", position).play(1);
        prop_assert!(mixed.of("out").iter().all(is_between));
        for curve in ["linear", "ease_in", "ease_out", "ease_in_out"] {
            let glide = Harness::new("math.smooth_switch", all.clone()).param("easing", curve).param("glide", secs);
            prop_assert!(glide.number("index", &indices).play(FRAMES).of("out").iter().all(is_between), "{}", curve);
        }
    }

    #[test]
    fn what_is_quantised_is_a_level_near_by(
        xs in prop::collection::vec(-0.5..1.5_f64, FRAMES),
        steps in 2..129_u32,
        hysteresis in 0.0..=50.0_f64,
    ) {
        let harness = Harness::new("math.quantise", json!({ "steps": steps, "hysteresis": hysteresis })).number("in", &xs);
        let (last, played) = (f64::from(steps - 1), harness.play(FRAMES));
        for (x, level) in xs.iter().zip(played.of("out")) {
            prop_assert!((level * last - (level * last).round()).abs() < 1e-9);
            let reach = (0.5 + hysteresis / 100.0) / last + 1e-9;
            prop_assert!((x.clamp(0.0, 1.0) - level).abs() <= reach, "{x} gives {level}");
        }
    }

    #[test]
    fn a_reset_makes_a_node_begin_anew(hits in prop::collection::vec(0..6_u16, FRAMES), when in 0..FRAMES) {
        let mut resets = vec![0; FRAMES];
        resets[when] = 1;
        for (kind, trigger, params) in [
            ("logic.counter", "up", json!({ "to": 3, "at_end": "ping_pong" })),
            ("logic.counter", "down", json!({ "from": -2, "to": 5 })),
            ("logic.select", "next", json!({ "inputs": 5, "index": 2 })),
            ("time.divide", "trigger", json!({ "by": 3, "offset": 1 })),
            ("time.euclid", "trigger", json!({ "steps": 7, "pulses": 3, "rotation": 2 })),
        ] {
            let harness = Harness::new(kind, params);
            let reset = harness.clone().triggers(trigger, &hits).triggers("reset", &resets).play(FRAMES);
            let fresh = harness.triggers(trigger, &hits[when..]).play(FRAMES - when);
            for (name, numbers) in fresh.all() {
                prop_assert_eq!(&reset.of(name)[when..], numbers, "{} {}", kind, name);
            }
        }
    }
}
