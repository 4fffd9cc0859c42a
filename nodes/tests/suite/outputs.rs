//! Requests of the output nodes: serialised pictures, MIDI messages, and recording.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

use bendrack_nodes::LIBRARY;
use bendrack_nodes::choice::Choice;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{LevelEdit, Patch};
use bendrack_nodes::program::Program;
use bendrack_nodes::program::cells::{Cells, Pixels};
use bendrack_nodes::program::message::{self, Argument, Midi, OscMessage, Part, Played};
use bendrack_nodes::program::source::{ColourMap, Layout, Source};
use bendrack_nodes::tick::Memory;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::patching::*;

/// A patch whose node `it` is shown, with a tap `tap` and the model's picture to be wired to it.
fn shown(kind: &str, params: Json, cables: &[(&str, &str)]) -> Patch {
    let nodes = [
        ("it", kind, params),
        ("tap", "tap.neurons", json!({})),
        ("wan", "model.wan", json!({})),
        ("out", "output.screen", json!({})),
    ];
    let cables: Vec<_> = cables.iter().copied().chain([("it.picture", "out.picture")]).collect();
    patch(&nodes, &cables)
}

/// What it shows in the first frame, as it is written down.
fn source(kind: &str, params: Json, cables: &[(&str, &str)]) -> Json {
    let program = run(&compile(&shown(kind, params, cables)), &mut Memory::default(), 0, 1);
    serde_json::to_value(&program.screen[0]).expect("JSON")
}

/// JSON with another value at a key.
pub fn with(mut json: Json, key: &str, value: Json) -> Json {
    json[key] = value;
    json
}

#[test]
fn a_heatmap_is_written_as_it_was_before_it_had_a_look() {
    let cables = [("tap.map", "it.map"), ("wan.picture", "it.below")];
    let text = |params| source("output.heatmap", params, &cables).to_string();
    let old = r#"{"heatmap":{"map":{"tap":"tap"},"below":"model","amount":0.6,"colours":"inferno","range":null}}"#;
    assert_eq!(text(json!({})), old);
    assert_eq!(
        text(json!({ "scale": "bicubic", "gamma": 1.0, "threshold": 0.0, "invert": false, "smooth": false })),
        old
    );
}

#[test]
fn every_knob_of_a_heatmap_is_in_its_look() {
    let cables = [("tap.map", "it.map")];
    let heatmap = |params| source("output.heatmap", params, &cables)["heatmap"].clone();
    let look = json!({ "gamma": 1.0, "threshold": 0.0, "scale": "bicubic" });
    for (params, wanted) in [
        (json!({ "invert": true }), with(look.clone(), "invert", json!(true))),
        (json!({ "gamma": 2.5 }), with(look.clone(), "gamma", json!(2.5))),
        (json!({ "threshold": 0.25 }), with(look.clone(), "threshold", json!(0.25))),
        (json!({ "scale": "nearest" }), with(look.clone(), "scale", json!("nearest"))),
        (json!({ "scale": "bilinear" }), with(look.clone(), "scale", json!("bilinear"))),
        (json!({ "smooth": true }), with(look.clone(), "smooth", json!(true))),
    ] {
        assert_eq!(heatmap(params.clone())["look"], wanted, "{params}");
    }
    for (colours, map) in ColourMap::CHOICES.iter().zip(ColourMap::ALL) {
        assert_eq!(heatmap(json!({ "colours": colours }))["colours"], json!(map));
        assert_eq!(json!(map), json!(colours), "serialised under its name");
    }
}

