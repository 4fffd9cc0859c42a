//! The list of prompts.

use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::Code;
use bendrack_nodes::input::Controls;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use proptest::prelude::*;
use serde_json::json;

use super::patches::*;
use crate::patching::*;

/// Prompt and count of a list per frame, with the states of next and previous in each frame.
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
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: frame as u64,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
}
