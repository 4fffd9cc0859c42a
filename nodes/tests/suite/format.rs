//! The file format: reading, writing, refused files, and the places of errors.
//!
//! `make bless` rewrites the patches in their canonical form, the schema and the results of migrations. Review them
//! before you keep them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::check::schema::schema;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::{Code, Severity};
use bendrack_nodes::input::{Controls, Event};
use bendrack_nodes::patch::migrate::{MIGRATIONS, version_of};
use bendrack_nodes::patch::read::MAX_BYTES;
use bendrack_nodes::patch::{Edit, Patch};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::patching::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file() && path.to_string_lossy().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

/// Every patch that comes with bendrack.
fn patches() -> Vec<PathBuf> {
    let patches = root().join("patches");
    [files(&patches, ".json"), files(&patches.join("help"), ".json")].concat()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares a file with what it should be, or writes it.
fn hold(path: &Path, text: &str) {
    if std::env::var_os("BENDRACK_BLESS").is_some() {
        // Other tests read it meanwhile.
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).expect("the file is written");
        return std::fs::rename(beside, path).expect("the file is there");
    }
    let how = "make bless rewrites it";
    assert!(read(path) == text, "{} is not what it should be; {how}", path.display());
}

#[test]
fn the_patches_that_come_with_bendrack_are_written_as_bendrack_writes() {
    for path in patches() {
        let text = read(&path);
        let patch = Patch::from_json(&text).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        hold(&path, &patch.to_json());
    }
}

