//! Recordings: their interface to the window, their button and their key.

use bendrack_nodes::patch::Patch;
use eframe::egui::{Button, Event, Key, Modifiers, Pos2, RichText, Sense, Stroke, Ui, WidgetInfo, WidgetType, vec2};

use super::App;
use super::command::Command;
use super::remote::{Remoted, remote_ui};
use crate::io::ControlName;
use crate::ui::theme;
use crate::ui::widgets::clock;
use crate::ui::widgets::mark::mark;

/// Shortest hold of the key R that starts or stops a recording, in seconds.
const HOLD_SECS: f64 = 0.4;

/// The recordings as the window uses them. No call blocks.
pub trait RecordingLink {
    /// Starts a recording of these pictures, with this patch embedded. Has no effect during a recording.
    fn start(&self, parts: RecordedParts, patch: &Patch);
    /// Ends the recording.
    fn stop(&self);
    /// The state.
    fn state(&self) -> RecordingState;
    /// Result of an ended recording: a message for the status bar with the files, or with the problem. Once.
    fn outcome(&self) -> Option<Result<String, String>>;
}

/// The pictures to record, each to a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedParts {
    /// The picture that the patch shows.
    pub screen: bool,
    /// The model's picture.
    pub model: bool,
    /// The heatmaps of all taps.
    pub maps: bool,
}

impl Default for RecordedParts {
    fn default() -> Self {
        Self { screen: true, model: false, maps: false }
    }
}

/// The state of recordings.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RecordingState {
    /// No recording.
    #[default]
    Off,
    /// A recording runs.
    On {
        /// Its length in seconds.
        secs: f64,
        /// Number of pictures too fast for the encoder; each repeats the one before.
        lost: u64,
        /// True while `output.record` of the patch is off, or a take is played back.
        is_paused: bool,
    },
    /// A recording completes its files.
    Ending,
}

/// The key R: a short press adds a reroute, a long one starts or stops a recording.
#[derive(Default)]
pub struct HeldKey {
    /// The time of the press.
    since: Option<f64>,
    /// True once the press counted as a long one.
    is_used: bool,
}

/// A press of the key R.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// A short one, at its release.
    Short,
    /// A long one, while the key is still down.
    Long,
}

impl HeldKey {
    /// Updates the state of the key. `is_free` is false while a text field or the palette receives letters.
    pub fn update(&mut self, ui: &Ui, is_free: bool) -> Option<Press> {
        let is_key = |event: &Event, down: bool| {
            matches!(event, Event::Key { key: Key::R, pressed, modifiers, .. }
                if *pressed == down && (!down || modifiers.is_none()))
        };
        let (now, pressed, released, down) = ui.input(|i| {
            let any = |down| i.events.iter().any(|event| is_key(event, down));
            (i.time, any(true), any(false), i.key_down(Key::R))
        });
        if pressed && is_free {
            ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::R));
            self.since.get_or_insert(now);
        }
        let since = self.since?;
        if released || !down {
            let was_used = std::mem::take(&mut self.is_used);
            self.since = None;
            return (released && !was_used).then_some(Press::Short);
        }
        if self.is_used || now - since < HOLD_SECS {
            return None;
        }
        self.is_used = true;
        Some(Press::Long)
    }
}

/// Contents of the recording button in the top bar.
pub struct RecordingBar<'a> {
    /// The state.
    pub state: &'a RecordingState,
    /// The pictures to record.
    pub parts: &'a mut RecordedParts,
    /// The result of the last recording.
    pub last: Option<&'a str>,
    /// The MIDI note or CC that starts and stops recordings.
    pub remote: Option<&'a ControlName>,
}

/// The dot of a recording: a ring, filled while one runs.
pub fn record_dot(ui: &Ui, at: Pos2, radius: f32, state: &RecordingState) {
    let painter = ui.painter();
    painter.circle_stroke(at, radius - 0.75, Stroke::new(1.5, theme::error()));
    match state {
        RecordingState::On { is_paused: false, .. } => painter.circle_filled(at, radius - 2.5, theme::error()),
        RecordingState::On { .. } => painter.circle_filled(at, radius - 2.5, theme::warning()),
        RecordingState::Off | RecordingState::Ending => return,
    };
}

