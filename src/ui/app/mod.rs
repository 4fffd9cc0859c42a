//! The window: panels, keys, files, the connection to the engine.

mod backup;
pub mod devices;
pub mod engine;
mod file_tasks;
mod keys;
pub mod recording;
mod remote;
pub mod takes;
mod top_bar;
pub mod waker;

use std::path::PathBuf;
use std::rc::Rc;

use bendrack_nodes::patch::{Edit, Patch};
use eframe::egui::{self, CentralPanel, Frame, Key, Modifiers, Panel, Ui, ViewportCommand, vec2};

use crate::ui::canvas::frame::frame_selected;
use crate::ui::canvas::view::{frame_nodes, zoom_about};
use crate::ui::canvas::{Canvas, canvas_ui};
use crate::ui::document::learn::{Assignment, LearnMode, assign_step, learn_step};
use crate::ui::document::midi_maps::map_step;
use crate::ui::document::ports::input_of;
use crate::ui::document::recovery::Recovery;
use crate::ui::document::{Document, Step};
use crate::ui::panels::inspector::inspector_ui;
use crate::ui::panels::monitor::{DeviceMonitor, MonitorAnswer, MonitorView, monitor_ui};
use crate::ui::panels::preview::{Preview, preview_ui};
use crate::ui::panels::status_bar::{StatusBar, StatusChoice, file_name, status_bar_ui};
use crate::ui::panels::takes::TakesPanel;
use crate::ui::theme;
use crate::ui::workspace::Workspace;
use backup::Backup;
use devices::DeviceLink;
use engine::{EngineLink, Monitor};
use file_tasks::{Discarding, FileEvent, FileTasks, from_render};
use keys::{Command, KeyContext, commands};
use recording::{HeldKey, Parts, Press, RecordingBar, RecordingLink, RecordingState};
use remote::Remote;
use takes::{Takes, TakesLink};
use top_bar::{TapTempo, top_bar_ui};
use waker::Waker;

/// The parts that a window is opened with.
pub struct Options {
    /// The patch.
    pub patch: Patch,
    /// The file of the patch.
    pub path: Option<PathBuf>,
    /// The engine that runs the patch.
    pub engine: Box<dyn EngineLink>,
    /// The devices.
    pub devices: Box<dyn DeviceLink>,
    /// The maker of recordings.
    pub recordings: Box<dyn RecordingLink>,
    /// The takes.
    pub takes: Box<dyn TakesLink>,
    /// The folder of recovery copies.
    pub recovery: Option<Recovery>,
    /// The waker, for the thread that shows frames.
    pub waker: Waker,
}

