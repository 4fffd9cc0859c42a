//! Studies: reading, expansion, identity.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use serde_json::{Value as Json, json};

use super::measure::Measure;
use super::report::Report;
use super::runs::{Conditions, Run, Runs};
use super::store::{Outcome, Store};
use super::sweep::Workers;
use super::*;
use crate::engine::Model;

fn patch() -> Json {
    json!({
        "format": "bendrack-patch", "version": 1,
        "nodes": {
            "wan": { "type": "model.wan", "params": { "prompt": "a red heart over a black background" } },
            "layers": { "type": "target.layers" },
            "bend": { "type": "bend.gain", "params": { "site": "ffn.out" } },
            "words": { "type": "target.words", "params": { "words": "heart" } },
            "tap": { "type": "tap.map" },
        },
        "cables": [
            { "from": "layers.target", "to": "bend.target" },
            { "from": "bend.bends", "to": "wan.bends" },
            { "from": "words.target", "to": "tap.target" },
        ],
    })
}

fn file(changes: &Json) -> Json {
    let mut study = json!({
        "format": FORMAT, "version": VERSION, "title": "A study", "patch": patch(), "seconds": 0.5,
        "axes": [
            { "name": "gain", "set": "bend.gain", "values": [0, 2] },
            { "name": "layer", "set": ["layers.first", "layers.last"], "range": { "from": 0, "to": 2 } },
        ],
        "samples": { "seeds": [3, 5] },
    });
    for (key, value) in changes.as_object().expect("an object") {
        study[key] = value.clone();
    }
    study
}

fn study(changes: &Json) -> Result<Study> {
    Study::read(file(changes).to_string().as_bytes(), Path::new(""))
}

fn conditions(pictures: usize) -> Conditions {
    Conditions {
        model: "mini".into(),
        model_sha256: "x".into(),
        steps: None,
        numbers: "F32".into(),
        size: (32, 32),
        pictures,
    }
}

fn runs(study: &Study) -> Runs {
    Runs::of(study, &conditions(study.pictures())).expect("runs")
}

#[test]
fn every_combination_runs_on_every_sample() {
    let study = study(&json!({})).expect("a study");
    let runs = runs(&study);
    let names: Vec<Vec<&str>> = runs.cells.iter().map(|cell| study.parts[0].names(&cell.at).collect()).collect();
    assert_eq!(names, [["0", "0"], ["0", "1"], ["0", "2"], ["2", "0"], ["2", "1"], ["2", "2"]]);
    // Each sample has a yardstick and all cells.
    assert_eq!(runs.runs.len(), 2 * (1 + 6));
    let run = runs.runs.iter().find(|run| (run.cell, run.sample) == (Some(4), 1)).expect("a run");
    assert_eq!(run.patch.engine.seed, 5);
    let set = |node: &str, name: &str| run.patch.nodes[node].params[name].clone();
    assert_eq!([set("bend", "gain"), set("layers", "first"), set("layers", "last")], [json!(2), json!(1), json!(1)]);
}

/// The video without bends is the same for all cells of a sample, and keeps its taps.
#[test]
fn cells_share_the_video_without_bends() {
    let study = study(&json!({})).expect("a study");
    let runs = runs(&study);
    let references = |sample| -> BTreeSet<&str> {
        runs.runs.iter().filter(|run| run.sample == sample).map(|run| &*run.reference).collect()
    };
    assert_eq!([references(0).len(), references(1).len()], [1, 1]);
    assert_ne!(references(0), references(1));
    let unbent = runs.runs[1].unbent(&runs.samples);
    assert_eq!(unbent.nodes.keys().collect::<Vec<_>>(), ["tap", "wan", "words"]);
    assert_eq!((unbent.engine.master, unbent.engine.seed), (0.0, 3));
    let yardstick = &runs.runs[0];
    assert_eq!(yardstick.cell, None);
    assert_ne!(yardstick.patch.engine.seed, 3, "another seed");
    assert_eq!(yardstick.unbent(&runs.samples), unbent);
}

