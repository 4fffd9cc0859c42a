//! Pictures and videos dropped on the window.

use std::path::{Path, PathBuf};

use bendrack::media::Picture;
use bendrack::output::video::End;
use bendrack::output::{open, sidecar};
use bendrack::provenance::{Provenance, Render};
use bendrack_nodes::patch::{Edit, Patch};
use eframe::egui::{DroppedFile, Key};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

fn provenance() -> Provenance {
    let mut patch = first_bend();
    patch.apply(Edit::SetSeed { seed: 4711 }).unwrap();
    let render = Render {
        bendrack: "0.1.0".into(),
        model: "mini".into(),
        family: "mini".into(),
        model_sha256: String::new(),
        seed: 4711,
        size: [128, 128],
        zoom: 1,
        exact: false,
        steps: None,
        looped: None,
        take: None,
        start: None,
        is_final: false,
        sound: None,
        frames: 1,
        frame_rate: 16.0,
    };
    Provenance { patch, render }
}

/// Writes a video of one picture, with or without a patch.
fn video(path: &Path, provenance: Option<&Provenance>) {
    let mut video = open(path, 16.0).unwrap();
    if let Some(provenance) = provenance {
        video.set_provenance(provenance).unwrap();
    }
    video.push(&Picture::filled(32, 32, [90; 3])).unwrap();
    video.finish(End::Whole).unwrap();
}

fn drop_file(window: &mut Window, path: &Path) {
    window.input_mut().dropped_files.push(DroppedFile { path: Some(path.to_owned()), ..DroppedFile::default() });
    window.run_steps(1);
}

#[test]
fn a_dropped_picture_video_or_sidecar_opens_its_patch_and_is_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    video(&at("a.mp4"), Some(&provenance()));
    video(&at("p.png"), Some(&provenance()));
    sidecar::write(&at("a.bend.json"), &provenance()).unwrap();
    for name in ["a.mp4", "p_000000.png", "a.bend.json"] {
        let before = std::fs::read(at(name)).unwrap();
        let (mut window, fake) = window(Patch::default());
        let plans = fake.plans();
        drop_file(&mut window, &at(name));
        until(&mut window, |app| app.workspace.editor.document.patch.engine.seed == 4711);
        let document = &window.state().workspace.editor.document;
        assert!(document.patch.rest.is_empty(), "{name}: the render record is not part of the patch");
        assert_eq!(document.patch.nodes, first_bend().nodes, "{name}");
        assert_eq!(document.path, None, "{name}: Save must not write over it");
        assert!(!document.is_dirty(), "{name}");
        assert!(fake.plans() > plans, "{name}: the engine runs it");
        assert!(window.query_by_label_contains(&format!("patch of {name}")).is_some(), "{name}: the message names it");
        window.run_steps(30);
        assert_eq!(std::fs::read(at(name)).unwrap(), before, "{name}");
    }
}

#[test]
fn a_dropped_video_asks_about_unsaved_work_and_one_without_a_patch_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (with, without): (PathBuf, PathBuf) = (folder.path().join("with.mp4"), folder.path().join("without.mp4"));
    video(&with, Some(&provenance()));
    video(&without, None);
    let (mut window, _) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(2);
    drop_file(&mut window, &with);
    window.run_steps(30);
    assert_eq!(node_ids(&window).len(), 9, "nothing is lost yet");
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    drop_file(&mut window, &without);
    window.run_steps(2);
    window.get_by_label("Discard").click();
    for _ in 0..100 {
        window.run_steps(1);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(window.query_by_label_contains("the file has no patch").is_some(), "the error is shown");
    assert_eq!(node_ids(&window).len(), 9, "a failed file replaces nothing");
    assert!(window.state().workspace.editor.document.is_dirty());
    drop_file(&mut window, &with);
    window.run_steps(2);
    window.get_by_label("Discard").click();
    until(&mut window, |app| app.workspace.editor.document.patch.engine.seed == 4711);
    assert_eq!(node_ids(&window).len(), 10);
}
