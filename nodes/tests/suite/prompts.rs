//! Prompts, what becomes of the past, and how far programs are from one another: against formulas written here.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::choice::Choice;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::{Code, Problem, Severity};
use bendrack_nodes::input::Controls;
use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::program::prompt::Prompt;
use bendrack_nodes::program::{Blend, BlendMethod, Program, Switch};
use bendrack_nodes::tick::{Inputs, Measurements, Memory};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::patching::*;

/// How much of each text is in a prompt; a text that is in it twice is there once.
fn parts(program: &Program) -> BTreeMap<String, f64> {
    let amount = program.blend.as_ref().map_or(0.0, |blend| blend.amount);
    let mut parts = BTreeMap::from([(program.prompt.to_string(), 1.0 - amount)]);
    if let Some(blend) = &program.blend {
        *parts.entry(blend.prompt.to_string()).or_default() += blend.amount;
    }
    parts
}

/// How much of a text is in a prompt.
fn part(program: &Program, text: &str) -> f64 {
    parts(program).get(text).copied().unwrap_or(0.0)
}

/// The programs of the first latent frames, one call for each.
fn by_frame(patch: &Patch, frames: u64) -> Vec<Program> {
    let (plan, mut memory) = (compile(patch), Memory::default());
    (0..frames).map(|frame| run(&plan, &mut memory, frame, 1)).collect()
}

/// A patch in which one node gives the model its prompt.
fn prompting(kind: &str, params: &Json) -> Patch {
    patch(&[("it", kind, params.clone()), ("wan", "model.wan", json!({}))], &[("it.text", "wan.prompt")])
}

#[track_caller]
fn refused(patch: &Patch) -> Problem {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    assert!(plan.is_none());
    problems.into_iter().find(|problem| problem.severity == Severity::Error).expect("an error")
}

#[test]
fn a_crossfade_is_a_mix_for_the_model_and_the_nearer_text_for_others() {
    for (method, expected) in [("lerp", BlendMethod::Lerp), ("slerp", BlendMethod::Slerp)] {
        for step in 0..=40 {
            let amount = f64::from(step) / 40.0;
            let params = json!({ "a": "red", "b": "blue", "amount": amount, "method": method });
            let mut faded = prompting("prompt.crossfade", &params);
            faded.nodes.insert("word".into(), node("target.words", &json!({})));
            faded.nodes.insert("map".into(), node("tap.map", &json!({})));
            faded.cables.push(cable("it.text", "word.words"));
            faded.cables.push(cable("word.target", "map.target"));
            let program = run(&compile(&faded), &mut Memory::default(), 0, 3);
            assert!((part(&program, "red") - (1.0 - amount)).abs() < 1e-12, "{program}");
            assert!((part(&program, "blue") - amount).abs() < 1e-12, "{program}");
            assert!(program.blend.as_ref().is_none_or(|blend| blend.method == expected && blend.amount <= 0.5));
            assert_eq!(program.blend.is_some(), amount > 0.0 && amount < 1.0);
            let nearer = if amount <= 0.5 { "red" } else { "blue" };
            assert_eq!((&*program.prompt, program.taps[0].target.to_string()), (nearer, format!("words {nearer}")));
        }
    }
    let same = json!({ "a": "red", "b": "red", "amount": 0.5 });
    assert_eq!(by_frame(&prompting("prompt.crossfade", &same), 1)[0].blend, None, "a text and itself are no mix");
    // Bypassed, it is the first prompt; a mix of a mix begins at its nearer side.
    let mut nested = prompting("prompt.crossfade", &json!({ "b": "green", "amount": 0.25 }));
    nested.nodes.insert("before".into(), node("prompt.crossfade", &json!({ "a": "red", "b": "blue", "amount": 0.75 })));
    nested.cables.push(cable("before.text", "it.a"));
    assert_eq!(parts(&by_frame(&nested, 1)[0]), BTreeMap::from([("blue".into(), 0.75), ("green".into(), 0.25)]));
    nested.apply(LevelEdit::Bypass { id: "it".into(), bypass: true }).expect("an edit");
    assert_eq!(part(&by_frame(&nested, 1)[0], "blue"), 0.75, "what goes through is all of the cable");
}

