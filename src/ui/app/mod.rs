//! The window as a whole: panels, keys, files.

pub mod engine;
mod file_tasks;
mod keys;
mod transport;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bendrack_nodes::patch::Patch;
use eframe::egui::{self, CentralPanel, Frame, Key, Modifiers, Panel, RichText, Ui, ViewportCommand, vec2};

use crate::engine::Status;
use crate::ui::app::engine::Engine;
use crate::ui::app::file_tasks::{Done, Next, UNNAMED};
use crate::ui::app::transport::Taps;
use crate::ui::canvas::{Canvas, canvas_ui};
use crate::ui::document::Document;
use crate::ui::document::autosave::Keeper;
use crate::ui::document::learn::learned;
use crate::ui::document::ports::input_of;
use crate::ui::document::recovery::Recovery;
use crate::ui::panels::inspector::inspector_ui;
use crate::ui::panels::midi_maps::mapped;
use crate::ui::panels::preview::{Stage, stage_ui};
use crate::ui::panels::status_bar::{Asked, Bar, Light, name_of, status_ui};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// What the window is opened with.
pub struct Options {
    /// The patch.
    pub patch: Patch,
    /// Its file.
    pub path: Option<PathBuf>,
    /// The engine that runs it.
    pub engine: Box<dyn Engine>,
    /// How the devices are, whenever it is asked.
    pub lights: Box<dyn Fn() -> Vec<Light>>,
    /// Where copies of unsaved work are kept.
    pub recovery: Option<Recovery>,
}

/// The window.
pub struct App {
    /// What the panels share.
    pub desk: Desk,
    /// The canvas.
    pub canvas: Canvas,
    pub(in crate::ui) stage: Stage,
    engine: Rc<dyn Engine>,
    lights: Box<dyn Fn() -> Vec<Light>>,
    pub(in crate::ui) status: Status,
    frame: Option<u64>,
    frames_per_latent: f64,
    shown: u64,
    pub(in crate::ui) message: Option<(String, f64)>,
    pub(in crate::ui) inbox: Receiver<Done>,
    pub(in crate::ui) outbox: Sender<Done>,
    /// What a patch without a file is to be called when it is saved.
    pub(in crate::ui) suggested: String,
    /// A file dialog is open.
    pub(in crate::ui) dialog: bool,
    pub(in crate::ui) asks: Option<Next>,
    pub(in crate::ui) leaving: bool,
    pub(in crate::ui) keeper: Option<Keeper>,
    kept: (u64, f64),
    pub(in crate::ui) recovered: Option<(PathBuf, String)>,
    pub(in crate::ui) had_focus: bool,
    last_edit: (u64, f64),
    /// The beat that is tapped.
    pub(in crate::ui) taps: Taps,
}

impl App {
    /// A window with this patch, which is handed to the engine.
    pub fn new(options: Options) -> Self {
        let engine: Rc<dyn Engine> = Rc::from(options.engine);
        let sink = Rc::clone(&engine);
        let document = Document::new(options.patch, options.path, Box::new(move |plan| sink.set_plan(plan)));
        let recovered = options.recovery.as_ref().and_then(Recovery::newest).map(|(path, written)| {
            let minutes = written.elapsed().unwrap_or_default().as_secs() / 60;
            (path, format!("There is work from {} that was never saved.", ago(minutes)))
        });
        let (outbox, inbox) = channel();
        Self {
            shown: document.revision(),
            last_edit: (document.revision(), 0.0),
            kept: (document.revision(), 0.0),
            desk: Desk::new(document),
            canvas: Canvas::default(),
            stage: Stage::default(),
            engine,
            lights: options.lights,
            status: Status::default(),
            frame: None,
            frames_per_latent: 4.0,
            message: None,
            inbox,
            outbox,
            suggested: UNNAMED.to_owned(),
            dialog: false,
            asks: None,
            leaving: false,
            keeper: options.recovery.map(Keeper::new),
            recovered,
            had_focus: false,
            taps: Taps::default(),
        }
    }

    /// One frame of the window.
    pub fn show(&mut self, ui: &mut Ui) {
        self.look(ui);
        self.work(ui);
        self.keys(ui);
        self.desk.refresh();
        self.panels(ui);
        self.after(ui);
    }

