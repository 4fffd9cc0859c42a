//! The window: its state, and the order of a frame.

mod backup;
mod browser;
mod clipboard;
mod command;
pub mod devices;
pub mod engine;
mod file_tasks;
mod keyboard;
mod keys;
mod layout;
mod mapping;
pub mod models;
mod patch_file;
mod perform;
pub mod recording;
mod remote;
pub mod shares;
mod stage;
mod stats;
pub mod takes;
mod top_bar;
mod tour;
pub mod waker;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::Receiver;

use std::collections::BTreeMap;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::input::ControlName;
use bendrack_nodes::patch::{Device, Patch};
use eframe::egui::{self, Ui, ViewportCommand};

use crate::ui::canvas::Canvas;
use crate::ui::document::Document;
use crate::ui::document::learn::{LearnMode, learn_step, reads};
use crate::ui::document::maps::map_step;
use crate::ui::document::ports::input_of;
use crate::ui::document::recent::Recent;
use crate::ui::document::recovery::Recovery;
use crate::ui::document::settings::{SCALES, Settings, Stored};
use crate::ui::document::tour::Tour;
use crate::ui::fonts::Fonts;
use crate::ui::panels::browser::Browser;
use crate::ui::panels::models::ModelsPanel;
use crate::ui::panels::monitor::DeviceMonitor;
use crate::ui::panels::preview::Preview;
use crate::ui::panels::status_bar::file_name;
use crate::ui::panels::takes::TakesPanel;
use crate::ui::theme;
use crate::ui::workspace::Workspace;
use backup::Backup;
use command::Command;
use devices::DeviceLink;
use engine::{EngineLink, EngineStatus};
use file_tasks::FileTasks;
use keyboard::HeldKeys;
use keys::{KeyContext, commands};
use models::ModelsLink;
use recording::{HeldKey, Press, RecordedParts, RecordingLink};
use remote::Remote;
use shares::ShareLink;
use stage::Stage;
pub use stats::UiStats;
use takes::{Takes, TakesLink};
use top_bar::TapTempo;
use waker::Waker;

/// The parts that a window is opened with.
pub struct Options {
    /// The patch.
    pub patch: Patch,
    /// The file of the patch.
    pub path: Option<PathBuf>,
    /// A message that stays until the next one.
    pub notice: Option<String>,
    /// The place where a message about the system comes; it stays until the next one.
    pub checkup: Option<Receiver<String>>,
    /// The engine that runs the patch.
    pub engine: Box<dyn EngineLink>,
    /// The devices.
    pub devices: Box<dyn DeviceLink>,
    /// The maker of recordings.
    pub recordings: Box<dyn RecordingLink>,
    /// The takes.
    pub takes: Box<dyn TakesLink>,
    /// The models.
    pub models: Box<dyn ModelsLink>,
    /// The picture for other programs.
    pub shares: Box<dyn ShareLink>,
    /// The folder of recovery copies.
    pub recovery: Option<Recovery>,
    /// The files of the user's settings.
    pub files_of_user: FilesOfUser,
    /// Frame times, for a file.
    pub stats: Option<UiStats>,
    /// The waker, for the thread that shows frames.
    pub waker: Waker,
}

/// The files of the user's settings; by default, settings live as long as the window.
#[derive(Clone, Debug, Default)]
pub struct FilesOfUser {
    /// The theme and the scale.
    pub settings: Stored,
    /// The recent files.
    pub recent: Stored,
    /// The mapping of the output.
    pub mapping: Stored,
    /// The MIDI notes and CCs of commands.
    pub remote: Stored,
    /// The folders of fonts; empty for those of the system.
    pub fonts: Vec<PathBuf>,
}

impl FilesOfUser {
    /// The files in the user's data folder.
    pub fn in_data_folder() -> Self {
        let files = ["settings.json", "recent.json", "projection.json", "commands.json"];
        let [settings, recent, mapping, remote] = files.map(Stored::of_user);
        Self { settings, recent, mapping, remote, fonts: Vec::new() }
    }
}

/// The window.
pub struct App {
    /// The state that the canvas and the panels share.
    pub workspace: Workspace,
    /// The canvas.
    pub canvas: Canvas,
    preview: Preview,
    engine: Rc<dyn EngineLink>,
    engine_status: EngineStatus,
    devices: Box<dyn DeviceLink>,
    /// The devices that the patch describes, as the link has them.
    wanted_devices: BTreeMap<String, Device>,
    device_monitor: DeviceMonitor,
    recordings: Box<dyn RecordingLink>,
    waker: Waker,
    parts: RecordedParts,
    /// The result of the last recording.
    recorded: Option<String>,
    /// The number of videos that were recorded.
    videos: u64,
    tour: Option<Tour>,
    held: HeldKey,
    held_keys: HeldKeys,
    remote: Remote,
    fonts: Fonts,
    takes: Takes,
    takes_panel: TakesPanel,
    shares: Box<dyn ShareLink>,
    models: Box<dyn ModelsLink>,
    models_panel: ModelsPanel,
    browser: Browser,
    recent: Recent,
    settings: Settings,
    /// The settings that the context has.
    shown_settings: Option<Settings>,
    files_of_user: FilesOfUser,
    files: FileTasks,
    backup: Backup,
    message: Message,
    gesture: GestureTimer,
    taps: TapTempo,
    had_focus: bool,
    /// True while the engine makes the video without bends too.
    is_compared: bool,
    stage: Stage,
    stats: Option<UiStats>,
    checkup: Option<Receiver<String>>,
}

