//! What every node obeys, and what a few of them give.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::library::family::FAMILIES;
use bendrack_nodes::node::def::{Curve, DefaultValue, Input};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::program::Site;
use bendrack_nodes::program::op::Form;
use bendrack_nodes::program::region::{Region, Shape};
use bendrack_nodes::program::source::Source;
use bendrack_nodes::tick::{Inputs, Measurements, Memory};
use serde_json::json;

use crate::params::*;
use crate::patching::*;

#[test]
fn names_are_unique_and_plain() {
    let plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let names: BTreeSet<_> = LIBRARY.iter().map(|def| def.name).collect();
    assert_eq!(names.len(), LIBRARY.len());
    for def in LIBRARY {
        assert!(def.name.split('.').count() == 2 && def.name.split('.').all(plain), "{}", def.name);
        let inputs: BTreeSet<_> = def.inputs.iter().map(|input| input.name).collect();
        let outputs: BTreeSet<_> = def.outputs.iter().map(|output| output.name).collect();
        assert_eq!(inputs.len(), def.inputs.len(), "{}", def.name);
        assert_eq!(outputs.len(), def.outputs.len(), "{}", def.name);
        assert!(inputs.iter().chain(&outputs).all(|name| plain(name)), "{}", def.name);
    }
}

#[test]
fn everything_is_explained_in_a_sentence() {
    for def in LIBRARY {
        let about = def.inputs.iter().map(|input| input.about).chain(def.outputs.iter().map(|output| output.about));
        for text in about.chain([def.about]) {
            assert!(text.ends_with('.') && text.len() > 8, "{}: {text:?}", def.name);
        }
        assert!(def.title.chars().next().is_some_and(char::is_uppercase), "{}", def.name);
    }
}

#[test]
fn help_names_latent_frames() {
    let families = ["modulate", "math", "logic", "time", "prompt", "target", "tap"];
    for def in LIBRARY.iter().filter(|def| families.contains(&def.family())) {
        let about = def.inputs.iter().map(|input| input.about).chain(def.outputs.iter().map(|output| output.about));
        for text in about.chain([def.about]) {
            let words: Vec<&str> = std::iter::once("").chain(text.split(' ')).collect();
            let frames = words.windows(2).filter(|pair| pair[1].to_lowercase().starts_with("frame"));
            for pair in frames {
                assert!(["latent", "Latent", "past"].contains(&pair[0]), "{}: {text}", def.name);
            }
        }
    }
}

#[test]
fn knobs_stay_within_their_limits() {
    for (def, input) in LIBRARY.iter().flat_map(|def| def.inputs.iter().map(move |input| (def, input))) {
        let at = format!("{} {}", def.name, input.name);
        assert!(input.hard.0 <= input.soft.0 && input.soft.0 < input.soft.1 && input.soft.1 <= input.hard.1, "{at}");
        match input.default {
            DefaultValue::Number(number) => assert!((input.hard.0..=input.hard.1).contains(&number), "{at}"),
            DefaultValue::Text(_) => assert_eq!(input.kind, Kind::Text, "{at}"),
            DefaultValue::Nothing => {
                assert!(input.direct || !matches!(input.kind, Kind::Number | Kind::Gate | Kind::Text), "{at}");
            }
        }
        assert!(input.curve == Curve::Linear || input.soft.0 > 0.0, "{at}");
    }
}

#[test]
fn every_family_is_declared_in_the_order_of_the_menu() {
    let mut names: Vec<&str> = Vec::new();
    for def in LIBRARY {
        if !names.contains(&def.family()) {
            names.push(def.family());
        }
    }
    assert_eq!(names, FAMILIES.iter().map(|family| family.name).collect::<Vec<_>>());
}

#[test]
fn every_file_is_in_the_library() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/library");
    let mut files = 0;
    for entry in std::fs::read_dir(library).expect("the library's folder") {
        let family = entry.expect("an entry").path();
        if family.is_dir() {
            let texts = std::fs::read_dir(&family).expect("a family's folder").map(|file| file.expect("a file").path());
            let texts = texts.map(|file| std::fs::read_to_string(file).expect("a text"));
            files += texts.filter(|text| text.contains("pub const NODE: NodeDef")).count();
        }
    }
    assert_eq!(files, LIBRARY.len(), "one file is one node, listed in LIBRARY");
}