#[test]
fn the_patches_that_come_with_bendrack_have_no_problems() {
    for path in patches() {
        let problems = check(read(&path).as_bytes(), LIBRARY);
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
}

#[test]
fn the_schema_is_that_of_the_library_and_holds_for_every_patch() {
    let schema = schema(LIBRARY);
    hold(&root().join("docs/patch-1.schema.json"), &(serde_json::to_string_pretty(&schema).expect("JSON") + "\n"));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for path in patches() {
        let patch: Json = serde_json::from_str(&read(&path)).expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&patch).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    for wrong in [
        json!({ "format": "x", "version": 1 }),
        json!({ "format": "bendrack-patch", "version": 1, "nodes": { "a": {} } }),
        json!({ "format": "bendrack-patch", "version": 1, "cables": [{ "from": "a", "to": "b.c" }] }),
        json!({ "format": "bendrack-patch", "version": 1, "nodes": { "a": { "type": "modulate.lfo", "params": { "shape": "sin" } } } }),
        json!({ "format": "bendrack-patch", "version": 1, "nodes": { "a": { "type": "bend.gain", "params": { "amount": 2 } } } }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

#[test]
fn patches_of_earlier_versions_become_patches_of_today() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/migrations");
    let mut had = BTreeSet::new();
    for before in files(&folder, ".before.json") {
        let text = read(&before);
        let json: Json = serde_json::from_str(&text).expect("JSON");
        had.extend(
            json["nodes"].as_object().expect("nodes").values().map(|node| {
                (node["type"].as_str().expect("a type").to_owned(), node["v"].as_u64().unwrap_or(1) as u32)
            }),
        );
        let patch = Patch::from_json(&text).unwrap_or_else(|problem| panic!("{}: {problem}", before.display()));
        let after = before.to_string_lossy().replace(".before.", ".after.");
        hold(Path::new(&after), &patch.to_json());
        let problems = check(patch.to_json().as_bytes(), LIBRARY);
        assert!(problems.is_empty(), "{}: {problems:?}", before.display());
        for node in patch.nodes.values() {
            assert_eq!(node.v, version_of(&node.kind), "{}: {}", before.display(), node.kind);
        }
    }
    for step in MIGRATIONS {
        assert!(
            had.contains(&(step.node.to_owned(), step.from)),
            "no fixture has {} in version {}",
            step.node,
            step.from
        );
        let def = LIBRARY.iter().find(|def| def.name == step.renamed.unwrap_or(step.node)).expect(step.node);
        for (input, value) in step.set {
            assert!(def.input(input).is_some() && serde_json::from_str::<Json>(value).is_ok(), "{} {input}", step.node);
        }
        for (_, now) in step.inputs {
            assert!(def.input(now).is_some(), "{} {now}", step.node);
        }
        for (_, now) in step.outputs {
            assert!(def.output(now).is_some(), "{} {now}", step.node);
        }
    }
}

/// A patch in which everything has keys that nobody knows.
const STRANGE: &str = r##"{
  "$schema": "https://bendrack.invalid/schema/patch-1.json",
  "format": "bendrack-patch",
  "version": 1,
  "generator": "bendrack 0.1.0",
  "meta": {
    "title": "Strange",
    "tags": ["a", "b"],
    "thumbnail": "iVBORw0KGgo=",
    "mood": { "b": 1, "a": [1e-7, 0.1, 1e+300, -0.0, 18446744073709551615] }
  },
  "requires": {
    "models": ["longlive"],
    "luck": 1
  },
  "engine": {
    "seed": 7,
    "tempo": 90.5,
    "warp": true
  },
  "devices": {
    "ctl": { "kind": "midi_in", "label": "Fader", "match": { "name": "nano", "vid": "0944" }, "colour": "red" }
  },
  "nodes": {
    "a": { "type": "future.node", "v": 9, "params": { "z": [1, { "y": null }] }, "x": { "free": "ü🌍\n" } },
    "b": { "type": "control.knob", "title": "B", "bypass": true, "params": { "later": 1, "value": 0.25 }, "tail": [] }
  },
  "cables": [
    { "from": "a.out", "to": "b.value", "mute": true, "via": [1, 2] }
  ],
  "definitions": {
    "d": {
      "title": "D",
      "inputs": [{ "name": "in", "to": ["k.value"], "hue": 1 }],
      "outputs": [{ "name": "out", "from": "k.out" }],
      "nodes": { "k": { "type": "control.knob" } },
      "cables": [],
      "colour": "blue"
    }
  },
  "maps": [
    { "kind": "cc", "channel": 1, "number": 16, "to": "b.value", "range": [0.0, 1.0], "hue": 1 }
  ],
  "snapshots": [
    { "name": "calm", "values": { "b.value": 0.5 }, "key": "F1" }
  ],
  "frames": [
    { "title": "All", "pos": [0.0, 0.0], "size": [400.0, 300.0], "colour": "#336699" }
  ],
  "layout": {
    "b": { "pos": [10.0, -20.5], "open": true }
  },
  "zebra": {
    "stripes": 3
  },
  "apple": null
}
"##;

#[test]
fn what_nobody_knows_is_kept_to_the_byte() {
    let patch = Patch::from_json(STRANGE).expect("a patch");
    assert_eq!(patch.to_json(), STRANGE);
    let problems = check(STRANGE.as_bytes(), LIBRARY);
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning), "{problems:?}");
    let mut reported: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    reported.sort_unstable();
    assert_eq!(
        reported,
        [
            "/apple",
            "/cables/0/via",
            "/definitions/d/colour",
            "/definitions/d/inputs/0/hue",
            "/devices/ctl/colour",
            "/engine/warp",
            "/layout/b/open",
            "/maps/0/hue",
            "/meta/mood",
            "/nodes/a/type",
            "/nodes/b/params/later",
            "/nodes/b/tail",
            "/requires/luck",
            "/snapshots/0/key",
            "/zebra",
        ]
    );
}

