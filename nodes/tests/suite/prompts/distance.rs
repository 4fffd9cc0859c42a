//! The distance of programs.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::program::prompt::Prompt;
use bendrack_nodes::program::{BlendMethod, Program, Switch};
use bendrack_nodes::tick::Memory;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::patches::*;
use crate::patching::*;

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
    // A choice counts in proportion to the strength of its bend.
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
    fn the_distance_of_programs_is_a_metric(a in some_program(), b in some_program(), c in some_program()) {
        prop_assert_eq!(a.distance(&a), 0.0);
        prop_assert_eq!(a.distance(&a.clone()), 0.0);
        let there_and_back = (a.distance(&b) - b.distance(&a)).abs();
        prop_assert!(there_and_back < 1e-12, "{}", there_and_back);
        prop_assert!(a.distance(&c) <= a.distance(&b) + b.distance(&c) + 1e-9, "the triangle inequality");
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
}