#[test]
fn every_knob_of_a_spectrum_is_in_its_drawing() {
    let cables = [("tap.map", "it.map")];
    let spectrum = |params| source("output.spectrum", params, &cables)["spectrum"].clone();
    let drawing = json!({
        "colours": "inferno", "shape": "bars", "heights": "root", "floor": -60.0, "gain": 1.0, "normalise": true,
        "first": 0, "last": usize::MAX, "bands": 0, "decay": 0.0,
    });
    let plain = json!({ "node": "it", "map": { "tap": "tap" }, "below": null, "amount": 1.0, "drawing": drawing });
    assert_eq!(spectrum(json!({})), plain);
    assert_eq!(spectrum(json!({ "amount": 0.5 })), with(plain.clone(), "amount", json!(0.5)));
    for (knob, value, wanted) in [
        ("colours", json!("cividis"), json!("cividis")),
        ("shape", json!("line"), json!("line")),
        ("heights", json!("linear"), json!("linear")),
        ("heights", json!("decibel"), json!("decibel")),
        ("floor", json!(-40.0), json!(-40.0)),
        ("gain", json!(3.0), json!(3.0)),
        ("normalise", json!(false), json!(false)),
        ("first", json!(3.4), json!(3)),
        ("last", json!(255), json!(255)),
        ("bands", json!(32), json!(32)),
        ("decay", json!(1.5), json!(1.5)),
    ] {
        let found = spectrum(json!({ knob: value }));
        assert_eq!(found["drawing"], with(drawing.clone(), knob, wanted), "{knob}");
    }
    let over = source("output.spectrum", json!({}), &[("tap.map", "it.map"), ("wan.picture", "it.below")]);
    assert_eq!(over["spectrum"]["below"], "model");
}

#[test]
fn two_pictures_follow_the_layout() {
    let cables = [("wan.picture", "it.a"), ("tap.map", "it.b")];
    for (name, layout) in Layout::CHOICES.iter().zip(Layout::ALL) {
        let found = source("output.compositor", json!({ "layout": name, "mix": 0.25 }), &cables);
        let wanted = json!({ "a": "model", "b": { "tap": "tap" }, "layout": name, "mix": 0.25 });
        assert_eq!(found["composite"], wanted);
        assert_eq!(json!(layout), json!(name), "serialised under its name");
    }
    assert_eq!(source("output.compositor", json!({}), &cables[..1]), json!("model"), "one picture is itself");
}

#[test]
fn a_grid_takes_the_inputs_that_are_wired_in_their_order() {
    let names: Vec<String> = (1..=9).map(|n| format!("it.p{n}")).collect();
    for wired in 1..512_usize {
        let there: Vec<usize> = (0..9).filter(|n| wired >> n & 1 == 1).collect();
        // Whatever stands at an odd place is the tap.
        let from =
            |n: usize| if n % 2 == 1 { ("tap.map", json!({ "tap": "tap" })) } else { ("wan.picture", json!("model")) };
        let cables: Vec<_> = there.iter().map(|&n| (from(n).0, names[n].as_str())).collect();
        let found = source("output.grid", json!({}), &cables);
        let pictures: Vec<Json> = there.iter().map(|&n| from(n).1).collect();
        let wanted = json!({ "pictures": pictures, "columns": 0, "gap": 4, "fit": "contain" });
        assert_eq!(found["grid"], wanted, "{wired:b}");
    }
    let cables = [("wan.picture", "it.p4")];
    let grid = |params| source("output.grid", params, &cables)["grid"].clone();
    assert_eq!(grid(json!({ "columns": 2.6 }))["columns"], 3);
    assert_eq!(grid(json!({ "gap": 0 }))["gap"], 0);
    for fit in ["contain", "cover", "stretch"] {
        assert_eq!(grid(json!({ "fit": fit }))["fit"], fit);
    }
}

#[test]
fn channels_take_what_is_wired() {
    let cables = [("wan.picture", "it.red"), ("tap.map", "it.blue")];
    let found = source("output.channels", json!({}), &cables);
    assert_eq!(found, json!({ "channels": { "red": "model", "green": null, "blue": { "tap": "tap" } } }));
}

#[test]
fn without_a_picture_nothing_is_shown_and_bypassed_the_first_goes_through() {
    for (kind, input) in [
        ("output.heatmap", "below"),
        ("output.spectrum", "below"),
        ("output.grid", "p1"),
        ("output.channels", "red"),
        ("output.compositor", "a"),
    ] {
        let nothing = run(&compile(&shown(kind, json!({}), &[])), &mut Memory::default(), 0, 2);
        assert!(nothing.screen.is_empty(), "{kind}");
        let mut bypassed = shown(kind, json!({}), &[("wan.picture", &format!("it.{input}"))]);
        bypassed.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
        let program = run(&compile(&bypassed), &mut Memory::default(), 0, 1);
        assert_eq!(json!(program.screen[0]), json!("model"), "{kind}");
    }
}

