//! The nodes of the KV cache.

use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Program;
use bendrack_nodes::tick::Memory;
use serde_json::{Value as Json, json};

use super::patches::*;
use crate::patching::*;

/// A patch of one cache node and the wave that goes into it, per frame on where `wave` is.
fn caching(kind: &str, port: &str, params: &Json, formula: &str) -> Patch {
    patch(
        &[("by", "math.expression", json!({ "formula": formula })), ("it", kind, params.clone())],
        &[("by.out", &format!("it.{port}"))],
    )
}

#[test]
fn a_reset_comes_no_sooner_than_it_may() {
    for (every, dropped) in [(0.0, 0), (0.25, 0), (0.5, 0), (0.6, 1), (1.0, 1), (1.1, 2), (3600.0, 99)] {
        // A trigger in each second frame, from the first on.
        let reset = caching("cache.reset", "trigger", &json!({ "wait": every }), "frame % 2 == 0");
        let resets: Vec<bool> = by_frame(&reset, 40).iter().map(|program| program.cache.reset).collect();
        let expected: Vec<bool> =
            (0..40).map(|frame| if dropped == 99 { frame == 0 } else { frame % (2 * (dropped + 1)) == 0 }).collect();
        assert_eq!(resets, expected, "{every}");
    }
    // Held, it resets once; in a call any of its frames may ask.
    let held = caching("cache.reset", "trigger", &json!({}), "frame >= 4");
    let (plan, mut memory) = (compile(&held), Memory::default());
    let calls: Vec<bool> = (0..4).map(|call| run(&plan, &mut memory, 3 * call, 3).cache.reset).collect();
    assert_eq!(calls, [false, true, false, false]);
}

#[test]
fn what_is_asked_of_the_cache_is_asked_frame_by_frame() {
    let call = |patch: &Patch, first: u64| {
        let (plan, mut memory) = (compile(patch), Memory::default());
        (0..first).for_each(|frame| drop(run(&plan, &mut memory, frame, 1)));
        run(&plan, &mut memory, first, 4).cache
    };
    let off = caching("cache.off", "off", &json!({}), "frame == 2 || frame == 5");
    assert_eq!(
        (call(&off, 0).off.to_vec(), call(&off, 4).off.to_vec()),
        (vec![0.0, 0.0, 1.0, 0.0], vec![0.0, 1.0, 0.0, 0.0])
    );
    assert!(call(&off, 6).off.is_empty(), "nothing is asked");
    assert_eq!(call(&patch(&[("it", "cache.off", json!({}))], &[]), 0).off.to_vec(), [1.0; 4], "on by itself");

    let mut stale = caching("cache.stale", "strength", &json!({ "strength": 1.0 }), "frame");
    stale.nodes.get_mut("it").expect("a node").depths.insert("strength".into(), 0.5);
    assert_eq!(call(&stale, 0).stale.to_vec(), [1.0, 6.0, 11.0, 16.0]);
    stale.nodes.insert("other".into(), node("cache.stale", &json!({ "strength": 7.0 })));
    assert_eq!(call(&stale, 0).stale.to_vec(), [7.0, 7.0, 11.0, 16.0], "the stronger of two counts");
    stale.nodes.retain(|id, _| id == "other");
    stale.cables.clear();
    stale.nodes.get_mut("other").expect("a node").params.insert("strength".into(), json!(0.0));
    assert!(call(&stale, 0).stale.is_empty());
    let gated = caching("cache.stale", "on", &json!({ "strength": 3.0 }), "frame % 2");
    assert_eq!(call(&gated, 0).stale.to_vec(), [0.0, 3.0, 0.0, 3.0], "off leaves the past as it is");

    let mut again = caching("cache.recache", "trigger", &json!({ "distance": 0.5 }), "frame == 3");
    assert_eq!((call(&again, 0).recache, call(&again, 0).threshold), (true, Some(0.5)));
    assert!(!call(&again, 4).recache);
    let held = caching("cache.recache", "on", &json!({}), "frame >= 2");
    let (plan, mut memory) = (compile(&held), Memory::default());
    let calls: Vec<bool> = (0..4).map(|call| run(&plan, &mut memory, call, 1).cache.recache).collect();
    assert_eq!(calls, [false, false, true, true], "while it is on, before every chunk");
    again.nodes.insert("other".into(), node("cache.recache", &json!({ "distance": 0.25 })));
    again.nodes.insert("none".into(), node("cache.recache", &json!({})));
    assert_eq!(call(&again, 0).threshold, Some(0.25), "the lower of two counts, and 0 is none");
    let rest = call(&patch(&[("it", "cache.recache", json!({}))], &[]), 0);
    assert_eq!((rest.recache, rest.threshold), (false, None));
}

#[test]
fn a_program_prints_what_it_asks_of_the_past() {
    let all = patch(
        &[
            ("plan", "prompt.crossfade", json!({ "a": "red", "b": "blue", "amount": 0.25, "method": "slerp" })),
            ("late", "prompt.change", json!({ "text": "red", "policy": "recache" })),
            ("either", "logic.switch", json!({ "index": 1 })),
            ("wan", "model.wan", json!({})),
            ("on", "math.expression", json!({ "formula": "frame == 1" })),
            ("off", "cache.off", json!({})),
            ("reset", "cache.reset", json!({})),
            ("again", "cache.recache", json!({ "distance": 0.5 })),
            ("stale", "cache.stale", json!({})),
        ],
        &[
            ("plan.text", "either.a"),
            ("late.text", "either.b"),
            ("either.out", "wan.prompt"),
            ("on.out", "off.off"),
            ("on.out", "reset.trigger"),
            ("on.out", "again.trigger"),
        ],
    );
    let program = run(&compile(&all), &mut Memory::default(), 0, 3);
    assert_eq!(
        program.to_string(),
        "prompt \"red\"\nrecache the cache when the prompt changes\nreset the cache\nhide past frames: [0 1 0]\nrecache\n\
         recache when the distance exceeds 0.5\nweaken stale frames by 4\n"
    );
    let json = serde_json::to_value(&program).expect("JSON");
    assert_eq!(json["switch"], json!("recache"));
    assert_eq!(
        json["cache"],
        json!({ "reset": true, "off": [0.0, 1.0, 0.0], "recache": true, "threshold": 0.5, "stale": [4.0, 4.0, 4.0] })
    );
    let mut mixed = all;
    mixed.nodes.get_mut("either").expect("a node").params.insert("index".into(), json!(0.0));
    let program = run(&compile(&mixed), &mut Memory::default(), 0, 3);
    assert!(program.to_string().starts_with("prompt \"red\"\nblend 0.25 of \"blue\", slerp\nreset"), "{program}");
    assert_eq!(serde_json::to_value(&program).expect("JSON")["blend"]["method"], json!("slerp"));
    assert_eq!(Program::default().to_string(), "prompt \"\"\n");
}