/// What a list gives when it is pressed: per frame whether next and previous are.
fn pressed(list: &str, index: f64, presses: &[(bool, bool)]) -> Vec<(String, f64)> {
    let patch = patch(
        &[
            ("next", "osc.in", json!({ "address": "/next" })),
            ("previous", "osc.in", json!({ "address": "/previous" })),
            ("it", "prompt.list", json!({ "prompts": list, "index": index })),
            ("wan", "model.wan", json!({})),
        ],
        &[("next.out", "it.next"), ("previous.out", "it.previous"), ("it.text", "wan.prompt")],
    );
    let (plan, mut memory, measurements) = (compile(&patch), Memory::default(), Measurements::new());
    let mut frames = Vec::new();
    for (frame, (next, previous)) in presses.iter().enumerate() {
        let mut controls = Controls::default();
        for (address, on) in [("/next", next), ("/previous", previous)] {
            controls.apply(&osc(address, f64::from(u8::from(*on))));
        }
        // The levels alone, so that a button that stays down is pressed once.
        controls.end_frame();
        let lanes = [Arc::new(controls)];
        let inputs = Inputs { lanes: &lanes, measurements: &measurements, first_frame: frame as u64, dt_secs: DT_SECS };
        let prompt = plan.program(&inputs, &mut memory, 1).prompt.to_string();
        frames.push((prompt, memory.output("it", "count").expect("a number")));
    }
    frames
}

#[test]
fn a_list_gives_one_of_its_prompts_by_number() {
    let prompts = ["a red circle", "a cat, a dog", "x"];
    for written in
        ["a red circle\na cat, a dog\n\nx\n", " a red circle | a cat, a dog|x |", "a red circle\r\na cat, a dog|x"]
    {
        for index in [-1e6_f64, -4.0, -1.0, 0.0, 0.4, 1.0, 2.0, 2.6, 3.0, 7.0, 1e6] {
            let expected = prompts[index.round_ties_even().rem_euclid(3.0) as usize];
            assert_eq!(pressed(written, index, &[(false, false)]), [(expected.to_owned(), 3.0)], "{written:?} {index}");
        }
    }
    assert_eq!(pressed(" | \n", 5.0, &[(true, false)]), [(String::new(), 0.0)]);
    let (plan, problems) = Plan::compile(&prompting("prompt.list", &json!({ "prompts": "a|".repeat(257) })), LIBRARY);
    assert!(plan.is_some() && problems[0].code == Code::TooMany && problems[0].message.contains("256"), "{problems:?}");
    let mut wired = prompting("prompt.list", &json!({}));
    wired.nodes.insert("text".into(), node("prompt.text", &json!({})));
    wired.cables.push(cable("text.text", "it.prompts"));
    assert!(refused(&wired).message.contains("takes no cable"));
}

/// The prompts of a schedule as a player would unroll them: one after the other with their times, over many rounds.
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

/// What of each text is there at a time.
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

const PROMPTS: [&str; 4] = ["a red circle", "a blue: square", "a cat, a dog", "x"];

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

/// The patch of a prompt with a schedule of latent frames.
fn changing(schedule: &str, params: &Json) -> Patch {
    patch(
        &[
            ("plan", "prompt.schedule", json!({ "schedule": schedule })),
            ("it", "prompt.change", params.clone()),
            ("wan", "model.wan", json!({})),
        ],
        &[("plan.text", "it.text"), ("it.text", "wan.prompt")],
    )
}

/// Per frame: how much of the text `of` is there, whether it is changing, and whether it changed.
fn changed(schedule: &str, params: &Json, of: &str, frames: u64) -> Vec<(f64, bool, bool)> {
    let (plan, mut memory) = (compile(&changing(schedule, params)), Memory::default());
    let frame = |frame| {
        let program = run(&plan, &mut memory, frame, 1);
        let on = |output| memory.output("it", output) == Some(1.0);
        (part(&program, of), on("changing"), on("changed"))
    };
    (0..frames).map(frame).collect()
}

