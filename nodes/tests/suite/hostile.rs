//! Files with as many errors as possible, or with large expansions: checking and compiling them stays fast.

use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::check::check;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::diagnostics::Code;
use bendrack_nodes::patch::Patch;
use serde_json::{Map, Value as Json, json};

use crate::checks::{problems, with};

fn object<T: Into<Json>>(members: impl Iterator<Item = (String, T)>) -> Json {
    Json::Object(members.map(|(key, value)| (key, value.into())).collect::<Map<_, _>>())
}

const PAD: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzz";

fn notes(count: usize) -> Json {
    object((0..count).map(|i| (format!("a{i:06}{PAD}"), json!({ "type": "view.note" }))))
}

/// Files of about `size` bytes with as many errors as possible, or with large expansions.
fn hostile(size: usize) -> Vec<(&'static str, Json)> {
    let many = |bytes: usize| size / bytes;
    let wired = |ports: Json| json!({ "inputs": ports, "nodes": {} });
    let instances = |count: usize| object((0..count).map(|i| (format!("i{i}"), json!({ "type": "sub.d" }))));
    let n = many(60);
    vec![
        ("layout", {
            let layout = object((0..many(115)).map(|i| (format!("b{i:06}{PAD}"), json!({ "pos": [0, 0] }))));
            with(json!({ "nodes": notes(many(115)), "layout": layout }))
        }),
        ("snapshots", {
            let values = object((0..many(105)).map(|i| (format!("b{i:06}{PAD}.x"), 0)));
            with(json!({ "nodes": notes(many(105)), "snapshots": [{ "name": "s", "values": values }] }))
        }),
        ("maps", {
            let map = |i| json!({ "kind": "cc", "channel": 1, "number": 1, "to": format!("b{i:06}{PAD}.x"), "range": [0, 1] });
            with(json!({ "nodes": notes(many(150)), "maps": (0..many(150)).map(map).collect::<Json>() }))
        }),
        ("subpatches", {
            let nodes = (0..many(105)).map(|i| (format!("a{i:06}"), json!({ "type": format!("sub.b{i:06}{PAD}") })));
            let definitions = (0..many(105)).map(|i| (format!("c{i:06}{PAD}"), json!({})));
            with(json!({ "nodes": object(nodes), "definitions": object(definitions) }))
        }),
        ("types", {
            let nodes = (0..many(40)).map(|i| (format!("a{i}"), json!({ "type": "modulate.lof" })));
            with(json!({ "nodes": object(nodes) }))
        }),
        ("ports", {
            let inputs = (0..many(120)).map(|i| json!({ "name": format!("a{i:06}{PAD}"), "to": [] })).collect();
            let cable = |i| json!({ "from": "n.out", "to": format!("i.b{i:06}{PAD}") });
            with(json!({
                "nodes": { "i": { "type": "sub.d" }, "n": { "type": "control.number" } },
                "definitions": { "d": wired(inputs) }, "cables": (0..many(120)).map(cable).collect::<Json>()
            }))
        }),
        ("bad cables", {
            let cables = vec![json!({ "from": "x.y", "to": "x.z" }); n];
            with(json!({ "nodes": instances(n), "definitions": { "d": { "cables": cables } } }))
        }),
        ("muted cables", {
            let cables = vec![json!({ "from": "n.y", "to": "n.z", "mute": true }); n];
            let definition = json!({ "nodes": { "n": { "type": "q" } }, "cables": cables });
            with(json!({ "nodes": instances(n), "definitions": { "d": definition } }))
        }),
        ("parameters", {
            let params = object((0..n).map(|i| (format!("p{i}"), 0)));
            let definition = json!({ "nodes": { "n": { "type": "control.knob", "params": params } } });
            with(json!({ "nodes": instances(n), "definitions": { "d": definition } }))
        }),
        ("parameters of instances", {
            let params = object((0..n).map(|i| (format!("p{i}"), 0)));
            let definition = json!({ "nodes": { "n": { "type": "sub.e", "params": params } } });
            with(json!({ "nodes": instances(n), "definitions": { "d": definition, "e": {} } }))
        }),
        ("long texts", {
            let params = json!({ "text": "a|".repeat(30_000) });
            let definition = json!({ "nodes": { "n": { "type": "prompt.list", "params": params } } });
            with(json!({ "nodes": instances(n), "definitions": { "d": definition } }))
        }),
        ("ends of an inlet", {
            let inputs = json!([{ "name": "k", "to": vec!["x.y"; n] }]);
            with(json!({ "nodes": instances(n), "definitions": { "d": wired(inputs) } }))
        }),
        ("unused", {
            let large = object((0..many(80)).map(|i| (format!("a{i}"), json!({ "type": "control.knob" }))));
            let small = json!({ "nodes": { "i": { "type": "sub.h" }, "j": { "type": "sub.h" } } });
            let mut definitions = object((0..many(160)).map(|i| (format!("u{i}"), small.clone())));
            definitions["h"] = json!({ "nodes": large });
            with(json!({ "definitions": definitions }))
        }),
        ("long keys", {
            let members = object((0..many(12)).map(|i| (format!("k{i}"), 0)));
            with(json!({ "q": { "k".repeat(1000): members } }))
        }),
        ("long ids", {
            let nodes = object((0..many(30)).map(|i| (format!("n{i}"), json!({ "type": "a" }))));
            with(
                json!({ "nodes": { "i": { "type": "sub.d" } }, "definitions": { "d".repeat(1000): { "nodes": nodes } } }),
            )
        }),
        ("longer ids", {
            let nodes = object((0..many(30)).map(|i| (format!("n{i}"), json!({ "type": "a" }))));
            with(json!({ "definitions": { "d".repeat(60_000): { "nodes": nodes } } }))
        }),
        ("migrations", {
            let model = json!({ "type": "model.wan", "params": { "mix": 1 } });
            let nodes = object((0..many(100)).map(|i| (format!("w{i}"), model.clone())));
            with(json!({ "nodes": nodes, "cables": vec![json!({ "from": "a.b", "to": "c.d" }); many(50)] }))
        }),
        ("reroutes", {
            let nodes = object((0..many(70)).map(|i| (format!("r{i}"), json!({ "type": "view.reroute" }))));
            let cable = |i| json!({ "from": format!("r{i}.out"), "to": format!("r{}.in", i + 1) });
            let cables = (0..many(70)).map(cable).collect::<Json>();
            with(json!({ "nodes": nodes, "cables": cables }))
        }),
        ("unread", {
            let nodes = object((0..many(60)).map(|i| (format!("a{i}"), json!({ "type": 5 }))));
            with(json!({ "nodes": nodes, "cables": vec![7; many(10)] }))
        }),
    ]
}

