//! The English of messages follows `docs/style.md`: no retired word, short sentences, and a next step.
//!
//! The messages are those of patches that are wrong in every way that has a code.

use std::collections::BTreeSet;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::diagnostics::{Problem, Severity};
use bendrack_nodes::patch::{EditError, Port};
use bendrack_nodes::program::Site;
use bendrack_nodes::program::set::Set;
use serde_json::{Map, Value as Json, json};

use crate::checks::{problems, with};
use crate::style::{MOST_WORDS, retired, words};

/// Verbs of next steps.
const STEPS: [&str; 27] = [
    "add", "begin", "choose", "close", "connect", "correct", "delete", "flatten", "give", "insert", "map", "narrow",
    "put", "remove", "rename", "replace", "run", "save", "separate", "set", "shorten", "swap", "type", "update", "use",
    "write", "expected",
];

/// Files that are not JSON, or not JSON of the shape of a patch.
fn texts() -> Vec<Vec<u8>> {
    let head = r#""format": "bendrack-patch", "version": 1, "nodes": {}"#;
    let texts = [
        "",
        "[1]",
        "{}",
        "{ \"a\": 1, }",
        "{ \"a\": 1 // one\n }",
        "{ \"a\": [1, 2",
        "{ \"a\": [1 2] }",
        "{ \"a\": 1 \"b\": 2 }",
        "{ \"a\" 1 }",
        "{ a: 1 }",
        "{ \"a\": ! }",
        "{ \"a\": \"\\q\" }",
        "{ \"a\": \"\\ud800\" }",
        "{ \"a\": \"x\ny\" }",
        "{} {}",
        "{ \"a\": 007 }",
        "{ \"a\": NaN }",
        "{ \"a\": 1e999 }",
        "{ \"a\": +-3 }",
        r#"{ "format": "song", "version": 1 }"#,
        r#"{ "format": "bendrack-patch", "nodes": {} }"#,
        r#"{ "format": "bendrack-patch", "version": 2, "nodes": {} }"#,
        r#"{ "format": "bendrack-patch", "version": "1", "nodes": {} }"#,
    ];
    let mut texts: Vec<Vec<u8>> = texts.into_iter().map(|text| text.as_bytes().to_vec()).collect();
    texts.push(b"{ \"title\": \"caf\xe9\" }".to_vec());
    texts.push(b"\xff\xfe{\0}\0".to_vec());
    texts.push(vec![b' '; (4 << 20) + 1]);
    texts.push(format!("{{ \"a\": {}1{} }}", "[".repeat(40), "]".repeat(40)).into_bytes());
    texts.push(format!("{{ \"a\": {}1{} }}", "[".repeat(4000), "]".repeat(4000)).into_bytes());
    for more in [
        r#""a": 1, "a": 2"#.to_owned(),
        r#""a": 9007199254740993.0"#.to_owned(),
        format!("\"{}\": 1", "k".repeat(2000)),
        format!("\"a\": \"{}\"", "k".repeat(70_000)),
    ] {
        texts.push(format!("{{ {head}, {more} }}").into_bytes());
    }
    texts
}

fn object(members: impl Iterator<Item = (String, Json)>) -> Json {
    Json::Object(members.collect::<Map<_, _>>())
}

/// A chain of nodes of one type, each wired to the next.
fn chain(kind: &str, output: &str, input: &str, count: usize) -> Json {
    let nodes = object((0..count).map(|i| (format!("n{i:03}"), json!({ "type": kind }))));
    let cable = |i: usize| json!({ "from": format!("n{i:03}.{output}"), "to": format!("n{:03}.{input}", i + 1) });
    with(json!({ "nodes": nodes, "cables": (0..count - 1).map(cable).collect::<Json>() }))
}