#[test]
fn shards_are_all_runs_once() {
    let study = study(&json!({ "samples": { "seeds": [1, 2, 3] } })).expect("a study");
    let runs = runs(&study);
    let ids = |shard| -> Vec<(String, String)> {
        runs.shard(shard).iter().map(|run| (run.id.clone(), run.reference.clone())).collect()
    };
    let mut parts: Vec<_> = (1..=4).flat_map(|number| ids((number, 4))).collect();
    let mut whole = ids((1, 1));
    assert_eq!(whole.len(), runs.runs.len());
    parts.sort();
    whole.sort();
    assert_eq!(parts, whole);
}

/// Cells with one effect are one run.
#[test]
fn equal_patches_run_once() {
    let axes = json!([{ "name": "gain", "set": "bend.gain", "values": [2] }]);
    let part = |name: &str| json!({ "name": name, "axes": axes });
    let mut two = file(&json!({ "parts": [part("a"), part("b")] }));
    two.as_object_mut().expect("an object").remove("axes");
    let study = Study::read(two.to_string().as_bytes(), Path::new("")).expect("a study");
    let runs = self::runs(&study);
    assert_eq!((study.parts.len(), runs.cells.len(), runs.shard((1, 1)).len()), (2, 2, 4));
    assert_eq!(Study::from_whole(&study.whole).expect("the same").whole, study.whole);
}