/// Shows the button and its menu. Returns the command of a click.
pub fn recording_ui(ui: &mut Ui, bar: &mut RecordingBar<'_>) -> Option<Command> {
    let RecordingBar { state, parts, last, remote } = bar;
    let (text, colour) = match state {
        RecordingState::Off => ("Record".to_owned(), theme::text()),
        RecordingState::On { secs, is_paused: false, .. } => (clock(*secs), theme::error()),
        RecordingState::On { secs, .. } => (format!("{} paused", clock(*secs)), theme::warning()),
        RecordingState::Ending => ("saving".to_owned(), theme::weak()),
    };
    let hint = match state {
        RecordingState::Off => (*last).map_or_else(
            || "Records the video to a file. Ctrl+R, or hold R".to_owned(),
            |last| format!("Records the video to a file. Ctrl+R, or hold R\n{last}"),
        ),
        RecordingState::On { lost, .. } if *lost > 0 => {
            format!(
                "Stops the recording. {lost} pictures were too fast for the encoder and repeat the one before. Ctrl+R, or hold R"
            )
        }
        RecordingState::On { is_paused: true, .. } => {
            "Stops the recording. It pauses while output.record is off, or a take is played back. Ctrl+R, or hold R"
                .to_owned()
        }
        RecordingState::On { .. } => "Stops the recording. Ctrl+R, or hold R".to_owned(),
        RecordingState::Ending => "Completing the video…".to_owned(),
    };
    let mut command = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let (dot, _) = ui.allocate_exact_size(vec2(14.0, 16.0), Sense::hover());
        record_dot(ui, dot.center(), 6.0, state);
        let button = Button::new(RichText::new(&text).color(colour)).frame_when_inactive(false);
        let button = ui.add_enabled(**state != RecordingState::Ending, button);
        let label = match state {
            RecordingState::Off => "Record".to_owned(),
            RecordingState::On { .. } => format!("Stop recording {text}"),
            RecordingState::Ending => "Saving the recording".to_owned(),
        };
        button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, label.clone()));
        mark(ui, "record", dot.union(button.rect));
        if button.on_hover_text(hint).clicked() {
            command = Some(Command::ToggleRecording);
        }
        let menu = ui.add_enabled_ui(**state == RecordingState::Off, |ui| {
            let menu = ui.menu_button(RichText::new("⏷").color(theme::weak()), |ui| {
                ui.checkbox(&mut parts.screen, "Screen").on_hover_text("The picture that the patch shows");
                ui.checkbox(&mut parts.model, "Model").on_hover_text("The model's picture, without heatmaps");
                ui.checkbox(&mut parts.maps, "Heatmaps").on_hover_text("The maps of all taps, beside one another");
                ui.separator();
                let hint = "OSC needs no assignment: /bendrack/record with 1 starts, with 0 stops.";
                command = remote_ui(ui, Remoted::Record, *remote, hint).or(command);
            });
            menu.response
        });
        menu.inner.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, "Pictures to record"));
        menu.inner.on_hover_text("Pictures to record, each to its own file, and MIDI control of recordings");
    });
    command
}

impl App {
    /// Starts a recording of the chosen pictures, or stops the one that runs.
    pub(super) fn toggle_recording(&mut self, ui: &Ui) {
        match self.recordings.state() {
            RecordingState::Off if self.parts == (RecordedParts { screen: false, model: false, maps: false }) => {
                self.message.show(ui, "No pictures to record are chosen: choose some beside Record.".to_owned());
            }
            RecordingState::Off => self.recordings.start(self.parts, &self.workspace.editor.document.patch),
            RecordingState::On { .. } => self.recordings.stop(),
            RecordingState::Ending => {}
        }
    }
}
