//! The patches of the release: each renders, changes its target, and equals its golden statistics.
//!
//! `make bless` rewrites the golden statistics: look at the videos before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bendrack::engine::{Engine, Frame, Model};
use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use serde_json::{Value as Json, json};

/// Two chunks.
const FRAMES: usize = 21;
/// How far a statistic may be from the golden one, in levels of 255: other processors add in another order.
const TOLERANCE: f64 = 1.0;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The patches and the works, by name.
fn patches() -> BTreeMap<String, Patch> {
    let folders = ["patches", "patches/works"].map(|folder| std::fs::read_dir(root().join(folder)).expect("patches"));
    let files = folders.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a patch");
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), Patch::from_json(&text).expect("a patch"))
    };
    files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(read).collect()
}

fn render(patch: &Patch) -> Vec<Frame> {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    assert!(problems.is_empty(), "{problems:?}");
    let plan = Arc::new(plan.expect("a plan"));
    let mut engine = Model::mini().and_then(|mini| Engine::new(mini, plan, (128, 128))).expect("an engine");
    engine.set_zoom(1);
    let mut frames = Vec::new();
    while frames.len() < FRAMES {
        frames.extend(engine.step(&[]).expect("a step"));
        assert!(engine.warnings().is_empty(), "{:?}", engine.warnings());
    }
    frames
}

/// The patch with every bend bypassed.
fn unbent(patch: &Patch) -> Patch {
    let mut patch = patch.clone();
    patch.nodes.values_mut().filter(|node| node.kind.starts_with("bend.")).for_each(|node| node.bypass = true);
    patch
}

/// Mean of red, green and blue, their deviation, and the mean change between frames, in levels of 255.
fn statistics(frames: &[Frame]) -> Json {
    let pixels: Vec<f64> = frames.iter().flat_map(|frame| frame.screen.rgb.iter().map(|&x| f64::from(x))).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = values.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        sum / count
    };
    let channel = |c: usize| mean(&mut pixels.iter().skip(c).step_by(3).copied());
    let all = mean(&mut pixels.iter().copied());
    let deviation = mean(&mut pixels.iter().map(|x| (x - all).powi(2))).sqrt();
    let frame = frames[0].screen.rgb.len();
    let change = mean(&mut pixels.iter().zip(&pixels[frame..]).map(|(a, b)| (a - b).abs()));
    let round = |x: f64| (x * 100.0).round() / 100.0;
    json!({
        "red": round(channel(0)), "green": round(channel(1)), "blue": round(channel(2)),
        "deviation": round(deviation), "change": round(change),
        "size": [frames[0].screen.width, frames[0].screen.height],
    })
}

fn near(found: &Json, golden: &Json) -> bool {
    let (Some(found), Some(golden)) = (found.as_object(), golden.as_object()) else { return false };
    found.len() == golden.len()
        && found.iter().all(|(name, value)| match (value.as_f64(), golden.get(name).and_then(Json::as_f64)) {
            (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE,
            _ => golden.get(name) == Some(value),
        })
}

#[test]
fn every_patch_renders_bends_and_looks_as_it_did() {
    let path = root().join("tests/golden/patches.json");
    let golden: Json =
        std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let mut found = BTreeMap::new();
    for (name, patch) in patches() {
        let frames = render(&patch);
        assert!(
            !patch.meta.title.is_empty() && !patch.meta.description.is_empty(),
            "{name} has no title or no description"
        );
        let plain = render(&unbent(&patch));
        // A patch about prompts or the past need not bend.
        let bends = patch.nodes.values().any(|node| node.kind.starts_with("bend."));
        let bent = !bends
            || frames.iter().zip(&plain).any(|(a, b)| {
                let differs = a.picture.rgb.iter().zip(&b.picture.rgb).filter(|(a, b)| a.abs_diff(**b) > 32).count();
                differs > a.picture.rgb.len() / 200
            });
        assert!(bent, "{name}: the bends are not seen");
        found.insert(name, statistics(&frames));
    }
    assert!(found.len() >= 20);
    if std::env::var_os("BENDRACK_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
        return std::fs::write(path, text).expect("the golden statistics are written");
    }
    let wrong: Vec<_> = found.iter().filter(|(name, found)| !near(found, &golden[name.as_str()])).collect();
    assert!(wrong.is_empty(), "{wrong:#?} is not {golden:#}");
    assert_eq!(found.len(), golden.as_object().map_or(0, serde_json::Map::len), "each golden patch is there");
}

/// Runs `bendrack render` on a patch of the project.
fn bendrack(patch: &str, output: &Path, more: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_bendrack"))
        .args(["render", patch, "--frames", "9", "--zoom", "1", "-o"])
        .arg(output)
        .args(more)
        .current_dir(root())
        .output()
        .expect("bendrack runs")
}

#[test]
fn the_same_seed_twice_is_the_same_file_and_another_seed_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let output = bendrack("patches/first_bend.json", &path, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(path).expect("a video")
    };
    for format in ["mp4", "gif"] {
        let name = |n: usize| format!("{n}.{format}");
        let first = file(&name(1), &["--quiet"]);
        assert_eq!(first, file(&name(2), &["--quiet"]), "{format}");
        assert_ne!(first, file(&name(3), &["--quiet", "--seed", "8"]), "{format}");
        assert_ne!(first, file(&name(4), &["--quiet", "--set", "rotate.angle=90"]), "{format}");
    }
}

