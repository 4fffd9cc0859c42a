//! Time: tempo, clock, divide, multiply, euclid and timer.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::library::time::division;
use bendrack_nodes::tick::Memory;
use proptest::prelude::*;
use serde_json::json;

use super::harness::Harness;
use crate::patching::{assert_near, patch};

#[test]
fn the_tempo_moves_the_beat_from_the_next_frame_on() {
    let harness = Harness::new("time.tempo", json!({ "bpm": 60.0, "beats": 3 })).tempo(240.0);
    let played = harness.play_in(&[1, 4, 3]);
    assert_near(played.of("bpm"), &[60.0; 8]);
    // A beat in the first frame, at the patch's own tempo; then a quarter of a beat in each.
    let beats = [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5];
    assert_near(played.of("beat"), &beats);
    assert_near(played.of("bar"), &beats.map(|beat| beat / 3.0));
    let default = Harness::new("time.tempo", json!({})).play(20);
    assert_near(default.of("bpm"), &[120.0; 20]);
    assert_near(default.of("bar"), &(0..20_u32).map(|frame| f64::from(frame % 8) / 8.0).collect::<Vec<_>>());
}

#[test]
fn of_two_tempos_one_is_warned_of() {
    let two = patch(&[("a", "time.tempo", json!({})), ("b", "time.tempo", json!({ "bpm": 90.0 }))], &[]);
    let (plan, problems) = Plan::compile(&two, LIBRARY);
    assert!(plan.is_some() && problems.len() == 1 && problems[0].message.contains("both set the bpm"));
}

#[test]
fn a_tempo_is_tapped() {
    let taps = |hits: &[u16], frames: usize| {
        let harness = Harness::new("time.tempo", json!({ "bpm": 100.0 })).triggers("tap", hits);
        harness.play_in(&[2, frames - 2]).of("bpm").to_vec()
    };
    // Every second frame is every half second.
    assert_near(&taps(&[1, 0, 1, 0, 1], 6), &[100.0, 100.0, 120.0, 120.0, 120.0, 120.0]);
    // Intervals of 2, 3, 3, 4, 4, 4 and 1 frames: the mean of the last four.
    let mut hits = [0; 22];
    for frame in [0, 2, 5, 8, 12, 16, 20, 21] {
        hits[frame] = 1;
    }
    let tempo = |frames: f64| 60.0 / (frames * 0.25);
    let tapped = taps(&hits, 22);
    assert_near(
        &[2, 5, 8, 12, 16, 20, 21].map(|frame| tapped[frame]),
        &[2.0, 2.5, 8.0 / 3.0, 3.0, 3.5, 3.75, 3.25].map(tempo),
    );
    // Two taps in a frame lie evenly between the last one and now.
    assert_near(&taps(&[1, 0, 2], 3), &[100.0, 100.0, 240.0]);
    // An interval of three seconds is a slow beat. After a longer one, a tap is the first again.
    let mut slow = [0; 28];
    (slow[0], slow[12], slow[25], slow[27]) = (1, 1, 1, 1);
    let slow = taps(&slow, 28);
    assert_near(&[slow[12], slow[25], slow[26], slow[27]], &[20.0, 20.0, 20.0, 120.0]);
    // No faster than can be.
    assert_near(&taps(&[1, 9], 2), &[100.0, 300.0]);
    // A moved knob overrides the taps.
    let (mut memory, harness) = (Memory::default(), Harness::new("time.tempo", json!({})).triggers("tap", &[1, 1]));
    assert_near(harness.play_from(&mut memory, 0, &[3]).of("bpm"), &[120.0, 240.0, 240.0]);
    assert_near(harness.param("bpm", 90.0).play_from(&mut memory, 3, &[2]).of("bpm"), &[90.0, 90.0]);
}

/// The pulses of a clock up to each frame: their beats are counted out one by one.
struct Clock {
    /// Length of two pulses in beats, and the beat of the second one.
    pair: f64,
    middle: f64,
}

impl Clock {
    fn at(&self, index: u64) -> f64 {
        (index / 2) as f64 * self.pair + if index.is_multiple_of(2) { 0.0 } else { self.middle }
    }

    /// The pulse at a beat.
    fn index(&self, beat: f64) -> u64 {
        (0..1 << 16).take_while(|&index| self.at(index) <= beat + 1e-6).last().unwrap_or(0)
    }
}