    /// Looks at the engine. Nothing here waits for it.
    fn look(&mut self, ui: &Ui) {
        self.status = self.engine.status();
        self.desk.warnings.clone_from(&self.status.warnings);
        if let Some(frame) = self.engine.frame() {
            self.frame = Some(frame.number);
            if self.desk.images.take(ui.ctx(), &frame) || self.desk.learn.is_some() {
                self.desk.controls = self.engine.controls();
            }
            if frame.latent >= 4 {
                self.frames_per_latent = (frame.number as f64 / frame.latent as f64).ceil();
            }
            let dt_secs = self.frames_per_latent / self.status.frame_rate.max(1.0);
            self.desk.live.advance(frame.latent, &self.desk.controls, &frame.sound, dt_secs);
        } else if self.desk.learn.is_some() {
            self.desk.controls = self.engine.controls();
        }
        self.learn();
        if self.shown != self.desk.document.revision() {
            self.shown = self.desk.document.revision();
            self.desk.live.set_patch(&self.desk.document.patch);
            self.desk.refresh();
            self.desk.look();
        }
        let secs =
            if self.frame.is_some() { 1.0 / self.status.frame_rate.clamp(1.0, 60.0) as f32 } else { theme::IDLE_SECS };
        ui.ctx().request_repaint_after_secs(secs);
    }

    fn learn(&mut self) {
        let Some(learn) = &mut self.desk.learn else { return };
        let Some(control) = learn.moved(&self.desk.controls) else { return };
        let (to, map) = (learn.to.clone(), learn.map);
        let input = input_of(self.desk.patch(), &to.node, &to.port);
        if map {
            let step = mapped(&self.desk.document.patch, &to, input, control);
            self.desk.document.apply(step);
        } else {
            let step = learned(self.desk.patch(), &to, input, control);
            self.desk.apply(step);
        }
        self.desk.learn = None;
    }

    pub(in crate::ui) fn say(&mut self, ui: &Ui, text: String) {
        self.message = Some((text, ui.input(|i| i.time) + theme::MESSAGE_SECS));
    }

    fn panels(&mut self, ui: &mut Ui) {
        if self.stage.large {
            let frame = Frame::new().fill(theme::STAGE);
            CentralPanel::default()
                .frame(frame)
                .show(ui, |ui| stage_ui(ui, &mut self.stage, &mut self.desk, &self.status));
            return;
        }
        let frame = Frame::new().fill(theme::PANEL).inner_margin(vec2(theme::UNIT, 0.0));
        Panel::top("top").exact_size(theme::TOP).frame(frame).show(ui, |ui| self.top_ui(ui));
        Panel::bottom("status").exact_size(theme::STATUS).frame(frame).show(ui, |ui| self.status_ui(ui));
        if self.asks.is_some() {
            let frame = Frame::new().fill(theme::TITLE).inner_margin(theme::UNIT);
            Panel::top("ask").frame(frame).show(ui, |ui| self.ask_ui(ui));
        }
        let side = ui.available_width() * theme::SIDE_SHARE;
        Panel::right("side").default_size(side).min_size(320.0).frame(Frame::new().fill(theme::PANEL)).show(ui, |ui| {
            // The picture fills the width of the column; the inspector gets what is left.
            let wide = ui.available_width() / self.stage.aspect(&self.desk);
            let tall = wide.min(ui.available_height() * theme::STAGE_SHARE);
            let stage = Panel::top("stage").exact_size(tall).frame(Frame::new());
            stage.show(ui, |ui| stage_ui(ui, &mut self.stage, &mut self.desk, &self.status));
            let frame = Frame::new().inner_margin(2.0 * theme::UNIT);
            CentralPanel::default().frame(frame).show(ui, |ui| inspector_ui(ui, &mut self.desk));
        });
        CentralPanel::default().frame(Frame::new()).show(ui, |ui| canvas_ui(ui, &mut self.canvas, &mut self.desk));
        // What no one else wanted: Delete deletes the selection, unless it was for the cable under the pointer.
        let free = !ui.ctx().text_edit_focused() && self.canvas.palette.is_none();
        let delete = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        if free && (delete(Key::Delete) || delete(Key::Backspace)) {
            self.desk.delete_selected();
        }
    }