/// JSON of any shape.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Json::from),
        ".{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("[a-zäß/~\" ]{0,6}", inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn strange_keys_survive_a_load_and_a_save(
        root in anything(), node in anything(), param in anything(), cable in anything(), place in anything()
    ) {
        let text = json!({
            "format": "bendrack-patch", "version": 1,
            "nodes": { "a": { "type": "future.node", "params": { "p": param }, "x": node }, "b": { "type": "control.knob" } },
            "cables": [{ "from": "a.out", "to": "b.value", "more": cable }],
            "layout": { "a": { "pos": [1, 2], "more": place } },
            "more": root
        });
        let once = Patch::from_json(&text.to_string()).expect("a patch").to_json();
        let again = Patch::from_json(&once).expect("a patch").to_json();
        prop_assert_eq!(&once, &again);
        let json: Json = serde_json::from_str(&once).expect("JSON");
        for pointer in ["/more", "/nodes/a/x", "/nodes/a/params/p", "/cables/0/more", "/layout/a/more"] {
            prop_assert_eq!(json.pointer(pointer), text.pointer(pointer), "{}", pointer);
        }
    }

    #[test]
    fn any_bytes_are_withstood(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes, LIBRARY);
    }

    #[test]
    fn a_patch_with_a_piece_changed_is_withstood(at in 0_usize..4000, with in "[\\[\\]{}\",:0-9a-zé \n-]{0,4}", length in 0_usize..6) {
        let mut text = STRANGE.to_owned();
        let boundary = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(at), boundary(at + length));
        text.replace_range(start..end, &with);
        for problem in check(text.as_bytes(), LIBRARY) {
            let place = problem.span.expect("a place");
            prop_assert!(place.bytes.end <= text.len() && text.get(place.bytes.clone()).is_some(), "{:?}", place);
            let line = text[..place.bytes.start].matches('\n').count() + 1;
            prop_assert_eq!(place.line, line);
        }
        if let (Some(patch), _) = Patch::read(text.as_bytes()) {
            let written = patch.to_json();
            prop_assert_eq!(Patch::from_json(&written).expect("a patch"), patch);
        }
    }
}

/// The problems of a text: code, pointer, line and column.
fn reported(text: &str) -> Vec<(Code, String, usize, usize)> {
    let place = |problem: bendrack_nodes::diagnostics::Problem| {
        let place = problem.span.expect("a place");
        (problem.code, problem.pointer, place.line, place.column)
    };
    check(text.as_bytes(), LIBRARY).into_iter().map(place).collect()
}

#[test]
fn every_mistake_is_reported_with_its_line_and_column() {
    let text = r#"{
  "format": "bendrack-patch", "version": 1,
  "meta": { "title": "Ünsere 🌍", "descripton": "" },
  "nodes": {
    "lfo": { "type": "modulate.lfo", "params": { "shape": "sin", "rat": 1.0, "width": 2.0 } },
    "x": { "type": "modulate.lfoo" },
    "f": { "type": "math.expression", "params": { "formula": "sin(t" } },
    "n": { "type": "math.math" }
  },
  "cables": [
    { "from": "lfo.ouut", "to": "n.a" },
    { "from": "gone.out", "to": "n.b" }
  ],
  "layout": { "lffo": { "pos": [0, 0] } }
}"#;
    let at = |code, pointer: &str, line, column| (code, pointer.to_owned(), line, column);
    assert_eq!(
        reported(text),
        [
            at(Code::UnknownKey, "/meta/descripton", 3, 34),
            at(Code::BadValue, "/nodes/lfo/params/shape", 5, 59),
            at(Code::UnknownParameter, "/nodes/lfo/params/rat", 5, 66),
            at(Code::OutOfRange, "/nodes/lfo/params/width", 5, 87),
            at(Code::UnknownNode, "/nodes/x/type", 6, 20),
            at(Code::BadText, "/nodes/f/params/formula", 7, 62),
            at(Code::NoSuchPort, "/cables/0/from", 11, 15),
            at(Code::NoSuchNode, "/cables/1/from", 12, 15),
            at(Code::NoSuchNode, "/layout/lffo", 14, 15),
        ]
    );
}