/// Patches with problems of every kind that the checker of a patch has.
fn patches() -> Vec<Json> {
    let map = |channel: i32, to: &str, range: Json| json!({ "kind": "cc", "channel": channel, "number": 1, "to": to, "range": range });
    let inlet = json!({ "inputs": [{ "name": "k", "to": ["n.value"] }], "nodes": { "n": { "type": "control.knob" } } });
    let nested = (0..20).map(|i| {
        let nodes = json!({ "n": { "type": format!("sub.d{}", i + 1) } });
        (format!("d{i}"), json!({ "nodes": nodes }))
    });
    vec![
        // Shapes.
        with(json!({ "engine": { "seed": -1, "tempo": "fast" }, "nodes": {
            "a": 5, "b": { "params": {} }, "c": { "tpe": "x" }, "d": { "type": 5 }, "e": { "type": "control.knob", "bypass": "true" },
            "f": { "type": "control.knob", "depths": { "value": "0.5" } }, "g": { "type": "control.knob", "title": null }
        } })),
        with(json!({ "cables": [{ "form": "a.b", "to": "c.d" }, { "from": "a", "to": 3 }, 7], "nodes": [] })),
        with(
            json!({ "layout": { "a": { "pos": [1] }, "b": { "pos": "x" } }, "frames": [{ "title": "f", "pos": [0, 0], "size": [1, 2, 3] }] }),
        ),
        with(
            json!({ "devices": { "a": { "kind": "phone" } }, "snapshots": [{ "nme": "x" }], "maps": [{ "channel": 300 }] }),
        ),
        // Keys, ids and pictures.
        with(json!({
            "meta": { "thumbnail": "zzz", "licence": "x" }, "shade": 1, "nodes": { "A b": { "type": "modulate.lfo", "colour": 1 } },
            "frames": [{ "title": "f", "pos": [0, 0], "size": [1, 2], "colour": "blue" }], "layout": { "x": { "pos": [0, 0] } },
            "devices": { "c": { "kind": "midi_in", "labl": "x", "match": { "nam": "x" } } }
        })),
        // Nodes, parameters and cables.
        with(json!({
            "engine": { "tempo": 1e9 },
            "nodes": {
                "l": { "type": "modulate.lfo", "params": { "rate": "0.5", "shape": "sin", "width": 44, "zz": 1 }, "depths": { "rate": 3, "reset": 1, "zz": 1 } },
                "r": { "type": "bend.rotate", "params": { "target": 1 } }, "m": { "type": "modulate.lof" }, "f": { "type": "future.node" },
                "late": { "type": "modulate.lfo", "v": 99 }, "g": { "type": "control.button", "params": { "on": 3 } },
                "screen": { "type": "output.screen" }, "screen2": { "type": "output.screen" }, "note": { "type": "view.note" },
                "i": { "type": "sub.none" }, "t": { "type": "prompt.text", "params": { "text": 3 } },
                "layers": { "type": "target.layers", "params": { "first": 9, "last": 2 } },
                "out": { "type": "osc.out", "params": { "address": "bend" } }, "e": { "type": "math.expression", "params": { "formula": "sinn(a)" } },
                "e2": { "type": "math.expression", "params": { "formula": "a +" } }, "x": { "type": "math.math" }, "y": { "type": "math.math" },
                "self": { "type": "math.math" }
            },
            "cables": [
                { "from": "l.output", "to": "r.angle" }, { "from": "r.angle", "to": "r.amount" }, { "from": "l.out", "to": "r.out" },
                { "from": "l.out", "to": "r.angle" }, { "from": "x.out", "to": "r.angle" }, { "from": "gone.out", "to": "r.amount" },
                { "from": "l.out", "to": "r.target" }, { "from": "t.text", "to": "e.formula" }, { "from": "note.x", "to": "r.amount" },
                { "from": "x.out", "to": "y.a" }, { "from": "y.out", "to": "x.a" }, { "from": "self.out", "to": "self.a" },
                { "from": "l.zz", "to": "note.x" }
            ]
        })),
        // A picture from two nodes.
        with(json!({
            "nodes": { "wan": { "type": "model.wan" }, "s": { "type": "output.screen" }, "s2": { "type": "output.screen" } },
            "cables": [{ "from": "wan.picture", "to": "s.picture" }, { "from": "wan.picture", "to": "s2.picture" }]
        })),
        // Fields with a grammar.
        with(json!({ "nodes": {
            "a": { "type": "modulate.curve", "params": { "keys": "" } }, "b": { "type": "modulate.curve", "params": { "keys": "0" } },
            "c": { "type": "modulate.curve", "params": { "keys": "0 x" } }, "d": { "type": "modulate.curve", "params": { "keys": "0 0 ease" } },
            "e": { "type": "modulate.curve", "params": { "keys": "0 0 bezier 1" } }, "f": { "type": "modulate.curve", "params": { "keys": "0 0 hold 1" } },
            "g": { "type": "modulate.curve", "params": { "keys": "0 0,".repeat(5000) } },
            "h": { "type": "prompt.schedule", "params": { "schedule": "a rose" } }, "i": { "type": "prompt.schedule", "params": { "schedule": "x: a" } },
            "j": { "type": "prompt.schedule", "params": { "schedule": "-1: a" } }, "k": { "type": "prompt.schedule", "params": { "schedule": "1:" } },
            "l": { "type": "prompt.schedule", "params": { "schedule": "1: a|".repeat(5000) } }, "m": { "type": "prompt.list", "params": { "prompts": "a|".repeat(5000) } },
            "n": { "type": "modulate.sequencer", "params": { "values": "x" } }, "o": { "type": "modulate.sequencer", "params": { "values": "1 ".repeat(100) } },
            "p": { "type": "target.words", "params": { "words": (0..500).map(|i| format!("w{i}")).collect::<Vec<_>>().join(", ") } }
        } })),
        // Maps and snapshots.
        with(json!({
            "nodes": { "l": { "type": "modulate.lfo" }, "p": { "type": "prompt.text" }, "i": { "type": "sub.d" }, "r": { "type": "view.reroute" } },
            "definitions": { "d": inlet },
            "maps": [
                map(1, "i.kk", json!([0, 1])), map(2, "p.text", json!([0, 1])), map(3, "l.rate", json!([0, 1000])), map(99, "l.phase", json!([0, 1])),
                map(99, "l.phase", json!([0, 1])), map(5, "none.x", json!([0, 1])), map(6, "r.x", json!([0, 1]))
            ],
            "snapshots": [{ "name": "a", "values": { "l.rae": 2, "l.rate": "fast", "l.width": 44, "zz.x": 1 } }, { "name": "a", "values": {} }]
        })),
        // Subpatches.
        with(json!({
            "nodes": {
                "a": { "type": "sub.d", "params": { "zz": 1 }, "depths": { "k": 3 } }, "me": { "type": "sub.me" }, "deep": { "type": "sub.d0" },
                "a/n": { "type": "control.knob" }, "big": { "type": "sub.big" }
            },
            "cables": [{ "from": "a.o", "to": "a.k" }, { "from": "a.zz", "to": "a.k" }],
            "definitions": Json::Object(nested.chain([
                ("d".to_owned(), json!({
                    "inputs": [{ "name": "k", "to": ["n.vlue"] }, { "name": "k", "to": ["n.value"] }, { "name": "o", "to": ["n.out"] }],
                    "outputs": [{ "name": "o", "from": "n.nope" }, { "name": "p", "from": "m.out" }],
                    "nodes": { "n": { "type": "control.knob" } }
                })),
                ("me".to_owned(), json!({ "nodes": { "me": { "type": "sub.me" } } })),
                ("big".to_owned(), json!({ "inputs": (0..65).map(|i| json!({ "name": format!("k{i}"), "to": [] })).collect::<Json>() })),
            ]).collect())
        })),
        // Limits.
        with(json!({ "nodes": object((0..16_385).map(|i| (format!("n{i}"), json!({ "type": "view.note" })))) })),
        chain("bend.gain", "bends", "bends", 300),
        chain("target.invert", "target", "target", 70),
        chain("output.compositor", "picture", "a", 70),
    ]
}

