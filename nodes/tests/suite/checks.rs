//! Output of `bendrack check`: all problems at once, each with its place and the next step.

use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::compile::plan::{Denoising, Plan};
use bendrack_nodes::diagnostics::{Code, Problem, Severity};
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Scheduler;
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use serde_json::{Value as Json, json};

use crate::patching::*;

/// A patch with this in it.
pub fn with(more: Json) -> Json {
    let mut patch = json!({ "format": "bendrack-patch", "version": 1, "nodes": {} });
    let Json::Object(more) = more else { panic!("an object") };
    patch.as_object_mut().expect("an object").extend(more);
    patch
}

pub fn problems(patch: &Json) -> Vec<Problem> {
    check(patch.to_string().as_bytes(), LIBRARY)
}

/// Code, severity and pointer of each problem, sorted by the pointer.
fn reported(patch: &Json) -> Vec<(Code, Severity, String)> {
    let mut reported: Vec<_> =
        problems(patch).into_iter().map(|problem| (problem.code, problem.severity, problem.pointer)).collect();
    reported.sort_by(|a, b| a.2.cmp(&b.2));
    reported
}

fn error(code: Code, pointer: &str) -> (Code, Severity, String) {
    (code, Severity::Error, pointer.to_owned())
}

fn warning(code: Code, pointer: &str) -> (Code, Severity, String) {
    (code, Severity::Warning, pointer.to_owned())
}

/// The problem at a pointer.
fn at(problems: &[Problem], pointer: &str) -> Problem {
    let found = problems.iter().find(|problem| problem.pointer == pointer);
    found.unwrap_or_else(|| panic!("nothing at {pointer}: {problems:?}")).clone()
}

#[test]
fn one_thing_that_cannot_be_read_hides_no_other() {
    let patch = with(json!({
        "engine": { "seed": -1, "tempo": "fast" },
        "nodes": {
            "l": { "type": "modulate.lof" },
            "r": { "type": "bend.rotate", "params": { "angel": 3 }, "depths": { "angle": "0.5", "amont": 0.5 } },
            "c": { "type": "control.knob" },
            "gone": { "type": 5 }
        },
        "cables": [
            { "form": "c.out", "to": "r.amount" },
            { "from": "c.out", "to": "r.angle" },
            { "from": "c.out", "to": "r.angle" },
            { "from": "gone.out", "to": "r.amount" },
            { "from": "c.uot", "to": "r.amount" }
        ],
        "snapshots": [{ "nme": "x", "values": {} }, { "name": "x", "values": { "c.vlue": 1 } }]
    }));
    assert_eq!(
        reported(&patch),
        [
            error(Code::NotAPatch, "/cables/0"),
            error(Code::TwoCables, "/cables/2/to"),
            error(Code::NoSuchPort, "/cables/4/from"),
            error(Code::NotAPatch, "/engine/seed"),
            error(Code::NotAPatch, "/engine/tempo"),
            error(Code::NotAPatch, "/nodes/gone/type"),
            warning(Code::UnknownNode, "/nodes/l/type"),
            warning(Code::UnknownParameter, "/nodes/r/depths/amont"),
            error(Code::NotAPatch, "/nodes/r/depths/angle"),
            warning(Code::UnknownParameter, "/nodes/r/params/angel"),
            error(Code::NotAPatch, "/snapshots/0"),
            warning(Code::NoSuchPort, "/snapshots/1/values/c.vlue"),
        ]
    );
    let problems = problems(&patch);
    assert_eq!(at(&problems, "/cables/0").suggestion.as_deref(), Some("from"));
    assert!(at(&problems, "/cables/0").message.contains("found \"form\" instead"));
    assert!(at(&problems, "/nodes/r/depths/angle").message.contains("write 0.5 without quotes"));
    assert!(Patch::read(patch.to_string().as_bytes()).0.is_none(), "opening is as strict as it was");
    // Keys that are there twice, and a definition with a part that cannot be read.
    let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": { "i": { "type": "sub.d", "params": { "k": 1, "k": "x" } } },
      "definitions": { "d": { "inputs": [7, { "name": "k", "to": ["n.value", "n"] }], "nodes": { "n": { "type": "control.knob" } } } } }"#;
    let mut pointers: Vec<_> = check(text.as_bytes(), LIBRARY).into_iter().map(|problem| problem.pointer).collect();
    pointers.sort();
    assert_eq!(
        pointers,
        ["/definitions/d/inputs/0", "/definitions/d/inputs/1/to/1", "/nodes/i/params/k", "/nodes/i/params/k"]
    );
}