#[test]
fn a_picture_of_parts_that_do_not_change_stays_the_one_it_was() {
    let patch = shown("output.grid", json!({}), &[("wan.picture", "it.p1"), ("tap.map", "it.p9")]);
    let program = run(&compile(&patch), &mut Memory::default(), 0, 3);
    assert!(std::sync::Arc::ptr_eq(&program.screen[0], &program.screen[2]));
}

/// What the nodes of a patch play by MIDI, frame by frame.
fn played(patch: &Patch, calls: &[usize]) -> Vec<Vec<(String, Midi)>> {
    let (plan, mut memory, mut first) = (compile(patch), Memory::default(), 0);
    let mut frames = Vec::new();
    for &count in calls {
        let program = run(&plan, &mut memory, first, count);
        first += count as u64;
        frames.extend(
            (0..count)
                .map(|lane| message::midi(&program.messages, lane).map(|it| (it.node.to_string(), it.midi)).collect()),
        );
    }
    frames
}

fn midi(params: Json) -> Midi {
    played(&patch(&[("it", "midi.out", params)], &[]), &[1])[0][0].1
}

#[test]
fn every_knob_of_midi_out_is_in_what_is_played() {
    let cc = |channel, number, value, fine| Midi::Controller { channel, number, value, fine };
    let note = |channel, number, velocity| Midi::Note { channel, number, velocity, held: false, hits: 0 };
    for (params, wanted) in [
        (json!({}), cc(1, 1, 0.0, false)),
        (json!({ "channel": 16, "number": 127, "value": 0.25 }), cc(16, 127, 0.25, false)),
        (json!({ "channel": 2.6, "number": 6.5, "value": 7.0 }), cc(3, 6, 1.0, false)),
        (json!({ "value": -3.0 }), cc(1, 1, 0.0, false)),
        (json!({ "send": "cc_14bit", "number": 31, "value": 0.5 }), cc(1, 31, 0.5, true)),
        (json!({ "send": "cc_14bit", "number": 74 }), cc(1, 31, 0.0, true)),
        (json!({ "send": "note" }), note(1, 60, 0.8)),
        (json!({ "send": "note", "channel": 10, "note": 36.4, "velocity": 1.5 }), note(10, 36, 1.0)),
        (json!({ "send": "note", "note": 127, "velocity": 0.0, "number": 9, "value": 1.0 }), note(1, 127, 0.0)),
    ] {
        assert_eq!(midi(params.clone()), wanted, "{params}");
    }
    let held = Midi::Note { channel: 1, number: 60, velocity: 0.8, held: true, hits: 1 };
    assert_eq!(midi(json!({ "send": "note", "gate": true })), held);
}

/// A wave with a period of four frames holds a key for two. A fast one triggers it three times a frame.
#[test]
fn keys_follow_their_gate_frame_by_frame() {
    let keys = |rate: f64, from: &str| -> Vec<(bool, u16)> {
        let nodes = [
            ("wave", "modulate.lfo", json!({ "rate": rate, "shape": "square" })),
            ("it", "midi.out", json!({ "send": "note" })),
        ];
        let frames = played(&patch(&nodes, &[(from, "it.gate")]), &[9]);
        let key = |frame: &Vec<(String, Midi)>| match frame[0].1 {
            Midi::Note { held, hits, .. } => (held, hits),
            Midi::Controller { .. } | Midi::Clock { .. } => panic!("a key"),
        };
        frames.iter().map(key).collect()
    };
    let (off, on, begin) = ((false, 0), (true, 0), (true, 1));
    assert_eq!(keys(1.0, "wave.out"), [off, off, begin, on, off, off, begin, on, off]);
    assert!(keys(12.0, "wave.wrap")[2..].iter().all(|key| *key == (true, 3)), "{:?}", keys(12.0, "wave.wrap"));
}