    fn top_ui(&mut self, ui: &mut Ui) {
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.label(RichText::new("bendrack").size(theme::LARGE).color(theme::TEXT));
            ui.add_space(theme::UNIT);
            if ui.add(flat("Add node")).on_hover_text("N, Tab, or a double-click on the canvas").clicked() {
                self.canvas.open_palette(ui);
            }
            if ui.add(flat("Open")).on_hover_text("Ctrl+O").clicked() {
                self.ask(ui, Next::Open(None));
            }
            if ui.add(flat("Save")).on_hover_text("Ctrl+S; Ctrl+Shift+S in another file").clicked() {
                self.save(ui, false);
            }
            let undo = self.desk.document.undo_name().map(|name| format!("undo {name}   Ctrl+Z"));
            let button = ui.add_enabled(undo.is_some(), flat("Undo"));
            if button.on_hover_text(undo.unwrap_or_default()).clicked() {
                self.desk.document.undo();
            }
            let redo = self.desk.document.redo_name().map(|name| format!("redo {name}   Ctrl+Shift+Z"));
            let button = ui.add_enabled(redo.is_some(), flat("Redo"));
            if button.on_hover_text(redo.unwrap_or_default()).clicked() {
                self.desk.document.redo();
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.add(flat("Restart")).on_hover_text("Begin the video again with the same seed.").clicked() {
                    self.restart();
                }
                self.seed_ui(ui);
                self.tempo_ui(ui);
            });
        });
    }

    /// Begins the video again.
    pub(in crate::ui) fn restart(&self) {
        self.engine.restart();
    }

    fn status_ui(&mut self, ui: &mut Ui) {
        let now = ui.input(|i| i.time);
        self.message.take_if(|(_, until)| now > *until);
        let lights = (self.lights)();
        let bar = Bar {
            status: &self.status,
            frame: self.frame,
            lights: &lights,
            message: self.message.as_ref().map(|(text, _)| text.as_str()),
            recovered: self.recovered.as_ref().map(|(_, text)| text.as_str()),
        };
        match status_ui(ui, &bar, &mut self.desk) {
            Some(Asked::Recover) => self.recover(ui),
            Some(Asked::Forget) => {
                if let Some((path, _)) = self.recovered.take() {
                    Recovery::set_aside(&path);
                }
            }
            None => {}
        }
    }

    /// Ends gestures, keeps copies, notes who has the focus.
    fn after(&mut self, ui: &Ui) {
        let (now, released, down) = ui.input(|i| (i.time, i.pointer.any_released(), i.pointer.any_down()));
        let revision = self.desk.document.revision();
        if self.last_edit.0 != revision {
            self.last_edit = (revision, now);
        }
        if released || (!down && now - self.last_edit.1 > theme::QUIET_SECS) {
            self.desk.document.end_gesture();
        }
        self.had_focus = ui.memory(|memory| memory.focused().is_some());
        if self.kept.0 != revision && now - self.kept.1 >= theme::RECOVERY_SECS {
            self.kept = (revision, now);
            if let Some(keeper) = &self.keeper {
                let document = &self.desk.document;
                if document.is_dirty() {
                    keeper.keep(Arc::clone(&document.patch), document.path.clone());
                } else {
                    keeper.clear();
                }
            }
        }
        if self.kept.0 != revision {
            ui.ctx().request_repaint_after_secs(theme::RECOVERY_SECS as f32);
        }
        let mark = if self.desk.document.is_dirty() { "• " } else { "" };
        let title = format!("{mark}{} — bendrack", name_of(&self.desk));
        let known = ui.data(|data| data.get_temp::<String>(egui::Id::new("title")));
        if known.as_ref() != Some(&title) {
            ui.ctx().send_viewport_cmd(ViewportCommand::Title(title.clone()));
            ui.data_mut(|data| data.insert_temp(egui::Id::new("title"), title));
        }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }
}

/// A button that is a word until the pointer is over it.
pub(in crate::ui) fn flat(text: &str) -> egui::Button<'_> {
    egui::Button::new(text).frame_when_inactive(false)
}

fn ago(minutes: u64) -> String {
    match minutes {
        0..=1 => "a minute ago".to_owned(),
        2..=119 => format!("{minutes} minutes ago"),
        120..=2879 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