#[test]
fn a_clock_fires_at_its_division() {
    for (index, name) in division::NAMES.into_iter().enumerate() {
        for (swing, tempo, length, dt) in
            [(0.0, 120.0, 0.5, 0.25), (0.5, 100.0, 0.25, 0.25), (1.0, 300.0, 1.0, 0.25), (0.25, 87.0, 0.0, 1.0 / 15.0)]
        {
            let beats = division::beats(index);
            let clock = Clock { pair: 2.0 * beats, middle: beats * (1.0 + 0.5 * swing) };
            let harness =
                Harness::new("time.clock", json!({ "division": name, "swing": swing, "gate_length": length }));
            let played = harness.tempo(tempo).dt(dt).play_in(&[7, 1, 60]);
            let (gates, hits) = (played.levels("gate"), played.hits("gate"));
            let mut before = None;
            for frame in 0..68 {
                let beat = frame as f64 * dt * tempo / 60.0;
                let now = clock.index(beat);
                let fired = before.map_or(1, |before| now - before);
                before = Some(now);
                let at = format!("{name} {swing} {tempo} at {frame}");
                assert_eq!(u64::from(hits[frame]), fired, "{at}");
                assert_eq!(played.of("pulse")[frame], now as f64, "{at}");
                let phase = ((beat - clock.at(now)) / (clock.at(now + 1) - clock.at(now))).max(0.0);
                assert!((played.of("phase")[frame] - phase).abs() < 1e-5, "{at}: {phase}");
                // At the very end of the gate rounding decides.
                if (phase - length).abs() > 1e-5 {
                    assert_eq!(&gates[frame..=frame] == "#", fired > 0 || phase < length, "{at}");
                }
            }
        }
    }
}