#[test]
fn axes_have_values_ranges_bands_and_points() {
    let points = |axis: Json| -> std::result::Result<Vec<String>, String> {
        let study = study(&json!({ "axes": [axis] })).map_err(|error| error.to_string())?;
        Ok(study.parts[0].axes[0].points.iter().map(|point| point.name.clone()).collect())
    };
    let range = |from: f64, to: f64, step: f64| {
        points(json!({ "name": "x", "set": "bend.gain", "range": { "from": from, "to": to, "step": step } }))
    };
    assert_eq!(range(0.0, 0.5, 0.1).expect("a range"), ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    assert_eq!(range(1.0, -1.0, -1.0).expect("a range"), ["1", "0", "-1"]);
    let bands = json!({ "name": "x", "set": ["layers.first", "layers.last"], "bands": { "of": 7, "count": 3 } });
    assert_eq!(points(bands).expect("bands"), ["0–1", "2–3", "4–6"]);
    let own = json!({ "name": "x", "points": [{ "name": "a", "set": { "bend.gain": 3, "engine.steps": 2 } }] });
    assert_eq!(points(own).expect("points"), ["a"]);
    let cases = [
        (json!({ "name": "x", "set": "bend.gian", "values": [1] }), "did you mean bend.gain?"),
        (json!({ "name": "x", "set": "bent.gain", "values": [1] }), "did you mean bend.gain?"),
        (json!({ "name": "x", "set": "engine.seed", "values": [1] }), "seeds are samples"),
        (json!({ "name": "x", "set": "gain", "values": [1] }), "write node.input"),
        (json!({ "name": "x", "set": "bend.gain", "values": [] }), "0 points"),
        (json!({ "name": "x", "set": "bend.gain" }), "give one of"),
        (json!({ "name": "x", "set": "bend.gain", "values": [2, 2] }), "\"2\" stands twice"),
        (json!({ "name": "x", "set": "bend.gain", "range": { "from": 0, "to": 1e30 } }), "points; give 1 to"),
        (json!({ "name": "x", "values": [1] }), "give \"set\""),
        (json!({ "name": "x", "set": "bend.gain", "bands": { "of": 4, "count": 2 } }), "two knobs"),
        (
            json!({ "name": "x", "set": ["layers.first", "layers.last"], "bands": { "of": 2, "count": 4 } }),
            "1 to 2 bands",
        ),
        (json!({ "name": "x", "set": "bend.gain", "range": { "from": 0, "to": 1e9 } }), "points; give 1 to"),
    ];
    for (axis, problem) in cases {
        let error = points(axis.clone()).expect_err("a mistake");
        assert!(error.contains(problem) && error.contains("axis \"x\""), "{axis}: {error}");
    }
    assert!(range(0.0, 1.0, 0.0).is_err() && range(0.0, 1.0, -1.0).is_err());
}

/// A text that a cable brings has no effect as a field.
#[test]
fn a_field_behind_a_cable_is_no_axis() {
    let mut patch = patch();
    patch["nodes"]["text"] = json!({ "type": "prompt.text" });
    patch["cables"].as_array_mut().expect("a list").push(json!({ "from": "text.text", "to": "wan.prompt" }));
    let axis = |set: &str| json!([{ "name": "x", "set": set, "values": ["a cat over a sea"] }]);
    let error = study(&json!({ "patch": patch, "axes": axis("wan.prompt") })).expect_err("a mistake").to_string();
    assert!(error.contains("a cable from text brings this value; set an input of text instead"), "{error}");
    assert!(study(&json!({ "patch": patch, "axes": axis("text.text") })).is_ok());
}

/// Values that would not be used as they stand, and axes that something else overrides.
#[test]
fn values_without_their_effect_are_mistakes() {
    let of = |axis: Json, samples: Json, steps: Option<usize>| -> std::result::Result<(), String> {
        let study = study(&json!({ "axes": [axis], "samples": samples })).map_err(|error| error.to_string())?;
        let conditions = Conditions { steps, ..conditions(9) };
        let runs = Runs::of(&study, &conditions).map_err(|error| error.to_string())?;
        let checked = runs.runs.iter().try_for_each(|run| run.check(&study.parts[0]));
        checked.map_err(|error| error.to_string())
    };
    let seeds = || json!({ "seeds": [1] });
    let axis = |set: &str, value: Json| json!({ "name": "x", "set": set, "values": [value] });
    assert!(of(axis("bend.gain", json!(99)), seeds(), None).is_ok());
    assert!(of(axis("bend.gain", json!(400)), seeds(), None).is_err_and(|why| why.contains("outside")));
    assert!(of(axis("engine.steps", json!(2)), seeds(), None).is_ok());
    assert!(of(axis("engine.steps", json!(2)), seeds(), Some(3)).is_err_and(|why| why.contains("--steps replaces")));
    let scenes = json!({ "scenes": 2 });
    assert!(
        of(axis("wan.prompt", json!("a cat")), scenes, None)
            .is_err_and(|why| why.contains("scenes replace wan.prompt"))
    );
}

#[test]
fn mistakes_of_studies_have_a_place_and_advice() {
    let cases = [
        (json!({ "format": "bendrack-patch" }), "give the file of a study"),
        (json!({ "version": 2 }), "version"),
        (json!({ "seconds": 0 }), "seconds"),
        (json!({ "colour": "red" }), "unknown field `colour`"),
        (json!({ "samples": { "seeds": [] } }), "at least one seed"),
        (json!({ "samples": { "seeds": [1, 1] } }), "stands twice"),
        (json!({ "samples": { "scenes": 0 } }), "at least one scene"),
        (json!({ "patch": "no/such/patch.json" }), "no/such/patch.json"),
        (json!({ "patch": { "format": "bendrack-patch" } }), "patch"),
        (json!({ "parts": [{ "name": "a", "axes": [] }] }), "move these into a part"),
    ];
    for (changes, problem) in cases {
        let error = study(&changes).expect_err("a mistake").to_string();
        assert!(error.contains(problem), "{changes}: {error}");
    }
    let many = study(&json!({ "samples": { "scenes": 100_000 } })).expect("a study");
    let error = Runs::of(&many, &conditions(9)).expect_err("too many").to_string();
    assert!(error.contains("100000 scenes, and 256 are there"), "{error}");
}

/// Results are kept run by run; the report has the mean of the samples, its test and the yardstick.
#[test]
fn results_are_kept_and_reported() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (study, conditions) = (study(&json!({}))?, conditions(9));
    let runs = Runs::of(&study, &conditions)?;
    let mut store = Store::create(folder.path(), &study, &conditions, &runs)?;
    assert!(Store::create(folder.path(), &study, &conditions, &runs).is_err(), "one writer at a time");
    let outcome = |run: &Run| {
        let value = run.cell.map_or(10.0, |cell| cell as f64) + run.sample as f64;
        let values = [(Measure::Picture, value), (Measure::Motion, -value)].into();
        Outcome { values, warnings: vec![], seconds: 0.1, strip: vec![0xff, 0xd8], unbent: vec![0xff, 0xd9] }
    };
    for run in runs.shard((1, 2)) {
        store.add(run, &outcome(run))?;
    }
    let report = Report::of(&store)?;
    assert_eq!(report.progress, (7, 14));
    // The other half comes from another machine.
    let other = tempfile::tempdir()?;
    let mut shard = Store::create(other.path(), &study, &conditions, &runs)?;
    for run in runs.shard((2, 2)) {
        shard.add(run, &outcome(run))?;
    }
    assert_eq!([store.merge(&shard)?, store.merge(&shard)?], [7, 0]);
    let report = Report::of(&store)?;
    assert_eq!(report.progress, (14, 14));
    let finding = &report.parts[0][4].findings[&Measure::Picture];
    assert_eq!((finding.samples.as_slice(), finding.mean.mean, finding.probability), (&[4.0, 5.0][..], 4.5, None));
    let change = &report.parts[0][4].findings[&Measure::Motion];
    assert_eq!((change.mean.mean, change.probability), (-4.5, Some(0.5)));
    assert!((report.yardstick[&Measure::Picture] - 10.5).abs() < 1e-9);
    let page = report.page(&store);
    assert!(page.contains("\"title\":\"A study\"") && page.contains("/9g="), "the study and a picture");
    drop((store, shard));
    let refused = |study: &Study, conditions: &Conditions| -> std::result::Result<String, Box<dyn std::error::Error>> {
        let runs = Runs::of(study, conditions)?;
        Ok(Store::create(folder.path(), study, conditions, &runs).err().ok_or("refused")?.to_string())
    };
    let longer = Conditions { pictures: 12, ..conditions.clone() };
    assert!(refused(&study, &longer)?.contains("holds results with pictures \"9\""));
    let other = self::study(
        &json!({ "axes": [{ "name": "gain", "set": "bend.gain", "values": [7] }], "samples": { "seeds": [9] } }),
    )?;
    assert!(refused(&other, &conditions)?.contains("holds 14 results, none of this study"));
    // A title may change, and a study may grow: what it shares stays.
    let grown = self::study(&json!({ "title": "Another title", "samples": { "seeds": [3, 5, 7] } }))?;
    let runs = Runs::of(&grown, &conditions)?;
    let store = Store::create(folder.path(), &grown, &conditions, &runs)?;
    assert_eq!((Report::of(&store)?.progress, store.others(&runs)?), ((14, 21), 0));
    Ok(())
}

