//! The tour: each step done by hand or by keyboard, skipped, left; other patches meanwhile.

use bendrack::ui::document::settings::{Settings, Stored};
use bendrack::ui::document::tour::TourStep;
use bendrack::ui::{FilesOfUser, RecordingState};
use bendrack_nodes::patch::LevelEdit;
use eframe::egui::{Key, Modifiers, Rect, Vec2, vec2};
use egui_kittest::kittest::Queryable as _;

use crate::driver::*;

/// A window on the first bend, at the first step of the tour.
fn tour() -> (Window, FakeRecordings) {
    let (mut window, recordings, _) = recording_window(first_bend());
    start(&mut window);
    (window, recordings)
}

fn start(window: &mut Window) {
    window.get_by_label("View").click();
    window.run_steps(3);
    window.get_by_label("Tour").click();
    window.run_steps(5);
}

#[track_caller]
fn assert_step(window: &Window, number: usize) {
    let label = format!("tour: step {number} of 5");
    let title = TourStep::ALL[number - 1].title();
    assert!(window.query_by_label(&label).is_some(), "not at step {number}");
    assert!(window.query_by_label(title).is_some(), "{title}");
}

/// A press of Record, some seconds, and a second press.
fn end_recording(window: &mut Window, recordings: &FakeRecordings, result: Result<String, String>) {
    recordings.0.borrow_mut().state = RecordingState::On { secs: 4.0, lost: 0, is_paused: false };
    window.run_steps(2);
    assert!(window.query_by_label_contains("The recording runs.").is_some());
    window.get_by_label_contains("Stop recording").click();
    window.run_steps(3);
    recordings.0.borrow_mut().outcome = Some(result);
    window.run_steps(3);
}

#[test]
fn the_whole_tour_by_mouse() {
    let (mut window, recordings) = tour();
    assert_step(&window, 1);
    let knob = window.get_by_label("rate of lfo").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 40.0));
    assert_step(&window, 2);
    let (from, to) = (port(&window, "lfo.out", true), port(&window, "rotate.amount", false));
    drag(&mut window, from, to);
    assert_step(&window, 3);
    let title = window.state().workspace.frame.rects["word"].center_top() + vec2(0.0, 6.0);
    click(&mut window, title);
    assert_step(&window, 3);
    window.get_by_label("word tulip").click();
    window.run_steps(3);
    assert_step(&window, 4);
    window.get_by_label("overlay map").click();
    window.run_steps(3);
    assert_step(&window, 5);
    window.get_by_label("Record").click();
    window.run_steps(3);
    let problem = "The recording ended after 4.0 s: the disk is full";
    end_recording(&mut window, &recordings, Err(problem.into()));
    assert_step(&window, 5);
    window.get_by_label("Record").click();
    window.run_steps(3);
    end_recording(&mut window, &recordings, Ok("Recorded 4.0 s to /home/me/Videos/a.mp4".into()));
    assert!(window.query_by_label("tour: done").is_some());
    assert!(window.query_by_label("✔ Recorded 4.0 s to /home/me/Videos/a.mp4").is_some(), "the place of the video");
    window.get_by_label("Close the tour").click();
    window.run_steps(3);
    assert!(window.query_by_label("tour: done").is_none());
}

#[test]
fn the_whole_tour_by_keyboard() {
    let (mut window, recordings) = tour();
    let key = |window: &mut Window, key: Key| {
        window.key_press(key);
        window.run_steps(3);
    };
    let select = |window: &mut Window, node: &str| {
        key(window, Key::Escape);
        // The list of nodes selects one by its name.
        key(window, Key::Slash);
        type_text(window, node);
        key(window, Key::Enter);
        assert_eq!(window.state().workspace.editor.selection, [node.to_owned()].into());
    };
    select(&mut window, "lfo");
    key(&mut window, Key::Tab);
    assert_step(&window, 1);
    key(&mut window, Key::ArrowUp);
    assert_step(&window, 2);
    select(&mut window, "lfo");
    key(&mut window, Key::C);
    type_text(&mut window, "out rotate amount");
    key(&mut window, Key::Enter);
    assert_step(&window, 3);
    select(&mut window, "word");
    key(&mut window, Key::Tab);
    type_text(&mut window, "purple, tulip");
    key(&mut window, Key::Escape);
    assert_step(&window, 4);
    key(&mut window, Key::H);
    assert_step(&window, 5);
    window.key_press_modifiers(Modifiers::COMMAND, Key::R);
    window.run_steps(3);
    end_recording(&mut window, &recordings, Ok("Recorded 4.0 s to a.mp4".into()));
    assert!(window.query_by_label("tour: done").is_some());
}

#[test]
fn tab_without_a_selection_adds_a_node_as_before() {
    let (mut window, _) = window(first_bend());
    let at = empty_point(&window);
    window.hover_at(at);
    window.run_steps(1);
    window.key_press(Key::Tab);
    window.run_steps(2);
    assert!(window.state().canvas.palette.is_some());
}

#[test]
fn steps_are_skipped_and_the_tour_is_left() {
    let (mut window, _) = tour();
    for number in 1..=5 {
        assert_step(&window, number);
        window.get_by_label("skip this step").click();
        window.run_steps(3);
    }
    assert!(window.query_by_label("tour: done").is_some());
    assert!(window.query_by_label_contains("✔").is_none(), "nothing was done");
    window.get_by_label("Close the tour").click();
    window.run_steps(2);
    start(&mut window);
    assert_step(&window, 1);
    window.get_by_label("end the tour").click();
    window.run_steps(2);
    assert!(window.query_by_label_contains("tour: step").is_none());
}

