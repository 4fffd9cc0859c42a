//! A driver for the window: pointer and keys, and an engine without a model that records its calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use bendrack::engine::{Frame, Latency, ModelShape, Pair, Playing, Replay, Stage, Status, Warning};
use bendrack::media::{Map, Picture};
use bendrack::ui::{App, EngineLink, FilesOfUser, Options, Recovery, Waker, theme};
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::source::ColourMap;
use bendrack_nodes::program::{Measure, Pass, Program, Tap};
use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};
use eframe::egui::{Event, Key, Pos2, Vec2, vec2};
use egui_kittest::Harness;

pub use crate::fakes::{FakeDevices, FakeRecordings, FakeShares};
use crate::models::FakeModels;
use crate::takes::FakeTakes;

/// The calls and the answers of an engine without a model.
#[derive(Default)]
pub struct Record {
    pub plans: Vec<Arc<Plan>>,
    pub frame: Option<Arc<Frame>>,
    pub status: Status,
    pub controls: Controls,
    pub restarts: usize,
    /// The times that the KV cache was emptied.
    pub forgets: usize,
    pub probes: Arc<[Tap]>,
    /// True during a comparison with the video without bends.
    pub compared: bool,
    /// The takes that were played back.
    pub replays: Vec<Replay>,
    /// Ends of playback.
    pub replay_stops: usize,
}

#[derive(Clone, Default)]
pub struct Fake(pub Rc<RefCell<Record>>);

impl EngineLink for Fake {
    fn set_patch(&self, _: Arc<Patch>, plan: Arc<Plan>) {
        self.0.borrow_mut().plans.push(plan);
    }

    fn set_probes(&self, probes: Arc<[Tap]>) {
        self.0.borrow_mut().probes = probes;
    }

    fn compare(&self, on: bool) {
        self.0.borrow_mut().compared = on;
    }

    fn pair(&self) -> Result<Option<Pair>, String> {
        let record = self.0.borrow();
        let bent = record.frame.clone().filter(|_| record.compared);
        let unbent = |bent: &Frame| Arc::new(Frame { number: bent.number, ..frame(bent.number + 20) });
        Ok(bent.map(|bent| Pair { unbent: unbent(&bent), bent, behind: 0.9, speed: 42.0 }))
    }

    fn frame(&self) -> Option<Arc<Frame>> {
        self.0.borrow().frame.clone()
    }

    fn status(&self) -> Status {
        self.0.borrow().status.clone()
    }

    fn controls(&self) -> Controls {
        self.0.borrow().controls.clone()
    }

    fn restart(&self) {
        self.0.borrow_mut().restarts += 1;
    }

    fn forget_past(&self) {
        self.0.borrow_mut().forgets += 1;
    }

    fn play(&self, replay: Replay) {
        let mut record = self.0.borrow_mut();
        record.status.playing = Some(Playing { name: replay.name.clone(), pictures: replay.pictures });
        record.replays.push(replay);
    }

    fn stop_playing(&self) {
        let mut record = self.0.borrow_mut();
        record.status.playing = None;
        record.replay_stops += 1;
    }
}

impl Fake {
    pub fn plans(&self) -> usize {
        self.0.borrow().plans.len()
    }

    /// The program of the last plan.
    pub fn program(&self) -> Program {
        let record = self.0.borrow();
        let measurements = Measurements::new();
        let lanes = [Arc::new(record.controls.clone())];
        let inputs = Inputs {
            lanes: &lanes,
            measurements: &measurements,
            first_frame: 0,
            dt_secs: 0.25,
            step: DenoisingStep::default(),
        };
        record.plans.last().unwrap().program(&inputs, &mut Memory::default(), 3)
    }

    /// Warns of a node.
    pub fn warn(&self, warning: Warning) {
        self.0.borrow_mut().status.warnings = vec![warning];
    }

    /// Shows a frame.
    pub fn play(&self, number: u64) {
        let mut record = self.0.borrow_mut();
        let stage = Stage::Running;
        let latency = Latency { last: 0.201, median: 0.182, p99: 0.31 };
        let playing = record.status.playing.take();
        record.status = Status {
            stage,
            model: Some(SHAPE),
            call: Some((Pass::Denoise, number as usize % SHAPE.steps)),
            frame_rate: 16.0,
            speed: 21.3,
            latency,
            makes: 3,
            playing,
            ..Status::default()
        };
        let probes = record.probes.iter().map(|tap| (tap.node.clone(), measured(tap, number))).collect();
        record.frame = Some(Arc::new(Frame { probes: Arc::new(probes), ..frame(number) }));
    }
}

/// The counts of mini.
pub const SHAPE: ModelShape = ModelShape { layers: 6, steps: 4, heads: 4, neurons: 512 };