/// The texts of problems in which nothing is quoted from the patch, without severity and place.
fn text(problem: &Problem) -> String {
    let shown = problem.to_string();
    let (_, text) = shown.split_once(": ").expect("a severity");
    let text = text.strip_prefix(&problem.pointer).and_then(|text| text.strip_prefix(": ")).unwrap_or(text);
    // Below an expression stands its message, behind a mark.
    let text = text.rsplit_once("^ ").map_or(text, |(_, message)| message);
    unquoted(text)
}

/// A text with `"…"` for each quote in it.
fn unquoted(text: &str) -> String {
    let text = text.replace("\\\\", "").replace("\\\"", "");
    text.split('"').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "\"…\"" }).collect()
}

/// The faults of a message.
fn faults(text: &str, severity: Severity) -> Vec<String> {
    let mut found: Vec<String> =
        retired(text).into_iter().map(|(word, better)| format!("{word:?}; write {better}: {text}")).collect();
    if text.ends_with('.') {
        found.push(format!("ends with a full stop: {text}"));
    }
    let clauses: Vec<&str> = text.split("; ").flat_map(|clause| clause.split(": ")).collect();
    for clause in &clauses {
        // The items of a list do not count: there are as many as there are names.
        let items = clause.split_whitespace().filter(|word| word.ends_with(',')).count();
        let words = words(clause).saturating_sub(items);
        if words > MOST_WORDS {
            found.push(format!("{words} words, at most {MOST_WORDS}: {clause}"));
        }
    }
    let is_step = |clause: &&str| {
        let first = clause.split_whitespace().next().unwrap_or_default();
        STEPS.contains(&first) || clause.starts_with("did you mean ")
    };
    // A message that names the right value is a step: "x" is not a number.
    let names_the_value = text.contains(" is not a ")
        || text.contains(" is not an ")
        || text.contains(" is not one of ")
        || text.contains("expected ");
    // A warning may name what is done instead.
    let is_done = severity == Severity::Warning && text.ends_with(" is used");
    if !(clauses.iter().any(is_step) || names_the_value || is_done) {
        found.push(format!("no next step: {text}"));
    }
    found
}