#[test]
fn maps_and_snapshots_are_looked_at_like_parameters() {
    let map =
        |cc: u8, to: &str, range: Json| json!({ "kind": "cc", "channel": 1, "number": cc, "to": to, "range": range });
    let patch = with(json!({
        "nodes": {
            "l": { "type": "modulate.lfo" }, "p": { "type": "prompt.text" }, "b": { "type": "control.button" },
            "i": { "type": "sub.d" }, "later": { "type": "future.node", "v": 9 }
        },
        "definitions": { "d": {
            "inputs": [{ "name": "k", "to": ["n.value"] }], "nodes": { "n": { "type": "control.knob" } }
        } },
        "maps": [
            map(1, "i.kk", json!([0, 1])),
            map(2, "p.text", json!([0, 1])),
            map(3, "b.on", json!([0, 1])),
            map(4, "l.rate", json!([0, 1000])),
            map(5, "l.phase", json!([0, 1])),
            map(5, "l.phase", json!([1, 0])),
            map(7, "i.k", json!([0, 2])),
            map(8, "later.x", json!([0, 1])),
            map(200, "l.width", json!([0.2, 0.8])),
        ],
        "snapshots": [
            { "name": "a", "values": {
                "l.rae": 2, "l.rate": "fast", "l.shape": "sin", "l.width": 44, "i.zz": 3, "i.k": "0.5", "b.on": 1,
                "p.text": "red", "later.x": {}
            } },
            { "name": "a", "values": {} }
        ]
    }));
    assert_eq!(
        reported(&patch),
        [
            warning(Code::NoSuchPort, "/maps/0/to"),
            warning(Code::NoEffect, "/maps/1/to"),
            warning(Code::OutOfRange, "/maps/3/range"),
            warning(Code::NoEffect, "/maps/4/to"),
            warning(Code::OutOfRange, "/maps/6/range"),
            warning(Code::OutOfRange, "/maps/8/number"),
            warning(Code::UnknownNode, "/nodes/later/type"),
            warning(Code::BadValue, "/snapshots/0/values/b.on"),
            warning(Code::BadValue, "/snapshots/0/values/i.k"),
            warning(Code::NoSuchPort, "/snapshots/0/values/i.zz"),
            warning(Code::NoSuchPort, "/snapshots/0/values/l.rae"),
            warning(Code::BadValue, "/snapshots/0/values/l.rate"),
            warning(Code::BadValue, "/snapshots/0/values/l.shape"),
            warning(Code::OutOfRange, "/snapshots/0/values/l.width"),
            warning(Code::DuplicateName, "/snapshots/1/name"),
        ]
    );
    let problems = problems(&patch);
    assert_eq!(at(&problems, "/snapshots/0/values/l.shape").suggestion.as_deref(), Some("sine"));
    assert!(at(&problems, "/maps/8/number").message.contains("has no effect"));
}

