//! The forms of numbers: reader, writer, `check` and schema agree on each of them.

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::check::schema::schema;
use bendrack_nodes::diagnostics::{Code, Problem, Severity};
use bendrack_nodes::input::ControlName;
use bendrack_nodes::patch::{ControlMap, Frame, Node, Patch, Place, Snapshot};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A key of a patch: its pointer, a valid value, and codes that the schema cannot report.
struct Key {
    pointer: &'static str,
    right: &'static str,
    beyond_schema: &'static [Code],
}

/// Every sort of key that holds a number, and two that hold something else.
const KEYS: [Key; 15] = [
    Key { pointer: "/version", right: "1", beyond_schema: &[] },
    Key { pointer: "/engine/seed", right: "7", beyond_schema: &[] },
    Key { pointer: "/engine/tempo", right: "90", beyond_schema: &[] },
    Key { pointer: "/engine/steps", right: "50", beyond_schema: &[] },
    Key { pointer: "/nodes/a/v", right: "1", beyond_schema: &[Code::LaterVersion] },
    Key { pointer: "/nodes/a/params/rate", right: "1", beyond_schema: &[] },
    Key { pointer: "/nodes/a/params/shape", right: "\"sine\"", beyond_schema: &[] },
    Key { pointer: "/nodes/a/params/bipolar_number", right: "1", beyond_schema: &[Code::UnknownParameter] },
    Key { pointer: "/nodes/a/depths/rate", right: "0.5", beyond_schema: &[] },
    Key { pointer: "/nodes/b/params/on", right: "true", beyond_schema: &[] },
    Key { pointer: "/maps/0/channel", right: "1", beyond_schema: &[] },
    Key { pointer: "/maps/0/number", right: "7", beyond_schema: &[] },
    Key { pointer: "/maps/0/range", right: "[0, 1]", beyond_schema: &[Code::OutOfRange] },
    Key { pointer: "/layout/a/pos", right: "[8, 16]", beyond_schema: &[] },
    Key { pointer: "/x/any", right: "1", beyond_schema: &[] },
];

/// A patch with this at a pointer, and something that is right in all other places.
fn patch(pointer: &str, text: &str) -> String {
    let at = |key: &'static str| {
        let key = KEYS.iter().find(|known| known.pointer == key).expect("a key");
        match (key.pointer == pointer, key.right.starts_with('[')) {
            (true, true) => format!("[{text}, 1]"),
            (true, false) => text.to_owned(),
            (false, _) => key.right.to_owned(),
        }
    };
    format!(
        r#"{{ "format": "bendrack-patch", "version": {}, "engine": {{ "seed": {}, "tempo": {}, "steps": {} }},
"nodes": {{
"a": {{ "type": "modulate.lfo", "v": {}, "params": {{ "rate": {}, "shape": {}, "bipolar_number": {} }}, "depths": {{ "rate": {} }} }},
"b": {{ "type": "control.button", "params": {{ "on": {} }} }} }},
"maps": [{{ "kind": "cc", "channel": {}, "number": {}, "to": "a.phase", "range": {} }}],
"layout": {{ "a": {{ "pos": {} }} }}, "x": {{ "any": {} }} }}"#,
        at("/version"),
        at("/engine/seed"),
        at("/engine/tempo"),
        at("/engine/steps"),
        at("/nodes/a/v"),
        at("/nodes/a/params/rate"),
        at("/nodes/a/params/shape"),
        at("/nodes/a/params/bipolar_number"),
        at("/nodes/a/depths/rate"),
        at("/nodes/b/params/on"),
        at("/maps/0/channel"),
        at("/maps/0/number"),
        at("/maps/0/range"),
        at("/layout/a/pos"),
        at("/x/any"),
    )
}

/// A form of JSON, and its canonical form: decimal, whole number if possible, and in an unknown key.
type Form = (&'static str, &'static str, Option<&'static str>, &'static str);