#[test]
fn a_change_is_a_cut_or_a_crossfade_of_its_length() {
    for seconds in [0.0, 0.1, 0.25, 1.0, 1.1, 3.0] {
        let params = json!({ "policy": "crossfade", "crossfade": seconds, "method": "slerp" });
        let found = changed("0: a | 5: b", &params, "b", 24);
        for (frame, (amount, is_changing, has_changed)) in found.into_iter().enumerate() {
            let since = (frame as f64 - 5.0) * DT_SECS;
            let way = if since < 0.0 {
                0.0
            } else if since >= seconds - 1e-9 {
                1.0
            } else {
                since / seconds
            };
            assert!((amount - way).abs() < 1e-9, "{seconds}: {amount} is not {way} in frame {frame}");
            assert_eq!(is_changing, since >= 0.0 && way < 1.0, "{seconds}: frame {frame}");
            assert_eq!(has_changed, frame == 5, "{seconds}: frame {frame}");
        }
    }
    for (policy, switch) in [("hard", Switch::Reset), ("recache", Switch::Recache), ("crossfade", Switch::Keep)] {
        let params = json!({ "policy": policy, "crossfade": 0.5 });
        let programs = by_frame(&changing("0: a | 5: b", &params), 12);
        assert!(programs.iter().all(|program| program.switch == Some(switch)));
        let mixed = programs.iter().filter(|program| program.blend.is_some()).count();
        assert_eq!(
            mixed,
            usize::from(policy == "crossfade"),
            "only a crossfade takes time: half a second are two frames"
        );
        assert!(!programs[0].cache.reset, "the past is forgotten with the prompt, not before");
    }
    // The default is the first choice; without the node there is no policy.
    assert_eq!(by_frame(&changing("0: a", &json!({})), 1)[0].switch, Some(Switch::Reset));
    assert_eq!(by_frame(&prompting("prompt.text", &json!({})), 1)[0].switch, None);
    let mut bypassed = changing("0: a | 5: b", &json!({}));
    bypassed.apply(LevelEdit::Bypass { id: "it".into(), bypass: true }).expect("an edit");
    assert_eq!((by_frame(&bypassed, 6)[5].switch, &*by_frame(&bypassed, 6)[5].prompt), (None, "b"));
}

#[test]
fn a_crossfade_turns_back_and_lets_others_wait() {
    // A second is four frames: it is half way when a comes back.
    let second = json!({ "policy": "crossfade", "crossfade": 1.0 });
    let back = changed("0: a | 4: b | 6: a", &second, "b", 10);
    let amounts: Vec<f64> = back.iter().map(|(amount, ..)| *amount).collect();
    assert_near(&amounts, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.0]);
    let hits: Vec<usize> = back.iter().enumerate().filter(|(_, (.., changed))| *changed).map(|(i, _)| i).collect();
    assert_eq!(hits, [4, 6]);
    // c waits for b to be there; d, which came in its place, is the one that is turned to.
    let schedule = "0: a | 4: b | 5: c | 7: d";
    let of =
        |text: &str| changed(schedule, &second, text, 14).into_iter().map(|(amount, ..)| amount).collect::<Vec<_>>();
    assert_near(&of("b")[4..12], &[0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]);
    assert_near(&of("c"), &[0.0; 14]);
    assert_near(&of("d")[8..], &[0.0, 0.25, 0.5, 0.75, 1.0, 1.0]);
}

#[test]
fn remembered_texts_follow_their_node_over_edits() {
    let mut edited = changing("0: a", &json!({ "policy": "crossfade", "crossfade": 1.0 }));
    let mut memory = Memory::default();
    run(&compile(&edited), &mut memory, 0, 3);
    let before = memory.clone();
    assert_eq!(memory, before);
    edited.nodes.insert("another".into(), node("prompt.change", &json!({ "text": "z" })));
    edited.nodes.get_mut("plan").expect("a node").params.insert("schedule".into(), json!("0: b"));
    let program = run(&compile(&edited), &mut memory, 3, 1);
    assert_eq!((part(&program, "a"), memory.output("it", "changed")), (1.0, Some(1.0)), "it knows what was there");
    assert_eq!(memory.output("another", "changed"), Some(0.0), "a new one begins with what it finds");
    let mut copied = Memory::default();
    copied.copy_from(&memory);
    assert_eq!(copied, memory);
    run(&compile(&edited), &mut copied, 4, 1);
    assert_ne!(copied, memory);
    // The same numbers with another text are not the same memory.
    let texts = ["a", "b"].map(|text| {
        let mut memory = Memory::default();
        run(&compile(&changing(&format!("0: {text}"), &json!({}))), &mut memory, 0, 1);
        memory
    });
    assert_ne!(texts[0], texts[1]);
}

