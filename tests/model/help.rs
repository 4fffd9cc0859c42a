//! The example of every node runs, without a complaint, and shows what its node does.

use std::path::Path;
use std::sync::Arc;

use bendrack::engine::{Engine, Model, Warning};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::{LevelEdit, Patch};

/// The pictures of the first chunks of a patch; what was warned of.
fn played(patch: &Patch, chunks: usize) -> (Vec<Vec<u8>>, Vec<Warning>) {
    let plan = Plan::compile(patch, LIBRARY).0.expect("a plan");
    let mut engine = Model::mini().and_then(|mini| Engine::new(mini, Arc::new(plan), (128, 128))).expect("an engine");
    engine.set_zoom(1);
    let (mut pictures, mut warnings) = (Vec::new(), Vec::new());
    for _ in 0..chunks {
        while let Ok(frames) = engine.step(&[]) {
            warnings.extend_from_slice(engine.warnings());
            pictures.extend(frames.iter().map(|frame| frame.picture.rgb.clone()));
            if !frames.is_empty() {
                break;
            }
        }
    }
    (pictures, warnings)
}

/// Chunks after which every example has begun to move.
const CHUNKS: usize = 4;

#[test]
fn every_example_runs_and_every_bend_in_one_is_seen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches/help");
    for def in LIBRARY {
        let bytes = std::fs::read(folder.join(format!("{}.json", def.name))).expect("an example");
        let mut patch = Patch::from_slice(&bytes).expect("a patch");
        let bends = def.name.starts_with("bend.");
        let (pictures, warnings) = played(&patch, if bends { CHUNKS } else { 1 });
        assert!(!pictures.is_empty() && warnings.is_empty(), "{}: {warnings:?}", def.name);
        if !bends {
            continue;
        }
        let ids: Vec<String> =
            patch.nodes.iter().filter(|(_, node)| node.kind == def.name).map(|(id, _)| id.clone()).collect();
        for id in ids {
            patch.apply(LevelEdit::Bypass { id, bypass: true }).expect("an edit");
        }
        let (plain, _) = played(&patch, CHUNKS);
        let differ = |(a, b): (&Vec<u8>, &Vec<u8>)| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
        };
        let most = pictures.iter().zip(&plain).map(differ).fold(0.0, f64::max);
        println!("{}: {most:.1} of 255", def.name);
        assert!(most > SEEN, "{}: its example differs by {most:.2} of 255 from one without it", def.name);
    }
}

/// A mean difference over a picture, of 255, that is seen side by side.
const SEEN: f64 = 1.0;