#[test]
fn a_mapped_controller_presses_a_button_from_half_of_its_range() {
    let presses = |range: [f64; 2], positions: &[f64]| {
        let mut patch = patch(&[("b", "control.button", json!({ "on": true }))], &[]);
        let map = json!({ "channel": 1, "cc": 3, "to": "b.on", "range": range });
        patch.maps.push(serde_json::from_value(map).expect("a map"));
        let (plan, measurements, mut memory) = (compile(&patch), Measurements::new(), Memory::default());
        let press = |position: &f64| {
            let moved = (*position >= 0.0).then_some(Event::cc(1, 3, *position));
            let lanes = [Arc::new(Controls::from_iter(moved))];
            let inputs = Inputs {
                lanes: &lanes,
                measurements: &measurements,
                first_frame: 0,
                dt_secs: DT_SECS,
                step: DenoisingStep::default(),
            };
            plan.program(&inputs, &mut memory, 1);
            memory.output("b", "gate")
        };
        positions.iter().map(press).collect::<Vec<_>>()
    };
    let (on, off) = (Some(1.0), Some(0.0));
    // Below 0 stands for no message yet: the button keeps its parameter.
    let positions = [-1.0, 0.0, 1.0, 0.49, 64.0 / 127.0, 0.0];
    assert_eq!(presses([0.0, 1.0], &positions), [on, off, on, off, on, off]);
    assert_eq!(presses([0.0, 127.0], &positions), [on, off, on, off, on, off]);
    assert_eq!(presses([1.0, 0.0], &positions), [on, on, off, on, off, on]);
}

/// A definition with mistakes in its ports.
fn mistaken() -> Json {
    json!({
        "inputs": [
            { "name": "k", "to": ["n.vlue"] }, { "name": "k", "to": ["n.value"] }, { "name": "o", "to": ["n.out"] },
            { "name": "w", "to": ["inner.zz"] }
        ],
        "outputs": [{ "name": "o", "from": "n.nope" }, { "name": "p", "from": "m.out" }],
        "nodes": { "n": { "type": "control.knob" }, "inner": { "type": "sub.inner" } }
    })
}

#[test]
fn ports_of_definitions_are_looked_at_where_they_are_written() {
    let reported_of = |nodes: Json, cables: Json| {
        let definitions = json!({ "d": mistaken(), "inner": { "inputs": [{ "name": "z", "to": ["m.in"] }] } });
        with(json!({ "nodes": nodes, "cables": cables, "definitions": definitions }))
    };
    let used = reported_of(
        json!({ "a": { "type": "sub.d", "params": { "k": 0.5 } }, "b": { "type": "sub.d" } }),
        json!([{ "from": "a.o", "to": "b.k" }]),
    );
    let ports = |severity| {
        [
            (Code::NoSuchPort, severity, "/definitions/d/inputs/0/to/0".to_owned()),
            warning(Code::DuplicateName, "/definitions/d/inputs/1/name"),
            (Code::NoSuchPort, severity, "/definitions/d/inputs/2/to/0".to_owned()),
            (Code::NoSuchPort, severity, "/definitions/d/inputs/3/to/0".to_owned()),
            (Code::NoSuchPort, severity, "/definitions/d/outputs/0/from".to_owned()),
            (Code::NoSuchNode, severity, "/definitions/d/outputs/1/from".to_owned()),
            (Code::NoSuchNode, severity, "/definitions/inner/inputs/0/to/0".to_owned()),
        ]
    };
    assert_eq!(reported(&used), ports(Severity::Error));
    let problems = problems(&used);
    assert_eq!(at(&problems, "/definitions/d/inputs/0/to/0").suggestion.as_deref(), Some("value"));
    assert_eq!(
        at(&problems, "/definitions/d/inputs/2/to/0").message,
        "Knob has no input \"out\": out is an output; choose value"
    );
    assert_eq!(at(&problems, "/definitions/d/outputs/0/from").message, "Knob has no output \"nope\"; choose out");
    let unused = reported_of(json!({}), json!([]));
    assert_eq!(reported(&unused), ports(Severity::Warning));
    let patch = Patch::from_json(&unused.to_string()).expect("a patch");
    assert!(Plan::compile(&patch, LIBRARY).0.is_some(), "it runs");
    // What is within an unused one keeps no patch from running either.
    let draft = json!({ "draft": {
        "nodes": { "n": { "type": "control.knob", "params": { "value": "0.5" } }, "me": { "type": "sub.draft" } },
        "cables": [{ "from": "x.y", "to": "n.value" }]
    } });
    let draft = with(json!({ "definitions": draft }));
    assert_eq!(
        reported(&draft),
        [
            warning(Code::NoSuchNode, "/definitions/draft/cables/0/from"),
            warning(Code::Circle, "/definitions/draft/nodes/me/type"),
            warning(Code::BadValue, "/definitions/draft/nodes/n/params/value"),
        ]
    );
}