#[test]
fn a_clock_begins_anew_and_where_it_is() {
    let harness =
        Harness::new("time.clock", json!({ "division": "1/2" })).triggers("reset", &[0, 0, 0, 1, 0, 0, 0, 0, 2]);
    let played = harness.play_in(&[3, 9]);
    assert_eq!(played.hits("gate"), [1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0]);
    assert_near(played.of("pulse"), &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_near(&played.of("phase")[..5], &[0.0, 0.25, 0.5, 0.0, 0.25]);
    let first = Harness::new("time.clock", json!({})).triggers("reset", &[1]).play(3);
    assert_eq!(first.hits("gate"), [1, 0, 1]);
    // Put into a patch that runs, between two pulses, it waits for the next one.
    let mut memory = Memory::default();
    Harness::new("time.timer", json!({})).play_from(&mut memory, 0, &[3]);
    let late =
        Harness::new("time.clock", json!({ "division": "1/2", "gate_length": 0.25 })).play_from(&mut memory, 3, &[3]);
    assert_eq!((late.levels("gate"), late.hits("gate")), (".#.".to_owned(), vec![0, 1, 0]));
}

#[test]
fn a_clock_leaves_pulses_out_by_chance() {
    let harness = |chance: f64, seed: u32| {
        Harness::new("time.clock", json!({ "division": "1/32", "chance": chance, "seed": seed, "gate_length": 0.9 }))
    };
    let hits = |chance, seed| harness(chance, seed).play(500).hits("gate");
    assert!(hits(0.0, 0).iter().all(|hits| *hits == 0));
    // Four to a frame, and one at the beginning.
    assert!(hits(1.0, 0)[1..].iter().all(|hits| *hits == 4));
    let sum: u16 = hits(0.7, 3).iter().sum();
    assert!((f64::from(sum) - 1400.0).abs() < 5.0 * (2000.0_f64 * 0.21).sqrt(), "{sum}");
    assert_eq!(hits(0.7, 3), hits(0.7, 3));
    assert_ne!(hits(0.7, 3), hits(0.7, 4));
    assert_ne!(hits(0.7, 3), harness(0.7, 3).seed(5).play(500).hits("gate"));
    // A reset brings the same pulses back.
    let again = harness(0.7, 3).triggers("reset", &[&[0; 100][..], &[1]].concat()).play(200).hits("gate");
    assert_eq!(again[101..], hits(0.7, 3)[1..100]);
    // The gate of one that is left out stays off.
    let slow = Harness::new("time.clock", json!({ "division": "1/2", "chance": 0.5, "gate_length": 1.0 })).play(400);
    for (frame, on) in slow.levels("gate").chars().enumerate() {
        assert_eq!(on == '#', slow.hits("gate")[frame - frame % 4] == 1, "{frame}");
    }
}

proptest! {
    #[test]
    fn divide_lets_one_of_so_many_pass(
        hits in prop::collection::vec(0..9_u16, 1..40),
        resets in prop::collection::vec(prop_oneof![9 => Just(0_u16), 1 => Just(1)], 40),
        by in 1..129_i64,
        offset in 0..128_i64,
    ) {
        let harness = Harness::new("time.divide", json!({ "by": by, "offset": offset }));
        let played = harness.triggers("trigger", &hits).triggers("reset", &resets).play(hits.len());
        let mut number = 0;
        let formula = hits.iter().zip(&resets).map(|(hits, reset)| {
            number = if *reset > 0 { 0 } else { number };
            (0..*hits).filter(|_| { number += 1; (number - 1) % by == offset % by }).count() as u16
        });
        prop_assert_eq!(played.hits("out"), formula.collect::<Vec<_>>());
    }

    #[test]
    fn multiply_is_even_between_triggers_that_are_even(apart in 1..12_usize, by in 1..17_usize, dt in 0.01..1.0) {
        let hits: Vec<u16> = (0..100).map(|frame| u16::from(frame % apart == 0)).collect();
        let played = Harness::new("time.multiply", json!({ "by": by })).dt(dt).triggers("trigger", &hits).play(100);
        // Triggers pass alone up to the second one. After it, each pulse fires in the first frame at or after its time.
        let formula = (0..100).map(|frame| {
            let fired = |frame: usize| 1 + frame * by / apart;
            if frame <= apart { hits[frame] } else { (fired(frame) - fired(frame - 1)) as u16 }
        });
        prop_assert_eq!(played.hits("out"), formula.collect::<Vec<_>>());
    }

    #[test]
    fn a_euclidean_rhythm_is_as_even_as_it_can_be(steps in 1..65_usize, pulses in 0..65_usize) {
        let params = json!({ "steps": steps, "pulses": pulses });
        let played = Harness::new("time.euclid", params).triggers("trigger", &[1; 64]).play(steps);
        let (hits, pulses) = (played.hits("out"), pulses.min(steps));
        let groups = bjorklund(steps, pulses);
        prop_assert_eq!(&hits, &groups);
        prop_assert_eq!(hits.iter().map(|hit| usize::from(*hit)).sum::<usize>(), pulses);
        // The gaps are of at most two lengths, one apart.
        let on: Vec<usize> = (0..steps).filter(|step| hits[*step] == 1).collect();
        let gaps = (0..on.len()).map(|i| (on[(i + 1) % on.len()] + steps - on[i] - 1) % steps + 1);
        prop_assert!(gaps.clone().max().unwrap_or(1) - gaps.min().unwrap_or(1) <= 1, "{:?}", hits);
    }
}

/// Bjorklund's rhythm with lists: the shorter groups at the end are put behind those at the beginning.
fn bjorklund(steps: usize, pulses: usize) -> Vec<u16> {
    let mut first = vec![vec![1]; pulses];
    let mut rest = vec![vec![0]; steps - pulses];
    let mut pairs = first.len().min(rest.len());
    while pairs > 0 {
        let (over, behind) = (first.split_off(pairs), rest.split_off(pairs));
        for (group, more) in first.iter_mut().zip(rest) {
            group.extend(more);
        }
        rest = if over.is_empty() { behind } else { over };
        if rest.len() <= 1 {
            break;
        }
        pairs = first.len().min(rest.len());
    }
    first.into_iter().chain(rest).flatten().collect()
}

#[test]
fn euclidean_rhythms_are_those_of_the_world() {
    let rhythm = |steps: u32, pulses: u32, rotation: i32| {
        let params = json!({ "steps": steps, "pulses": pulses, "rotation": rotation });
        let played = Harness::new("time.euclid", params).triggers("trigger", &[1; 16]).play(steps as usize);
        played.hits("out").iter().map(|hit| if *hit == 1 { 'x' } else { '.' }).collect::<String>()
    };
    // Toussaint, "The Euclidean algorithm generates traditional musical rhythms", 2005.
    for (steps, pulses, is) in [
        (3, 2, "x.x"),
        (5, 2, "x.x.."),
        (4, 3, "x.xx"),
        (5, 3, "x.x.x"),
        (7, 3, "x.x.x.."),
        (8, 3, "x..x..x."),
        (7, 4, "x.x.x.x"),
        (9, 4, "x.x.x.x.."),
        (11, 4, "x..x..x..x."),
        (6, 5, "x.xxxx"),
        (7, 5, "x.xx.xx"),
        (8, 5, "x.xx.xx."),
        (9, 5, "x.x.x.x.x"),
        (12, 5, "x..x.x..x.x."),
        (16, 5, "x..x..x..x..x..."),
        (8, 7, "x.xxxxxx"),
        (12, 7, "x.xx.x.xx.x."),
        (16, 7, "x..x.x.x..x.x.x."),
        (16, 9, "x.xx.x.x.xx.x.x."),
        (4, 4, "xxxx"),
        (4, 0, "...."),
        (1, 1, "x"),
    ] {
        assert_eq!(rhythm(steps, pulses, 0), is);
    }
    assert_eq!(rhythm(8, 3, 1), ".x..x..x");
    assert_eq!(rhythm(8, 3, -1), "..x..x.x");
    assert_eq!(rhythm(8, 3, 17), ".x..x..x");
    assert_eq!(rhythm(8, 60, 3), "xxxxxxxx");
}

#[test]
fn euclid_counts_every_trigger_and_begins_anew() {
    let triggers = [1, 2, 0, 9, 3, 0, 17, 1];
    let harness = Harness::new("time.euclid", json!({ "steps": 5, "pulses": 2 })).triggers("trigger", &triggers);
    let played = harness.play_in(&[2, 6]);
    // x.x.. over and over, taken piece by piece.
    let mut steps = [1, 0, 1, 0, 0].into_iter().cycle();
    let hits: Vec<u16> = triggers.iter().map(|count| steps.by_ref().take(usize::from(*count)).sum()).collect();
    assert_eq!(played.hits("out"), hits);
    let mut sum = 0_u16;
    let step = triggers.map(|count| {
        sum += count;
        f64::from((sum - 1) % 5)
    });
    assert_near(played.of("step"), &step);
    let reset = harness.triggers("reset", &[0, 0, 1, 1, 0, 1, 0, 0]).play(8);
    assert_eq!(reset.hits("out")[2..4], [0, 4]);
    assert_near(reset.of("step"), &[0.0, 2.0, 0.0, 3.0, 1.0, 0.0, 1.0, 2.0]);
}

#[test]
fn multiply_follows_the_intervals_of_its_triggers() {
    let hits = |by: u32, triggers: &[u16], frames: usize| {
        Harness::new("time.multiply", json!({ "by": by }))
            .triggers("trigger", triggers)
            .play_in(&[1, frames - 1])
            .hits("out")
    };
    // Four frames apart, and then no more: three in between, for once.
    assert_eq!(hits(4, &[1, 0, 0, 0, 1], 12), [1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(hits(8, &[1, 0, 0, 0, 1], 10), [1, 0, 0, 0, 1, 2, 2, 2, 1, 0]);
    // An early trigger drops the pulses still due, and shortens the interval.
    assert_eq!(hits(4, &[1, 0, 0, 0, 1, 0, 1], 10), [1, 0, 0, 0, 1, 1, 2, 2, 1, 0]);
    // Several in a frame: each becomes three, but for the first, which has no interval yet.
    assert_eq!(hits(3, &[2, 2, 2, 1], 5), [2, 4, 6, 3, 2]);
    assert_eq!(hits(1, &[1, 0, 1, 2, 0, 1], 6), [1, 0, 1, 2, 0, 1]);
}

#[test]
fn a_timer_tells_the_time() {
    let harness =
        Harness::new("time.timer", json!({ "length": 0.75 })).triggers("trigger", &[0, 0, 1, 0, 0, 0, 0, 0, 2]);
    let played = harness.play_in(&[3, 9]);
    let secs = [0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 0.0, 0.25, 0.5, 0.75];
    assert_near(played.of("seconds"), &secs);
    assert_near(played.of("normalised"), &secs.map(|secs| f64::min(secs / 0.75, 1.0)));
    assert_eq!(played.hits("done"), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    // It stands still while run is off.
    let paused = harness.clone().levels("run", "###.#..#####").play(12);
    assert_near(paused.of("seconds"), &[0.0, 0.0, 0.0, 0.0, 0.25, 0.25, 0.25, 0.5, 0.0, 0.25, 0.5, 0.75]);
    assert_eq!(paused.hits("done"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    // No length at all is done at once.
    let none = harness.param("length", 0.0).play(10);
    assert_eq!(none.hits("done"), [0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    assert_near(none.of("normalised"), &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    // Thirty fifteenths of a second are two.
    let fine = Harness::new("time.timer", json!({ "length": 2.0 })).dt(1.0 / 15.0).triggers("trigger", &[1]).play(40);
    assert_eq!(fine.hits("done").iter().position(|hits| *hits == 1), Some(30));
}
