//! The unbent twin: the same video without bends, beside the one on screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack::engine::{Engine, EngineHandle, Model, Session};
use bendrack_nodes::patch::{LevelEdit, Patch};
use serde_json::json;

use crate::rig::{chunks, engine, moving, plan};

/// The pictures of a patch by number, headless.
fn rendered(patch: &Patch, master: f64) -> Vec<Vec<u8>> {
    let mut patch = patch.clone();
    patch.engine.master = master;
    chunks(&mut engine(&patch), 2).into_iter().flatten().map(|frame| frame.picture.rgb.clone()).collect()
}

/// The pairs of a live video by number: bent, unbent.
type Pairs = BTreeMap<u64, (Vec<u8>, Vec<u8>)>;

fn collect(rack: &EngineHandle, until: u64) -> Pairs {
    let (begun, mut pairs) = (Instant::now(), Pairs::new());
    while pairs.len() < 5 {
        assert!(begun.elapsed() < Duration::from_mins(1), "no pair {until}: {:?}", pairs.keys());
        if let Some(pair) = rack.pair().expect("a twin")
            && pair.bent.number == pair.unbent.number
            && pair.bent.number <= until
        {
            pairs.insert(pair.bent.number, (pair.bent.picture.rgb.clone(), pair.unbent.picture.rgb.clone()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    pairs
}

#[test]
fn pairs_have_one_number_and_equal_the_renders_with_and_without_bends() {
    let patch = moving(&[], &[]);
    let first = patch.clone();
    let load = move || {
        let engine = Engine::new(Model::mini()?, Arc::new(plan(&first)), (128, 128))?;
        Ok(Session::new(engine, Arc::new(first)))
    };
    let rack = EngineHandle::start(load, |_| {});
    assert!(rack.pair().expect("no twin").is_none());
    rack.compare(true);
    let pairs = collect(&rack, 16);
    let (bent, unbent) = (rendered(&patch, 1.0), rendered(&patch, 0.0));
    let mut differ = 0;
    for (number, pair) in &pairs {
        let number = *number as usize;
        assert!(pair.1 == unbent[number], "picture {number} without bends");
        assert!(pair.0 == bent[number], "picture {number} with bends");
        differ += usize::from(pair.0 != pair.1);
    }
    assert!(differ > 3, "{differ} of {:?} differ", pairs.keys());
    // An edit that is no bend reaches both.
    let mut edited = patch.clone();
    let edit =
        LevelEdit::SetParam { id: "wan".into(), name: "prompt".into(), value: Some(json!("a cat over the sea")) };
    edited.apply(edit).expect("an edit");
    let plan = plan(&edited);
    rack.set_patch(edited.clone(), plan);
    rack.restart();
    std::thread::sleep(Duration::from_millis(200));
    let pairs = collect(&rack, 16);
    let (number, (_, unbent)) = pairs.last_key_value().expect("a pair");
    assert!(*unbent == rendered(&edited, 0.0)[*number as usize], "the new prompt");
    rack.compare(false);
    std::thread::sleep(Duration::from_millis(300));
    assert!(rack.pair().expect("no twin").is_none());
}

#[test]
#[ignore = "measures time, which needs an idle machine: cargo test --release --test rack twin -- --ignored --nocapture"]
fn the_show_is_in_time_beside_its_twin() {
    let patch = moving(&[], &[]);
    let first = patch.clone();
    let load = move || {
        let engine = Engine::new(Model::mini()?, Arc::new(plan(&first)), (128, 128))?;
        Ok(Session::new(engine, Arc::new(first)))
    };
    let rack = EngineHandle::start(load, |_| {});
    for is_compared in [false, true] {
        rack.compare(is_compared);
        std::thread::sleep(Duration::from_secs(3));
        let (before, begun) = (rack.status().late, rack.frame().map_or(0, |frame| frame.number));
        std::thread::sleep(Duration::from_secs(15));
        let pictures = rack.frame().map_or(0, |frame| frame.number) - begun;
        let late = rack.status().late - before;
        let pair = rack.pair().expect("a twin").map(|pair| (pair.behind, pair.speed));
        println!("compared: {is_compared}, pictures {pictures}, late {late}, behind and speed of the twin {pair:?}");
        assert!(pictures >= 230, "{pictures} of 240 pictures");
    }
}