/// A patch of one cache node and the wave that goes into it, per frame on where `wave` is.
fn caching(kind: &str, port: &str, params: &Json, formula: &str) -> Patch {
    patch(
        &[("by", "math.expression", json!({ "formula": formula })), ("it", kind, params.clone())],
        &[("by.out", &format!("it.{port}"))],
    )
}

#[test]
fn a_reset_comes_no_sooner_than_it_may() {
    for (every, dropped) in [(0.0, 0), (0.25, 0), (0.5, 0), (0.6, 1), (1.0, 1), (1.1, 2), (3600.0, 99)] {
        // A trigger in each second frame, from the first on.
        let reset = caching("cache.reset", "trigger", &json!({ "wait": every }), "frame % 2 == 0");
        let resets: Vec<bool> = by_frame(&reset, 40).iter().map(|program| program.cache.reset).collect();
        let expected: Vec<bool> =
            (0..40).map(|frame| if dropped == 99 { frame == 0 } else { frame % (2 * (dropped + 1)) == 0 }).collect();
        assert_eq!(resets, expected, "{every}");
    }
    // Held, it resets once; in a call any of its frames may ask.
    let held = caching("cache.reset", "trigger", &json!({}), "frame >= 4");
    let (plan, mut memory) = (compile(&held), Memory::default());
    let calls: Vec<bool> = (0..4).map(|call| run(&plan, &mut memory, 3 * call, 3).cache.reset).collect();
    assert_eq!(calls, [false, true, false, false]);
}

#[test]
fn what_is_asked_of_the_cache_is_asked_frame_by_frame() {
    let call = |patch: &Patch, first: u64| {
        let (plan, mut memory) = (compile(patch), Memory::default());
        (0..first).for_each(|frame| drop(run(&plan, &mut memory, frame, 1)));
        run(&plan, &mut memory, first, 4).cache
    };
    let off = caching("cache.off", "off", &json!({}), "frame == 2 || frame == 5");
    assert_eq!(
        (call(&off, 0).off.to_vec(), call(&off, 4).off.to_vec()),
        (vec![0.0, 0.0, 1.0, 0.0], vec![0.0, 1.0, 0.0, 0.0])
    );
    assert!(call(&off, 6).off.is_empty(), "nothing is asked");
    assert_eq!(call(&patch(&[("it", "cache.off", json!({}))], &[]), 0).off.to_vec(), [1.0; 4], "on by itself");

    let mut stale = caching("cache.stale", "strength", &json!({ "strength": 1.0 }), "frame");
    stale.nodes.get_mut("it").expect("a node").depths.insert("strength".into(), 0.5);
    assert_eq!(call(&stale, 0).stale.to_vec(), [1.0, 6.0, 11.0, 16.0]);
    stale.nodes.insert("other".into(), node("cache.stale", &json!({ "strength": 7.0 })));
    assert_eq!(call(&stale, 0).stale.to_vec(), [7.0, 7.0, 11.0, 16.0], "the stronger of two counts");
    stale.nodes.retain(|id, _| id == "other");
    stale.cables.clear();
    stale.nodes.get_mut("other").expect("a node").params.insert("strength".into(), json!(0.0));
    assert!(call(&stale, 0).stale.is_empty());
    let gated = caching("cache.stale", "on", &json!({ "strength": 3.0 }), "frame % 2");
    assert_eq!(call(&gated, 0).stale.to_vec(), [0.0, 3.0, 0.0, 3.0], "off leaves the past as it is");

    let mut again = caching("cache.recache", "trigger", &json!({ "distance": 0.5 }), "frame == 3");
    assert_eq!((call(&again, 0).recache, call(&again, 0).threshold), (true, Some(0.5)));
    assert!(!call(&again, 4).recache);
    let held = caching("cache.recache", "on", &json!({}), "frame >= 2");
    let (plan, mut memory) = (compile(&held), Memory::default());
    let calls: Vec<bool> = (0..4).map(|call| run(&plan, &mut memory, call, 1).cache.recache).collect();
    assert_eq!(calls, [false, false, true, true], "while it is on, before every chunk");
    again.nodes.insert("other".into(), node("cache.recache", &json!({ "distance": 0.25 })));
    again.nodes.insert("none".into(), node("cache.recache", &json!({})));
    assert_eq!(call(&again, 0).threshold, Some(0.25), "the lower of two counts, and 0 is none");
    let rest = call(&patch(&[("it", "cache.recache", json!({}))], &[]), 0);
    assert_eq!((rest.recache, rest.threshold), (false, None));
}

