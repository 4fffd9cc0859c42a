//! The crossfade of two prompts.

use std::collections::BTreeMap;

use bendrack_nodes::patch::LevelEdit;
use bendrack_nodes::program::BlendMethod;
use bendrack_nodes::tick::Memory;
use serde_json::json;

use super::patches::*;
use crate::patching::*;

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
    // A mix of a mix takes the nearer text of its input. Bypassed, the node passes its first input.
    let mut nested = prompting("prompt.crossfade", &json!({ "b": "green", "amount": 0.25 }));
    nested.nodes.insert("before".into(), node("prompt.crossfade", &json!({ "a": "red", "b": "blue", "amount": 0.75 })));
    nested.cables.push(cable("before.text", "it.a"));
    assert_eq!(parts(&by_frame(&nested, 1)[0]), BTreeMap::from([("blue".into(), 0.75), ("green".into(), 0.25)]));
    nested.apply(LevelEdit::Bypass { id: "it".into(), bypass: true }).expect("an edit");
    assert_eq!(part(&by_frame(&nested, 1)[0], "blue"), 0.75, "a bypass passes the whole mix");
}