#[test]
fn keys_colours_and_thumbnails_are_looked_at() {
    let patch = |thumbnail: &str, colour: &str| {
        with(json!({
            "meta": { "thumbnail": thumbnail },
            "nodes": { "l": { "type": "modulate.lfo" } },
            "definitions": { "d": {
                "inputs": [{ "name": "k", "to": ["n.value"], "abuot": "" }],
                "outputs": [{ "name": "k", "from": "n.out", "hue": 1 }],
                "nodes": { "n": { "type": "control.knob" } }, "layout": { "n": { "pos": [0, 0], "ops": 1 } }
            } },
            "frames": [{ "title": "x", "pos": [0, 0], "size": [1, 1], "color": "#fff", "colour": colour }],
            "layout": { "l": { "pos": [1, 2], "collapsed": true } },
            "devices": { "c": { "kind": "midi_in", "labl": "x", "match": { "nam": "x" } } }
        }))
    };
    let keys = [
        "/definitions/d/inputs/0/abuot",
        "/definitions/d/layout/n/ops",
        "/definitions/d/outputs/0/hue",
        "/devices/c/labl",
        "/devices/c/match/nam",
        "/frames/0/color",
        "/layout/l/collapsed",
    ];
    let mut expected: Vec<_> = keys.iter().map(|key| warning(Code::UnknownKey, key)).collect();
    let fine = patch("iVBORw0KGgoAAAA=", "#33aaFF");
    assert_eq!(reported(&fine), expected);
    let problems = problems(&fine);
    for (key, suggested) in [(keys[0], "about"), (keys[3], "label"), (keys[4], "name"), (keys[5], "colour")] {
        assert_eq!(at(&problems, key).suggestion.as_deref(), Some(suggested), "{key}");
    }
    expected.insert(6, warning(Code::BadValue, "/frames/0/colour"));
    expected.push(warning(Code::BadValue, "/meta/thumbnail"));
    assert_eq!(reported(&patch("zzz", "blue")), expected);
    assert_eq!(reported(&patch("iVBORw0KGgo zzz", "#12345")), expected);
}

#[test]
fn depths_and_addresses_that_do_nothing_are_warned_of() {
    let patch = with(json!({
        "nodes": {
            "l": { "type": "modulate.lfo", "depths": { "rate": 0.5, "reset": 0.5, "shape": 0.5 } },
            "m": { "type": "math.math", "depths": { "a": 0.5 } },
            "t": { "type": "prompt.text", "depths": { "text": 0.5 } },
            "i": { "type": "sub.d", "depths": { "reset": 0.5, "both": 2.0 } },
            "empty": { "type": "osc.in", "params": { "address": "" } },
            "bare": { "type": "osc.out", "params": { "address": "bend/1" } },
            "fine": { "type": "osc.out", "params": { "address": "/bend/1" } }
        },
        "definitions": { "d": {
            "inputs": [{ "name": "reset", "to": ["l.reset"] }, { "name": "both", "to": ["l.reset", "l.rate"] }],
            "nodes": { "l": { "type": "modulate.lfo" } }
        } }
    }));
    assert_eq!(
        reported(&patch),
        [
            warning(Code::NoEffect, "/nodes/bare/params/address"),
            warning(Code::NoEffect, "/nodes/empty/params/address"),
            warning(Code::OutOfRange, "/nodes/i/depths/both"),
            warning(Code::NoEffect, "/nodes/i/depths/reset"),
            warning(Code::NoEffect, "/nodes/l/depths/reset"),
            warning(Code::NoEffect, "/nodes/m/depths/a"),
            warning(Code::NoEffect, "/nodes/t/depths/text"),
        ]
    );
}

