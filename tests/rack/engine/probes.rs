//! Probes of the viewer: they measure, and change no picture.

use std::path::Path;
use std::sync::Arc;

use bendrack::engine::{Engine, Frame, Model};
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::region::Region;
use bendrack_nodes::program::set::Set;
use bendrack_nodes::program::target::{Selection, Target, words};
use bendrack_nodes::program::{Fuse, Measure, Tap};

use crate::rig::{chunks, engine, moving, plan};

fn probe(name: &str, measure: Measure, target: Target) -> Tap {
    Tap {
        node: name.into(),
        measure,
        target: Arc::new(Selection::from(target)),
        fuse: Fuse::Mean,
        threshold: 0.5,
        region: Region::default(),
    }
}

/// A probe of each kind, in all steps and in the cache pass.
fn probes() -> Arc<[Tap]> {
    Arc::new([
        probe("a", Measure::CrossMap, Target { words: words("a"), ..Target::default() }),
        probe("over", Measure::CrossMap, Target { words: words("over"), heads: Set::range(0, 1), ..Target::default() }),
        probe("look", Measure::SelfMap { x: 0.3, y: 0.6 }, Target::default()),
        probe("neurons", Measure::Neurons, Target { layers: Set::range(2, 2), ..Target::default() }),
    ])
}

/// The frames of two chunks at a small size.
fn played(patch: &Patch, probes: Arc<[Tap]>) -> Vec<Frame> {
    let model = Model::mini().expect("a model");
    let mut engine = Engine::new(model, Arc::new(plan(patch)), (64, 64)).expect("an engine");
    engine.set_zoom(1);
    engine.set_probes(probes);
    chunks(&mut engine, 2).into_iter().flatten().collect()
}

#[test]
fn no_bit_of_a_picture_or_of_a_tap_depends_on_probes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches/help");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Every kind of bend, of tap and of request to the cache.
        if !["bend.", "cache.", "tap."].iter().any(|family| name.starts_with(family)) {
            continue;
        }
        let patch = Patch::from_slice(&std::fs::read(entry.path()).expect("a file")).expect("a patch");
        let (plain, probed) = (played(&patch, Arc::default()), played(&patch, probes()));
        for (plain, probed) in plain.iter().zip(&probed) {
            assert_eq!(plain.picture.rgb, probed.picture.rgb, "{name}: picture {}", plain.number);
            assert_eq!(plain.taps, probed.taps, "{name}: the maps of picture {}", plain.number);
            assert_eq!(plain.measurements, probed.measurements, "{name}: the numbers of picture {}", plain.number);
            assert!(plain.probes.is_empty() && probed.probes.contains_key("look"), "{name}");
        }
        count += 1;
    }
    assert!(count > 25, "{count} examples");
}

#[test]
fn a_probe_measures_what_a_tap_measures() {
    // The first map of a tap and of a probe, in a patch that turns neurons.
    let nodes = [
        ("word", "target.words", serde_json::json!({ "words": "heart" })),
        ("map", "tap.map", serde_json::json!({})),
        ("look", "tap.self_map", serde_json::json!({ "at_x": 0.25, "at_y": 0.75 })),
    ];
    let tapped = moving(&nodes, &[("word.target", "map.target")]);
    let taps = chunks(&mut engine(&tapped), 1).remove(0).remove(8).taps;
    let mut plain = engine(&moving(&[], &[]));
    plain.set_probes(Arc::new([
        probe("map", Measure::CrossMap, Target { words: words("heart"), ..Target::default() }),
        probe("look", Measure::SelfMap { x: 0.25, y: 0.75 }, Target::default()),
    ]));
    let probes = chunks(&mut plain, 1).remove(0).remove(8).probes;
    for name in ["map", "look"] {
        let (tap, probe) = (&taps[name], &probes[name]);
        assert_eq!((tap.width, tap.height), (probe.width, probe.height));
        let far = tap.values.iter().zip(&probe.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-5, "{name} differs by {far}");
    }
    plain.set_probes(Arc::default());
    assert!(chunks(&mut plain, 1)[0][0].probes.is_empty(), "no probes, no maps");
}

#[test]
#[ignore = "measures time, which needs an idle machine: cargo test --release --test rack probes -- --ignored --nocapture"]
fn the_words_of_a_prompt_cost_a_small_part_of_a_chunk() {
    let last = Target { steps: Set::range(3, 3), ..Target::default() };
    let names = ["a", "red", "heart", "over", "black", "background"];
    let words: Arc<[Tap]> =
        names.map(|word| probe(word, Measure::CrossMap, Target { words: words(word), ..last.clone() })).into();
    let mut engines = [Arc::default(), words].map(|probes| {
        let mut engine = engine(&moving(&[], &[]));
        engine.set_probes(probes);
        chunks(&mut engine, 2);
        (engine, 0.0)
    });
    for _ in 0..24 {
        for (engine, secs) in &mut engines {
            let begun = std::time::Instant::now();
            chunks(engine, 1);
            *secs += begun.elapsed().as_secs_f64();
        }
    }
    let [(_, plain), (_, probed)] = engines;
    println!("six words: {:.3} of the time without", probed / plain);
    assert!(probed < 1.1 * plain, "{probed} s and {plain} s");
}
