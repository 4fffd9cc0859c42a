//! Gates: button, compare, logic, toggle, latch, gate, pulse, counter and select.

use proptest::prelude::*;
use serde_json::json;

use super::harness::Harness;
use crate::patching::assert_near;

#[test]
fn a_button_is_on_while_it_is_pressed() {
    let pressed = Harness::new("control.button", json!({ "on": true })).play(3);
    assert_eq!((pressed.levels("gate"), pressed.hits("gate")), ("###".to_owned(), vec![1, 0, 0]));
    assert_eq!(Harness::new("control.button", json!({})).play(3).levels("gate"), "...");
    // Each of several blows in a frame goes on.
    let struck = Harness::new("control.button", json!({})).triggers("on", &[3, 0, 2, 1]).play(5);
    assert_eq!((struck.levels("gate"), struck.hits("gate")), ("#.##.".to_owned(), vec![3, 0, 2, 1, 0]));
}

#[test]
fn compare_is_on_while_it_is_true() {
    let xs = [-1.0, 0.2, 0.5, 0.8, 1.0, 1.5, 0.5];
    for (op, on) in [
        (">", "...###."),
        ("<", "##....."),
        (">=", "..#####"),
        ("<=", "###...#"),
        ("==", "..#...#"),
        ("!=", "##.###."),
        ("within", "..###.#"),
    ] {
        let played = Harness::new("logic.compare", json!({ "op": op })).number("a", &xs).play(7);
        assert_eq!(played.levels("gate"), on, "{op}");
        let rises: Vec<u16> = format!(".{on}").as_bytes().windows(2).map(|w| u16::from(w == b".#")).collect();
        assert_eq!(played.hits("gate"), rises, "{op}");
    }
    // Both ends of a range, either way round, as they move; what is equal but for rounding is equal.
    let within = Harness::new("logic.compare", json!({ "op": "within" })).number("a", &[0.3]);
    let within = within.number("b", &[0.0, 0.4, 0.4, 0.3]).number("to", &[0.2, 0.5, 0.1, 0.3]).play(4);
    assert_eq!(within.levels("gate"), "..##");
    let sum = Harness::new("logic.compare", json!({ "op": "==" })).number("a", &[0.1 + 0.2]).number("b", &[0.3]);
    assert_eq!(sum.play(1).levels("gate"), "#");
}

#[test]
fn compare_holds_on_to_what_was_true_by_the_hysteresis() {
    // What is on goes off when a is past b by more than 0.25.
    for (op, xs, on) in [
        (">", [0.5, 0.6, 0.4, 0.26, 0.25, 0.4, 0.6], ".###..#"),
        (">=", [0.49, 0.5, 0.4, 0.25, 0.24, 0.4, 0.5], ".###..#"),
        ("<", [0.5, 0.4, 0.6, 0.74, 0.75, 0.6, 0.4], ".###..#"),
        ("<=", [0.51, 0.5, 0.6, 0.75, 0.76, 0.6, 0.5], ".###..#"),
        ("==", [0.6, 0.5, 0.6, 0.75, 0.76, 0.6, 0.5], ".###..#"),
        ("!=", [0.6, 0.5, 0.6, 0.75, 0.76, 0.6, 0.5], "#...##."),
        ("within", [0.4, 0.5, 0.25, 1.25, 1.26, 1.1, 1.0], ".###..#"),
    ] {
        let harness = Harness::new("logic.compare", json!({ "op": op, "hysteresis": 0.25 })).number("a", &xs);
        assert_eq!(harness.play_in(&[2, 1, 4]).levels("gate"), on, "{op}");
    }
}

#[test]
fn logic_is_its_table_of_truth() {
    let (a, b) = ("..##", ".#.#");
    for (op, out) in [
        ("and", "...#"),
        ("or", ".###"),
        ("xor", ".##."),
        ("not", "##.."),
        ("nand", "###."),
        ("nor", "#..."),
        ("xnor", "#..#"),
    ] {
        assert_eq!(
            Harness::new("logic.logic", json!({ "op": op })).levels("a", a).levels("b", b).play(4).levels("out"),
            out
        );
        // Inputs from parameters: an output that is on from the first frame rises once.
        for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
            let played = Harness::new("logic.logic", json!({ "op": op, "a": a, "b": b })).play(2);
            let is_on = out.as_bytes()[2 * usize::from(a) + usize::from(b)] == b'#';
            assert_eq!(played.levels("out"), if is_on { "##" } else { ".." });
            assert_eq!(played.hits("out"), [u16::from(is_on), 0], "{op} {a} {b}");
        }
    }
}

