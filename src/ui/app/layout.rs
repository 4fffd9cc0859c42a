//! The layout of the window: the places of its panels, and the answers of the bars and the monitor.

use eframe::egui::{CentralPanel, Frame, Key, Modifiers, Panel, Pos2, Sense, Ui, UiBuilder, vec2};

use super::App;
use super::command::Command;
use super::recording::RecordingBar;
use super::remote::Remoted;
use super::top_bar::top_bar_ui;
use crate::ui::canvas::canvas_ui;
use crate::ui::document::learn::{Assignment, assign_step};
use crate::ui::panels::inspector::inspector_ui;
use crate::ui::panels::maps::MapsChoice;
use crate::ui::panels::monitor::{MonitorAnswer, MonitorView, monitor_ui};
use crate::ui::panels::preview::{aspect, preview_ui};
use crate::ui::panels::snapshots::{fade_ui, morph_ui, pads_ui};
use crate::ui::panels::status_bar::{StatusBar, StatusChoice, status_bar_ui};
use crate::ui::panels::words::words_ui;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

impl App {
    /// Shows the panels, and runs the commands of their buttons.
    pub(super) fn panels(&mut self, ui: &mut Ui) {
        (self.preview.mark, self.preview.is_black) = (self.stage_mark(), self.stage.is_black);
        if std::mem::take(&mut self.preview.toggled) {
            self.run(ui, Command::TogglePreview);
        }
        if self.files.waiting.is_some() {
            let frame = Frame::new().fill(theme::title()).inner_margin(theme::UNIT);
            Panel::top("question").frame(frame).show(ui, |ui| self.question_ui(ui));
        }
        if self.preview.large {
            self.playing_ui(ui);
            let (workspace, status) = (&mut self.workspace, &self.engine_status.status);
            let frame = Frame::new().fill(theme::preview());
            CentralPanel::default().frame(frame).show(ui, |ui| preview_ui(ui, &mut self.preview, workspace, status));
            return;
        }
        if self.stage.is_performing {
            return self.perform_ui(ui);
        }
        let frame = Frame::new().fill(theme::panel()).inner_margin(vec2(theme::UNIT, 0.0));
        let top = Panel::top("top").exact_size(theme::TOP).frame(frame);
        let state = self.recordings.state();
        let (last, remote) = (self.recorded.as_deref(), self.remote.of(Remoted::Record));
        let stage = self.stage.lights();
        let mut recording = RecordingBar { state: &state, parts: &mut self.parts, last, remote };
        let (workspace, settings, shares) = (&mut self.workspace, &mut self.settings, self.shares.lines());
        if let Some(command) =
            top.show(ui, |ui| top_bar_ui(ui, workspace, &mut recording, (stage, &self.remote, &shares), settings)).inner
        {
            self.run(ui, command);
        }
        Panel::bottom("status").exact_size(theme::STATUS).frame(frame).show(ui, |ui| self.status_ui(ui));
        let side = ui.available_width() * theme::SIDE_SHARE;
        let most = ui.available_width() * 0.6;
        Panel::right("side")
            .default_size(side)
            .min_size(320.0)
            .max_size(most.max(320.0))
            .frame(Frame::new().fill(theme::panel()))
            .show(ui, |ui| {
                self.playing_ui(ui);
                let (workspace, status) = (&mut self.workspace, &self.engine_status.status);
                // The preview fills the width of the column; the inspector takes the rest of its height.
                let wide = ui.available_width() / aspect(&workspace.playback);
                let tall = wide.min(ui.available_height() * theme::PREVIEW_SHARE);
                let panel = Panel::top("preview").exact_size(tall).frame(Frame::new());
                panel.show(ui, |ui| preview_ui(ui, &mut self.preview, workspace, status));
                let canvas = &self.canvas;
                let corner =
                    canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + vec2(4.0 * theme::UNIT, 6.0 * theme::UNIT);
                let place = |workspace: &Workspace| canvas.free_place(workspace, corner);
                let words = Frame::new().inner_margin(vec2(2.0 * theme::UNIT, theme::UNIT));
                Panel::top("words").frame(words).show(ui, |ui| {
                    self.preview.word = words_ui(ui, workspace, place, true);
                    let width = ((ui.available_width() - 8.0 * 4.0) / 9.0).clamp(20.0, 64.0);
                    pads_ui(ui, &mut workspace.editor, 9, vec2(width, 28.0));
                    if !workspace.editor.document.patch.snapshots.is_empty() {
                        ui.horizontal(|ui| morph_ui(ui, &mut workspace.editor));
                    }
                    fade_ui(ui, &mut workspace.editor);
                });
                let frame = Frame::new().inner_margin(2.0 * theme::UNIT);
                // In a part of its own: content that is too wide must not widen the column, which would keep the width.
                let mut part = ui.new_child(UiBuilder::new().max_rect(ui.available_rect_before_wrap()));
                part.set_clip_rect(part.max_rect().intersect(ui.clip_rect()));
                let choice =
                    CentralPanel::default().frame(frame).show(&mut part, |ui| inspector_ui(ui, workspace)).inner;
                ui.allocate_rect(ui.available_rect_before_wrap(), Sense::hover());
                let command = choice.map(|choice| match choice {
                    MapsChoice::Learn => Command::ToggleLearningMaps,
                    MapsChoice::Save => Command::SaveMaps,
                    MapsChoice::Load => Command::LoadMaps,
                });
                if let Some(command) = command {
                    self.run(ui, command);
                }
            });
        self.tour_ui(ui);
        if self.device_monitor.open {
            let frame = Frame::new().fill(theme::panel()).inner_margin(2.0 * theme::UNIT);
            let panel = Panel::bottom("devices").frame(frame).resizable(true);
            let panel = panel.default_size(theme::MONITOR.0).min_size(theme::MONITOR.1);
            panel.show(ui, |ui| self.monitor_ui(ui));
        }
        self.takes_ui(ui);
        self.browser_ui(ui);
        self.models_ui(ui);
        let workspace = &mut self.workspace;
        CentralPanel::default().frame(Frame::new()).show(ui, |ui| canvas_ui(ui, &mut self.canvas, workspace));
        self.tour_outline(ui);
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
        let name_of = |port: &str| self.devices.name_of(port);
        let view = MonitorView { lights: &lights, controls: &controls, messages: &messages, name_of: &name_of };
        match monitor_ui(ui, &mut self.device_monitor, &view, selected) {
            Some(MonitorAnswer::Close) => self.device_monitor.open = false,
            Some(MonitorAnswer::Assign(assignment)) => self.assign(&assignment),
            Some(MonitorAnswer::Name { port, name }) => self.devices.give_name(&port, name.as_deref()),
            None => {}
        }
    }

    /// Assigns a control to the selected node, or to a new one at the left of the canvas, which is then selected.
    fn assign(&mut self, assignment: &Assignment) {
        let editor = &mut self.workspace.editor;
        let selected = editor.selection.first().filter(|_| editor.selection.len() == 1);
        let corner = self.canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + vec2(theme::UNIT, 5.0 * theme::UNIT);
        let place = self.canvas.place(corner, self.workspace.frame.zoom);
        let assigned = assign_step(editor.patch(), selected.map(String::as_str), assignment, place);
        if let Some((step, id)) = assigned
            && editor.apply(step)
        {
            editor.selection = [id].into();
        }
    }

    pub(super) fn status_ui(&mut self, ui: &mut Ui) {
        let lights = self.devices.lights();
        let bar = StatusBar {
            status: &self.engine_status.status,
            frame: self.engine_status.frame,
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
}