/// A message in the status bar, which expires.
#[derive(Default)]
struct Message(Option<(String, f64)>);

impl Message {
    fn show(&mut self, ui: &Ui, text: String) {
        self.0 = Some((text, ui.input(|i| i.time) + theme::MESSAGE_SECS));
    }

    fn text(&mut self, ui: &Ui) -> Option<&str> {
        let now = ui.input(|i| i.time);
        self.0.take_if(|(_, until)| now > *until);
        self.0.as_ref().map(|(text, _)| text.as_str())
    }
}

/// The revision of the last edit, and its time.
struct GestureTimer(u64, f64);

impl GestureTimer {
    /// Ends the gesture of a document when a button is released, or after a pause without one.
    fn update(&mut self, ui: &Ui, document: &mut Document) {
        let (now, released, down) = ui.input(|i| (i.time, i.pointer.any_released(), i.pointer.any_down()));
        if self.0 != document.revision() {
            *self = Self(document.revision(), now);
        }
        if released || (!down && now - self.1 > theme::QUIET_SECS) {
            document.end_gesture();
        }
    }
}

impl App {
    /// A window with this patch, whose plan goes to the engine.
    pub fn new(options: Options) -> Self {
        let engine: Rc<dyn EngineLink> = Rc::from(options.engine);
        let sink = Rc::clone(&engine);
        let document =
            Document::new(options.patch, options.path, Box::new(move |patch, plan| sink.set_patch(patch, plan)));
        Self {
            backup: Backup::new(options.recovery, &document),
            gesture: GestureTimer(document.revision(), 0.0),
            workspace: Workspace::new(document),
            canvas: Canvas::default(),
            preview: Preview::default(),
            engine,
            engine_status: EngineStatus::default(),
            devices: options.devices,
            device_monitor: DeviceMonitor::default(),
            wanted_devices: BTreeMap::new(),
            recordings: options.recordings,
            waker: options.waker,
            parts: RecordedParts::default(),
            recorded: None,
            videos: 0,
            tour: None,
            held: HeldKey::default(),
            held_keys: HeldKeys::default(),
            remote: Remote::new(options.files_of_user.remote.clone()),
            fonts: Fonts::new(options.files_of_user.fonts.clone()),
            takes: Takes::new(options.takes),
            takes_panel: TakesPanel::default(),
            shares: options.shares,
            models: options.models,
            models_panel: ModelsPanel::default(),
            browser: Browser::default(),
            recent: Recent::read(options.files_of_user.recent.clone()),
            settings: options.files_of_user.settings.read().unwrap_or_default(),
            shown_settings: None,
            files_of_user: options.files_of_user,
            files: FileTasks::default(),
            checkup: options.checkup,
            message: Message(options.notice.map(|text| (text, f64::INFINITY))),
            taps: TapTempo::default(),
            had_focus: false,
            is_compared: false,
            stage: Stage::default(),
            stats: options.stats,
        }
    }