const FORMS: [Form; 30] = [
    ("0", "0.0", Some("0"), "0"),
    ("-0", "-0.0", Some("0"), "-0.0"),
    ("-0.0", "-0.0", Some("0"), "-0.0"),
    ("0e9", "0.0", Some("0"), "0.0"),
    ("1", "1.0", Some("1"), "1"),
    ("1.0", "1.0", Some("1"), "1.0"),
    ("1.000", "1.0", Some("1"), "1.0"),
    ("1E0", "1.0", Some("1"), "1.0"),
    ("100e-2", "1.0", Some("1"), "1.0"),
    ("7.5", "7.5", None, "7.5"),
    ("-1", "-1.0", None, "-1"),
    ("16", "16.0", Some("16"), "16"),
    ("127.0", "127.0", Some("127"), "127.0"),
    ("128", "128.0", Some("128"), "128"),
    ("1E5", "100000.0", Some("100000"), "100000.0"),
    ("1e+5", "100000.0", Some("100000"), "100000.0"),
    ("4294967296", "4294967296.0", Some("4294967296"), "4294967296"),
    ("1e-400", "0.0", Some("0"), "0.0"),
    ("-1e-400", "-0.0", Some("0"), "-0.0"),
    ("5e-324", "5e-324", None, "5e-324"),
    ("0.1000000000000000055511151231257827", "0.1", None, "0.1"),
    ("9007199254740993", "9007199254740992.0", Some("9007199254740993"), "9007199254740993"),
    ("9007199254740993.0", "9007199254740992.0", Some("9007199254740992"), "9007199254740992.0"),
    ("18446744073709551615", "1.8446744073709552e+19", Some("18446744073709551615"), "18446744073709551615"),
    ("18446744073709551616", "1.8446744073709552e+19", None, "1.8446744073709552e+19"),
    ("123456789012345678901234567890", "1.2345678901234568e+29", None, "1.2345678901234568e+29"),
    ("1e19", "1e+19", Some("10000000000000000000"), "1e+19"),
    ("-9223372036854775808", "-9.223372036854776e+18", None, "-9223372036854775808"),
    ("-9223372036854775809", "-9.223372036854776e+18", None, "-9.223372036854776e+18"),
    ("1.7976931348623157e308", "1.7976931348623157e+308", None, "1.7976931348623157e+308"),
];

/// Numbers that are not JSON, and their messages.
const MALFORMED: [(&str, &str); 17] = [
    ("NaN", "NaN is not a number of JSON; write a finite number, such as 0"),
    ("nan", "write a finite number"),
    ("Infinity", "write a finite number"),
    ("-Infinity", "write a finite number"),
    ("inf", "write a finite number"),
    ("1e400", "1e400 is too large for a number; write at most 1.7976931348623157e308"),
    ("-1e400", "-1e400 is too large"),
    ("007", "007 is not a number of JSON; write 7"),
    ("-01.50", "write -1.5"),
    ("+5", "write 5"),
    (".5", "write 0.5"),
    ("-.5", "write -0.5"),
    ("5.", "write 5.0"),
    ("0x1F", "write 31"),
    ("1_000", "write 1000"),
    ("1e", "write numbers such as 0.5, 2 or 1e-3"),
    ("1.2.3", "write numbers such as 0.5, 2 or 1e-3"),
];

/// Texts that look like numbers.
const QUOTED: [(&str, Option<&str>); 8] = [
    ("\"1\"", Some("write 1 without quotes")),
    ("\"1.0\"", Some("write 1.0 without quotes")),
    ("\"+1\"", Some("write 1 without quotes")),
    ("\"01\"", Some("write 1 without quotes")),
    ("\"NaN\"", None),
    ("\"1e400\"", None),
    ("\"\"", None),
    ("\"one\"", None),
];

/// The problems at a pointer or in it.
fn problems_at(text: &str, pointer: &str) -> Vec<Problem> {
    let mut problems = check(text.as_bytes(), LIBRARY);
    problems.retain(|problem| problem.pointer.starts_with(pointer));
    problems
}

/// What the canonical form has at a pointer.
fn written(text: &str, pointer: &str) -> String {
    let json: Json = serde_json::from_str(text).expect("JSON");
    let value = json.pointer(pointer).unwrap_or(&Json::Null);
    value.get(0).unwrap_or(value).to_string()
}