#[test]
fn a_bend_at_its_defaults_leaves_the_program() {
    for def in LIBRARY {
        let program = run(&compile(&alone(def, json!({}))), &mut Memory::default(), 0, 3);
        assert!(program.bends.is_empty(), "{}: {program}", def.name);
    }
}

#[test]
fn a_bend_without_amount_or_bypassed_leaves_the_program() {
    for def in bends() {
        let bent = alone(def, moved(def));
        assert_eq!(run(&compile(&bent), &mut Memory::default(), 0, 3).bends.len(), 1, "{}", def.name);
        let mut dry = bent.clone();
        dry.nodes.get_mut("it").expect("the node").params.insert("amount".to_owned(), json!(0.0));
        assert!(run(&compile(&dry), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut bypassed = bent.clone();
        bypassed.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
        assert!(run(&compile(&bypassed), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
        let mut aimless = bent;
        aimless.nodes.insert("nowhere".to_owned(), node("target.layers", &json!({ "first": 5, "last": 2 })));
        aimless.cables.push(cable("nowhere.target", "it.target"));
        assert!(run(&compile(&aimless), &mut Memory::default(), 0, 3).bends.is_empty(), "{}", def.name);
    }
}

#[test]
fn a_bend_acts_at_the_site_that_is_chosen_in_a_form_that_acts_there() {
    for def in bends() {
        let bend = |more: &[(&str, serde_json::Value)]| {
            let mut bent = alone(def, moved(def));
            let params = &mut bent.nodes.get_mut("it").expect("the node").params;
            params.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            run(&compile(&bent), &mut Memory::default(), 0, 2).bends.remove(0)
        };
        let sites = def.input("site").map_or(&[][..], |(_, input)| input.choices);
        let chosen = sites.iter().map(|site| (bend(&[("site", json!(site))]), *site));
        let untouched = bend(&[]);
        let first = sites.first().copied().unwrap_or(untouched.site.name());
        for (bend, site) in chosen.chain([(untouched, first)]) {
            let at = format!("{} at {site}", def.name);
            assert_eq!(bend.site.name(), site, "{at}");
            let acts = match bend.op.form {
                Form::Grid(_) => bend.site.is_map() || !matches!(site, "self.value" | "cross.value"),
                Form::LogitWeight(_) | Form::Columns(_) | Form::MapNoise { .. } => bend.site.is_map(),
                Form::Transfer { .. } | Form::Freeze { .. } => bend.site == Site::CrossMap,
                Form::Position(_) => bend.site == Site::SelfPosition,
                Form::Tensor(_) => !bend.site.is_map() && bend.site != Site::SelfPosition,
            };
            assert!(acts, "{at}: {:?}", bend.op.form);
        }
        if def.input("renormalise").is_some() {
            let on = bend(&[("renormalise", json!(true)), ("site", json!("cross.map"))]);
            let renormalised = matches!(on.op.form, Form::LogitWeight(_))
                || find_lanes(&on, "renormalise").is_some_and(|on| on[0] == 1.0);
            assert!(renormalised, "{}", def.name);
        }
    }
}

#[test]
fn the_settings_of_a_bend_arrive_in_their_order() {
    for def in bends() {
        // Each knob at a value of its own; a switch or a choice is read as a whole number.
        let knobs = || def.inputs.iter().filter(|input| !matches!(input.name, "site" | "amount"));
        let value = |i: usize, input: &Input| match input.kind {
            Kind::Gate => Some((json!(true), 1.0)),
            Kind::Number if input.choices.is_empty() => {
                let x = input.soft.0 + (input.soft.1 - input.soft.0) * (i as f64 + 1.0) / 16.0;
                Some((json!(x), x))
            }
            Kind::Number => Some((json!(input.choices[1]), 1.0)),
            _ => None,
        };
        let set: Vec<_> =
            knobs().enumerate().filter_map(|(i, input)| value(i, input).map(|value| (input.name, value))).collect();
        let mut params = json!({ "words": "red" });
        for (name, (json, _)) in &set {
            params[name] = json.clone();
        }
        if def.input("words").is_none() {
            params.as_object_mut().expect("parameters").remove("words");
        }
        let bend = run(&compile(&alone(def, params)), &mut Memory::default(), 0, 1).bends.remove(0);
        for (name, (_, value)) in set.iter().filter(|(name, _)| find_lanes(&bend, name).is_some()) {
            assert_eq!(lanes_of(&bend, name)[0], *value, "{} {name}", def.name);
        }
        let silent = |name: &&str| find_lanes(&bend, name).is_none();
        let silent: Vec<_> = set.iter().map(|(name, _)| *name).filter(silent).collect();
        assert!(silent.is_empty() || silent == ["renormalise"], "{}: {silent:?} do nothing", def.name);
    }
}

#[test]
fn a_switch_that_a_cable_moves_is_on_or_off() {
    let flipped = patch(
        &[
            ("low", "control.number", json!({ "value": 0.3 })),
            ("high", "control.number", json!({ "value": 0.7 })),
            ("flip", "bend.flip", json!({})),
            ("wan", "model.wan", json!({})),
        ],
        &[("low.out", "flip.horizontal"), ("flip.bends", "wan.bends")],
    );
    assert!(run(&compile(&flipped), &mut Memory::default(), 0, 1).bends.is_empty(), "off is neutral");
    let mut on = flipped;
    on.cables[0] = cable("high.out", "flip.horizontal");
    let bend = run(&compile(&on), &mut Memory::default(), 0, 1).bends.remove(0);
    assert_eq!((lanes_of(&bend, "horizontal"), lanes_of(&bend, "vertical")), (&[1.0][..], &[0.0][..]));
}

#[test]
fn a_target_that_moves_splits_a_bend_into_one_for_each_place() {
    let bends = |aim: &str, knob: &str, params: serde_json::Value, wave: serde_json::Value| {
        let moved = patch(
            &[
                ("lfo", "modulate.lfo", wave),
                ("aim", aim, params),
                ("before", "bend.blur", json!({ "sigma": 1.0 })),
                ("it", "bend.gain", json!({ "gain": 2.0, "amount": 0.5 })),
                ("after", "bend.flip", json!({ "vertical": true })),
                ("wan", "model.wan", json!({})),
            ],
            &[
                ("lfo.out", &format!("aim.{knob}")),
                ("aim.target", "it.target"),
                ("before.bends", "it.bends"),
                ("it.bends", "after.bends"),
                ("after.bends", "wan.bends"),
            ],
        );
        let program = run(&compile(&moved), &mut Memory::default(), 0, 4);
        assert!(program.bends.iter().all(|bend| bend.params.iter().all(|(_, lanes)| lanes.len() == 4)), "{program}");
        let nodes: Vec<_> = program.bends.iter().map(|bend| bend.node.to_string()).collect();
        assert_eq!((nodes[0].as_str(), nodes[nodes.len() - 1].as_str()), ("before", "after"), "{program}");
        let parts = program.bends.iter().filter(|bend| &*bend.node == "it");
        parts.map(|bend| (bend.target.to_string(), bend.amount.to_vec())).collect::<Vec<_>>()
    };
    let part = |target: &str, amount: [f64; 4]| (target.to_owned(), amount.to_vec());
    // One cycle a second is a quarter of a cycle per latent frame; the knob travels 0 to 29.
    let square = json!({ "rate": 1.0, "shape": "square" });
    assert_eq!(
        bends("target.layers", "first", json!({ "last": 10 }), square.clone()),
        [part("layers 0-10", [0.5, 0.5, 0.0, 0.0]), part("layers 7-10", [0.0, 0.0, 0.5, 0.5])]
    );
    assert_eq!(
        bends("target.layers", "first", json!({ "last": 10 }), json!({ "rate": 2.0, "shape": "square" })),
        [part("layers 0-10", [0.5, 0.0, 0.5, 0.0]), part("layers 7-10", [0.0, 0.5, 0.0, 0.5])]
    );
    // A target that means nothing for a while is no part.
    assert_eq!(
        bends("target.layers", "first", json!({ "last": 3 }), square),
        [part("layers 0-3", [0.5, 0.5, 0.0, 0.0])]
    );
    let saw = json!({ "rate": 1.0, "shape": "saw_up", "depth": 4.0 });
    let places = bends("target.region", "x", json!({ "x": 0.0, "width": 0.2 }), saw);
    assert_eq!(
        places,
        [
            part("region rectangle 0.2×0.5 at 0,0.5", [0.5, 0.0, 0.0, 0.0]),
            part("region rectangle 0.2×0.5 at 0.25,0.5", [0.0, 0.5, 0.0, 0.0]),
            part("region rectangle 0.2×0.5 at 0.5,0.5", [0.0, 0.0, 0.5, 0.0]),
            part("region rectangle 0.2×0.5 at 0.75,0.5", [0.0, 0.0, 0.0, 0.5]),
        ]
    );
}

/// What a tap measures whose target comes from the output `aim.target` of these nodes.
fn aimed(nodes: &[(&str, &str, serde_json::Value)], cables: &[(&str, &str)]) -> String {
    let nodes: Vec<_> = nodes.iter().cloned().chain([("measured", "tap.map", json!({}))]).collect();
    let cables: Vec<_> = cables.iter().copied().chain([("aim.target", "measured.target")]).collect();
    let program = run(&compile(&patch(&nodes, &cables)), &mut Memory::default(), 0, 1);
    program.taps.iter().find(|tap| &*tap.node == "measured").expect("the tap").target.to_string()
}

#[test]
fn a_target_node_selects_by_its_knobs() {
    for (kind, params, selected) in [
        ("target.steps", json!({ "first": 1, "last": 2 }), "steps 1-2, pass denoise"),
        ("target.layers", json!({ "first": 4 }), "layers 4-end"),
        ("target.layers", json!({ "first": 1, "last": 9, "every": 4 }), "layers 1-9/4"),
        ("target.heads", json!({ "last": 1 }), "heads 0-1"),
        ("target.heads", json!({ "first": 1, "last": 11, "every": 2.4 }), "heads 1-11/2"),
        ("target.words", json!({}), "everything"),
        ("target.words", json!({ "words": "*" }), "everything"),
        ("target.words", json!({ "words": " red ,moving right,," }), "words red, moving right"),
        ("target.words", json!({ "words": "r*, <padding>" }), "words r*, <padding>"),
        ("target.words", json!({ "words": "," }), "nothing"),
        ("target.neurons", json!({}), "everything"),
        ("target.neurons", json!({ "first": 3, "last": 5 }), "neurons 3-5"),
        ("target.neurons", json!({ "most": 8 }), "neurons the 8 most active"),
        ("target.neurons", json!({ "last": 255, "most": 8 }), "neurons (0-255) and (the 8 most active)"),
        ("target.frames", json!({ "first": 1, "last": 2 }), "frames 1-2"),
        ("target.region", json!({}), "region rectangle 0.5×0.5 at 0.5,0.5"),
        (
            "target.region",
            json!({ "shape": "ellipse", "x": 0.25, "y": 1.0, "width": 0.1, "height": 2.0 }),
            "region ellipse 0.1×2 at 0.25,1",
        ),
        ("target.region", json!({ "width": 0.0 }), "nothing"),
        ("target.region", json!({ "shape": "map" }), "nothing"),
        ("target.pass", json!({}), "pass denoise"),
        ("target.pass", json!({ "pass": "cache" }), "pass cache"),
        ("target.union", json!({}), "everything"),
        ("target.invert", json!({}), "nothing"),
    ] {
        assert_eq!(aimed(&[("aim", kind, params.clone())], &[]), selected, "{kind} {params}");
    }
    let hot = [("aim", "target.region", json!({ "shape": "map", "threshold": 0.75 })), ("heat", "tap.map", json!({}))];
    assert_eq!(aimed(&hot, &[("heat.map", "aim.map")]), "region map of heat above 0.75");
}

#[test]
fn targets_are_narrowed_joined_and_turned_around() {
    let red = ("red", "target.words", json!({ "words": "red" }));
    let late = ("late", "target.layers", json!({ "first": 4, "last": 5 }));
    let within = [red.clone(), ("aim", "target.layers", json!({ "first": 4, "last": 5 }))];
    assert_eq!(aimed(&within, &[("red.target", "aim.within")]), "layers 4-5, words red");
    let again = [late.clone(), ("aim", "target.layers", json!({ "first": 5, "last": 9 }))];
    assert_eq!(aimed(&again, &[("late.target", "aim.within")]), "layers 5");
    let apart = [late.clone(), ("aim", "target.layers", json!({ "last": 3 }))];
    assert_eq!(aimed(&apart, &[("late.target", "aim.within")]), "nothing");
    let both = [("first", "target.pass", json!({})), ("aim", "target.pass", json!({ "pass": "cache" }))];
    assert_eq!(aimed(&both, &[("first.target", "aim.within")]), "nothing");

    let union = [red.clone(), late.clone(), ("aim", "target.union", json!({}))];
    let joined = [("red.target", "aim.a"), ("late.target", "aim.b")];
    assert_eq!(aimed(&union, &joined), "words red or layers 4-5, words not (red)");
    assert_eq!(aimed(&union, &[("red.target", "aim.a"), ("red.target", "aim.b")]), "words red");
    let sides = [
        ("left", "target.region", json!({ "x": 0.25, "width": 0.1 })),
        ("right", "target.region", json!({ "x": 0.75, "width": 0.1 })),
        ("aim", "target.union", json!({})),
    ];
    assert_eq!(
        aimed(&sides, &[("left.target", "aim.a"), ("right.target", "aim.b")]),
        "region rectangle 0.1×0.5 at 0.25,0.5 or \
         region (rectangle 0.1×0.5 at 0.75,0.5) and (not (rectangle 0.1×0.5 at 0.25,0.5))"
    );

    let not = |target: (&'static str, &'static str, serde_json::Value)| {
        let cable = format!("{}.target", target.0);
        aimed(&[target, ("aim", "target.invert", json!({}))], &[(&cable, "aim.target")])
    };
    assert_eq!(not(red.clone()), "words not (red)");
    assert_eq!(not(late.clone()), "layers 0-3,6-end");
    assert_eq!(not(("x", "target.heads", json!({ "first": 1, "last": 1 }))), "heads 0,2-end");
    assert_eq!(not(("x", "target.frames", json!({ "last": 0 }))), "frames 1-end");
    assert_eq!(not(("x", "target.neurons", json!({ "first": 8 }))), "neurons 0-7");
    assert_eq!(not(("x", "target.neurons", json!({ "most": 3 }))), "neurons not (the 3 most active)");
    assert_eq!(not(("x", "target.region", json!({ "y": 0.0 }))), "region not (rectangle 0.5×0.5 at 0.5,0)");
    assert_eq!(not(("x", "target.pass", json!({}))), "pass cache");
    assert_eq!(not(("x", "target.words", json!({}))), "nothing");
    assert_eq!(not(("x", "target.words", json!({ "words": "," }))), "everything");
    // The cache pass is none of the steps.
    assert_eq!(not(("x", "target.steps", json!({ "last": 1 }))), "pass cache or steps 2-end, pass denoise");
    let corner = [red, ("aim2", "target.layers", json!({ "last": 3 })), ("aim", "target.invert", json!({}))];
    let corner = aimed(&corner, &[("red.target", "aim2.within"), ("aim2.target", "aim.target")]);
    assert_eq!(corner, "layers 4-end or layers 0-3, words not (red)");
}

#[test]
fn a_tap_tells_the_mass_of_all_parts_of_a_region() {
    let mass = |cables: &[(&str, &str)]| {
        let nodes = [
            ("left", "target.region", json!({ "x": 0.25, "width": 0.1 })),
            ("right", "target.region", json!({ "x": 0.75, "width": 0.1 })),
            ("red", "target.words", json!({ "words": "red" })),
            ("both", "target.union", json!({})),
            ("rest", "target.invert", json!({})),
            ("map", "tap.map", json!({})),
        ];
        run(&compile(&patch(&nodes, cables)), &mut Memory::default(), 0, 1).taps[0].region.clone()
    };
    let at = |region: &Region, x: f64| region.weight(&mut |shape: &Shape| shape.weight((x, 0.5), |_| None));
    assert!(mass(&[]).is_all() && mass(&[("red.target", "map.region")]).is_all());
    assert!(mass(&[("rest.target", "map.region")]).is_none());
    let left = mass(&[("left.target", "map.region")]);
    assert_eq!(left.to_string(), "rectangle 0.1×0.5 at 0.25,0.5");
    let union = [("left.target", "both.a"), ("right.target", "both.b")];
    let both = mass(&[&union[..], &[("both.target", "map.region")]].concat());
    assert_eq!([0.25, 0.5, 0.75].map(|x| at(&both, x)), [1.0, 0.0, 1.0], "{both}");
    let rest = mass(&[&union[..], &[("both.target", "rest.target"), ("rest.target", "map.region")]].concat());
    assert_eq!([0.25, 0.5, 0.75].map(|x| at(&rest, x)), [0.0, 1.0, 0.0], "{rest}");
}

#[test]
fn an_lfo_gives_its_wave_per_frame() {
    let lfo = |params| output(&[("lfo", "modulate.lfo", params)], &[], "lfo.out", 5);
    // One cycle a second is a quarter of a cycle per latent frame.
    assert_near(&lfo(json!({ "rate": 1.0 })), &[0.0, 0.5, 1.0, 0.5, 0.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "polarity": "bipolar", "depth": 30.0 })), &[-30.0, 0.0, 30.0, 0.0, -30.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "saw_up" })), &[0.0, 0.25, 0.5, 0.75, 0.0]);
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "saw_down", "offset": 1.0 })), &[2.0, 1.75, 1.5, 1.25, 2.0]);
    assert_near(
        &lfo(json!({ "rate": 1.0, "shape": "triangle", "width": 0.25 })),
        &[0.0, 1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
    );
    assert_near(&lfo(json!({ "rate": 1.0, "shape": "square" })), &[0.0, 0.0, 1.0, 1.0, 0.0]);
    let steps = lfo(json!({ "rate": 2.0, "shape": "sample_hold" }));
    assert!(steps[0] == steps[1] && steps[2] == steps[3] && steps[0] != steps[2], "{steps:?}");
}