#[test]
fn pointers_are_escaped_and_found() {
    let text = "{\"format\":\"bendrack-patch\",\"version\":1,\n\"x\":{\"a\":1},\n\"definitions\":{\"d~\":{\"nodes\":{\"k/1\":{\"type\":\"control.knob\",\n\"a/b~c\":1}}}}}";
    let problems = check(text.as_bytes(), LIBRARY);
    let problem = at(&problems, "/definitions/d~0/nodes/k~11/a~1b~0c");
    assert_eq!(problem.span.map(|place| (place.line, place.column)), Some((4, 1)));
}

#[test]
fn invalid_versions_and_tempi_are_reported() {
    let head = |head: Json| {
        let problems = check(head.to_string().as_bytes(), LIBRARY);
        assert!(Patch::read(head.to_string().as_bytes()).0.is_none(), "{head}");
        let problem = problems.first().expect("a problem").clone();
        assert_eq!(problems.len(), 1, "{problems:?}");
        (problem.code, problem.pointer, problem.message)
    };
    for version in [json!(0), json!(1.5), json!("1"), json!(-1), json!(null)] {
        let (code, pointer, message) = head(json!({ "format": "bendrack-patch", "version": version, "nodes": {} }));
        assert_eq!((code, &*pointer), (Code::NotAPatch, "/version"));
        assert_eq!(message, format!("{version} is not a format version; write \"version\": 1"));
    }
    assert_eq!(head(json!({ "format": "bendrack-patch", "version": 2, "nodes": {} })).0, Code::LaterVersion);
    for missing in [json!({ "nodes": {} }), json!({ "format": "bendrack-patch" }), json!({ "version": 1, "nodes": {} })]
    {
        let (code, _, message) = head(missing);
        assert_eq!(code, Code::NotAPatch);
        assert!(message.ends_with("write \"format\": \"bendrack-patch\", \"version\": 1"), "{message}");
    }
    for (tempo, used, note) in [(-5000.0, 1.0, "; 1 is used"), (1e9, 1000.0, "; 1000 is used")] {
        let problem = at(&problems(&with(json!({ "engine": { "tempo": tempo } }))), "/engine/tempo");
        assert!(problem.code == Code::OutOfRange && problem.message.ends_with(note), "{problem}");
        let mut patch = patch(
            &[("e", "math.expression", json!({ "formula": "beat" })), ("o", "osc.out", json!({}))],
            &[("e.out", "o.value")],
        );
        patch.engine.tempo = tempo;
        let program = run(&compile(&patch), &mut Memory::default(), 0, 2);
        assert_near(&program.messages[0].values, &[0.0, DT_SECS * used / 60.0]);
    }
    for (steps, used, note) in [(0, 1, "; 1 is used"), (1000, 100, "; 100 is used")] {
        let problem = at(&problems(&with(json!({ "engine": { "steps": steps } }))), "/engine/steps");
        assert!(problem.code == Code::OutOfRange && problem.message.ends_with(note), "{problem}");
        let mut patch = patch(&[], &[]);
        patch.engine.steps = Some(steps);
        assert_eq!(compile(&patch).denoising().steps, Some(used));
    }
    for (key, value, used) in [
        ("length", json!(80), json!(77)),
        ("length", json!(0), json!(1)),
        ("length", json!(9000), json!(1201)),
        ("shift", json!(0), json!(0.01)),
        ("guidance", json!(-1e9), json!(-100)),
    ] {
        let problem = at(&problems(&with(json!({ "engine": { key: value } }))), &format!("/engine/{key}"));
        let note = problem.message.contains(&used.to_string()) && problem.code == Code::OutOfRange;
        assert!(note, "{key} {value}: {problem}");
    }
    let clip = json!({ "length": 81, "scheduler": "dpm++", "shift": 3, "guidance": 6.5 });
    let (plan, problems) =
        Plan::compile(&serde_json::from_value(with(json!({ "engine": clip }))).expect("a patch"), LIBRARY);
    let wanted = Denoising {
        steps: None,
        clip: Some(21),
        scheduler: Some(Scheduler::DpmPp),
        shift: Some(3.0),
        guidance: Some(6.5),
    };
    assert_eq!((plan.expect("a plan").denoising(), problems), (wanted, Vec::new()));
}