#[test]
fn hostile_files_are_checked_and_compiled_in_a_moment() {
    for (what, patch) in hostile(250_000) {
        let text = patch.to_string();
        let run = || {
            let start = Instant::now();
            assert!(!check(text.as_bytes(), LIBRARY).is_empty(), "{what}: something is wrong with it");
            if let (Some(patch), _) = Patch::read(text.as_bytes()) {
                Plan::compile(&patch, LIBRARY);
            }
            start.elapsed()
        };
        // A busy machine slows a run; one fast run of three is enough.
        let times = (0..3).map(|_| run()).inspect(|time| println!("{what}: {} bytes, {time:?}", text.len()));
        assert!({ times }.any(|time| time < Duration::from_secs(2)), "{what}: {} bytes take too long", text.len());
    }
}

#[test]
fn an_excess_is_reported_once() {
    for (what, patch) in hostile(250_000) {
        let problems = problems(&patch);
        let most = problems.iter().filter(|problem| problem.code == Code::TooMany).count();
        let pointer = match what {
            "ports" => "/definitions/d/inputs",
            "bad cables" | "muted cables" => "/cables",
            "parameters of instances" => "/definitions",
            "unused" => "/definitions/u",
            _ => continue,
        };
        assert_eq!(most, 1, "{what}");
        let problem = problems.iter().find(|problem| problem.code == Code::TooMany).expect("one");
        assert!(problem.pointer.starts_with(pointer), "{what}: {problem}");
    }
}