#[test]
fn unsaved_work_is_asked_about_before_the_tour() {
    let (mut window, _) = window(first_bend());
    let edit = LevelEdit::RemoveNode { id: "lfo".into() };
    let editor = &mut window.state_mut().workspace.editor;
    editor.document.apply(bendrack::ui::document::Step::new("delete lfo", vec![edit]));
    start(&mut window);
    assert!(window.query_by_label_contains("tour: step").is_none());
    assert_eq!(node_ids(&window).len(), 9, "nothing is lost");
    window.get_by_label("Cancel").click();
    window.run_steps(2);
    assert!(window.query_by_label_contains("tour: step").is_none());
    start(&mut window);
    window.get_by_label("Discard").click();
    window.run_steps(3);
    assert_step(&window, 1);
    let document = &window.state().workspace.editor.document;
    assert!(!document.is_dirty() && document.path.is_none());
    assert_eq!(*document.patch, first_bend());
}

#[test]
fn another_patch_and_undo_do_no_step_and_the_first_bend_comes_back() {
    let (mut window, _) = tour();
    window.key_press_modifiers(Modifiers::COMMAND, Key::N);
    window.run_steps(4);
    assert_step(&window, 1);
    assert!(window.query_by_label("This patch lacks the nodes of the step.").is_some());
    window.get_by_label("open the first bend").click();
    window.run_steps(4);
    assert_step(&window, 1);
    assert!(window.query_by_label("This patch lacks the nodes of the step.").is_none());
    let knob = window.get_by_label("rate of lfo").rect().center();
    drag(&mut window, knob, knob - vec2(0.0, 40.0));
    assert_step(&window, 2);
    for _ in 0..3 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_steps(2);
    }
    assert_step(&window, 2);
    window.state_mut().workspace.editor.selection = ["lfo".to_owned()].into();
    window.key_press(Key::Delete);
    window.run_steps(4);
    assert!(window.query_by_label("This patch lacks the nodes of the step.").is_some());
}

#[test]
fn a_word_without_a_cable_gives_a_remark() {
    let (mut window, _) = tour();
    for _ in 0..2 {
        window.get_by_label("skip this step").click();
        window.run_steps(2);
    }
    window.get_by_label("word tulip").click();
    window.run_steps(3);
    assert_step(&window, 3);
    assert!(window.query_by_label_contains("The word has a node without a cable.").is_some());
}

#[test]
fn the_first_start_offers_the_tour_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Stored::at(folder.path().join("settings.json"));
    let files = || FilesOfUser { settings: settings.clone(), ..FilesOfUser::default() };
    for answer in ["no tour now", "Start the tour"] {
        settings.write(&Settings::default());
        let (mut window, _) = window_of_user(first_bend(), files());
        window.get_by_label(answer).click();
        window.run_steps(4);
        assert!(window.query_by_label("Start the tour").is_none());
        assert_eq!(window.query_by_label("tour: step 1 of 5").is_some(), answer == "Start the tour");
        assert!(settings.read::<Settings>().unwrap().is_tour_offered);
        let (window, _) = window_of_user(first_bend(), files());
        assert!(window.query_by_label("Start the tour").is_none(), "not again");
    }
    // A file on the command line comes first, and without a file of settings each start would offer it.
    settings.write(&Settings::default());
    let change = |options: &mut bendrack::ui::Options| {
        (options.path, options.files_of_user) = (Some("show.json".into()), files());
    };
    let (window, _) = window_with_parts(first_bend(), false, change);
    assert!(window.query_by_label("Start the tour").is_none());
}

#[test]
fn the_strip_covers_nothing_that_its_steps_need() {
    for size in [vec2(1440.0, 810.0), vec2(1680.0, 880.0), vec2(1440.0, 810.0) / 1.5, vec2(1680.0, 880.0) / 1.5] {
        let fake = Fake::default();
        fake.play(0);
        let mut window = window_sized(options(Box::new(fake), first_bend()), false, size);
        start(&mut window);
        for number in 1..=5 {
            assert_step(&window, number);
            assert_clear(&window, size);
            window.get_by_label("skip this step").click();
            window.run_steps(3);
        }
    }
}

/// The nodes are above the strip, its texts and buttons inside of it.
fn assert_clear(window: &Window, size: Vec2) {
    let top = window.get_by_label_contains("tour: step").rect().top();
    let canvas = Rect::from_min_max([0.0, 0.0].into(), [size.x, top].into());
    for (id, rect) in &window.state().workspace.frame.rects {
        assert!(canvas.expand(1.0).contains_rect(*rect), "{size}: {id} at {rect:?} of {canvas:?}");
    }
    let status = window.get_by_label_contains("Keyboard: ").rect();
    let whole = Rect::from_min_size([0.0, 0.0].into(), size);
    assert!(status.bottom() <= whole.bottom() - 28.0, "{size}: {status:?} is cut");
    for label in ["word tulip", "overlay map", "Record", "end the tour"] {
        let rect = window.get_by_label(label).rect();
        assert!(whole.contains_rect(rect), "{size}: {label} at {rect:?}");
    }
}

#[test]
fn the_page_has_the_words_of_the_program() {
    let page = include_str!("../../docs/tour.md").replace('\n', " ");
    for step in TourStep::ALL {
        for text in [step.title(), step.text(), step.keys(), step.result()] {
            assert!(page.contains(text), "docs/tour.md lacks {text:?}");
        }
    }
}