    /// Shows one frame of the window.
    pub fn show(&mut self, ui: &mut Ui) {
        self.apply_settings(ui);
        self.fonts.update(ui.ctx(), &self.workspace.editor.document);
        let Workspace { editor, playback, .. } = &mut self.workspace;
        playback.is_frozen = self.stage.is_frozen;
        self.engine_status.poll(ui.ctx(), &*self.engine, editor, playback);
        if self.wanted_devices != self.workspace.editor.document.patch.devices {
            self.wanted_devices.clone_from(&self.workspace.editor.document.patch.devices);
            self.devices.set_wanted(&self.wanted_devices);
        }
        self.learn();
        self.request_repaint(ui);
        self.finish_tasks(ui);
        if let Some(problems) = self.checkup.as_ref().and_then(|checkup| checkup.try_recv().ok()) {
            // A notice about the patch is not lost.
            let text = self.message.text(ui).map_or_else(|| problems.clone(), |text| format!("{text} {problems}"));
            self.message = Message(Some((text, f64::INFINITY)));
        }
        if let Some(outcome) = self.recordings.outcome() {
            self.videos += u64::from(outcome.is_ok());
            let outcome = outcome.unwrap_or_else(|problem| problem);
            self.message.show(ui, outcome.clone());
            self.recorded = Some(outcome);
        }
        self.poll_takes(ui);
        self.poll_models(ui);
        self.poll_shares(ui);
        self.poll_remote(ui);
        self.poll_requests(ui);
        self.send_keys(ui);
        let is_free = !ui.ctx().text_edit_focused() && self.canvas.palette.is_none();
        let press = self.held.update(ui, is_free);
        self.canvas.reroutes = press == Some(Press::Short);
        if press == Some(Press::Long) {
            self.run(ui, Command::ToggleRecording);
        }
        let over_canvas = ui.input(|i| i.pointer.hover_pos()).is_some_and(|at| self.canvas.contains(at));
        let context = KeyContext {
            palette: self.canvas.palette.is_some() || self.canvas.chooser.is_some() || self.files.is_browsing(),
            menu: self.canvas.has_menu() || egui::Popup::is_any_open(ui.ctx()),
            large_preview: self.preview.large,
            had_focus: self.had_focus,
            over_canvas,
            node: self.workspace.editor.selection.len() == 1,
            instance: self.workspace.editor.selected_instance().is_some(),
        };
        // Without a canvas, keys change nothing on it.
        let is_performing = self.stage.is_performing || self.preview.large;
        for command in commands(ui, &context) {
            if !is_performing || command.is_for_stage() {
                self.run(ui, command);
            }
        }
        if !is_performing {
            self.use_clipboard(ui);
        }
        let beat = self.workspace.playback.live.beat();
        if self.workspace.editor.morph(ui.input(|i| i.time), beat) {
            ui.ctx().request_repaint();
        }
        self.workspace.refresh();
        self.follow_tour(ui);
        self.compare();
        self.panels(ui);
        if let Some(taps) = self.workspace.playback.probes.changed() {
            self.engine.set_probes(taps);
        }
        self.output_ui(ui);
        self.gesture.update(ui, &mut self.workspace.editor.document);
        self.had_focus = ui.memory(|memory| memory.focused().is_some());
        if self.backup.update(&self.workspace.editor.document, ui.input(|i| i.time)) {
            ui.ctx().request_repaint_after_secs(theme::RECOVERY_SECS as f32);
        }
        self.set_title(ui);
    }

    /// Shows new settings, and keeps them.
    fn apply_settings(&mut self, ui: &Ui) {
        if self.shown_settings == Some(self.settings) {
            return;
        }
        if self.shown_settings.is_some() {
            self.files_of_user.settings.write(&self.settings);
        }
        self.shown_settings = Some(self.settings);
        theme::choose(ui.ctx(), self.settings.theme);
        ui.ctx().set_zoom_factor(self.settings.scale.clamp(SCALES.0, SCALES.1));
    }

    /// Follows the comparison that the preview asks for.
    fn compare(&mut self) {
        let wanted = self.preview.compare.is_some();
        if self.is_compared != wanted {
            self.is_compared = wanted;
            self.engine.compare(wanted);
        }
        if let Some(compare) = &mut self.preview.compare {
            compare.pair = self.engine.pair();
        }
    }

    /// Assigns the control that moved since the start of learning.
    fn learn(&mut self) {
        let Workspace { editor, playback, .. } = &mut self.workspace;
        let Some(mut learn) = editor.learn.take() else { return };
        let (mode, def) = (learn.mode, editor.def(&learn.to.node));
        let input = input_of(editor.patch(), &learn.to.node, &learn.to.port);
        let fits = |name: &ControlName| match mode {
            LearnMode::Map => true,
            LearnMode::Cable => LIBRARY.iter().any(|def| reads(def, name)),
            LearnMode::Node => def.is_some_and(|def| reads(def, name)),
        };
        let Some(found) = learn.detect(&playback.controls, fits) else {
            editor.learn = Some(learn);
            return;
        };
        match mode {
            LearnMode::Map => {
                let step = map_step(&editor.document.patch, &learn.to, input, &found);
                editor.document.apply(step);
            }
            LearnMode::Cable | LearnMode::Node => {
                if let Some(step) = learn_step(editor.patch(), &learn.to, input, &found) {
                    editor.apply(step);
                }
            }
        }
    }

    fn request_repaint(&self, ui: &Ui) {
        let rate = self.engine_status.status.frame_rate.clamp(1.0, 60.0) as f32;
        // The waker repaints at each frame.
        let polls = self.engine_status.frame.is_some() && !self.waker.is_set();
        let secs = if polls { 1.0 / rate } else { theme::IDLE_SECS };
        ui.ctx().request_repaint_after_secs(secs);
    }

    fn set_title(&self, ui: &Ui) {
        let document = &self.workspace.editor.document;
        let mark = if document.is_dirty() { "• " } else { "" };
        let title = format!("{mark}{} — bendrack", file_name(document));
        let id = egui::Id::new("title");
        if ui.data(|data| data.get_temp::<String>(id)).as_ref() != Some(&title) {
            ui.ctx().send_viewport_cmd(ViewportCommand::Title(title.clone()));
            ui.data_mut(|data| data.insert_temp(id, title));
        }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        if let Some(stats) = &mut self.stats {
            stats.add(frame.info().cpu_usage);
        }
        self.show(ui);
    }
}
