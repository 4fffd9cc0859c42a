//! The top bar: commands, seed and tempo.

use bendrack_nodes::compile::plan::TEMPI;
use bendrack_nodes::patch::Edit;
use eframe::egui::containers::menu::MenuButton;
use eframe::egui::{Align, DragValue, Layout, RichText, Ui, WidgetInfo, WidgetType};

use super::command::Command;
use super::recording::{RecordingBar, recording_ui};
use super::remote::{Remote, Remoted, remote_ui};
use super::stage::master_ui;
use crate::ui::document::Step;
use crate::ui::document::settings::Settings;
use crate::ui::theme::{self, Theme};
use crate::ui::widgets::flat_button;
use crate::ui::widgets::icon::{Icon, icon_button};
use crate::ui::workspace::Workspace;

/// The longest interval between two taps, in seconds.
const MAX_INTERVAL_SECS: f64 = 2.0;
/// Largest number of averaged taps.
const MAX_TAPS: usize = 9;

/// Tap tempo: the times of the last taps.
#[derive(Default)]
pub struct TapTempo(Vec<f64>);

impl TapTempo {
    /// Adds a tap. From the second on, returns the tempo in BPM: 60 s over the mean interval, to a tenth.
    pub fn tap(&mut self, now: f64) -> Option<f64> {
        if self.0.last().is_some_and(|last| now - last > MAX_INTERVAL_SECS || now <= *last) {
            self.0.clear();
        }
        self.0.push(now);
        if self.0.len() > MAX_TAPS {
            self.0.remove(0);
        }
        let (first, last) = (self.0.first()?, self.0.last()?);
        let beats = self.0.len() - 1;
        let tempo = 60.0 * beats as f64 / (last - first);
        (beats > 0).then(|| ((tempo * 10.0).round() / 10.0).clamp(TEMPI.0, TEMPI.1))
    }
}

/// Shows the bar. Returns the command of a clicked button.
pub fn top_bar_ui(
    ui: &mut Ui,
    workspace: &mut Workspace,
    recording: &mut RecordingBar<'_>,
    (stage, remote, shares): (StageLights, &Remote, &[String]),
    settings: &mut Settings,
) -> Option<Command> {
    let (mut command, mut record, mut on_stage, mut tour) = (None, None, None, None);
    let document = &workspace.editor.document;
    let undo = document.undo_name().map(|name| format!("Undo {name}   Ctrl+Z"));
    let redo = document.redo_name().map(|name| format!("Redo {name}   Ctrl+Shift+Z"));
    let keep = "Keeps the video so far as a take, which bendrack never deletes. Ctrl+K";
    let tap = "Sets the tempo: the mean of up to eight intervals. Key T";
    let editing: [Item<'_>; 3] = [
        ("Add node", Some("N, Tab, or a double-click on the canvas"), Command::AddNode),
        ("Undo", undo.as_deref(), Command::Undo),
        ("Redo", redo.as_deref(), Command::Redo),
    ];
    let files: [Item<'_>; 4] = [
        ("New", Some("New patch with Prompt, Model and Screen nodes. Ctrl+N"), Command::New),
        ("Patches", Some("Examples, help patches and recent files. Key L"), Command::ToggleBrowser),
        ("Open", Some("Ctrl+O"), Command::Open),
        ("Save", Some("Ctrl+S; Ctrl+Shift+S saves to another file"), Command::Save),
    ];
    let show: [Item<'_>; 4] = [
        ("Devices", Some("Show or hide the devices and their messages."), Command::ToggleDevices),
        ("Takes", Some("Show or hide the takes. Ctrl+T"), Command::ToggleTakes),
        ("Models", Some("Models on this machine, their memory, and those to download."), Command::ToggleModels),
        ("Keep take", Some(keep), Command::KeepTake),
    ];
    let video: [Item<'_>; 3] = [
        ("Restart", Some("Restart the video with the same seed."), Command::Restart),
        ("New seed", Some("Restart the video with the next seed."), Command::NewSeed),
        ("Tap tempo", Some(tap), Command::Tap),
    ];
    let (is_wide, is_tight) = (ui.available_width() >= WIDE, ui.available_width() < TIGHT);
    let mut items = |ui: &mut Ui, items: &[Item<'_>]| {
        for (text, hint, of) in items {
            let button = ui.add_enabled(hint.is_some(), flat_button(text));
            if button.on_hover_text(hint.unwrap_or_default()).clicked() {
                command = Some(*of);
            }
        }
    };
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.label(RichText::new("bendrack").size(theme::LARGE).color(theme::text()));
        ui.add_space(theme::UNIT);
        if !is_tight {
            items(ui, &editing[..1]);
        }
        items(ui, &files);
        if !is_tight {
            items(ui, &editing[1..]);
        }
        if is_wide {
            items(ui, &show[..3]);
        } else {
            // A narrow window has the rest in a menu.
            MenuButton::from_button(flat_button("More")).ui(ui, |ui| {
                let hidden = if is_tight { &editing[..] } else { &[] };
                for group in [hidden, &show, &video] {
                    items(ui, group);
                }
            });
        }
        record = recording_ui(ui, recording);
        if is_wide {
            items(ui, &show[3..]);
        }
        on_stage = stage_ui(ui, stage, remote, shares);
        let master = workspace.editor.document.patch.engine.master;
        if let Some(master) = master_ui(ui, master) {
            let step = Step::merging("master depth", vec![Edit::SetMaster { master }]);
            workspace.editor.document.apply(step);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if view_ui(ui, settings) {
                tour = Some(Command::StartTour);
            }
            if is_wide {
                items(ui, &video[..2]);
            }
            seed_ui(ui, workspace);
            if is_wide {
                items(ui, &video[2..]);
            }
            tempo_ui(ui, workspace);
        });
    });
    command.or(record).or(on_stage).or(tour)
}