#[test]
fn messages_are_short_and_have_a_next_step() {
    let mut all: Vec<Problem> = texts().iter().flat_map(|bytes| check(bytes, LIBRARY)).collect();
    all.extend(patches().iter().flat_map(problems));
    let found: BTreeSet<String> = all.iter().flat_map(|problem| faults(&text(problem), problem.severity)).collect();
    assert!(found.is_empty(), "{} faults, see docs/style.md:\n{}", found.len(), Vec::from_iter(found).join("\n"));
    // None of the codes that the format names is left out.
    let page = include_str!("../../../docs/patch-format.md");
    let rows = page
        .split("| code | meaning |")
        .nth(1)
        .expect("a table")
        .lines()
        .skip(2)
        .take_while(|row| row.starts_with('|'));
    let named = rows.flat_map(|row| row.split('|').nth(1).expect("a column").split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = named.collect();
    let provoked: BTreeSet<&str> = all.iter().map(|problem| problem.code.name()).collect();
    assert_eq!(provoked, named);
}

#[test]
fn messages_of_edits_and_of_texts_are_short_and_have_a_next_step() {
    let port: Port = "lfo.out".parse().expect("a port");
    let edits = [
        EditError::NoNode("lfo".to_owned()),
        EditError::NoCable(port),
        EditError::NoSubpatch("choir".to_owned()),
        EditError::IdTaken("lfo".to_owned()),
    ];
    let mut texts: Vec<String> = edits.iter().map(EditError::to_string).collect();
    texts.extend(["x", "9-2", "1/x"].map(|text| text.parse::<Set>().expect_err(text).to_string()));
    texts.push("lfo".parse::<Port>().expect_err("no port").to_string());
    texts.push("cross".parse::<Site>().expect_err("no site").to_string());
    let found: Vec<String> = texts.iter().flat_map(|text| faults(&unquoted(text), Severity::Error)).collect();
    assert!(found.is_empty(), "{} faults, see docs/style.md:\n{}", found.len(), found.join("\n"));
}

#[test]
fn message_checks_find_faults() {
    let count = |text: &str, severity| faults(text, severity).len();
    for fine in ["unknown node \"…\"; add it", "\"…\" is not one of a, b", "unknown key; did you mean \"…\"?"] {
        assert_eq!(count(fine, Severity::Error), 0, "{fine}");
    }
    assert_eq!(
        (count("44 is outside 0 to 1; 1 is used", Severity::Warning), count("9; 1 is used", Severity::Error)),
        (0, 1)
    );
    assert_eq!(count("unknown node \"…\"", Severity::Error), 1);
    assert_eq!(count("the node is told; add it.", Severity::Error), 2);
    assert_eq!(count(&format!("{}; add it", "word ".repeat(MOST_WORDS + 1)), Severity::Error), 1);
    assert_eq!(count(&format!("{}; add it", "word, ".repeat(MOST_WORDS + 1)), Severity::Error), 0);
    assert_eq!(unquoted("a \"b \\\"c\" d"), "a \"…\" d");
}