/// A map for a probe: of a place that depends on its name, or the activity of neurons.
fn measured(tap: &Tap, number: u64) -> Map {
    let seed: usize = tap.node.bytes().map(usize::from).sum();
    if tap.measure == Measure::Neurons {
        let activity = |i: usize| 0.1 + ((i * (seed % 13 + 3)) as f32 * 0.21 + number as f32 * 0.1).sin().powi(8);
        return Map { width: SHAPE.neurons, height: 1, values: (0..SHAPE.neurons).map(activity).collect() };
    }
    let middle = [(seed % 8) as f32, (seed / 8 % 8) as f32];
    let value = |i: usize| {
        let (dx, dy) = ((i % 8) as f32 - middle[0], (i / 8) as f32 - middle[1]);
        (-(dx * dx + dy * dy) / 4.0).exp() / (1.0 + (seed % 5) as f32)
    };
    Map { width: 8, height: 8, values: (0..64).map(value).collect() }
}

/// A picture of a red disc that circles on dark blue, and a map of its position.
pub fn frame(number: u64) -> Frame {
    let angle = number as f32 * 0.12;
    let at = [0.5 + 0.22 * angle.cos(), 0.5 + 0.22 * angle.sin()];
    let near = |x: usize, y: usize, size: usize| {
        let (dx, dy) = ((x as f32 + 0.5) / size as f32 - at[0], (y as f32 + 0.5) / size as f32 - at[1]);
        (dx * dx + dy * dy).sqrt()
    };
    let pixel = |x: usize, y: usize| {
        let inside = ((0.19 - near(x, y, 128)) * 60.0).clamp(0.0, 1.0);
        let mix = |a: f32, b: f32| (a + (b - a) * inside) as u8;
        [mix(18.0 + x as f32 * 0.1, 214.0), mix(26.0 + y as f32 * 0.08, 58.0), mix(74.0, 48.0)]
    };
    let rgb: Vec<u8> = (0..128).flat_map(|y| (0..128).flat_map(move |x| pixel(x, y))).collect();
    let picture = Arc::new(Picture { width: 128, height: 128, rgb });
    let values = (0..256).map(|i| (-near(i % 16, i / 16, 16).powi(2) * 30.0).exp()).collect();
    let map = Map { width: 16, height: 16, values };
    // The picture, and beside it the picture with its map.
    let mut beside = Vec::new();
    for y in 0..128 {
        beside.extend_from_slice(&picture.rgb[y * 384..(y + 1) * 384]);
        for x in 0..128 {
            let heat = ColourMap::default().colour((-near(x, y, 128).powi(2) * 30.0).exp());
            let below = pixel(x, y);
            let mix = |a: u8, b: u8| (f32::from(a) * 0.3 + f32::from(b) * 0.7) as u8;
            beside.extend([mix(below[0], heat[0]), mix(below[1], heat[1]), mix(below[2], heat[2])]);
        }
    }
    Frame {
        number,
        latent: number / 4,
        picture,
        screen: Arc::new(Picture { width: 256, height: 128, rgb: beside }),
        taps: Arc::new(BTreeMap::from([(Arc::from("map"), map)])),
        probes: Arc::default(),
        controls: Arc::default(),
        measurements: Arc::default(),
        messages: Vec::new(),
        board_lines: Vec::new(),
        midi: Vec::new(),
        lights: Vec::new(),
        mapped: Vec::new(),
        recorded: true,
    }
}

pub fn first_bend() -> Patch {
    Patch::from_json(include_str!("../../patches/first_bend.json")).unwrap()
}

pub type Window = Harness<'static, App>;

pub fn window_with(patch: Patch, path: Option<PathBuf>, recovery: Option<Recovery>, wgpu: bool) -> (Window, Fake) {
    let fake = Fake::default();
    fake.play(0);
    (window_on(Box::new(fake.clone()), patch, path, recovery, wgpu), fake)
}

/// A window on an engine, and recordings that are not looked at; `wgpu` if it is to be drawn.
pub fn window_on(
    engine: Box<dyn EngineLink>,
    patch: Patch,
    path: Option<PathBuf>,
    recovery: Option<Recovery>,
    wgpu: bool,
) -> Window {
    window_of(Options { path, recovery, ..options(engine, patch) }, wgpu)
}

/// The parts of a window without files, on an engine; recordings, takes and devices are not looked at.
pub fn options(engine: Box<dyn EngineLink>, patch: Patch) -> Options {
    Options {
        patch,
        path: None,
        notice: None,
        checkup: None,
        engine,
        recordings: Box::new(FakeRecordings::default()),
        takes: Box::new(FakeTakes::default()),
        models: Box::new(FakeModels::default()),
        shares: Box::new(FakeShares::default()),
        devices: Box::new(FakeDevices::default()),
        recovery: None,
        files_of_user: FilesOfUser::default(),
        stats: None,
        waker: Waker::default(),
    }
}