#[test]
fn the_writer_has_one_form_for_each_number() {
    for (form, float, whole, unread) in FORMS {
        for (pointer, expected) in [
            ("/layout/a/pos", Some(float)),
            ("/maps/0/range", Some(float)),
            ("/nodes/a/depths/rate", Some(float)),
            ("/engine/seed", whole),
            ("/x/any", Some(unread)),
            ("/nodes/a/params/rate", Some(unread)),
            ("/nodes/a/params/bipolar_number", Some(unread)),
        ] {
            let (read, problems) = Patch::read(patch(pointer, form).as_bytes());
            let Some(expected) = expected else {
                assert!(read.is_none() && problems[0].pointer == pointer, "{form} at {pointer}: {problems:?}");
                continue;
            };
            let text = read.unwrap_or_else(|| panic!("{form} at {pointer}: {problems:?}")).to_json();
            assert_eq!(
                written(&text, pointer),
                expected.parse::<Json>().expect("JSON").to_string(),
                "{form} at {pointer}"
            );
            assert!(text.contains(expected), "{form} at {pointer} is not written as {expected}: {text}");
            assert_eq!(Patch::from_json(&text).expect("a patch").to_json(), text, "{form} at {pointer}");
        }
    }
}

#[test]
fn schema_and_check_refuse_the_same_numbers() {
    let validator = jsonschema::validator_for(&schema(LIBRARY)).expect("a schema");
    let forms = FORMS.iter().map(|form| form.0).chain(QUOTED.iter().map(|form| form.0));
    for form in forms.chain(["true", "null", "[1]", "{}"]) {
        for Key { pointer, beyond_schema, .. } in &KEYS {
            let text = patch(pointer, form);
            let json: Json = serde_json::from_str(&text).expect("JSON");
            let problems = problems_at(&text, pointer);
            let counts = |problem: &&Problem| problem.code != Code::Rounded && !beyond_schema.contains(&problem.code);
            let fault = problems.iter().find(counts);
            let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
            assert_eq!(errors.is_empty(), fault.is_none(), "{form} at {pointer}: {errors:?}, {fault:?}");
        }
    }
}

#[test]
fn whole_numbers_are_read_in_every_form() {
    let text = patch("", "").replace("\"version\": 1", "\"version\": 1.0").replace("\"seed\": 7", "\"seed\": 7.0");
    let text = text.replace("\"v\": 1", "\"v\": 10e-1").replace("\"cc\": 7", "\"cc\": 7.0");
    assert_eq!(Patch::from_json(&text), Patch::from_json(&patch("", "")));
    assert_eq!(Patch::from_json(&patch("/version", "2.0")).expect_err("a later version").code, Code::LaterVersion);
}

#[test]
fn a_malformed_number_is_named_with_its_key_and_line_and_the_right_form() {
    for (number, message) in MALFORMED {
        for Key { pointer, right, .. } in &KEYS {
            let text = patch(pointer, number);
            let problems = problems_at(&text, "");
            let [problem] = &problems[..] else { panic!("{number} at {pointer}: {problems:?}") };
            let expected = if right.starts_with('[') { format!("{pointer}/0") } else { (*pointer).to_owned() };
            assert_eq!((problem.code, &problem.pointer), (Code::NotAPatch, &expected), "{number}");
            assert!(problem.message.contains(message), "{number}: {}", problem.message);
            let span = problem.span.as_ref().expect("a span");
            assert_eq!(&text[span.bytes.clone()], number);
            assert_eq!(span.line, 1 + text[..span.bytes.start].matches('\n').count());
            assert!(Patch::from_json(&text).is_err(), "{number} at {pointer}");
        }
    }
    let text = patch("/engine/seed", "NaN").replace("[8, 16]", "[08, 16]");
    let pointers: Vec<_> = problems_at(&text, "").into_iter().map(|problem| problem.pointer).collect();
    assert_eq!(pointers, ["/engine/seed", "/layout/a/pos/0"], "one hides no other");
}

#[test]
fn a_number_in_quotes_is_a_text_and_the_message_has_it_without() {
    for (text, hint) in QUOTED {
        for pointer in ["/engine/seed", "/engine/tempo", "/nodes/a/v", "/nodes/a/params/rate", "/nodes/a/depths/rate"] {
            let problems = problems_at(&patch(pointer, text), pointer);
            let [problem] = &problems[..] else { panic!("{text} at {pointer}: {problems:?}") };
            assert_eq!(problem.severity, Severity::Error);
            assert_eq!(problem.message.contains("without quotes"), hint.is_some(), "{}", problem.message);
            assert!(problem.message.contains(hint.unwrap_or_default()), "{}", problem.message);
        }
    }
}