/// The window.
pub struct App {
    /// The state that the canvas and the panels share.
    pub workspace: Workspace,
    /// The canvas.
    pub canvas: Canvas,
    preview: Preview,
    engine: Rc<dyn EngineLink>,
    monitor: Monitor,
    devices: Box<dyn DeviceLink>,
    device_monitor: DeviceMonitor,
    recordings: Box<dyn RecordingLink>,
    waker: Waker,
    parts: Parts,
    /// The result of the last recording.
    recorded: Option<String>,
    held: HeldKey,
    remote: Remote,
    takes: Takes,
    takes_panel: TakesPanel,
    files: FileTasks,
    backup: Backup,
    message: Message,
    gesture: GestureTimer,
    taps: TapTempo,
    had_focus: bool,
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
            monitor: Monitor::default(),
            devices: options.devices,
            device_monitor: DeviceMonitor::default(),
            recordings: options.recordings,
            waker: options.waker,
            parts: Parts::default(),
            recorded: None,
            held: HeldKey::default(),
            remote: Remote::default(),
            takes: Takes::new(options.takes),
            takes_panel: TakesPanel::default(),
            files: FileTasks::default(),
            message: Message::default(),
            taps: TapTempo::default(),
            had_focus: false,
        }
    }

    /// Shows one frame of the window.
    pub fn show(&mut self, ui: &mut Ui) {
        let Workspace { editor, playback, .. } = &mut self.workspace;
        self.monitor.poll(ui.ctx(), &*self.engine, editor, playback);
        self.learn();
        self.request_repaint(ui);
        self.finish_tasks(ui);
        if let Some(outcome) = self.recordings.outcome() {
            self.message.show(ui, outcome.clone());
            self.recorded = Some(outcome);
        }
        self.poll_takes(ui);
        self.poll_remote(ui);
        let is_free = !ui.ctx().text_edit_focused() && self.canvas.palette.is_none();
        let press = self.held.update(ui, is_free);
        self.canvas.reroutes = press == Some(Press::Short);
        if press == Some(Press::Long) {
            self.run(ui, Command::ToggleRecording);
        }
        let over_canvas = ui.input(|i| i.pointer.hover_pos()).is_some_and(|at| self.canvas.contains(at));
        let context = KeyContext {
            palette: self.canvas.palette.is_some(),
            large_preview: self.preview.large,
            had_focus: self.had_focus,
            over_canvas,
            instance: self.workspace.editor.selected_instance().is_some(),
        };
        for command in commands(ui, &context) {
            self.run(ui, command);
        }
        self.workspace.refresh();
        self.panels(ui);
        self.gesture.update(ui, &mut self.workspace.editor.document);
        self.had_focus = ui.memory(|memory| memory.focused().is_some());
        if self.backup.update(&self.workspace.editor.document, ui.input(|i| i.time)) {
            ui.ctx().request_repaint_after_secs(theme::RECOVERY_SECS as f32);
        }
        self.set_title(ui);
    }

    /// Runs a command of a key or button.
    fn run(&mut self, ui: &Ui, command: Command) {
        let editor = &mut self.workspace.editor;
        match command {
            Command::New => self.request(ui, Discarding::New),
            Command::Open => self.request(ui, Discarding::Open(None)),
            Command::Save => self.save(ui, false),
            Command::SaveAs => self.save(ui, true),
            Command::Undo => drop(editor.document.undo()),
            Command::Redo => drop(editor.document.redo()),
            Command::SelectAll => editor.selection = editor.patch().nodes.keys().cloned().collect(),
            Command::Duplicate { incoming } => editor.duplicate_selected(incoming),
            Command::Bypass => editor.bypass_selected(),
            Command::Frame => frame_selected(editor),
            Command::Delete => editor.delete_selected(),
            Command::AddNode => self.canvas.open_palette(ui),
            Command::Enter => {
                if let Some(id) = editor.selected_instance() {
                    editor.enter(&id);
                }
            }
            Command::Leave => editor.leave(),
            Command::Recall(index) => drop(editor.recall_snapshot(index)),
            Command::Tap => {
                if let Some(tempo) = self.taps.tap(ui.input(|i| i.time)) {
                    editor.document.apply(Step::merging("tap the tempo", vec![Edit::SetTempo { tempo }]));
                }
            }
            Command::NewSeed => {
                let seed = editor.document.patch.engine.seed.wrapping_add(1);
                editor.document.apply(Step::new("set the seed", vec![Edit::SetSeed { seed }]));
                self.engine.restart();
            }
            Command::Restart => self.engine.restart(),
            Command::ToggleRecording => self.toggle_recording(ui),
            Command::LearnRecording => {
                self.remote.learn(&*self.devices);
                let text = "Play the MIDI note or press the controller that starts and stops recordings. Esc cancels.";
                self.message.show(ui, text.to_owned());
            }
            Command::ForgetRecording => self.recordings.set_remote(None),
            Command::ZoomSelection => {
                let ids = editor.selection.clone();
                frame_nodes(&mut self.canvas, &mut self.workspace, &ids);
            }
            Command::ZoomAll => self.canvas.fit(),
            Command::ZoomReset => {
                let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.canvas.contains(*at));
                if let Some(at) = pointer {
                    let factor = 1.0 / self.workspace.frame.zoom;
                    zoom_about(&mut self.canvas, &mut self.workspace, at, factor);
                }
            }
            Command::ToggleTakes => self.takes_panel.open = !self.takes_panel.open,
            Command::KeepTake => self.keep_take(ui),
            Command::ToggleDevices => self.device_monitor.open = !self.device_monitor.open,
            Command::TogglePreview => self.preview.large = !self.preview.large,
            Command::Cancel => {
                self.preview.large = false;
                self.files.waiting = None;
                self.remote.cancel();
                editor.learn = None;
            }
        }
    }

    fn toggle_recording(&mut self, ui: &Ui) {
        match self.recordings.state() {
            RecordingState::Off if self.parts == (Parts { screen: false, model: false, maps: false }) => {
                self.message.show(ui, "No pictures to record are chosen: choose some beside Record.".to_owned());
            }
            RecordingState::Off => self.recordings.start(self.parts, &self.workspace.editor.document.patch),
            RecordingState::On { .. } => self.recordings.stop(),
            RecordingState::Ending => {}
        }
    }

    /// Assigns the controller or note that moved during MIDI learn.
    fn learn(&mut self) {
        let Workspace { editor, playback, .. } = &mut self.workspace;
        let Some(learn) = &mut editor.learn else { return };
        let Some(control) = learn.detect(&playback.controls) else { return };
        let (to, mode) = (learn.to.clone(), learn.mode);
        let input = input_of(editor.patch(), &to.node, &to.port);
        match mode {
            LearnMode::Map => {
                let step = map_step(&editor.document.patch, &to, input, control);
                editor.document.apply(step);
            }
            LearnMode::Controller | LearnMode::Note => {
                let step = learn_step(editor.patch(), &to, input, control);
                editor.apply(step);
            }
        }
        editor.learn = None;
    }

    fn request_repaint(&self, ui: &Ui) {
        let rate = self.monitor.status.frame_rate.clamp(1.0, 60.0) as f32;
        // The waker repaints at each frame.
        let polls = self.monitor.frame.is_some() && !self.waker.is_set();
        let secs = if polls { 1.0 / rate } else { theme::IDLE_SECS };
        ui.ctx().request_repaint_after_secs(secs);
    }

    /// Handles finished file tasks, dropped files and the close button.
    fn finish_tasks(&mut self, ui: &Ui) {
        while let Some(event) = self.files.poll() {
            match event {
                FileEvent::Opened(path, opened) => {
                    if opened.home.is_none() {
                        self.message.show(ui, from_render(&path, opened.render.as_ref()));
                        self.files.suggest_for_render(&path);
                    }
                    self.replace(opened.patch, opened.home);
                }
                FileEvent::Saved(path, written) => {
                    self.workspace.editor.document.mark_saved(path, written);
                    self.message.show(ui, format!("Saved {}", file_name(&self.workspace.editor.document)));
                    let is_dirty = self.workspace.editor.document.is_dirty();
                    if let Some(action) = self.files.waiting.take().filter(|_| !is_dirty) {
                        self.perform(ui, action);
                    }
                }
                FileEvent::ChosenVideo(path) => self.takes_panel.set_output(&path),
                FileEvent::Failed(error) => self.message.show(ui, error),
                FileEvent::Cancelled => {}
            }
        }
        let dropped = ui.input(|i| i.raw.dropped_files.first().and_then(|file| file.path.clone()));
        if let Some(path) = dropped {
            self.request(ui, Discarding::Open(Some(path)));
        }
        let is_dirty = self.workspace.editor.document.is_dirty();
        if ui.input(|i| i.viewport().close_requested()) && is_dirty && !self.files.closing {
            ui.ctx().send_viewport_cmd(ViewportCommand::CancelClose);
            self.files.waiting = Some(Discarding::Close);
        }
    }

    /// Performs an action, or asks about unsaved work first.
    fn request(&mut self, ui: &Ui, action: Discarding) {
        if self.workspace.editor.document.is_dirty() {
            self.files.waiting = Some(action);
        } else {
            self.perform(ui, action);
        }
    }

    fn perform(&mut self, ui: &Ui, action: Discarding) {
        match action {
            Discarding::Close => {
                self.files.closing = true;
                ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            }
            Discarding::New => {
                self.files.suggest_unnamed();
                self.replace(Patch::default(), None);
            }
            Discarding::Open(path) => self.files.open(ui, path),
        }
    }

    /// Shows another patch.
    fn replace(&mut self, patch: Patch, path: Option<PathBuf>) {
        self.workspace.editor.document.open(patch, path);
        self.workspace.editor.go_to(Vec::new());
        self.canvas.palette = None;
        self.canvas.fit();
    }

    fn save(&mut self, ui: &Ui, save_as: bool) {
        self.files.save(ui, &self.workspace.editor.document, save_as);
    }

    /// Opens the recovery copy. It counts as unsaved.
    fn recover(&mut self, ui: &Ui) {
        if self.workspace.editor.document.is_dirty() {
            self.message.show(ui, "Save this patch first, then open the recovered one.".to_owned());
            return;
        }
        match self.backup.recover() {
            Some(Ok(copy)) => {
                self.replace(copy.patch, copy.path);
                self.workspace.editor.document.mark_unsaved();
            }
            Some(Err(error)) => self.message.show(ui, error.to_string()),
            None => {}
        }
    }

    fn panels(&mut self, ui: &mut Ui) {
        if self.preview.large {
            self.playing_ui(ui);
            let (workspace, status) = (&mut self.workspace, &self.monitor.status);
            let frame = Frame::new().fill(theme::PREVIEW);
            CentralPanel::default().frame(frame).show(ui, |ui| preview_ui(ui, &mut self.preview, workspace, status));
            return;
        }
        let frame = Frame::new().fill(theme::PANEL).inner_margin(vec2(theme::UNIT, 0.0));
        let top = Panel::top("top").exact_size(theme::TOP).frame(frame);
        let state = self.recordings.state();
        let (last, remote) = (self.recorded.as_deref(), self.recordings.remote());
        let mut recording = RecordingBar { state: &state, parts: &mut self.parts, last, remote };
        let workspace = &mut self.workspace;
        if let Some(command) = top.show(ui, |ui| top_bar_ui(ui, workspace, &mut recording)).inner {
            self.run(ui, command);
        }
        Panel::bottom("status").exact_size(theme::STATUS).frame(frame).show(ui, |ui| self.status_ui(ui));
        if self.files.waiting.is_some() {
            let frame = Frame::new().fill(theme::TITLE).inner_margin(theme::UNIT);
            Panel::top("question").frame(frame).show(ui, |ui| self.question_ui(ui));
        }
        let side = ui.available_width() * theme::SIDE_SHARE;
        Panel::right("side").default_size(side).min_size(320.0).frame(Frame::new().fill(theme::PANEL)).show(ui, |ui| {
            self.playing_ui(ui);
            let (workspace, status) = (&mut self.workspace, &self.monitor.status);
            // The preview fills the width of the column; the inspector takes the rest of its height.
            let wide = ui.available_width() / self.preview.aspect(&workspace.playback);
            let tall = wide.min(ui.available_height() * theme::PREVIEW_SHARE);
            let panel = Panel::top("preview").exact_size(tall).frame(Frame::new());
            panel.show(ui, |ui| preview_ui(ui, &mut self.preview, workspace, status));
            let frame = Frame::new().inner_margin(2.0 * theme::UNIT);
            CentralPanel::default().frame(frame).show(ui, |ui| inspector_ui(ui, workspace));
        });
        if self.device_monitor.open {
            let frame = Frame::new().fill(theme::PANEL).inner_margin(2.0 * theme::UNIT);
            let panel = Panel::bottom("devices").frame(frame).resizable(true);
            let panel = panel.default_size(theme::MONITOR.0).min_size(theme::MONITOR.1);
            panel.show(ui, |ui| self.monitor_ui(ui));
        }
        self.takes_ui(ui);
        let workspace = &mut self.workspace;
        CentralPanel::default().frame(Frame::new()).show(ui, |ui| canvas_ui(ui, &mut self.canvas, workspace));
        // The cable under the pointer takes Delete first; the selection gets it here.
        let free = !ui.ctx().text_edit_focused() && self.canvas.palette.is_none();
        let delete = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        if free && (delete(Key::Delete) || delete(Key::Backspace)) {
            self.run(ui, Command::Delete);
        }
    }

    fn monitor_ui(&mut self, ui: &mut Ui) {
        let editor = &self.workspace.editor;
        let selected = editor.selection.first().filter(|_| editor.selection.len() == 1);
        let selected = selected.and_then(|id| Some((id.as_str(), editor.def(id)?)));
        let (lights, controls) = (self.devices.lights(), self.devices.controls());
        let messages = |kind, name: &str| self.devices.messages(kind, name);
        let view = MonitorView { lights: &lights, controls: &controls, messages: &messages };
        match monitor_ui(ui, &mut self.device_monitor, &view, selected) {
            Some(MonitorAnswer::Close) => self.device_monitor.open = false,
            Some(MonitorAnswer::Assign(assignment)) => self.assign(&assignment),
            None => {}
        }
    }

    /// Assigns a control to the selected node, or to a new one at the left of the canvas, which is then selected.
    fn assign(&mut self, assignment: &Assignment) {
        let editor = &mut self.workspace.editor;
        let selected = editor.selection.first().filter(|_| editor.selection.len() == 1);
        let corner = self.canvas.rect.map_or(egui::Pos2::ZERO, |rect| rect.min) + vec2(theme::UNIT, 5.0 * theme::UNIT);
        let place = self.canvas.place(corner, self.workspace.frame.zoom);
        let assigned = assign_step(editor.patch(), selected.map(String::as_str), assignment, place);
        if let Some((step, id)) = assigned
            && editor.apply(step)
        {
            editor.selection = [id].into();
        }
    }

    fn status_ui(&mut self, ui: &mut Ui) {
        let lights = self.devices.lights();
        let bar = StatusBar {
            status: &self.monitor.status,
            frame: self.monitor.frame,
            lights: &lights,
            message: self.message.text(ui),
            recovered: self.backup.offer(),
        };
        match status_bar_ui(ui, &bar, &mut self.workspace.editor) {
            Some(StatusChoice::OpenRecovered) => self.recover(ui),
            Some(StatusChoice::DismissRecovered) => self.backup.dismiss(),
            Some(StatusChoice::ShowDevices) => self.device_monitor.open = true,
            None => {}
        }
    }

    /// The question about unsaved work. The engine keeps running.
    fn question_ui(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            ui.label(format!("{} has unsaved changes.", file_name(&self.workspace.editor.document)));
            if ui.button("Save").clicked() {
                self.save(ui, false);
            }
            if ui.button("Discard").clicked()
                && let Some(action) = self.files.waiting.take()
            {
                if action == Discarding::Close {
                    self.backup.discard();
                }
                self.perform(ui, action);
            }
            if ui.button("Cancel").clicked() {
                self.files.waiting = None;
            }
        });
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
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }
}