#[test]
fn logic_lets_triggers_through() {
    let of = |op: &str| {
        let harness = Harness::new("logic.logic", json!({ "op": op })).triggers("a", &[1, 0, 3, 1, 0, 2, 1]);
        harness.gate("b", &[(false, 0), (true, 1), (true, 1), (false, 0), (true, 1), (true, 0), (true, 0)]).play(7)
    };
    // `or` has the triggers of the busier input, and none while the other input holds it on.
    assert_eq!((of("or").levels("out"), of("or").hits("out")), ("#######".to_owned(), vec![1, 1, 3, 1, 1, 0, 0]));
    assert_eq!((of("and").levels("out"), of("and").hits("out")), ("..#..##".to_owned(), vec![0, 0, 1, 0, 0, 2, 1]));
    assert_eq!((of("xor").levels("out"), of("xor").hits("out")), ("##.##..".to_owned(), vec![1, 1, 2, 1, 1, 0, 0]));
    assert_eq!((of("nand").levels("out"), of("nand").hits("out")), ("##.##..".to_owned(), vec![1, 0, 0, 1, 0, 0, 0]));
}

#[test]
fn toggle_flips_with_each_trigger() {
    let flips = [1, 0, 2, 1, 3, 0, 4, 5];
    let played = Harness::new("logic.toggle", json!({})).triggers("trigger", &flips).play(8);
    // Flip by flip.
    let (mut on, mut levels, mut hits) = (false, String::new(), Vec::new());
    for count in flips {
        let mut rises = 0;
        for _ in 0..count {
            on = !on;
            rises += u16::from(on);
        }
        levels.push(if on { '#' } else { '.' });
        hits.push(rises);
    }
    assert_eq!((played.levels("gate"), played.hits("gate")), (levels, hits));
    let set = Harness::new("logic.toggle", json!({})).triggers("trigger", &[0, 0, 1, 1, 0, 0, 1, 1]);
    let set = set.triggers("set", &[0, 1, 0, 1, 1, 0, 0, 1]).triggers("reset", &[1, 0, 0, 0, 0, 1, 1, 0]).play(8);
    assert_eq!((set.levels("gate"), set.hits("gate")), (".#.##..#".to_owned(), vec![0, 1, 0, 1, 0, 0, 0, 1]));
}

