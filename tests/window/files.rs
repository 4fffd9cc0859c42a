//! The file of the patch: saved, opened, recovered, dropped on the window; the question about unsaved work.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bendrack::ui::Recovery;
use bendrack_nodes::patch::Patch;
use eframe::egui::{DroppedFile, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

#[test]
fn a_patch_is_saved_opened_and_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.json");
    let recovery = || Some(Recovery::new(folder.path().join("recovery")));
    std::fs::write(&path, first_bend().to_json()).unwrap();
    let (mut window, _) = window_with(first_bend(), Some(path.clone()), recovery(), false);
    assert!(!window.state().workspace.editor.document.is_dirty(), "automatic layout is no edit");
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(2);
    assert!(window.state().workspace.editor.document.is_dirty());
    assert_eq!(Patch::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap().nodes.len(), 10, "not before Save");

    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    until(&mut window, |app| !app.workspace.editor.document.is_dirty());
    let saved = Patch::from_json(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(&saved, &*window.state().workspace.editor.document.patch);

    // The next window offers an edit that was not saved.
    window.state_mut().workspace.editor.selection = ["rotate".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(120);
    let edited = Arc::clone(&window.state().workspace.editor.document.patch);
    drop(window);
    let (mut window, _) = window_with(saved.clone(), Some(path.clone()), recovery(), false);
    assert_eq!(&*window.state().workspace.editor.document.patch, &saved, "the copy is only offered");
    window.get_by_label("Open recovered patch").click();
    window.run_steps(3);
    assert_eq!(window.state().workspace.editor.document.patch, edited);
    assert!(window.state().workspace.editor.document.is_dirty(), "it is not saved");
    assert_eq!(window.state().workspace.editor.document.path.as_ref(), Some(&path));
}

#[test]
fn unsaved_work_is_asked_about_and_the_engine_runs_on() {
    let (mut window, fake) = window(first_bend());
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(2);
    let plans = fake.plans();
    fake.play(9);
    window.run_steps(2);
    assert_eq!(node_ids(&window).len(), 9, "nothing is lost yet");
    assert_eq!(fake.plans(), plans);
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    assert!(window.query_by_label("Discard").is_none());
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(2);
    window.get_by_label("Discard").click();
    window.run_steps(3);
    assert_eq!(node_ids(&window), ["prompt", "screen", "wan"]);
}

#[test]
fn a_dropped_patch_is_opened_and_another_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.json"), folder.path().join("bad.json"));
    std::fs::write(&good, first_bend().to_json()).unwrap();
    std::fs::write(&bad, "{}").unwrap();
    let (mut window, _) = window(Patch::default());
    let dropped = |path: &PathBuf| DroppedFile { path: Some(path.clone()), ..DroppedFile::default() };
    window.input_mut().dropped_files.push(dropped(&good));
    until(&mut window, |app| app.workspace.editor.document.path.as_ref() == Some(&good));
    assert_eq!(node_ids(&window).len(), 10);
    window.input_mut().dropped_files.push(dropped(&bad));
    window.run_steps(1);
    for _ in 0..100 {
        window.run_steps(1);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(window.query_by_label_contains("bad.json").is_some(), "the error is shown");
    assert_eq!(node_ids(&window).len(), 10);
}