#[test]
fn slew_and_envelope_take_their_time() {
    let number = |value: f64| ("n", "control.number", json!({ "value": value }));
    let slewed = output(
        &[
            ("lfo", "modulate.lfo", json!({ "rate": 0.5, "shape": "square" })),
            ("s", "modulate.slew", json!({ "rise": 0.5, "fall": 0.0 })),
        ],
        &[("lfo.out", "s.in")],
        "s.out",
        9,
    );
    // Up after four frames of 0.25 s; after half a second it is 90 % there.
    assert_near(&slewed[..4], &[0.0; 4]);
    assert_near(&slewed[5..6], &[0.9]);
    assert_near(&slewed[8..], &[0.0]);
    let envelope = output(
        &[number(1.0), ("e", "modulate.envelope", json!({ "attack": 0.5, "decay": 0.5, "sustain": 0.25 }))],
        &[("n.out", "e.gate")],
        "e.out",
        5,
    );
    assert_near(&envelope, &[0.5, 1.0, 0.5, 0.25, 0.25]);
}

#[test]
fn a_cable_moves_a_knob_by_its_depth_and_gives_signals_as_they_are() {
    let angle = |depth: Option<f64>| {
        let mut patch = patch(
            &[
                ("n", "control.number", json!({ "value": 0.5 })),
                ("r", "bend.rotate", json!({ "angle": 10.0 })),
                ("wan", "model.wan", json!({})),
            ],
            &[("n.out", "r.angle"), ("r.bends", "wan.bends")],
        );
        patch.apply(LevelEdit::SetDepth { id: "r".to_owned(), name: "angle".to_owned(), depth }).expect("an edit");
        lanes_of(&run(&compile(&patch), &mut Memory::default(), 0, 2).bends[0], "angle").to_vec()
    };
    // The knob travels 360°.
    assert_near(&angle(None), &[55.0, 55.0]);
    assert_near(&angle(Some(-1.0)), &[-170.0, -170.0]);
    assert_near(&output(&[("n", "control.number", json!({ "value": 0.5 }))], &[], "n.out", 1), &[0.5]);
}