/// A button: its text, its hint, its command. Without a hint it is disabled.
type Item<'a> = (&'a str, Option<&'a str>, Command);

/// The width from which all buttons are in sight.
const WIDE: f32 = 1640.0;
/// The width below which only the most important ones are.
const TIGHT: f32 = 1180.0;

/// The states that the buttons of the stage show.
#[derive(Clone, Copy)]
pub struct StageLights {
    /// The output is open.
    pub is_output: bool,
    /// The picture is held.
    pub is_frozen: bool,
    /// The output is black.
    pub is_black: bool,
}

/// The buttons of the stage. Returns the command of a clicked one.
fn stage_ui(ui: &mut Ui, stage: StageLights, remote: &Remote, shares: &[String]) -> Option<Command> {
    let of_output = "Output: a window with the picture alone, for a projector. F fills its screen, 1 to 4 choose the monitor. Ctrl+U";
    let of_output = std::iter::once(of_output).chain(shares.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
    let output = if stage.is_output { "Close output" } else { "Output" };
    let buttons = [
        (Icon::Output, stage.is_output, output, &*of_output, Command::ToggleOutput),
        (
            Icon::Perform,
            false,
            "Perform",
            "Perform: locks nodes and cables; large pads and the chosen knobs. Ctrl+E",
            Command::TogglePerform,
        ),
        (Icon::Freeze, stage.is_frozen, "Freeze", "Freeze: holds the picture. Ctrl+F", Command::ToggleFreeze),
        (
            Icon::Blackout,
            stage.is_black,
            "Blackout",
            "Blackout: preview and output are black. Ctrl+B",
            Command::ToggleBlackout,
        ),
        (
            Icon::Panic,
            false,
            "Panic",
            "Panic: sets the master depth to 0; again, empties the KV cache; again, restarts the video. Ctrl+P",
            Command::Panic,
        ),
    ];
    let mut command = None;
    for (icon, is_on, label, hint, of) in buttons {
        let button = icon_button(ui, icon, is_on, label, hint);
        if button.clicked() {
            command = Some(of);
        }
        if let Some(remoted) = Remoted::of(of) {
            button.context_menu(|ui| command = remote_ui(ui, remoted, remote.of(remoted), "").or(command));
        }
    }
    command
}

/// The menu of the theme, the scale and the tour. True if the tour is chosen.
fn view_ui(ui: &mut Ui, settings: &mut Settings) -> bool {
    let mut is_tour = false;
    MenuButton::from_button(flat_button("View")).ui(ui, |ui| {
        for (theme, name) in Theme::ALL {
            ui.radio_value(&mut settings.theme, theme, name);
        }
        ui.separator();
        ui.label("Scale");
        for percent in [75, 90, 100, 110, 125, 150, 175, 200] {
            let scale = percent as f32 / 100.0;
            ui.radio_value(&mut settings.scale, scale, format!("{percent} %"));
        }
        ui.separator();
        let tour = ui.button("Tour").on_hover_text("Five steps on the first bend, in a few minutes.");
        is_tour = tour.clicked();
    });
    is_tour
}

/// The seed: typed or dragged. New noise comes with the next chunk, a new video with Restart.
fn seed_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let mut seed = workspace.editor.document.patch.engine.seed;
    let value = DragValue::new(&mut seed).prefix("seed ").speed(0.1);
    if ui.add(value).on_hover_text("The seed of the video and of all random nodes.").changed() {
        workspace.editor.document.apply(Step::merging("set the seed", vec![Edit::SetSeed { seed }]));
    }
}

/// The tempo: typed or dragged.
fn tempo_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let before = workspace.editor.document.patch.engine.tempo;
    let mut tempo = before;
    let value = DragValue::new(&mut tempo).suffix(" bpm").speed(0.25).range(TEMPI.0..=TEMPI.1).max_decimals(1);
    let shown = ui.add(value.clamp_existing_to_range(false).update_while_editing(false));
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, format!("tempo {before}")));
    let override_by_node = workspace.playback.live.tempo().filter(|other| (other - tempo).abs() > 0.05);
    let shown = shown.on_hover_text(match override_by_node {
        Some(other) => format!("The tempo of the patch. A node overrides it with {other:.1} beats per minute."),
        None => "The tempo of all nodes that follow the beat. Drag, type or tap.".to_owned(),
    });
    if shown.changed() && tempo.is_finite() {
        workspace.editor.document.apply(Step::merging("set the tempo", vec![Edit::SetTempo { tempo }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_become_a_tempo_and_a_pause_starts_anew() {
        let mut taps = TapTempo::default();
        assert_eq!(taps.tap(10.0), None);
        assert_eq!(taps.tap(10.5), Some(120.0));
        assert_eq!(taps.tap(11.02), Some(117.6), "the mean of both intervals");
        assert_eq!(taps.tap(20.0), None, "a pause");
        assert_eq!(taps.tap(20.0), None, "no interval, no tempo");
        assert_eq!(taps.tap(21.0), Some(60.0));
        for i in 0..100 {
            assert_eq!(taps.tap(22.0 + f64::from(i)), Some(60.0));
        }
    }
}