#[test]
fn a_program_prints_what_it_asks_of_the_past() {
    let all = patch(
        &[
            ("plan", "prompt.crossfade", json!({ "a": "red", "b": "blue", "amount": 0.25, "method": "slerp" })),
            ("late", "prompt.change", json!({ "text": "red", "policy": "recache" })),
            ("either", "logic.switch", json!({ "index": 1 })),
            ("wan", "model.wan", json!({})),
            ("on", "math.expression", json!({ "formula": "frame == 1" })),
            ("off", "cache.off", json!({})),
            ("reset", "cache.reset", json!({})),
            ("again", "cache.recache", json!({ "distance": 0.5 })),
            ("stale", "cache.stale", json!({})),
        ],
        &[
            ("plan.text", "either.a"),
            ("late.text", "either.b"),
            ("either.out", "wan.prompt"),
            ("on.out", "off.off"),
            ("on.out", "reset.trigger"),
            ("on.out", "again.trigger"),
        ],
    );
    let program = run(&compile(&all), &mut Memory::default(), 0, 3);
    assert_eq!(
        program.to_string(),
        "prompt \"red\"\nrecache the cache when the prompt changes\nreset the cache\nhide past frames: [0 1 0]\nrecache\n\
         recache when the distance exceeds 0.5\nweaken stale frames by 4\n"
    );
    let json = serde_json::to_value(&program).expect("JSON");
    assert_eq!(json["switch"], json!("recache"));
    assert_eq!(
        json["cache"],
        json!({ "reset": true, "off": [0.0, 1.0, 0.0], "recache": true, "threshold": 0.5, "stale": [4.0, 4.0, 4.0] })
    );
    let mut mixed = all;
    mixed.nodes.get_mut("either").expect("a node").params.insert("index".into(), json!(0.0));
    let program = run(&compile(&mixed), &mut Memory::default(), 0, 3);
    assert!(program.to_string().starts_with("prompt \"red\"\nblend 0.25 of \"blue\", slerp\nreset"), "{program}");
    assert_eq!(serde_json::to_value(&program).expect("JSON")["blend"]["method"], json!("slerp"));
    assert_eq!(Program::default().to_string(), "prompt \"\"\n");
}

/// The program of a chain of bends `(id, kind, params)` under a prompt.
fn bent(prompt: &str, bends: &[(&str, &str, Json)]) -> Program {
    let mut nodes = vec![("wan", "model.wan", json!({ "prompt": prompt }))];
    nodes.extend(bends.iter().cloned());
    let mut cables: Vec<(String, String)> =
        bends.windows(2).map(|pair| (format!("{}.bends", pair[0].0), format!("{}.bends", pair[1].0))).collect();
    cables.extend(bends.last().map(|(id, ..)| (format!("{id}.bends"), "wan.bends".to_owned())));
    let cables: Vec<(&str, &str)> = cables.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, 3)
}