#[test]
fn math_without_a_result_keeps_the_last_one() {
    let divided = output(
        &[
            ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "depth": 4.0 })),
            ("one", "control.number", json!({ "value": 1.0 })),
            ("m", "math.math", json!({ "op": "divide" })),
        ],
        &[("one.out", "m.a"), ("lfo.out", "m.b")],
        "m.out",
        5,
    );
    assert_near(&divided[1..], &[1.0, 0.5, 1.0 / 3.0, 1.0 / 3.0]);
}

#[test]
fn an_output_without_a_result_keeps_its_last_one_from_call_to_call() {
    // The divisor is 0 in the first frame of each second call of four.
    let nodes = [
        ("lfo", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "depth": 4.0 })),
        ("one", "control.number", json!({ "value": 1.0 })),
        ("m", "math.math", json!({ "op": "divide" })),
        ("send", "osc.out", json!({ "value": 0.125 })),
    ];
    let mut divided = patch(&nodes, &[("one.out", "m.a"), ("lfo.out", "m.b"), ("m.out", "send.value")]);
    let mut memory = Memory::default();
    let sent =
        |patch: &Patch, memory: &mut Memory, first| run(&compile(patch), memory, first, 4).messages[0].values.clone();
    assert_near(&sent(&divided, &mut memory, 0), &[0.125, 1.0, 0.5, 1.0 / 3.0]);
    let before = memory.clone();
    assert_near(&sent(&divided, &mut memory, 4), &[1.0 / 3.0, 1.0, 0.5, 1.0 / 3.0]);
    // The same again from the same memory, and over an edit.
    divided.apply(LevelEdit::RemoveNode { id: "one".to_owned() }).expect("an edit");
    divided.nodes.get_mut("m").expect("the node").params.insert("a".to_owned(), json!(2.0));
    assert_near(&sent(&divided, &mut before.clone(), 4), &[1.0 / 3.0, 2.0, 1.0, 2.0 / 3.0]);
}