/// Several workers measure what one measures, and a muted network is far from the video without bends.
#[test]
fn workers_agree_and_bends_are_measured() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let study = study(&json!({ "samples": { "seeds": [3] } }))?;
    let (runs, conditions, model) = (runs(&study), conditions(9), Model::mini()?);
    let is_over = AtomicBool::new(false);
    let play = |count| -> Result<Vec<(Option<usize>, Outcome)>> {
        let workers =
            Workers { model: &model, conditions: &conditions, samples: &runs.samples, count, is_over: &is_over };
        let mut all = Vec::new();
        workers.play(&runs.shard((1, 1)), |run, outcome| {
            all.push((run.cell, Outcome { seconds: 0.0, ..outcome? }));
            Ok(())
        })?;
        all.sort_by_key(|(cell, _)| *cell);
        Ok(all)
    };
    let (one, two) = (play(1)?, play(2)?);
    assert_eq!(one, two);
    assert_eq!(one.len(), 7);
    for (cell, outcome) in &one {
        let values = &outcome.values;
        assert!(values[&Measure::Picture] > 0.5 && values[&Measure::Latents] > 0.01, "{cell:?}: {values:?}");
        assert!(values.contains_key(&Measure::MapShift) && outcome.strip.starts_with(&[0xff, 0xd8]));
    }
    let of = |cell: usize| one[cell + 1].1.values[&Measure::Picture];
    assert!((0..6).any(|cell| (of(cell) - of(0)).abs() > 0.1), "cells differ");
    Ok(())
}