#[test]
fn programs_are_as_far_apart_as_their_prompts_and_knobs() {
    let near = |a: &Program, b: &Program, expected: f64| {
        assert!((a.distance(b) - expected).abs() < 1e-12, "{} is not {expected}: {a}{b}", a.distance(b));
        assert_eq!(a.distance(b), b.distance(a));
    };
    let plain = bent("a", &[]);
    near(&plain, &plain, 0.0);
    near(&plain, &bent("b", &[]), 1.0);
    let mix = |a: &str, b: &str, amount: f64| {
        let Prompt { text, blend, switch } = Prompt::mix(a.into(), b.into(), amount, BlendMethod::Lerp);
        Program { prompt: text, blend, switch, ..Program::default() }
    };
    near(&plain, &mix("a", "b", 0.3), 0.3);
    near(&mix("a", "b", 0.3), &mix("a", "b", 0.9), 0.6);
    near(&mix("a", "b", 0.3), &mix("b", "a", 0.7), 0.0);
    near(&mix("a", "b", 0.5), &mix("b", "c", 0.5), 0.5);
    near(&mix("a", "b", 0.5), &mix("c", "d", 0.5), 1.0);
    // The knob of an angle travels 360°; a bend that is not there is one that does nothing.
    let turned =
        |angle: f64, amount: f64| bent("a", &[("turn", "bend.rotate", json!({ "angle": angle, "amount": amount }))]);
    near(&plain, &turned(90.0, 1.0), 0.25);
    near(&turned(90.0, 1.0), &turned(-90.0, 1.0), 0.5);
    near(&turned(90.0, 0.5), &turned(90.0, 1.0), 0.125);
    near(&turned(0.01, 1.0), &plain, 0.01 / 360.0);
    near(&turned(3600.0, 1.0), &plain, 1.0);
    // Another node, another site or another target is another bend.
    let both =
        bent("b", &[("turn", "bend.rotate", json!({ "angle": 90.0 })), ("gain", "bend.gain", json!({ "gain": 2.0 }))]);
    near(&both, &turned(90.0, 1.0), 1.0 + 0.2);
    let elsewhere = bent("a", &[("turn", "bend.rotate", json!({ "angle": 90.0, "site": "ffn.out" }))]);
    near(&elsewhere, &turned(90.0, 1.0), 0.5);
    // How it is done counts as much as it is done.
    let padded = |angle: f64, padding: &str| {
        bent("a", &[("turn", "bend.rotate", json!({ "angle": angle, "padding": padding }))])
    };
    let (_, padding) =
        LIBRARY.iter().find(|def| def.name == "bend.rotate").and_then(|def| def.input("padding")).expect("padding");
    near(&padded(90.0, padding.choices[0]), &padded(90.0, padding.choices[1]), 0.25);
    // What has no neutral value counts with its amount.
    let swapped = |amount: f64| bent("a b", &[("it", "bend.copy", json!({ "words": "b", "amount": amount }))]);
    near(&swapped(0.75), &swapped(0.25), 0.5);
    // Frame by frame: the angle is 0°, 90° and 180°.
    let mut moving = patch(
        &[
            ("by", "math.expression", json!({ "formula": "frame / 4" })),
            ("turn", "bend.rotate", json!({})),
            ("wan", "model.wan", json!({ "prompt": "a" })),
        ],
        &[("by.out", "turn.angle"), ("turn.bends", "wan.bends")],
    );
    moving.nodes.get_mut("turn").expect("a node").depths.insert("angle".into(), 1.0);
    near(&run(&compile(&moving), &mut Memory::default(), 0, 3), &plain, 0.25);
}