#[test]
fn lost_digits_are_a_warning() {
    let problems = problems_at(&patch("/x/any", "123456789012345678901"), "/x/any");
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((problem.code, problem.severity), (Code::Rounded, Severity::Warning));
    assert!(problem.message.starts_with("123456789012345678901 has more digits than a number holds"));
    // So many of them hide no error behind them.
    let text = patch("/x/any", &format!("[{}{{ \"a\": 1, \"a\": 2 }}]", "9007199254740993.0,".repeat(2000)));
    let problems = check(text.as_bytes(), LIBRARY);
    assert!(problems.iter().any(|problem| problem.code == Code::DuplicateKey), "{problems:?}");
}

#[test]
fn the_writer_writes_no_number_that_the_reader_refuses() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut patch = Patch::default();
        patch.engine.tempo = number;
        let node = Node { depths: [("rate".to_owned(), number)].into(), ..Node::new("modulate.lfo") };
        patch.nodes.insert("a".to_owned(), node);
        patch.layout.insert("a".to_owned(), Place { pos: [number, 1.0], ..Place::default() });
        patch.frames.push(Frame { pos: [1.0, number], size: [number, number], ..Frame::default() });
        let to = "a.rate".parse().expect("a port");
        let from = ControlName::Cc { channel: 1, number: 1 };
        patch.maps.push(ControlMap {
            curve: number,
            smooth: number,
            step: number,
            ..ControlMap::new(from, to, [number, 1.0])
        });
        let read = Patch::from_json(&patch.to_json()).expect("a patch");
        assert_eq!(read.layout["a"].pos.map(f64::to_bits), [0.0_f64, 1.0].map(f64::to_bits));
        assert_eq!(read.engine.tempo.to_bits(), Patch::default().engine.tempo.to_bits());
    }
}

/// A finite number of any size.
fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<u64>().prop_map(f64::from_bits), any::<i32>().prop_map(f64::from)]
        .prop_filter("finite", |number| number.is_finite())
}

/// A number as JSON has it.
fn number() -> impl Strategy<Value = Json> {
    prop_oneof![finite().prop_map(Json::from), any::<u64>().prop_map(Json::from), any::<i64>().prop_map(Json::from)]
}

proptest! {
    #[test]
    fn a_patch_is_the_same_after_it_was_written_and_read(
        (seed, v, channel, cc) in any::<(u64, u32, u8, u8)>(),
        (tempo, depth, param, value) in (finite(), finite(), number(), number()),
        (range, pos, size) in ([finite(), finite()], [finite(), finite()], [finite(), finite()]),
    ) {
        let mut patch = Patch::default();
        (patch.engine.seed, patch.engine.tempo) = (seed, tempo);
        let params = [("p".to_owned(), param)].into();
        let depths = [("p".to_owned(), depth)].into();
        patch.nodes.insert("a".to_owned(), Node { v, params, depths, ..Node::new("future.node") });
        let to: bendrack_nodes::patch::Port = "a.p".parse().expect("a port");
        let rest = serde_json::Map::new;
        let from = ControlName::Cc { channel, number: cc };
        patch.maps.push(ControlMap { input: pos, ..ControlMap::new(from, to.clone(), range) });
        patch.snapshots.push(Snapshot { name: "s".to_owned(), values: [(to, value.clone())].into(), rest: rest() });
        patch.frames.push(Frame { pos, size, ..Frame::default() });
        patch.layout.insert("a".to_owned(), Place { pos, ..Place::default() });
        patch.rest.insert("x".to_owned(), json!([value]));
        let text = patch.to_json();
        let read = Patch::from_json(&text).expect("a patch");
        prop_assert_eq!(read.to_json(), text);
        prop_assert_eq!(read, patch);
    }

    #[test]
    fn every_form_of_a_number_is_read_as_that_number(number in finite()) {
        for form in [format!("{number:e}"), format!("{number:E}"), format!("{number}"), format!("{number:.1100}")] {
            let read = Patch::from_json(&patch("/layout/a/pos", &form)).expect("a patch");
            prop_assert_eq!(read.layout["a"].pos[0].to_bits(), number.to_bits(), "{}", form);
        }
    }
}