#[test]
fn a_key_that_moves_moves_in_every_frame_of_a_call() {
    let nodes = [
        ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "saw_up", "depth": 40.0, "offset": 40.0 })),
        ("it", "midi.out", json!({ "send": "note", "gate": true })),
        ("other", "midi.out", json!({ "channel": 5, "number": 7 })),
    ];
    let notes = patch(&nodes, &[("wave.out", "it.note")]);
    let numbers = |calls: &[usize]| -> Vec<u8> {
        let number = |frame: &Vec<(String, Midi)>| {
            let it = frame.iter().find(|(node, _)| node == "it").expect("it plays");
            assert_eq!(frame.len(), 2, "each node sends once");
            match it.1 {
                Midi::Note { number, .. } => number,
                Midi::Controller { .. } | Midi::Clock { .. } => panic!("a key"),
            }
        };
        played(&notes, calls).iter().map(number).collect()
    };
    assert_eq!(numbers(&[8]), [40, 50, 60, 70, 40, 50, 60, 70]);
    assert_eq!(numbers(&[8]), numbers(&[1, 3, 2, 2]));
}

#[test]
fn a_bypassed_node_plays_nothing() {
    let mut silent = patch(&[("it", "midi.out", json!({ "send": "note", "gate": true }))], &[]);
    silent.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
    assert!(played(&silent, &[2]).iter().all(Vec::is_empty));
}

/// Whether frames are recorded.
fn recorded(patch: &Patch, frames: usize) -> String {
    let program = run(&compile(patch), &mut Memory::default(), 0, frames);
    (0..frames).map(|lane| if message::recorded(&program.messages, lane) { '#' } else { '.' }).collect()
}

#[test]
fn frames_are_recorded_while_the_gate_is_on_and_always_without_a_node() {
    let wave = ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" }));
    let gated = |params| patch(&[wave.clone(), ("it", "output.record", params)], &[("wave.out", "it.gate")]);
    assert_eq!(recorded(&gated(json!({})), 8), "..##..##");
    assert_eq!(recorded(&patch(&[("it", "output.record", json!({}))], &[]), 3), "###");
    assert_eq!(recorded(&patch(&[("it", "output.record", json!({ "gate": false }))], &[]), 3), "...");
    assert_eq!(recorded(&patch(&[], &[]), 3), "###");
    let mut bypassed = gated(json!({}));
    bypassed.apply(LevelEdit::Bypass { id: "it".to_owned(), bypass: true }).expect("an edit");
    assert_eq!(recorded(&bypassed, 3), "###", "a bypassed node does not stop the recording");
}

#[test]
fn of_two_recorders_one_counts_with_a_warning() {
    let two = patch(&[("a", "output.record", json!({ "gate": false })), ("b", "output.record", json!({}))], &[]);
    let (plan, problems) = Plan::compile(&two, LIBRARY);
    let plan = plan.expect("a plan");
    assert_eq!(problems.len(), 1, "{problems:?}");
    let last = plan.order().last().expect("a node");
    assert!(problems[0].message.contains(&format!("; {last} is used")), "{problems:?}");
    assert_eq!(recorded(&two, 2), if last == "a" { ".." } else { "##" });
    let program = run(&plan, &mut Memory::default(), 0, 2);
    assert_eq!(program.messages.len(), 1);
}