#[test]
fn a_file_of_another_shape_is_refused_with_all_its_mistakes() {
    let text = r#"{ "format": "bendrack-patch", "version": 1,
  "nodes": { "a": { "type": 5 }, "b": {}, "c": { "type": "control.knob", "depths": { "value": "x" } } },
  "cables": [{ "from": "a" }, 7, { "from": "a.b", "to": "noport" }],
  "engine": { "seed": -1 } }"#;
    let codes: Vec<_> = reported(text).into_iter().map(|(code, pointer, line, _)| (code, pointer, line)).collect();
    let at = |pointer: &str, line| (Code::NotAPatch, pointer.to_owned(), line);
    assert_eq!(
        codes,
        [
            at("/nodes/a/type", 2),
            at("/nodes/b", 2),
            at("/nodes/c/depths/value", 2),
            at("/cables/0/from", 3),
            at("/cables/1", 3),
            at("/cables/2/to", 3),
            at("/engine/seed", 4),
        ]
    );
    for (text, line, column) in [
        ("{\n  \"format\": \"bendrack-patch\"\n  \"version\": 1 }", 3, 3),
        ("", 1, 1),
        ("{ \"format\": \"bendrack-patch\", \"version\": 1, }", 1, 43),
        ("{ \"format\": \"bendrack-patch\", // hm\n \"version\": 1 }", 1, 31),
        ("{ \"a\": NaN }", 1, 8),
        ("{ \"a\": 1e999 }", 1, 8),
    ] {
        let problems = reported(text);
        assert_eq!(
            (problems.len(), problems[0].0, problems[0].2, problems[0].3),
            (1, Code::NotAPatch, line, column),
            "{text}: {problems:?}"
        );
    }
    assert_eq!(reported("{ \"format\": \"bendrack-patch\", \"version\": 2 }")[0].0, Code::LaterVersion);
    assert_eq!(reported("[]")[0].0, Code::NotAPatch);
    assert_eq!(reported("{ \"format\": \"vcv\" }")[0].0, Code::NotAPatch);
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let text = "{ \"format\": \"bendrack-patch\", \"version\": 1,\n \"nodes\": { \"a\": { \"type\": \"control.knob\" },\n \"\\u0061\": { \"type\": \"x\", \"type\": \"y\" } } }";
    assert!(Patch::from_json(text).is_err());
    let at = |pointer: &str, line, column| (Code::DuplicateKey, pointer.to_owned(), line, column);
    let unknown = (Code::UnknownNode, "/nodes/a/type".to_owned(), 3, 35);
    assert_eq!(reported(text), [at("/nodes/a", 3, 2), at("/nodes/a/type", 3, 27), unknown]);
}

