//! Targets: of bends, and of taps.

use bendrack_nodes::program::region::{Region, Shape};
use bendrack_nodes::tick::Memory;
use serde_json::json;

use crate::patching::*;

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
    // A frame with an empty target adds no part.
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
        ("target.schedule", json!({}), "everything"),
        ("target.schedule", json!({ "layers": "none" }), "nothing"),
        ("target.schedule", json!({ "layers": "1-2: 4-end" }), "steps 1-2, layers 4-end, pass denoise"),
        ("target.schedule", json!({ "layers": "0: all\ncache: 3" }), "steps 0, pass denoise or layers 3, pass cache"),
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