fn some_program() -> impl Strategy<Value = Program> {
    let knob = prop_oneof![Just(0.0), Just(1.0), -3.0..3.0_f64];
    let bends = prop::collection::vec((0_usize..4, 0_usize..2, knob.clone(), 0.0..=1.0_f64), 0..4);
    let texts = (0_usize..3, 0_usize..3, 0.0..=1.0_f64);
    (bends, texts).prop_map(|(drawn, (a, b, amount))| {
        let kinds = [
            ("bend.rotate", "angle", 60.0),
            ("bend.gain", "gain", 1.0),
            ("bend.noise", "sigma", 0.3),
            ("bend.blur", "sigma", 1.0),
        ];
        let sites = ["cross.map", "self.map"];
        let ids: Vec<String> = (0..drawn.len()).map(|i| format!("b{i}")).collect();
        let bends: Vec<_> = drawn
            .iter()
            .zip(&ids)
            .map(|(&(kind, site, x, amount), id)| {
                let (kind, knob, travel) = kinds[kind];
                (
                    id.as_str(),
                    kind,
                    json!({ knob: (x * travel).max(if knob == "sigma" { 0.0 } else { -1e3 }), "amount": amount,
                    "site": sites[site] }),
                )
            })
            .collect();
        let mut program = bent("", &bends);
        let Prompt { text, blend, .. } = Prompt::mix(PROMPTS[a].into(), PROMPTS[b].into(), amount, BlendMethod::Slerp);
        (program.prompt, program.blend) = (text, blend);
        program
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_distance_of_programs_is_one(a in some_program(), b in some_program(), c in some_program()) {
        prop_assert_eq!(a.distance(&a), 0.0);
        prop_assert_eq!(a.distance(&a.clone()), 0.0);
        let there_and_back = (a.distance(&b) - b.distance(&a)).abs();
        prop_assert!(there_and_back < 1e-12, "{}", there_and_back);
        prop_assert!(a.distance(&c) <= a.distance(&b) + b.distance(&c) + 1e-9, "a way over a third is never shorter");
        let most = 1 + a.bends.len() + b.bends.len();
        prop_assert!((0.0..=most as f64).contains(&a.distance(&b)));
        // Screen and messages do not count.
        let quiet = Program { taps: Vec::new(), screen: Vec::new(), seed: 5, switch: Some(Switch::Keep), ..a.clone() };
        prop_assert_eq!(quiet.distance(&b), a.distance(&b));
    }

    #[test]
    fn a_knob_that_is_turned_further_is_further_away(angle in 0.0..180.0_f64, more in 0.0..180.0_f64) {
        let turned = |angle: f64| bent("a", &[("turn", "bend.rotate", json!({ "angle": angle }))]);
        prop_assert!(turned(0.0).distance(&turned(angle + more)) >= turned(0.0).distance(&turned(angle)) - 1e-12);
    }

    #[test]
    fn a_list_that_is_pressed_counts_each_press(
        presses in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40), count in 1_usize..6, index in -9_i64..9,
    ) {
        let prompts: Vec<String> = (0..count).map(|i| format!("prompt {i}")).collect();
        let found = pressed(&prompts.join("|"), index as f64, &presses);
        let (mut place, mut before) = (index, (false, false));
        for (pressed, found) in presses.iter().zip(&found) {
            place += i64::from(pressed.0 && !before.0) - i64::from(pressed.1 && !before.1);
            before = *pressed;
            prop_assert_eq!(&found.0, &prompts[place.rem_euclid(count as i64) as usize]);
            prop_assert_eq!(found.1, count as f64);
        }
    }

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

    #[test]
    fn calls_of_any_length_begin_with_the_same_prompt(
        lengths in prop::collection::vec(1_usize..6, 1..8), seconds in 0.0..3.0_f64, policy in 0_usize..3, times in prop::collection::vec(1_u8..24, 1..5),
    ) {
        let text: Vec<String> = times.iter().enumerate().map(|(i, time)| format!("{time}: {}", PROMPTS[i % 4])).collect();
        let policy = ["hard", "recache", "crossfade"][policy];
        let params = json!({ "policy": policy, "crossfade": seconds });
        let patch = changing(&text.join("|"), &params);
        let (plan, mut memory, mut first) = (compile(&patch), Memory::default(), 0);
        let alone = by_frame(&patch, 48);
        for frames in lengths {
            let program = run(&plan, &mut memory, first, frames);
            let expected = &alone[first as usize];
            prop_assert_eq!((&program.prompt, &program.blend), (&expected.prompt, &expected.blend));
            first += frames as u64;
        }
        for program in &alone {
            let amount = program.blend.as_ref().map_or(0.0, |blend: &Blend| blend.amount);
            prop_assert!((0.0..=0.5).contains(&amount));
        }
    }
}