#[test]
fn latch_stays_on_until_it_is_reset() {
    let harness = Harness::new("logic.latch", json!({}))
        .levels("in", "..#.....##.#")
        .triggers("reset", &[0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1]);
    let played = harness.play(12);
    assert_eq!(played.levels("gate"), "..##....#...");
    assert_eq!(played.hits("gate"), [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(Harness::new("logic.latch", json!({ "in": true })).play(2).levels("gate"), "##");
}

#[test]
fn a_gate_lets_pass_while_it_is_on() {
    let harness =
        Harness::new("logic.gate", json!({})).number("in", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).levels("gate", ".##..#");
    assert_near(harness.play_in(&[4, 2]).of("out"), &[0.0, 2.0, 3.0, 3.0, 3.0, 6.0]);
    assert_near(harness.clone().param("closed", "zero").play(6).of("out"), &[0.0, 2.0, 3.0, 0.0, 0.0, 6.0]);
    let fired = harness.clone().triggers("trigger", &[1, 2, 1, 3, 0, 4]).play(6);
    assert_eq!((fired.levels("fired"), fired.hits("fired")), (".##..#".to_owned(), vec![0, 2, 1, 0, 0, 4]));
    // What is on when the gate opens goes on with it.
    let held = harness.levels("trigger", "######").play(6);
    assert_eq!((held.levels("fired"), held.hits("fired")), (".##..#".to_owned(), vec![0, 1, 0, 0, 0, 1]));
    let open = Harness::new("logic.gate", json!({})).number("in", &[7.0]).play(2);
    assert_near(open.of("out"), &[7.0, 7.0]);
}

/// Reference of the pulse node, event by event: times in milliseconds, frames of 250.
fn pulses(triggers: &[u16], length: i64, delay: i64, again: bool) -> (String, Vec<u16>) {
    let (mut levels, mut hits) = (String::new(), Vec::new());
    // End of the current pulse in milliseconds.
    let mut end = -1;
    for frame in 0..triggers.len() as i64 {
        let now = 250 * frame;
        let begun = |then: i64| {
            let begins = 250 * then + delay;
            (begins <= now && begins > now - 250).then_some(begins)
        };
        let mut rises = 0;
        let was_on = now < end;
        for then in 0..=frame {
            let (count, begins) = (triggers[then as usize], begun(then));
            if let Some(begins) = begins.filter(|_| count > 0 && (again || !was_on)) {
                rises += if again { count } else { 1 };
                end = begins + length;
            }
        }
        levels.push(if now < end || rises > 0 { '#' } else { '.' });
        hits.push(rises);
    }
    (levels, hits)
}

#[test]
fn a_pulse_has_its_length_and_comes_later() {
    let triggers = [1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    for (length, delay, again, levels, hits) in [
        (500, 0, true, "##....####......", [1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        (750, 0, false, "###...###.......", [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (0, 0, true, "#.....#.#.......", [1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        (250, 500, true, "..#.....#.#.....", [0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0]),
        // From 0.1 s to 0.6 s: there in the frames at 0.25 s and 0.5 s.
        (500, 100, true, ".##....####.....", [0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0]),
        // Shorter than a frame, and still seen.
        (50, 100, true, ".#.....#.#......", [0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0]),
    ] {
        let params = json!({ "length": length as f64 / 1e3, "delay": delay as f64 / 1e3, "retrigger": again });
        let played = Harness::new("logic.pulse", params).triggers("trigger", &triggers).play(16);
        assert_eq!((played.levels("gate").as_str(), played.hits("gate")), (levels, hits.to_vec()), "{length} {delay}");
        assert_eq!(pulses(&triggers, length, delay, again), (levels.to_owned(), hits.to_vec()), "the formula");
    }
    // A fifteenth of a second at a time: three of them are a fifth of a second.
    let fine = Harness::new("logic.pulse", json!({ "length": 0.2, "delay": 0.2 })).dt(1.0 / 15.0);
    assert_eq!(fine.triggers("trigger", &[1]).play(9).levels("gate"), "...###...");
}

#[test]
fn a_pulse_has_a_chance() {
    let triggers = [2; 1000];
    let passed = |chance: f64, seed: u32| {
        let harness = Harness::new("logic.pulse", json!({ "length": 0.0, "chance": chance, "seed": seed }));
        harness.triggers("trigger", &triggers).play(1000).hits("gate")
    };
    assert!(passed(0.0, 0).iter().all(|hits| *hits == 0) && passed(1.0, 0).iter().all(|hits| *hits == 2));
    for chance in [0.25, 0.5, 0.9] {
        let sum: u16 = passed(chance, 1).iter().sum();
        // Five standard deviations of 2000 throws.
        let off = (f64::from(sum) - 2000.0 * chance).abs();
        assert!(off < 5.0 * (2000.0 * chance * (1.0 - chance)).sqrt(), "{chance}: {sum}");
    }
    assert_eq!(passed(0.5, 1), passed(0.5, 1));
    assert_ne!(passed(0.5, 1), passed(0.5, 2));
}

#[test]
fn no_more_pulses_wait_than_there_is_room_for() {
    let harness = Harness::new("logic.pulse", json!({ "delay": 25.0, "length": 0.0 })).triggers("trigger", &[1; 100]);
    // 100 frames of delay: the triggers of the first 64 frames pass.
    let hits = harness.play_in(&[150, 50]).hits("gate");
    assert!((0..200).all(|frame| hits[frame] == u16::from((100..164).contains(&frame))), "{hits:?}");
}

proptest! {
    #[test]
    fn a_pulse_follows_its_events(
        triggers in prop::collection::vec(prop_oneof![3 => Just(0_u16), 1 => 1..4_u16], 1..60),
        length in 0..2000_i64,
        delay in 0..2000_i64,
        again: bool,
    ) {
        let params = json!({ "length": length as f64 / 1e3, "delay": delay as f64 / 1e3, "retrigger": again });
        let played = Harness::new("logic.pulse", params).triggers("trigger", &triggers).play(triggers.len());
        prop_assert_eq!((played.levels("gate"), played.hits("gate")), pulses(&triggers, length, delay, again));
    }
}

#[test]
fn a_counter_counts_every_trigger() {
    let ups = [1, 0, 2, 1, 1, 5, 1, 3, 1, 1];
    let count = |params: serde_json::Value| Harness::new("logic.counter", params).triggers("up", &ups).play(10);
    let sums: Vec<u16> = ups.iter().scan(0, |sum, up| Some(*sum + up).inspect(|new| *sum = *new)).collect();
    // Round and round 0 to 3: the remainder by 4, and the carry is how often 4 went in.
    let wrapped = count(json!({ "to": 3 }));
    assert_near(wrapped.of("count"), &sums.iter().map(|sum| f64::from(sum % 4)).collect::<Vec<_>>());
    assert_near(wrapped.of("normalised"), &sums.iter().map(|sum| f64::from(sum % 4) / 3.0).collect::<Vec<_>>());
    let rounds: Vec<u16> = [0].iter().chain(&sums).map(|sum| sum / 4).collect();
    assert_eq!(wrapped.hits("carry"), rounds.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>());
    // Up to 6 and no further.
    let clamped = count(json!({ "to": 6, "at_end": "clamp" }));
    assert_near(clamped.of("count"), &sums.iter().map(|sum| f64::from(*sum.min(&6))).collect::<Vec<_>>());
    assert_eq!(clamped.hits("carry"), [0, 0, 0, 0, 0, 4, 1, 3, 1, 1]);
    // To and fro between 0 and 3: a triangle of six counts.
    let swung = count(json!({ "to": 3, "at_end": "ping_pong" }));
    let triangle = |sum: &u16| f64::from(3 - (i32::from(sum % 6) - 3).abs());
    assert_near(swung.of("count"), &sums.iter().map(triangle).collect::<Vec<_>>());
    // It turns with the counts 4, 7, 10, 13 and 16.
    let turns: Vec<u16> = [0].iter().chain(&sums).map(|sum| sum.saturating_sub(1) / 3).collect();
    assert_eq!(swung.hits("carry"), turns.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>());
}

#[test]
fn a_counter_counts_down_from_and_back() {
    let harness = |params| Harness::new("logic.counter", params).triggers("down", &[0, 1, 1, 2]);
    let wrapped = harness(json!({ "from": 1, "to": 3 })).play(4);
    assert_near(wrapped.of("count"), &[1.0, 3.0, 2.0, 3.0]);
    assert_eq!(wrapped.hits("carry"), [0, 1, 0, 1]);
    assert_near(harness(json!({ "to": 3, "at_end": "clamp" })).play(4).of("count"), &[0.0; 4]);
    assert_near(harness(json!({ "to": 3, "at_end": "ping_pong" })).play(4).of("count"), &[0.0, 1.0, 2.0, 2.0]);
    // With `to` below `from`, up counts down from 5 to −1.
    let turned = Harness::new("logic.counter", json!({ "from": 5, "to": -1 })).triggers("up", &[0, 2, 4, 1]).play(4);
    assert_near(turned.of("count"), &[5.0, 3.0, -1.0, 5.0]);
    assert_near(turned.of("normalised"), &[0.0, 1.0 / 3.0, 1.0, 0.0]);
    // Ups come first, then downs.
    let both = Harness::new("logic.counter", json!({ "to": 2, "at_end": "clamp" })).triggers("up", &[2, 3]);
    assert_near(both.triggers("down", &[0, 1]).play(2).of("count"), &[2.0, 1.0]);
    let point = Harness::new("logic.counter", json!({ "from": 2, "to": 2 })).triggers("up", &[1, 2]).play(3);
    assert_near(point.of("count"), &[2.0; 3]);
    assert_near(point.of("normalised"), &[0.0; 3]);
    assert_eq!(point.hits("carry"), [1, 2, 0]);
}

#[test]
fn a_counter_begins_anew_before_it_counts() {
    for at_end in ["wrap", "clamp", "ping_pong"] {
        let harness = Harness::new("logic.counter", json!({ "from": 1, "to": 4, "at_end": at_end }));
        let harness = harness.triggers("up", &[1, 1, 1, 2, 0, 1]).triggers("reset", &[1, 0, 0, 1, 1, 0]);
        assert_near(harness.play_in(&[1, 2, 3]).of("count"), &[2.0, 3.0, 4.0, 3.0, 1.0, 2.0]);
    }
    // A range that becomes narrower takes the count along.
    let mut memory = bendrack_nodes::tick::Memory::default();
    let harness = |to: i32| Harness::new("logic.counter", json!({ "to": to })).triggers("up", &[6]);
    harness(7).play_from(&mut memory, 0, &[2]);
    assert_near(harness(4).play_from(&mut memory, 2, &[1]).of("count"), &[4.0]);
}

#[test]
fn select_chooses_by_index_and_by_steps() {
    let numbers = json!({ "a": 0.5, "b": 1.5, "c": 2.5, "d": 3.5, "e": 4.5, "f": 5.5, "g": 6.5, "h": 7.5 });
    let by_index = Harness::new("logic.select", numbers.clone())
        .number("index", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 99.0, -9.0]);
    let by_index = by_index.play(10);
    assert_near(by_index.of("out"), &[0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 7.5, 0.5]);
    assert_near(by_index.of("chosen"), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, 0.0]);
    let stepped = Harness::new("logic.select", numbers.clone()).param("inputs", 3).param("index", 1);
    let stepped = stepped.triggers("next", &[0, 1, 1, 4, 0, 1]).triggers("previous", &[0, 0, 0, 0, 2, 0]);
    assert_near(stepped.play(6).of("chosen"), &[1.0, 2.0, 0.0, 1.0, 2.0, 0.0]);
    let reset = stepped.triggers("reset", &[0, 0, 0, 1, 0, 1]).play_in(&[3, 3]);
    assert_near(reset.of("chosen"), &[1.0, 2.0, 0.0, 2.0, 0.0, 2.0]);
    assert_near(reset.of("out"), &[1.5, 2.5, 0.5, 2.5, 0.5, 2.5]);
    let one = Harness::new("logic.select", numbers).param("inputs", 1).triggers("next", &[3]).number("index", &[7.0]);
    assert_near(one.play(2).of("out"), &[0.5; 2]);
}
