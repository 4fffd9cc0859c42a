//! The policy of a changed prompt.

use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::program::Switch;
use bendrack_nodes::tick::Memory;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::patches::*;
use crate::patching::*;

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
    // c waits for the crossfade to b. d replaces it meanwhile, so the next crossfade goes to d.
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
    assert_eq!(
        (part(&program, "a"), memory.output("it", "changed")),
        (1.0, Some(1.0)),
        "the node remembers its last text"
    );
    assert_eq!(memory.output("another", "changed"), Some(0.0), "a new node begins without a change");
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
            let amount = program.blend.as_ref().map_or(0.0, |blend| blend.amount);
            prop_assert!((0.0..=0.5).contains(&amount));
        }
    }
}
