//! The panel of takes: list, names, deletion, parts, renders, playback.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bendrack::engine::{Replay, Video};
use bendrack::take::Summary;
use bendrack::ui::{RenderRequest, RenderState, TakeRow, TakesLink};
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable as _;
use jiff::{ToSpan, Zoned};

use crate::driver::*;

/// The calls and the answers of takes without files.
#[derive(Default)]
pub struct Taken {
    pub rows: Vec<TakeRow>,
    pub calls: Vec<String>,
    pub requests: Vec<RenderRequest>,
    pub render: RenderState,
    pub replay: Option<Result<Replay, String>>,
    pub outcome: Option<String>,
    pub problem: Option<String>,
    pub renamed: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Default)]
pub struct FakeTakes(pub Rc<RefCell<Taken>>);

impl FakeTakes {
    fn call(&self, call: String) {
        self.0.borrow_mut().calls.push(call);
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

impl TakesLink for FakeTakes {
    fn rows(&self) -> Arc<[TakeRow]> {
        self.0.borrow().rows.clone().into()
    }

    fn problem(&self) -> Option<String> {
        self.0.borrow().problem.clone()
    }

    fn keep(&self) {
        self.call("keep".to_owned());
    }

    fn rename(&self, path: &Path, to: &str) {
        self.call(format!("rename {} to {to}", name(path)));
    }

    fn renamed(&self) -> Option<(PathBuf, PathBuf)> {
        self.0.borrow_mut().renamed.take()
    }

    fn delete(&self, path: &Path) {
        self.call(format!("delete {}", name(path)));
    }

    fn read(&self, path: &Path) {
        self.call(format!("read {}", name(path)));
    }

    fn replay(&self) -> Option<Result<Replay, String>> {
        self.0.borrow_mut().replay.take()
    }

    fn videos(&self) -> PathBuf {
        PathBuf::from("videos")
    }

    fn render(&self, request: RenderRequest) {
        self.0.borrow_mut().requests.push(request);
    }

    fn cancel_render(&self) {
        self.call("cancel".to_owned());
    }

    fn render_state(&self) -> RenderState {
        self.0.borrow().render.clone()
    }

    fn outcome(&self) -> Option<String> {
        self.0.borrow_mut().outcome.take()
    }
}

/// A take that began so many hours ago.
fn row(file: &str, hours: i32, secs: f64, title: &str, model: &str) -> TakeRow {
    let summary = Summary {
        title: title.into(),
        model: model.into(),
        size: [128, 128],
        secs,
        is_cut: false,
        is_recording: false,
    };
    TakeRow {
        path: Path::new("takes").join(file),
        is_running: false,
        is_kept: !file.starts_with("session"),
        begun: Some(Zoned::now().checked_sub(hours.hours()).unwrap()),
        summary: Some(Ok(summary)),
    }
}

/// A take that is written now, one of each state, and more.
pub fn takes() -> FakeTakes {
    let mut running = row("session now.take", 0, 9.0, "First bend", "mini");
    running.is_running = true;
    let mut cut = row("session cut.take", 30, 84.0, "Heat chorus", "/models/longlive");
    if let Some(Ok(summary)) = &mut cut.summary {
        summary.is_cut = true;
    }
    let mut broken = row("foreign.take", 9999, 0.0, "", "");
    broken.summary = Some(Err("foreign.take: not a take of bendrack; give a .take file".into()));
    let mut unread = row("session unread.take", 20_000, 0.0, "", "");
    unread.summary = None;
    let rows = vec![
        running,
        row("session old.take", 2, 42.0, "First bend", "mini"),
        row("Best of all.take", 26, 312.0, "Diptych of a cat", "mini"),
        cut,
        broken,
        unread,
    ];
    let fake = FakeTakes::default();
    fake.0.borrow_mut().rows = rows;
    fake
}

fn open(window: &mut Window) {
    window.get_by_label("Takes").click();
    window.run_steps(3);
}

fn click_on(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

/// Selects the row whose label contains this.
fn select(window: &mut Window, text: &str) {
    window.get_by_label_contains(text).click();
    window.run_steps(3);
}

#[test]
fn the_list_shows_every_take_with_its_state_and_a_broken_file_with_its_reason() {
    let takes = takes();
    let (mut window, fake) = takes_window(&takes, false);
    assert!(window.query_by_label("close the takes").is_none());
    fake.play(16 * 65 - 1);
    open(&mut window);
    for words in [
        "0:42",
        "Best of all · Diptych of a cat, ",
        "5:12, kept",
        "1:24, incomplete",
        "take foreign, ",
        "unreadable",
        "reading",
    ] {
        assert!(window.query_by_label_contains(words).is_some(), "{words}");
    }
    assert!(window.query_by_label_contains("1:05, now").is_some(), "the running take is as long as the video");
    select(&mut window, "unreadable");
    assert!(window.query_by_label_contains("not a take of bendrack; give a .take file").is_some());
    assert!(window.query_by_label("render the take").is_none());
    select(&mut window, "incomplete");
    assert!(window.query_by_label("1:24, longlive, 128×128, incomplete").is_some());
    click_on(&mut window, "close the takes");
    assert!(window.query_by_label_contains("1:24, incomplete").is_none());
    window.key_press_modifiers(Modifiers::COMMAND, Key::T);
    window.run_steps(3);
    assert!(window.query_by_label("close the takes").is_some());
    assert_eq!(fake.0.borrow().replays.len(), 0);
}

#[test]
fn the_running_take_is_kept_and_an_older_one_gets_a_name() {
    let takes = takes();
    let (mut window, _) = takes_window(&takes, false);
    click_on(&mut window, "Keep take");
    window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.run_steps(2);
    assert_eq!(takes.calls(), ["keep", "keep"]);
    takes.0.borrow_mut().outcome = Some("Kept 9.0 s as First bend.take".into());
    window.run_steps(2);
    assert!(window.query_by_label_contains("Kept 9.0 s as First bend.take").is_some());
    open(&mut window);
    select(&mut window, ", now");
    click_on(&mut window, "keep the take");
    assert!(window.query_by_label("delete the take").is_none(), "it is written now");
    select(&mut window, ", 0:42");
    click_on(&mut window, "keep the take");
    let calls = takes.calls();
    assert_eq!(calls[0], "keep");
    assert!(calls[1].starts_with("rename session old.take to First bend 20"), "{calls:?}");
    select(&mut window, ", 5:12, kept");
    click_on(&mut window, "rename the take");
    assert_eq!(takes.calls(), [""; 0], "the name is the same");
    window.get_by_label("name of the take").focus();
    window.run_steps(2);
    window.key_press(Key::End);
    type_text(&mut window, " 2");
    click_on(&mut window, "rename the take");
    assert_eq!(takes.calls(), ["rename Best of all.take to Best of all 2"]);
}

#[test]
fn the_selection_follows_a_renamed_take_and_stays_if_the_name_is_refused() {
    let takes = takes();
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    select(&mut window, ", 0:42");
    let is_selected = |window: &Window| window.query_by_label("delete the take").is_some();
    click_on(&mut window, "keep the take");
    takes.0.borrow_mut().outcome = Some("Best.take is there already; choose another name".into());
    window.run_steps(3);
    assert!(is_selected(&window), "the name was refused");
    click_on(&mut window, "keep the take");
    let (from, to) = (PathBuf::from("takes/session old.take"), PathBuf::from("takes/Best.take"));
    takes.0.borrow_mut().renamed = Some((from, to.clone()));
    window.run_steps(3);
    assert!(is_selected(&window), "the list still has the old name");
    let mut renamed = takes.0.borrow().rows[1].clone();
    (renamed.path, renamed.is_kept) = (to, true);
    takes.0.borrow_mut().rows[1] = renamed;
    window.run_steps(3);
    assert!(is_selected(&window) && window.query_by_label("rename the take").is_some(), "the list has the new name");
    click_on(&mut window, "rename the take");
    takes.calls();
    click_on(&mut window, "delete the take");
    click_on(&mut window, "delete the take for good");
    assert_eq!(takes.calls(), ["delete Best.take"]);
    // A take that is renamed while another is selected does not take its place.
    select(&mut window, ", 1:24");
    takes.0.borrow_mut().renamed = Some(("takes/Best.take".into(), "takes/Best of all.take".into()));
    window.run_steps(3);
    click_on(&mut window, "delete the take");
    click_on(&mut window, "delete the take for good");
    assert_eq!(takes.calls(), ["delete session cut.take"]);
}

#[test]
fn an_empty_list_has_its_reason() {
    let takes = FakeTakes::default();
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    assert!(window.query_by_label_contains("There are no takes yet.").is_some());
    let problem = "No takes are written: the system names no data folder; set HOME";
    takes.0.borrow_mut().problem = Some(problem.into());
    window.run_steps(2);
    assert!(window.query_by_label(problem).is_some());
    assert!(window.query_by_label_contains("There are no takes yet.").is_none());
}

#[test]
fn a_take_that_another_bendrack_records_is_not_incomplete_and_stays_as_it_is() {
    let takes = takes();
    if let Some(Ok(summary)) = &mut takes.0.borrow_mut().rows[3].summary {
        summary.is_recording = true;
    }
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    assert!(window.query_by_label_contains("incomplete").is_none());
    select(&mut window, ", 1:24, being recorded");
    assert!(window.query_by_label("1:24, longlive, 128×128, being recorded by another bendrack").is_some());
    for label in ["delete the take", "keep the take", "rename the take"] {
        assert!(window.query_by_label(label).is_none(), "{label}");
    }
    click_on(&mut window, "render the take");
    assert_eq!(takes.0.borrow().requests.len(), 1, "it is rendered as far as it is");
}

#[test]
fn a_take_is_deleted_by_a_second_click() {
    let takes = takes();
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    select(&mut window, ", 5:12, kept");
    click_on(&mut window, "delete the take");
    assert_eq!(takes.calls(), [""; 0], "not before the second click");
    select(&mut window, ", 0:42");
    assert!(window.query_by_label("delete the take for good").is_none(), "the question is about another take");
    click_on(&mut window, "delete the take");
    window.run_steps(60 * 7);
    assert!(window.query_by_label("delete the take for good").is_none(), "the question expires");
    click_on(&mut window, "delete the take");
    click_on(&mut window, "delete the take for good");
    assert_eq!(takes.calls(), ["delete session old.take"]);
}

#[test]
fn a_part_is_chosen_that_is_never_empty() {
    let takes = takes();
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    select(&mut window, ", 0:42");
    let render = |window: &mut Window| {
        click_on(window, "render the take");
        takes.0.borrow_mut().requests.pop().unwrap()
    };
    let whole = render(&mut window);
    assert_eq!((whole.start, whole.secs, whole.is_final, whole.anyway), (0.0, None, false, false));
    assert_eq!(name(&whole.take), "session old.take");
    assert!(whole.output.starts_with("videos") && whole.output.extension().unwrap() == "mp4", "{:?}", whole.output);
    // The handles of the bar, from the first to the middle, and then beyond the other.
    let bar = window.get_by_label("part 0.0 to 42.0 s").rect();
    drag(&mut window, bar.left_center() + vec2(3.0, 0.0), bar.center());
    let half = render(&mut window);
    assert!((half.start - 21.0).abs() < 0.5 && half.secs.is_none(), "{half:?}");
    let bar = window.get_by_label_contains("to 42.0 s").rect();
    drag(&mut window, bar.right_center() - vec2(3.0, 0.0), bar.left_center());
    let least = render(&mut window);
    assert!((least.start - half.start).abs() < 1e-9 && least.secs.is_some_and(|secs| (secs - 0.25).abs() < 1e-9));
    // The numbers likewise.
    let start = window.get_by_label("start of the part").rect().center();
    drag(&mut window, start, start + vec2(600.0, 0.0));
    let again = render(&mut window);
    assert!((again.start - half.start).abs() < 1e-9 && again.secs.is_some_and(|secs| secs >= 0.25 - 1e-9), "{again:?}");
    let end = window.get_by_label("end of the part").rect().center();
    drag(&mut window, end, end + vec2(100.0, 0.0));
    let longer = render(&mut window);
    assert!(longer.secs.is_some_and(|secs| secs > 3.0), "{longer:?}");
    click_on(&mut window, "One make per chunk");
    click_on(&mut window, "Ignore differences");
    let last = render(&mut window);
    assert!(last.is_final && last.anyway);
}

#[test]
fn a_render_shows_its_progress_and_its_whole_error() {
    let takes = takes();
    let (mut window, _) = takes_window(&takes, false);
    open(&mut window);
    select(&mut window, ", 0:42");
    let output = PathBuf::from("videos/a.mp4");
    takes.0.borrow_mut().render = RenderState::Running { output: output.clone(), pictures: 0, of: 0 };
    window.run_steps(2);
    assert!(window.query_by_label("loading").is_some());
    assert!(window.query_by_label("render the take").is_none(), "one at a time");
    takes.0.borrow_mut().render = RenderState::Running { output, pictures: 160, of: 672 };
    window.run_steps(2);
    assert!(window.query_by_label("160 of 672 pictures").is_some());
    click_on(&mut window, "cancel the render");
    assert_eq!(takes.calls(), ["cancel"]);
    let why = "before 3.0 s, the video differs from the one that was played: it was played on aarch64; add --anyway";
    takes.0.borrow_mut().render = RenderState::Ended(Err(why.into()));
    window.run_steps(2);
    assert!(window.query_by_label(why).is_some(), "the whole message");
    takes.0.borrow_mut().render = RenderState::Ended(Ok("Rendered videos/a.mp4".into()));
    window.run_steps(2);
    assert!(window.query_by_label("Rendered videos/a.mp4").is_some());
    assert!(window.query_by_label("render the take").is_some());
}

fn replay() -> Replay {
    let patch = first_bend();
    let plan = bendrack_nodes::compile::plan::Plan::compile(&patch, bendrack_nodes::LIBRARY).0.unwrap();
    let video = Video { patch: patch.into(), plan: plan.into(), sound: None, zoom: 4, exact: false };
    Replay { name: "session old".into(), pictures: 672, video, entries: [].into(), differs: String::new() }
}

#[test]
fn a_take_is_played_under_a_banner_and_the_canvas_keeps_its_patch() {
    let takes = takes();
    let (mut window, fake) = takes_window(&takes, false);
    let patch = window.state().workspace.editor.document.patch.clone();
    open(&mut window);
    select(&mut window, ", now");
    click_on(&mut window, "play the take");
    assert_eq!(takes.calls(), [""; 0], "it is written now");
    select(&mut window, ", 0:42");
    click_on(&mut window, "play the take");
    assert_eq!(takes.calls(), ["read session old.take"]);
    takes.0.borrow_mut().replay = Some(Ok(replay()));
    window.run_steps(2);
    assert_eq!(fake.0.borrow().replays.len(), 1);
    fake.play(160);
    window.run_steps(2);
    assert!(window.query_by_label("0:10 / 0:42").is_some());
    window.key_press(Key::F11);
    window.run_steps(2);
    assert!(window.query_by_label("session old").is_some(), "also over the large preview");
    window.key_press(Key::F11);
    window.run_steps(2);
    click_on(&mut window, "stop the take");
    assert_eq!(fake.0.borrow().replay_stops, 1);
    assert!(window.query_by_label("stop the take").is_none());
    assert_eq!(window.state().workspace.editor.document.patch, patch);
    assert!(!window.state().workspace.editor.document.is_dirty());
    // A take of another model, and one that breaks off.
    takes.0.borrow_mut().replay = Some(Err("set: it was played on longlive; render it".into()));
    window.run_steps(2);
    assert!(window.query_by_label_contains("it was played on longlive; render it").is_some());
    takes.0.borrow_mut().replay = Some(Ok(replay()));
    window.run_steps(2);
    {
        let mut record = fake.0.borrow_mut();
        (record.status.playing, record.status.broke_off) = (None, Some("before 2.0 s, the pictures differ".into()));
    }
    window.run_steps(2);
    assert!(window.query_by_label_contains("before 2.0 s, the pictures differ").is_some());
}

#[test]
#[ignore = "renders screenshots, which needs a graphics driver"]
fn pictures_of_the_takes() {
    let takes = takes();
    let (mut window, fake) = takes_window(&takes, true);
    for number in 1..60 {
        fake.play(number);
        window.run_steps(1);
    }
    open(&mut window);
    crate::shoot(&mut window, "takes");
    select(&mut window, ", 0:42");
    let bar = window.get_by_label("part 0.0 to 42.0 s").rect();
    drag(&mut window, bar.left_center() + vec2(3.0, 0.0), bar.center() - vec2(60.0, 0.0));
    crate::shoot(&mut window, "takes_selected");
    takes.0.borrow_mut().replay = Some(Ok(replay()));
    takes.0.borrow_mut().render =
        RenderState::Running { output: PathBuf::from("videos/a.mp4"), pictures: 260, of: 672 };
    window.run_steps(3);
    fake.play(200);
    window.run_steps(3);
    crate::shoot(&mut window, "takes_playing");
}
