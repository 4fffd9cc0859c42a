//! The schedule of prompts.

use std::collections::BTreeMap;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::diagnostics::Code;
use bendrack_nodes::program::Program;
use proptest::prelude::*;
use serde_json::json;

use super::patches::*;

/// The prompts of a schedule with their times, over many loops.
fn unrolled(entries: &[(f64, &'static str)], repeat: f64) -> Vec<(f64, &'static str)> {
    let mut round: Vec<(f64, &str)> = Vec::new();
    for &(time, prompt) in entries {
        round.retain(|(known, _)| *known != time);
        round.push((time, prompt));
    }
    round.sort_by(|a, b| a.0.total_cmp(&b.0));
    if repeat == 0.0 {
        return round;
    }
    round.retain(|(time, _)| *time < repeat);
    (-1..40).flat_map(|n| round.iter().map(move |(time, prompt)| (time + f64::from(n) * repeat, *prompt))).collect()
}

/// Share of each text at a time.
fn scheduled(entries: &[(f64, &'static str)], repeat: f64, crossfade: f64, time: f64) -> BTreeMap<String, f64> {
    let all = unrolled(entries, repeat);
    let now = all.iter().rposition(|(start, _)| *start <= time).unwrap_or(0);
    let mut parts = BTreeMap::new();
    let mut amount = 0.0;
    if let Some((end, next)) = all.get(now + 1) {
        // The first prompt counts before its time.
        let start = if now == 0 { all[0].0.min(time) } else { all[now].0 };
        let length = crossfade.min(end - start);
        if time > end - length {
            amount = (time - (end - length)) / length;
        }
        if amount > 0.0 {
            *parts.entry((*next).to_owned()).or_default() += amount;
        }
    }
    if let Some((_, prompt)) = all.get(now) {
        *parts.entry((*prompt).to_owned()).or_default() += 1.0 - amount;
    }
    parts
}

fn assert_parts(program: &Program, expected: &BTreeMap<String, f64>, at: &str) {
    let found = parts(program);
    for text in found.keys().chain(expected.keys()) {
        let of = |parts: &BTreeMap<String, f64>| parts.get(text).copied().unwrap_or(0.0);
        assert!((of(&found) - of(expected)).abs() < 1e-9, "{at}: {found:?} is not {expected:?}");
    }
}

#[test]
fn a_schedule_gives_its_prompts_at_their_times() {
    let entries = [(0.0, PROMPTS[0]), (3.0, PROMPTS[1]), (4.0, PROMPTS[2]), (8.5, PROMPTS[3])];
    let text: Vec<String> = entries.iter().map(|(time, prompt)| format!("{time}: {prompt}")).collect();
    // 120 beats a minute: half a beat per latent frame.
    for (unit, per_frame) in [("frames", 1.0), ("seconds", 0.25), ("beats", 0.5)] {
        for (repeat, crossfade, method) in
            [(0.0, 0.0, "lerp"), (0.0, 2.0, "slerp"), (10.0, 1.5, "lerp"), (4.0, 100.0, "slerp")]
        {
            let params = json!({
                "schedule": text.join("\n"), "unit": unit, "loop_length": repeat, "crossfade": crossfade, "method": method,
            });
            for (frame, program) in by_frame(&prompting("prompt.schedule", &params), 60).iter().enumerate() {
                let time = frame as f64 * per_frame;
                let expected = scheduled(&entries, repeat, crossfade, time);
                assert_parts(program, &expected, &format!("{unit} {repeat} {crossfade} at {time}"));
                assert!(program.blend.as_ref().is_none_or(|blend| blend.method.name() == method));
            }
        }
    }
    assert_eq!(&*by_frame(&prompting("prompt.schedule", &json!({})), 1)[0].prompt, "", "nothing is written yet");
}

#[test]
fn a_mistake_in_a_schedule_is_reported_with_its_line() {
    let wrong = prompting("prompt.schedule", &json!({ "schedule": "0: a red circle\nsoon: a blue one" }));
    let problem = refused(&wrong);
    assert_eq!((problem.code, problem.pointer.as_str()), (Code::BadText, "/nodes/it/params/schedule"));
    assert!(problem.message.contains("line 2") && problem.message.contains("\"soon\" is not a time"), "{problem}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_schedule_is_what_a_player_of_its_lines_would_show(
        times in prop::collection::vec(0_u8..40, 1..6), repeat in prop_oneof![Just(0.0), 1.0..50.0_f64], crossfade in 0.0..12.0_f64,
    ) {
        let entries: Vec<(f64, &str)> = times.iter().enumerate().map(|(i, time)| (f64::from(*time) / 2.0, PROMPTS[i % 4])).collect();
        prop_assume!(repeat == 0.0 || entries.iter().any(|(time, _)| *time < repeat));
        let text: Vec<String> = entries.iter().map(|(time, prompt)| format!("{time}: {prompt}")).collect();
        let params = json!({ "schedule": text.join(" | "), "loop_length": repeat, "crossfade": crossfade });
        for (frame, program) in by_frame(&prompting("prompt.schedule", &params), 30).iter().enumerate() {
            let found = parts(program);
            let expected = scheduled(&entries, repeat, crossfade, frame as f64);
            for text in PROMPTS {
                let of = |parts: &BTreeMap<String, f64>| parts.get(text).copied().unwrap_or(0.0);
                prop_assert!((of(&found) - of(&expected)).abs() < 1e-6, "frame {}: {:?} is not {:?}", frame, found, expected);
            }
        }
    }
}
