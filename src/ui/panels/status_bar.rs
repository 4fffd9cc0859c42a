//! The status bar: how the engine fares, what is wrong, which devices are there, which file this is.

use eframe::egui::{self, Align, Layout, RichText, Sense, Ui, vec2};

use crate::engine::{Stage, Status};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// A device: a MIDI port, the OSC socket, a board.
#[derive(Clone, Debug, PartialEq)]
pub struct Light {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: LightState,
    /// Seconds since something came in, if anything ever did.
    pub quiet_secs: Option<f64>,
}

/// How a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LightState {
    /// It is there.
    Ok,
    /// It is waited for.
    Waiting,
    /// It does not work: why.
    Failed(String),
}

/// What the status bar shows besides the desk.
pub struct Bar<'a> {
    /// How the engine fares.
    pub status: &'a Status,
    /// The number of the frame that is shown.
    pub frame: Option<u64>,
    /// The devices.
    pub lights: &'a [Light],
    /// Something to be told.
    pub message: Option<&'a str>,
    /// Work of an earlier session that was found.
    pub recovered: Option<&'a str>,
}

/// What was asked for in the status bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To open the recovered work.
    Recover,
    /// Not to be asked about it again.
    Forget,
}

/// Shows the bar.
pub fn status_ui(ui: &mut Ui, bar: &Bar<'_>, desk: &mut Desk) -> Option<Asked> {
    let mut asked = None;
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * theme::UNIT;
        engine_ui(ui, bar);
        problems_ui(ui, bar, desk);
        if let Some(refused) = &desk.document.refused {
            ui.label(words(refused, theme::WARNING));
        } else if let Some(message) = bar.message {
            ui.label(words(message, theme::TEXT));
        } else if let Some(recovered) = bar.recovered {
            asked = recovered_ui(ui, recovered);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0 * theme::UNIT;
            file_ui(ui, desk);
            for light in bar.lights.iter().rev() {
                light_ui(ui, light);
            }
        });
    });
    asked
}

fn words(text: &str, colour: egui::Color32) -> RichText {
    RichText::new(text).size(theme::SMALL).color(colour)
}

fn figures(text: String) -> RichText {
    RichText::new(text).size(theme::SMALL).monospace().color(theme::WEAK)
}

fn dot(ui: &mut Ui, colour: egui::Color32) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(8.0, 16.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 3.5, colour);
    response
}

fn engine_ui(ui: &mut Ui, bar: &Bar<'_>) {
    let (colour, text) = match &bar.status.stage {
        Stage::Loading => (theme::WARNING, "loading"),
        Stage::Running => (theme::GOOD, "running"),
        Stage::Failed(_) => (theme::ERROR, "stopped"),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        dot(ui, colour);
        let label = ui.label(words(text, theme::TEXT));
        if let Stage::Failed(why) = &bar.status.stage {
            label.on_hover_text(why);
        }
    });
    if bar.status.stage == Stage::Running {
        let (rate, speed) = (bar.status.frame_rate, bar.status.speed);
        let text = format!("{:4.1} fps", if speed > 0.0 { rate.min(speed) } else { rate });
        ui.label(figures(text))
            .on_hover_text(format!("The video plays at {rate:.1} frames a second; the model could make {speed:.1}."));
        let latency = bar.status.latency_secs * 1000.0;
        ui.label(figures(format!("{latency:4.0} ms")))
            .on_hover_text("From a turn of a knob to the first picture that shows it.");
    }
    if let Some(frame) = bar.frame {
        ui.label(figures(format!("frame {frame}")));
    }
}

fn problems_ui(ui: &mut Ui, bar: &Bar<'_>, desk: &mut Desk) {
    let problems = desk.document.problems.len();
    if problems > 0 {
        let colour = if desk.document.is_broken() { theme::ERROR } else { theme::WARNING };
        let text = match (problems, desk.document.is_broken()) {
            (1, true) => "1 problem; the patch before runs on".to_owned(),
            (n, true) => format!("{n} problems; the patch before runs on"),
            (1, false) => "1 warning".to_owned(),
            (n, false) => format!("{n} warnings"),
        };
        let all: Vec<String> = desk.document.problems.iter().map(ToString::to_string).collect();
        let button = egui::Button::new(words(&text, colour)).frame(false);
        if ui.add(button).on_hover_text(all.join("\n")).clicked() {
            let nodes = desk.patch().nodes.keys().filter(|id| !desk.problems_of(id).is_empty());
            desk.selection = nodes.cloned().collect();
        }
    }
    if let Some(last) = bar.status.warnings.last() {
        let more = bar.status.warnings.len() - 1;
        let text = if more > 0 { format!("{last} (+{more})") } else { last.to_string() };
        let all: Vec<String> = bar.status.warnings.iter().map(ToString::to_string).collect();
        ui.label(words(&text, theme::WARNING)).on_hover_text(all.join("\n"));
    }
}

fn recovered_ui(ui: &mut Ui, recovered: &str) -> Option<Asked> {
    ui.label(words(recovered, theme::TEXT));
    let open = ui.add(egui::Button::new(words("Open it", theme::ACCENT)).frame(false)).clicked();
    let forget = ui.add(egui::Button::new(words("Dismiss", theme::WEAK)).frame(false)).clicked();
    if open { Some(Asked::Recover) } else { forget.then_some(Asked::Forget) }
}

fn light_ui(ui: &mut Ui, light: &Light) {
    let busy = light.quiet_secs.is_some_and(|secs| secs < theme::LIGHT_SECS);
    let (colour, text) = match &light.state {
        LightState::Ok if busy => (egui::Color32::WHITE, "something came in just now".to_owned()),
        LightState::Ok => (theme::GOOD, "connected".to_owned()),
        LightState::Waiting => (theme::WARNING, "waiting for it".to_owned()),
        LightState::Failed(why) => (theme::ERROR, why.clone()),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let label = ui.label(words(&light.name, theme::WEAK));
        dot(ui, colour);
        let last =
            light.quiet_secs.map_or("nothing came in yet".to_owned(), |secs| format!("last message {secs:.1} s ago"));
        label.on_hover_text(format!("{text}\n{last}"));
    });
}

fn file_ui(ui: &mut Ui, desk: &Desk) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let text = words(&name_of(desk), theme::TEXT);
        let label = ui.label(text);
        if let Some(path) = &desk.document.path {
            label.on_hover_text(path.display().to_string());
        }
        if desk.document.is_dirty() {
            dot(ui, theme::ACCENT).on_hover_text("There are changes that are in no file. Ctrl+S");
        }
    });
}

/// The name of the file, or what there is instead.
pub fn name_of(desk: &Desk) -> String {
    let name = desk.document.path.as_ref().and_then(|path| path.file_name());
    name.map_or_else(|| "not saved yet".to_owned(), |name| name.to_string_lossy().into_owned())
}