#[test]
fn what_leaves_is_written_down() {
    let all = patch(
        &[
            ("a", "osc.out", json!({ "address": "/x", "value": 0.5 })),
            ("b", "midi.out", json!({ "number": 74, "value": 0.25 })),
            ("c", "output.record", json!({})),
        ],
        &[],
    );
    let program = run(&compile(&all), &mut Memory::default(), 0, 2);
    let text = program.to_string();
    for line in ["send 0.5 to /x", "send 74 as the number of b", "send 0.25 as the value of b", "record 1"] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
    let json = |node: &str| -> Vec<String> {
        let messages = program.messages.iter().filter(|message| &*message.node == node);
        messages.map(|message| serde_json::to_string(message).expect("JSON")).collect()
    };
    assert_eq!(json("a"), [r#"{"node":"a","address":"/x","values":[0.5,0.5]}"#], "OSC messages keep their older form");
    assert_eq!(json("b")[2], r#"{"node":"b","address":"b","to":{"midi":"number"},"values":[74.0,74.0]}"#);
    assert_eq!(json("c"), [r#"{"node":"c","address":"c","to":"video","values":[1.0,1.0]}"#]);
}

/// OSC messages of a patch's frames, as they are read: address and arguments.
fn osc_messages(patch: &Patch, frames: usize) -> Vec<Vec<String>> {
    let program = run(&compile(patch), &mut Memory::default(), 0, frames);
    let pixels = |cells: &Cells| Pixels::Grey(vec![0.5; usize::from(cells.width) * usize::from(cells.height)]);
    let text = |argument: &Argument| match argument {
        Argument::Number(number, form) => format!("{number} {}", form.name()),
        Argument::Text(text) => format!("{text:?}"),
        Argument::Pixels(Pixels::Grey(grey), form) => format!("{} cells {}", grey.len(), form.name()),
        Argument::Pixels(Pixels::Rgb(_), _) => panic!("greys"),
    };
    let message = |message: &OscMessage| {
        let arguments: Vec<String> = message.arguments.iter().map(text).collect();
        format!("{}{} {}", message.device, message.address, arguments.join(" "))
    };
    (0..frames)
        .map(|lane| message::osc(&program.messages, lane, |times| times > 0, pixels).iter().map(message).collect())
        .collect()
}

#[test]
fn osc_messages_have_the_types_texts_and_lists_of_their_node() {
    for (params, wanted) in [
        (json!({ "value": 0.5 }), "/bend/out 0.5 float"),
        (json!({ "value": 2.6, "type": "int" }), "/bend/out 2.6 int"),
        (json!({ "value": 1, "value_2": 2, "value_4": 4, "address": "/xy" }), "/xy 1 float 2 float 4 float"),
        (json!({ "type": "text", "text": "kick", "value": 1 }), "/bend/out \"kick\""),
        (json!({ "text": "kick", "value": 0.25, "type": "double" }), "/bend/out \"kick\" 0.25 double"),
        (json!({ "type": "none" }), "/bend/out "),
        (json!({ "value": 1, "device": "wall", "type": "bool" }), "wall/bend/out 1 bool"),
    ] {
        let all = osc_messages(&patch(&[("it", "osc.out", params.clone())], &[]), 3);
        assert_eq!(all, vec![vec![wanted.to_owned()]; 3], "{params}");
    }
}

#[test]
fn osc_messages_leave_when_something_changes_or_by_triggers() {
    let sent = |params: Json, cables: &[(&str, &str)]| -> String {
        let wave = ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" }));
        let all = osc_messages(&patch(&[wave, ("it", "osc.out", params)], cables), 8);
        all.iter().map(|frame| if frame.is_empty() { '.' } else { '#' }).collect()
    };
    let changes = json!({ "when": "changes" });
    assert_eq!(sent(changes.clone(), &[("wave.out", "it.value")]), "#.#.#.#.");
    assert_eq!(sent(changes.clone(), &[("wave.out", "it.value_3")]), "#.#.#.#.");
    assert_eq!(sent(changes, &[]), "#.......");
    assert_eq!(sent(json!({ "when": "trigger" }), &[("wave.out", "it.trigger")]), "..#...#.");
    assert_eq!(sent(json!({}), &[]), "########");
}

#[test]
fn a_text_on_a_cable_is_that_of_its_frame() {
    let nodes = [
        ("list", "prompt.list", json!({ "prompts": "a fox | a cat" })),
        ("wave", "modulate.lfo", json!({ "rate": 1.0, "shape": "square" })),
        ("it", "osc.out", json!({ "type": "text" })),
    ];
    let all = osc_messages(&patch(&nodes, &[("wave.out", "list.index"), ("list.text", "it.text")]), 4).concat();
    let texts: Vec<&str> = all.iter().map(|text| text.trim_start_matches("/bend/out ")).collect();
    assert_eq!(texts, ["\"a fox\"", "\"a fox\"", "\"a cat\"", "\"a cat\""]);
}

#[test]
fn a_picture_is_sent_at_its_size_and_without_one_nothing() {
    let nodes = |params| [("tap", "tap.neurons", json!({})), ("it", "osc.picture", params)];
    let cables = [("tap.map", "it.picture")];
    let sent = |params| osc_messages(&patch(&nodes(params), &cables), 2);
    assert_eq!(sent(json!({})), vec![vec!["/bend/picture 64 cells float".to_owned()]; 2]);
    assert_eq!(sent(json!({ "columns": 3, "rows": 2, "type": "blob" }))[1], ["/bend/picture 6 cells blob"]);
    assert!(osc_messages(&patch(&nodes(json!({})), &[]), 2).concat().is_empty());
    let program = run(&compile(&patch(&nodes(json!({})), &cables)), &mut Memory::default(), 0, 2);
    assert!(program.to_string().contains("send 8 × 8 cells in grey to /bend/picture"), "{program}");
    let json = serde_json::to_value(&program.messages[0]).expect("JSON");
    assert_eq!(
        json["cells"][1],
        json!({ "source": { "tap": "tap" }, "width": 8, "height": 8, "tones": "grey", "fit": "stretch" })
    );
    assert_eq!(json.get("values"), None);
}

#[test]
fn a_midi_clock_counts_beats_stops_and_starts_again() {
    let clocks = |params: Json, cables: &[(&str, &str)], frames: usize| -> Vec<(bool, bool, f64, f64)> {
        let nodes = [
            ("tempo", "time.tempo", json!({ "bpm": 60 })),
            ("wave", "modulate.lfo", json!({ "rate": 0.5, "shape": "square" })),
            ("it", "midi.clock_out", params),
        ];
        let frames = played(&patch(&nodes, cables), &[3, frames - 3]);
        let clock = |frame: &Vec<(String, Midi)>| match frame[0].1 {
            Midi::Clock { runs, starts, beat, beats } => (runs, starts, beat, beats),
            Midi::Controller { .. } | Midi::Note { .. } => panic!("a clock"),
        };
        frames.iter().map(clock).collect()
    };
    // The tempo of a node is in effect from the second frame on.
    let all = clocks(json!({}), &[], 5);
    assert!(all[0].1 && all[1..].iter().all(|clock| clock.0 && !clock.1), "{all:?}");
    assert_near(&all.windows(2).map(|pair| pair[1].2 - pair[0].2 - pair[0].3).collect::<Vec<_>>(), &[0.0; 4]);
    assert_near(&[all[2].3], &[DT_SECS]);
    let stopped = clocks(json!({}), &[("wave.out", "it.run")], 12);
    let (first, last) = (&stopped[..4], &stopped[4..8]);
    assert!(first.iter().all(|clock| !clock.0 && clock.2 == 0.0) && last.iter().all(|clock| clock.0), "{stopped:?}");
    assert!(stopped[8..].iter().all(|clock| !clock.0 && clock.2 == stopped[8].2 && clock.2 > 0.9));
    let again = clocks(json!({}), &[("wave.out", "it.reset")], 8);
    assert_eq!(
        again.iter().map(|clock| clock.1).collect::<Vec<_>>(),
        [true, false, false, false, true, false, false, false]
    );
    assert_eq!((again[4].2, again[3].2 > 0.4), (0.0, true));
}

/// The nodes of this file.
fn nodes() -> Vec<&'static NodeDef> {
    let is_one = |def: &&&NodeDef| {
        def.family() == "output" || def.family() == "light" || ["midi.out", "midi.clock_out"].contains(&def.name)
    };
    LIBRARY.iter().filter(is_one).copied().collect()
}

/// A node with any knobs, in front of which anything moves that can.
fn any_patch() -> impl Strategy<Value = Patch> {
    prop::sample::select(nodes()).prop_flat_map(|def| {
        let knob = || prop_oneof![-2.0..2.0, -1e5..1e5, Just(0.0), Just(1e300), Just(-1e300)];
        (prop::collection::vec((any::<bool>(), knob()), def.inputs.len()), 0.1_f64..9.0).prop_map(
            move |(knobs, rate): (Vec<(bool, f64)>, f64)| {
                let mut all = shown(def.name, json!({}), &[]);
                all.cables.retain(|_| !def.outputs.is_empty());
                all.nodes.insert("wave".to_owned(), node("modulate.lfo", &json!({ "rate": rate, "depth": 30.0 })));
                for (input, (wired, value)) in def.inputs.iter().zip(knobs) {
                    let params = &mut all.nodes.get_mut("it").expect("the node").params;
                    match input.kind {
                        Kind::Number if input.choices.is_empty() => {
                            params.insert(input.name.to_owned(), json!(value));
                        }
                        Kind::Number => {
                            let choice = value.abs() as usize % input.choices.len();
                            params.insert(input.name.to_owned(), json!(input.choices[choice]));
                        }
                        _ => {}
                    }
                    let from = match input.kind {
                        Kind::Map => "tap.map",
                        Kind::Picture => "wan.picture",
                        _ => "wave.out",
                    };
                    if wired && input.kind != Kind::Text {
                        all.cables.push(cable(from, &format!("it.{}", input.name)));
                    }
                }
                all
            },
        )
    })
}

/// The messages of a program, lane by lane.
fn lanes(programs: &[Program]) -> Vec<String> {
    let mut lanes = Vec::new();
    for program in programs {
        let count = program.messages.iter().map(|message| message.values.len()).chain([program.screen.len()]).max();
        for lane in 0..count.unwrap_or(0) {
            let values: Vec<_> = program.messages.iter().map(|message| (message.to, message.values[lane])).collect();
            let lights: Vec<_> = program.lights.iter().map(|light| &light.lanes[lane]).collect();
            lanes.push(format!("{values:?} {:?} {lights:?}", program.screen.get(lane)));
        }
    }
    lanes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_knobs_numbers_are_in_their_ranges_and_calls_of_any_length_are_alike(
        patch in any_patch(),
        calls in prop::collection::vec(1_usize..4, 1..5),
    ) {
        let plan = compile(&patch);
        let (mut memory, mut first) = (Memory::default(), 0);
        let parts: Vec<Program> = calls.iter().map(|&frames| {
            first += frames as u64;
            run(&plan, &mut memory, first - frames as u64, frames)
        }).collect();
        let whole = run(&plan, &mut Memory::default(), 0, calls.iter().sum());
        prop_assert_eq!(lanes(&parts), lanes(std::slice::from_ref(&whole)));
        for lane in 0..calls.iter().sum() {
            for Played { midi, .. } in message::midi(&whole.messages, lane) {
                let (channel, number, value) = match midi {
                    Midi::Controller { channel, number, value, fine } => (channel, number.max(u8::from(fine)), value),
                    Midi::Note { channel, number, velocity, .. } => (channel, number, velocity),
                    Midi::Clock { beat, beats, .. } => {
                        prop_assert!(beat >= 0.0 && beats >= 0.0);
                        continue;
                    }
                };
                prop_assert!((1..=16).contains(&channel) && number < 128 && (0.0..=1.0).contains(&value));
            }
        }
        for source in &whole.screen {
            match &**source {
                Source::Heatmap { amount, look, .. } => {
                    prop_assert!((0.0..=1.0).contains(amount) && (0.0..=1.0).contains(&look.threshold));
                    prop_assert!((0.05..=20.0).contains(&look.gamma));
                }
                Source::Spectrum { amount, drawing, .. } => {
                    prop_assert!((0.0..=1.0).contains(amount) && (-200.0..=-1.0).contains(&drawing.floor));
                    prop_assert!((0.001..=1000.0).contains(&drawing.gain) && (0.0..=3600.0).contains(&drawing.decay));
                    prop_assert!(drawing.bands <= 4096);
                }
                Source::Grid { columns, gap, .. } => prop_assert!(*columns <= 9 && *gap <= 128),
                _ => {}
            }
        }
    }

    #[test]
    fn parts_are_messages_for_any_numbers(
        parts in prop::array::uniform8(prop_oneof![-3.0..200.0, any::<f64>()]),
    ) {
        let midi = Midi::of(parts);
        let mut again = [0.0; Part::ALL.len()];
        for (part, number) in midi.parts() {
            prop_assert!(number.is_finite());
            again[part as usize] = number;
        }
        prop_assert_eq!(Midi::of(again), midi);
    }
}
