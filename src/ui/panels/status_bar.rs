//! The status bar: engine, problems, devices, file.

use eframe::egui::{self, Align, Label, Layout, RichText, Sense, Ui, WidgetInfo, WidgetType, vec2};

use crate::engine::{Latency, Stage, Status};
use crate::io::{Colour, Dated, Light};
use crate::ui::document::Document;
use crate::ui::theme;
use crate::ui::workspace::Editor;

/// The contents of the status bar.
pub struct StatusBar<'a> {
    /// The state of the engine.
    pub status: &'a Status,
    /// The number of the frame on screen.
    pub frame: Option<u64>,
    /// The devices.
    pub lights: &'a [Light],
    /// A message.
    pub message: Option<&'a str>,
    /// The offer of a recovery copy.
    pub recovered: Option<&'a str>,
}

/// A choice in the status bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusChoice {
    /// Open the recovery copy.
    OpenRecovered,
    /// Dismiss the recovery copy.
    DismissRecovered,
    /// Show the monitor of devices.
    ShowDevices,
}

/// Shows the bar.
pub fn status_bar_ui(ui: &mut Ui, bar: &StatusBar<'_>, editor: &mut Editor) -> Option<StatusChoice> {
    let mut choice = None;
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * theme::UNIT;
        engine_ui(ui, bar);
        problems_ui(ui, bar, editor);
        if let Some(refused) = &editor.document.refused {
            ui.label(label(refused, theme::warning()));
        } else if let Some(message) = bar.message {
            ui.label(label(message, theme::text()));
        } else if let Some(recovered) = bar.recovered {
            choice = recovered_ui(ui, recovered);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0 * theme::UNIT;
            file_ui(ui, editor);
            for light in bar.lights.iter().rev() {
                if light_ui(ui, light) {
                    choice = Some(StatusChoice::ShowDevices);
                }
            }
        });
    });
    choice
}

fn label(text: &str, colour: egui::Color32) -> RichText {
    RichText::new(text).size(theme::SMALL).color(colour)
}

fn numeric_label(text: String) -> RichText {
    RichText::new(text).size(theme::SMALL).monospace().color(theme::weak())
}

/// A dot of this colour.
pub fn dot(ui: &mut Ui, colour: egui::Color32) -> egui::Response {
    let (rect, response) = ui.allocate_exact_size(vec2(8.0, 16.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 3.5, colour);
    response
}

fn engine_ui(ui: &mut Ui, bar: &StatusBar<'_>) {
    let (colour, text) = match &bar.status.stage {
        Stage::Loading => (theme::warning(), "loading"),
        Stage::Running => (theme::good(), "running"),
        Stage::Failed(_) => (theme::error(), "stopped"),
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        dot(ui, colour);
        let label = ui.label(label(text, theme::text()));
        if let Stage::Failed(why) = &bar.status.stage {
            label.on_hover_text(why);
        }
    });
    if bar.status.stage == Stage::Running {
        let (rate, speed) = (bar.status.frame_rate, bar.status.speed);
        let text = format!("{:4.1} fps", if speed > 0.0 { rate.min(speed) } else { rate });
        ui.label(numeric_label(text))
            .on_hover_text(format!("Pictures per second: {rate:.1} in the video, {speed:.1} from the model."));
        let Latency { last, median, p99 } = bar.status.latency;
        let [last, median, p99] = [last, median, p99].map(|secs| format!("{:.0} ms", secs * 1000.0));
        let makes = match bar.status.makes {
            0 | 1 => "1".to_owned(),
            makes => format!("up to {makes}"),
        };
        ui.label(numeric_label(format!("{median:>7}"))).on_hover_text(format!(
            "Latency: time from an event or edit to the first picture with it. Of the last hundred: median {median}, \
             99th percentile {p99}, last {last}. Makes per chunk: {makes}. Late pictures: {}. Merged events: {}.",
            bar.status.late, bar.status.merged
        ));
    }
    if let Some(frame) = bar.frame {
        ui.label(numeric_label(format!("picture {frame}")));
    }
}