/// A window with these parts, changed from those of a window on an engine without a model.
pub fn window_with_parts(patch: Patch, wgpu: bool, change: impl FnOnce(&mut Options)) -> (Window, Fake) {
    let fake = Fake::default();
    fake.play(0);
    let mut options = options(Box::new(fake.clone()), patch);
    change(&mut options);
    (window_of(options, wgpu), fake)
}

/// A window that records, on an engine without a model.
pub fn recording_window(patch: Patch) -> (Window, FakeRecordings, Fake) {
    recording_window_with(patch, FakeDevices::default())
}

/// A window that records, with these devices.
pub fn recording_window_with(patch: Patch, devices: FakeDevices) -> (Window, FakeRecordings, Fake) {
    let recordings = FakeRecordings::default();
    let (window, fake) = window_with_parts(patch, false, |options| {
        options.recordings = Box::new(recordings.clone());
        options.devices = Box::new(devices);
    });
    (window, recordings, fake)
}

/// A window with the files of a user's settings.
pub fn window_of_user(patch: Patch, files_of_user: FilesOfUser) -> (Window, Fake) {
    window_with_parts(patch, false, |options| options.files_of_user = files_of_user)
}

/// A window with takes, on an engine without a model; `wgpu` if it is to be drawn.
pub fn takes_window(takes: &FakeTakes, wgpu: bool) -> (Window, Fake) {
    window_with_parts(first_bend(), wgpu, |options| options.takes = Box::new(takes.clone()))
}

fn window_of(options: Options, wgpu: bool) -> Window {
    window_sized(options, wgpu, if wgpu { vec2(1920.0, 1080.0) } else { theme::WINDOW })
}

/// A window of a size.
pub fn window_sized(options: Options, wgpu: bool, size: Vec2) -> Window {
    let app = App::new(options);
    let builder = Harness::builder().with_size(size).with_max_steps(64).with_step_dt(1.0 / 60.0);
    let builder = if wgpu { builder.wgpu() } else { builder };
    let mut styled = false;
    let show = move |ui: &mut eframe::egui::Ui, app: &mut App| {
        if !std::mem::replace(&mut styled, true) {
            theme::install(ui.ctx());
        }
        app.show(ui);
    };
    let mut window = builder.build_ui_state(show, app);
    window.run_steps(4);
    window
}

pub fn window(patch: Patch) -> (Window, Fake) {
    window_with(patch, None, None, false)
}

/// Runs frames of the window until `done`, with pauses for threads.
pub fn until(window: &mut Window, done: impl Fn(&App) -> bool) {
    for _ in 0..200 {
        window.run_steps(1);
        if done(window.state()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the condition was not met within 200 frames");
}

/// A drag in steps with the button down.
pub fn drag(window: &mut Window, from: Pos2, to: Pos2) {
    window.hover_at(from);
    window.run_steps(2);
    window.drag_at(from);
    window.run_steps(2);
    for i in 1..=8_u8 {
        window.hover_at(from + (to - from) * (f32::from(i) / 8.0));
        window.run_steps(1);
    }
    window.run_steps(1);
    window.drop_at(to);
    window.run_steps(3);
}

pub fn click(window: &mut Window, at: Pos2) {
    window.hover_at(at);
    window.drag_at(at);
    window.drop_at(at);
    window.run_steps(3);
}

pub fn port(window: &Window, name: &str, output: bool) -> Pos2 {
    let port = name.parse().unwrap();
    let spots = &window.state().workspace.frame.ports;
    spots.iter().find(|spot| spot.port == port && spot.output == output).unwrap().at
}

/// The point of the canvas with the largest distance from all nodes.
pub fn empty_point(window: &Window) -> Pos2 {
    let scene = &window.state().workspace.frame;
    let room = |at: &Pos2| scene.rects.values().map(|rect| rect.distance_to_pos(*at)).fold(1e9, f32::min);
    let places = (0..30_u8).flat_map(|y| (0..30_u8).map(move |x| vec2(f32::from(x), f32::from(y)) * 24.0));
    let places = places.map(|place| Pos2::new(60.0, 120.0) + place);
    places.max_by(|a, b| room(a).total_cmp(&room(b))).unwrap()
}

/// Adds a node by the palette: N, letters of its name, Enter.
pub fn add_node(window: &mut Window, letters: &str) {
    window.key_press(Key::N);
    window.run_steps(2);
    type_text(window, letters);
    window.key_press(Key::Enter);
    window.run_steps(2);
}

pub fn type_text(window: &mut Window, text: &str) {
    window.event(Event::Text(text.into()));
    window.run_steps(2);
}

pub fn node_ids(window: &Window) -> Vec<String> {
    window.state().workspace.editor.document.patch.nodes.keys().cloned().collect()
}
