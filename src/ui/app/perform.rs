//! Perform mode: the picture, big pads, the chosen knobs and what saves a show. The patch is locked, and nothing is modal.

use eframe::egui::{Button, CentralPanel, Frame, Panel, RichText, Slider, Ui, WidgetInfo, WidgetType, vec2};

use super::App;
use super::command::Command;
use super::recording::{RecordingState, record_dot};
use crate::ui::panels::perform::perform_ui;
use crate::ui::panels::preview::preview_ui;
use crate::ui::panels::words::words_ui;
use crate::ui::theme;
use crate::ui::widgets::clock;
use crate::ui::workspace::Workspace;

/// The width of the controls.
const WIDTH: f32 = 360.0;
/// The height of the buttons that save a show.
const BUTTON: f32 = 48.0;

/// A button that saves a show: its text, whether it is on, its command, its hint.
type SafetyButton<'a> = (&'a str, bool, Command, &'a str);

impl App {
    /// Shows perform mode in the whole window.
    pub(super) fn perform_ui(&mut self, ui: &mut Ui) {
        let frame = Frame::new().fill(theme::panel()).inner_margin(2.0 * theme::UNIT);
        let mut command = None;
        Panel::right("perform").exact_size(WIDTH).frame(frame).show(ui, |ui| {
            Panel::bottom("save the show").frame(Frame::new()).show(ui, |ui| command = self.safety_ui(ui));
            perform_ui(ui, &mut self.workspace);
        });
        Panel::bottom("status").exact_size(theme::STATUS).frame(frame.inner_margin(vec2(theme::UNIT, 0.0))).show(
            ui,
            |ui| {
                self.status_ui(ui);
            },
        );
        self.playing_ui(ui);
        let words = Frame::new().fill(theme::panel()).inner_margin(theme::UNIT);
        Panel::bottom("words").frame(words).show(ui, |ui| {
            self.preview.word = words_ui(ui, &mut self.workspace, |_: &Workspace| [0.0; 2], false);
        });
        let (workspace, status) = (&mut self.workspace, &self.engine_status.status);
        let frame = Frame::new().fill(theme::preview());
        CentralPanel::default().frame(frame).show(ui, |ui| preview_ui(ui, &mut self.preview, workspace, status));
        if let Some(command) = command {
            self.run(ui, command);
        }
    }

    /// The master depth, and big buttons. Returns the command of a clicked one.
    fn safety_ui(&mut self, ui: &mut Ui) -> Option<Command> {
        let mut command = None;
        ui.add_space(theme::UNIT);
        let master = self.workspace.editor.document.patch.engine.master;
        let mut depth = master;
        ui.spacing_mut().slider_width = ui.available_width() - 88.0;
        ui.horizontal(|ui| {
            let slider = ui.add(Slider::new(&mut depth, 0.0..=1.0).show_value(false).trailing_fill(true));
            slider.widget_info(|| WidgetInfo::labeled(WidgetType::Slider, true, "master depth"));
            let colour = if master < 1.0 { theme::warning() } else { theme::weak() };
            ui.label(RichText::new(format!("bends {:.0} %", 100.0 * depth)).size(theme::BODY).color(colour));
            if slider.changed() {
                self.set_master(depth);
            }
        });
        let lights = self.stage.lights();
        let state = self.recordings.state();
        let (recording, record) = match &state {
            RecordingState::Off => ("Record".to_owned(), "Records the video to a file. Ctrl+R"),
            RecordingState::On { secs, is_paused: false, .. } => (clock(*secs), "Stops the recording. Ctrl+R"),
            RecordingState::On { secs, .. } => (
                clock(*secs),
                "Stops the recording, which is paused: output.record is off, or a take is played back. Ctrl+R",
            ),
            RecordingState::Ending => ("saving".to_owned(), "Completing the video…"),
        };
        let is_recording = matches!(state, RecordingState::On { .. });
        let rows: [&[SafetyButton<'_>]; 2] = [
            &[
                (
                    "Panic",
                    false,
                    Command::Panic,
                    "Sets the master depth to 0; again, empties the KV cache; again, restarts the video. Ctrl+P",
                ),
                ("Freeze", lights.is_frozen, Command::ToggleFreeze, "Holds the picture. Ctrl+F"),
                ("Blackout", lights.is_black, Command::ToggleBlackout, "Preview and output are black. Ctrl+B"),
            ],
            &[
                (&recording, is_recording, Command::ToggleRecording, record),
                ("Output", lights.is_output, Command::ToggleOutput, "A window with the picture alone. Ctrl+U"),
                ("Edit", false, Command::TogglePerform, "Leaves perform mode for the patch. Ctrl+E"),
            ],
        ];
        for row in rows {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                let size = vec2((ui.available_width() - 2.0 * 4.0) / 3.0, BUTTON);
                for (text, is_on, of, hint) in row {
                    let is_record = *of == Command::ToggleRecording;
                    let colour = match (is_on, is_record) {
                        (true, true) if matches!(state, RecordingState::On { is_paused: true, .. }) => theme::warning(),
                        (true, true) => theme::error(),
                        (true, false) => theme::warning(),
                        (false, _) => theme::text(),
                    };
                    let text = RichText::new(*text).size(theme::LARGE).color(colour);
                    let is_free = !is_record || state != RecordingState::Ending;
                    let button = ui.add_enabled(is_free, Button::new(text).selected(*is_on).min_size(size));
                    let button = button.on_hover_text(*hint);
                    if is_record {
                        record_dot(ui, button.rect.left_center() + vec2(14.0, 0.0), 7.0, &state);
                    }
                    if button.clicked() {
                        command = Some(*of);
                    }
                }
            });
        }
        command
    }
}

impl Command {
    /// True for a command that perform mode and the large preview allow: none adds, moves or deletes a node, but undo and redo.
    pub(super) const fn is_for_stage(self) -> bool {
        matches!(
            self,
            Self::Recall(_)
                | Self::Save
                | Self::Tap
                | Self::Undo
                | Self::Redo
                | Self::ToggleRecording
                | Self::KeepTake
                | Self::ToggleOutput
                | Self::ToggleFreeze
                | Self::ToggleBlackout
                | Self::TogglePreview
                | Self::TogglePerform
                | Self::Panic
                | Self::Cancel
        )
    }
}