fn problems_ui(ui: &mut Ui, bar: &StatusBar<'_>, editor: &mut Editor) {
    let problems = editor.document.problems.len();
    if problems > 0 {
        let colour = if editor.document.is_broken() { theme::error() } else { theme::warning() };
        let text = match (problems, editor.document.is_broken()) {
            (1, true) => "1 problem; the last valid patch keeps running".to_owned(),
            (n, true) => format!("{n} problems; the last valid patch keeps running"),
            (1, false) => "1 warning".to_owned(),
            (n, false) => format!("{n} warnings"),
        };
        let all: Vec<String> = editor.document.problems.iter().map(ToString::to_string).collect();
        let button = egui::Button::new(label(&text, colour)).frame(false);
        if ui.add(button).on_hover_text(all.join("\n")).clicked() {
            let nodes = editor.patch().nodes.keys().filter(|id| !editor.problems_of(id).is_empty());
            editor.selection = nodes.cloned().collect();
        }
    }
    if let Some(last) = bar.status.warnings.last() {
        let more = bar.status.warnings.len() - 1;
        let text = if more > 0 { format!("{last} (+{more})") } else { last.to_string() };
        let all: Vec<String> = bar.status.warnings.iter().map(ToString::to_string).collect();
        ui.label(label(&text, theme::warning())).on_hover_text(all.join("\n"));
    }
}

fn recovered_ui(ui: &mut Ui, recovered: &str) -> Option<StatusChoice> {
    ui.label(label(recovered, theme::text()));
    let open = ui.add(egui::Button::new(label("Open recovered patch", theme::accent())).frame(false)).clicked();
    let forget = ui.add(egui::Button::new(label("Dismiss", theme::weak())).frame(false)).clicked();
    if open { Some(StatusChoice::OpenRecovered) } else { forget.then_some(StatusChoice::DismissRecovered) }
}

/// The colour of a light: white for a moment after each message.
pub fn light_colour(light: &Light) -> egui::Color32 {
    let is_new = light.last_message.as_ref().is_some_and(|last| last.secs_ago < theme::LIGHT_SECS);
    match light.colour {
        Colour::Green if is_new => theme::bright(),
        Colour::Green => theme::good(),
        Colour::Yellow => theme::warning(),
        Colour::Red => theme::error(),
    }
}

/// A light. True if it is clicked.
fn light_ui(ui: &mut Ui, light: &Light) -> bool {
    let shown = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let name = ui.add(Label::new(label(&light.title(), theme::weak())).sense(Sense::click()));
        dot(ui, light_colour(light));
        let hint = hint(light);
        let name = name.on_hover_text(hint);
        name.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("light of {}", light.title())));
        name.clicked()
    });
    shown.inner
}

/// The light in words: reason, counts, last message, last error, advice.
fn hint(light: &Light) -> String {
    let mut lines = vec![light.reason.clone(), light.counted()];
    let dated = |what: &str, dated: &Dated| format!("{what} {:.1} s ago: {}", dated.secs_ago, dated.text);
    lines.extend(light.last_message.as_ref().map(|last| dated("last message", last)));
    lines.extend(light.last_error.as_ref().map(|last| dated("last error", last)));
    lines.extend(light.advice.clone());
    lines.join("\n")
}

fn file_ui(ui: &mut Ui, editor: &Editor) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let text = label(&file_name(&editor.document), theme::text());
        let label = ui.label(text);
        if let Some(path) = &editor.document.path {
            label.on_hover_text(path.display().to_string());
        }
        if editor.document.is_dirty() {
            dot(ui, theme::accent()).on_hover_text("Unsaved changes. Ctrl+S saves.");
        }
    });
}

/// The name of the file of a document.
pub fn file_name(document: &Document) -> String {
    let name = document.path.as_ref().and_then(|path| path.file_name());
    name.map_or_else(|| "Untitled patch".to_owned(), |name| name.to_string_lossy().into_owned())
}