#[test]
fn invalid_json_is_reported_with_its_correction() {
    let first = |bytes: &[u8]| {
        let problem = check(bytes, LIBRARY).into_iter().next().expect("a problem");
        let place = problem.span.expect("a place");
        (problem.message, place.line, place.column)
    };
    let (message, line, column) = first(b"{ \"nodes\": {\n  \"a\": 1 ,\n} }");
    assert_eq!((message.contains("comma"), line, column), (true, 2, 10), "{message}");
    let (message, line, column) = first(b"{ \"a\": 1, // one\n \"b\": 2 }");
    assert_eq!((message.contains("no comments"), line, column), (true, 1, 11), "{message}");
    let (message, line, column) = first(b"{\n \"title\": \"caf\xe9\" }");
    assert_eq!((line, column), (2, 15), "{message}");
    assert!(message.starts_with("line 2: byte 17 "), "{message}");
    assert!(first(b"\xff\xfe{\0}\0").0.contains("UTF-16"));
    assert!(first(b"").0.contains("empty"));
    assert!(first(b"{ \"a\": [1, 2").0.contains("ends inside"));
}

#[test]
fn the_nearest_name_is_suggested() {
    let lfo = json!({ "type": "modulate.lfo", "params": { "rate": "0.5", "RATE": 1 } });
    let patch = with(json!({
        "nodes": {
            "l": lfo, "r": { "type": "bend.rotate" }, "m": { "type": "lfo" }, "n": { "type": "LFO" },
            "s": { "type": "screen" }, "v": { "type": "future.node", "v": 2 }, "g": { "type": "control.button", "params": { "on": "true" } }
        },
        "cables": [
            { "from": "l.output", "to": "r.angel" }, { "from": "l.out", "to": "r.angel" },
            { "from": "r.angle", "to": "r.amount" }, { "from": "l.out", "to": "r.OUT" }
        ]
    }));
    let problems = problems(&patch);
    let suggested = |pointer: &str| at(&problems, pointer).suggestion;
    for (pointer, known) in [
        ("/cables/0/from", "out"),
        ("/cables/1/to", "angle"),
        ("/nodes/m/type", "modulate.lfo"),
        ("/nodes/n/type", "modulate.lfo"),
        ("/nodes/s/type", "output.screen"),
        ("/nodes/l/params/RATE", "rate"),
    ] {
        assert_eq!(suggested(pointer).as_deref(), Some(known), "{pointer}");
    }
    let message = |pointer: &str| at(&problems, pointer).message;
    assert!(message("/cables/0/from").starts_with("LFO has no output \"output\"; choose "));
    assert_eq!(message("/cables/2/from"), "Rotate has no output \"angle\": angle is an input; choose bends");
    assert!(message("/nodes/l/params/rate").ends_with("write 0.5 without quotes"));
    assert!(message("/nodes/g/params/on").ends_with("write true without quotes"));
    let of_unknown = problems.iter().filter(|problem| problem.pointer.starts_with("/nodes/v")).count();
    assert_eq!(of_unknown, 1, "{problems:?}");
}