#[test]
fn a_report_lists_the_work_and_pictures_are_numbered() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let more = ["--report", report.to_str().expect("a path"), "--set", "prompt.text=a blue star"];
    let output = bendrack("patches/first_bend.json", &folder.path().join("frames/"), &more);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("\"purple\" is not in the prompt \"a blue star\""), "{stderr}");
    let files = std::fs::read_dir(folder.path().join("frames")).expect("pictures");
    let pictures =
        files.filter(|file| file.as_ref().is_ok_and(|file| file.path().extension().is_some_and(|end| end == "png")));
    assert_eq!(pictures.count(), 9);
    let report: Json = serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON");
    assert_eq!((&report["frames"], &report["model"], &report["seed"]), (&json!(9), &json!("mini"), &json!(4)));
    assert_eq!(report["program_sha256"].as_str().map(str::len), Some(64));
    assert!(report["stages"]["model"]["count"].as_u64() >= Some(4) && report["frames_per_second"].as_f64() > Some(0.0));
}

#[test]
fn a_video_has_the_frames_at_which_the_recorder_is_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (report, video) = (folder.path().join("report.json"), folder.path().join("frames/"));
    let report_at = report.to_str().expect("a path");
    // In a wave of half a second, latent frames 0 and 2 are on. They have one and four pictures.
    let output = bendrack("patches/help/output.record.json", &video, &["--set", "wave.rate=2", "--report", report_at]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.contains("5 of 9 pictures"), "{stderr}");
    let pictures = |video: &Path| {
        let files = std::fs::read_dir(video).expect("pictures").map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "png")).count()
    };
    assert_eq!(pictures(&video), 5);
    let report: Json = serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("JSON");
    assert_eq!((&report["frames"], &report["frames_kept"]), (&json!(9), &json!(5)));
    let never = ["--set", "wave.depth=0"];
    let output = bendrack("patches/help/output.record.json", &folder.path().join("never.gif"), &never);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("output.record was off in all of the 9 pictures"), "{said}");
    assert!(!folder.path().join("never.gif").exists());
}

#[test]
fn a_text_is_set_as_it_is_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = bendrack("patches/first_bend.json", &folder.path().join("a.gif"), &["--set", "prompt.text=42"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && stderr.contains("not in the prompt \"42\""), "{stderr}");
}

#[test]
fn warnings_are_short_and_are_not_printed_if_nobody_wants_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let prompt = format!("prompt.text={}", "very ".repeat(200) + "blue star");
    let report = |more: &[&str]| {
        let more = [&["--set", &prompt, "--report", report.to_str().expect("a path")], more].concat();
        let output = bendrack("patches/first_bend.json", &folder.path().join("a.gif"), &more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        let report: Json = serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
        let warnings = report["warnings"].as_array().expect("warnings").clone();
        assert!(
            warnings.iter().any(|warning| warning.as_str().is_some_and(|text| text.contains("\"purple\" is not in")))
        );
        stderr
    };
    let aloud = report(&[]);
    assert!(aloud.contains("\"purple\" is not in the prompt \"very very"), "{aloud}");
    assert!(aloud.lines().all(|line| line.chars().count() < 400), "{aloud}");
    assert_eq!(report(&["--quiet"]), "");
}

#[test]
fn what_cannot_be_rendered_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |patch: &str, name: &str, more: &[&str], code: i32, words: &[&str]| {
        let output = bendrack(patch, &folder.path().join(name), more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{stderr} lacks {words:?}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    };
    let first = "patches/first_bend.json";
    refused(first, "a.avi", &[], 1, &["a.avi", ".mp4"]);
    refused("no/such.json", "a.mp4", &[], 1, &["no/such.json"]);
    refused("Cargo.toml", "a.mp4", &[], 2, &["Cargo.toml"]);
    refused(first, "a.mp4", &["--model", "no-such-model"], 1, &["no-such-model", "bendrack models"]);
    refused(first, "a.mp4", &["--set", "nobody.rate=1"], 2, &["nobody", "rotate"]);
    refused(first, "a.mp4", &["--set", "lfo.rite=1"], 2, &["rite", "rate"]);
    refused(first, "a.mp4", &["--set", "lfo.shape=sin"], 2, &["sine"]);
    refused(first, "a.mp4", &["--set", "wan.prompt=cat"], 2, &["wan.prompt has a cable from prompt.text", "instead"]);
    refused(first, "a.mp4", &["--size", "100x100"], 2, &["multiples of 16"]);
    refused(first, "no/such/folder/a.mp4", &[], 1, &["no/such/folder"]);
    // Where the video is to be is looked at before the model is.
    refused(first, "no/such/folder/a.mp4", &["--model", "no-such-model"], 1, &["no/such/folder"]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}