#[test]
fn what_is_too_much_is_refused() {
    let patch = |more: &str| format!("{{ \"format\": \"bendrack-patch\", \"version\": 1, {more} }}");
    let refused = |text: &str| {
        let (patch, problems) = Patch::read(text.as_bytes());
        assert!(patch.is_none() && !problems.is_empty());
        problems[0].code
    };
    assert_eq!(refused(&" ".repeat(MAX_BYTES + 1)), Code::TooMany);
    assert_eq!(refused(&patch(&format!("\"x\": {}1{}", "[".repeat(40), "]".repeat(40)))), Code::TooMany);
    assert_eq!(refused(&patch(&format!("\"x\": {}1{}", "[".repeat(100_000), "]".repeat(100_000)))), Code::NotAPatch);
    assert_eq!(refused(&patch(&format!("\"x\": \"{}\"", "a".repeat(70_000)))), Code::TooMany);
    assert_eq!(refused(&patch(&format!("\"{}\": 1", "a".repeat(70_000)))), Code::TooMany);
    assert_eq!(refused(&patch(&format!("\"{}\": 1", "a".repeat(1025)))), Code::TooMany);
    assert!(Patch::from_json(&patch(&format!("\"{}\": 1", "a".repeat(1024)))).is_ok());
    let thumbnail = |length| patch(&format!("\"meta\": {{ \"thumbnail\": \"{}\" }}", "a".repeat(length)));
    assert!(Patch::from_json(&thumbnail(900_000)).is_ok());
    assert_eq!(refused(&thumbnail(1_100_000)), Code::TooMany);
    // As many mistakes as a file can hold take no more than a moment.
    let cables = vec!["{\"from\":\"a.b\",\"to\":\"c.d\"}"; 100_000].join(",");
    let start = std::time::Instant::now();
    assert!(!check(patch(&format!("\"cables\": [{cables}]")).as_bytes(), LIBRARY).is_empty());
    let nodes: Vec<String> = (0..60_000).map(|i| format!("\"n{i}\": {{ \"type\": \"a.b\" }}")).collect();
    assert!(!check(patch(&format!("\"nodes\": {{ {} }}", nodes.join(","))).as_bytes(), LIBRARY).is_empty());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn odd_ids_and_tempi_are_warned_of() {
    let text = r#"{ "format": "bendrack-patch", "version": 1, "engine": { "tempo": -5 },
  "nodes": { "A b": { "type": "control.knob" }, "": { "type": "control.knob" } },
  "maps": [{ "channel": 17, "cc": 200, "to": "a.value", "range": [0, 1] }, { "channel": 1, "cc": 1, "to": "A b.valu", "range": [0, 1] }],
  "snapshots": [{ "name": "s", "values": { "A b.value": 1, "gone.value": 1 } }] }"#;
    let mut codes: Vec<_> = reported(text).into_iter().map(|(code, pointer, ..)| (code, pointer)).collect();
    codes.sort();
    let at = |code, pointer: &str| (code, pointer.to_owned());
    let mut expected = [
        at(Code::BadId, "/nodes/"),
        at(Code::BadId, "/nodes/A b"),
        at(Code::OutOfRange, "/engine/tempo"),
        at(Code::OutOfRange, "/maps/0/channel"),
        at(Code::OutOfRange, "/maps/0/number"),
        at(Code::NoSuchNode, "/maps/0/to"),
        at(Code::NoSuchPort, "/maps/1/to"),
        at(Code::NoSuchNode, "/snapshots/0/values/gone.value"),
    ];
    expected.sort();
    assert_eq!(codes, expected);
}

#[test]
fn a_mapped_controller_turns_its_knob_and_a_snapshot_brings_settings_back() {
    let text = r#"{ "format": "bendrack-patch", "version": 1,
  "nodes": { "knob": { "type": "control.knob", "params": { "value": 0.25 } }, "lfo": { "type": "modulate.lfo" } },
  "maps": [{ "channel": 2, "cc": 7, "to": "knob.value", "range": [1.0, 0.5] }],
  "snapshots": [{ "name": "fast", "values": { "lfo.rate": 2.0, "lfo.shape": "square", "gone.x": 1 } }] }"#;
    let mut patch = Patch::from_json(text).expect("a patch");
    let value = |controls: &Controls| {
        let (measurements, mut memory) = (Measurements::new(), Memory::default());
        let inputs = Inputs {
            lanes: &[Arc::new(controls.clone())],
            measurements: &measurements,
            first_frame: 0,
            dt_secs: DT_SECS,
            step: DenoisingStep::default(),
        };
        compile(&patch).program(&inputs, &mut memory, 1);
        memory.output("knob", "out")
    };
    let mut controls = Controls::default();
    assert_eq!(value(&controls), Some(0.25), "not moved yet");
    controls.apply(&Event::cc(2, 7, 0.5));
    assert_eq!(value(&controls), Some(0.75));
    controls.apply(&Event::cc(2, 7, 1.0));
    assert_eq!(value(&controls), Some(0.5));

    let edits = patch.recall(&patch.snapshots[0]);
    assert_eq!(edits.len(), 2);
    let undo: Vec<Edit> = edits.into_iter().flat_map(|edit| patch.apply(edit).expect("an edit")).collect();
    assert_eq!(patch.nodes["lfo"].params["rate"], json!(2.0));
    undo.into_iter().rev().for_each(|edit| drop(patch.apply(edit).expect("an edit")));
    assert!(patch.nodes["lfo"].params.is_empty());
    assert!(Plan::compile(&patch, LIBRARY).0.is_some());
}