#[test]
fn the_range_of_a_heatmap_is_the_frames_a_running_one_or_fixed() {
    let ranges = |params: serde_json::Value, measured: &[(f64, f64)]| -> Vec<Option<(f64, f64)>> {
        let patch = patch(
            &[("map", "tap.map", json!({})), ("heat", "output.heatmap", params), ("out", "output.screen", json!({}))],
            &[("map.map", "heat.map"), ("heat.picture", "out.picture")],
        );
        let (plan, mut memory) = (compile(&patch), Memory::default());
        let call = |(call, (low, high)): (usize, &(f64, f64))| {
            let numbers = BTreeMap::from([("min", *low), ("max", *high)]);
            let measurements = Measurements::from([("map".into(), numbers)]);
            let inputs =
                Inputs { lanes: &[], measurements: &measurements, first_frame: 3 * call as u64, dt_secs: DT_SECS };
            match &*plan.program(&inputs, &mut memory, 3).screen[2] {
                Source::Heatmap { range, .. } => *range,
                other => panic!("{other:?}"),
            }
        };
        measured.iter().enumerate().map(call).collect()
    };
    let measured = [(0.2, 0.4), (0.1, 0.9), (0.3, 0.5), (0.3, 0.5)];
    assert_eq!(ranges(json!({}), &measured), [None; 4]);
    let fixed = ranges(json!({ "range": "fixed", "low": 0.25, "high": 0.5 }), &measured);
    assert_eq!(fixed, [Some((0.25, 0.5)); 4]);
    let running: Vec<(f64, f64)> =
        ranges(json!({ "range": "running" }), &measured).into_iter().map(|range| range.expect("a range")).collect();
    assert_eq!(running[..2], [(0.2, 0.4), (0.1, 0.9)], "it widens at once");
    let narrows = |a: (f64, f64), b: (f64, f64)| a.0 < b.0 && b.0 < 0.3 && a.1 > b.1 && b.1 > 0.5;
    assert!(narrows(running[1], running[2]) && narrows(running[2], running[3]), "and narrows slowly: {running:?}");
}
