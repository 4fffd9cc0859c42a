//! The models: those on this machine with their memory, and those to download.

use eframe::egui::{
    Button, ComboBox, Hyperlink, Label, ProgressBar, RichText, ScrollArea, Ui, WidgetInfo, WidgetType, vec2,
};

use crate::ui::theme;
use crate::ui::widgets::small_button;

/// A model on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow {
    /// The name that `--model` takes.
    pub name: String,
    /// A line about it, or the reason why it cannot be used.
    pub about: Result<String, String>,
    /// The memory that it needs, and whether this machine has it.
    pub memory: Option<String>,
    /// True for the model of this window.
    pub is_running: bool,
}

/// A model that can be downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name.
    pub name: String,
    /// A line about it.
    pub about: String,
    /// The licences of its files: the name of each, and its page.
    pub licences: Vec<(String, String)>,
    /// The precisions of the text encoder, and the size of the whole model with each.
    pub sizes: Vec<(String, String)>,
}

/// A download that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The model.
    pub name: String,
    /// The file that comes now.
    pub file: String,
    /// Its bytes that are here.
    pub done: u64,
    /// Its size, where that is known.
    pub total: Option<u64>,
    /// The bytes as text.
    pub text: String,
}

/// The state of the panel.
#[derive(Default)]
pub struct ModelsPanel {
    /// True while it is shown.
    pub open: bool,
    /// The place of the chosen precision among [`KnownModel::sizes`].
    precision: usize,
}

/// The answer of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsAnswer {
    /// Hide the panel.
    Close,
    /// Open the present patch with a model, in a window of its own.
    Open(String),
    /// Download a model.
    Download {
        /// Its name.
        name: String,
        /// The precision of its text encoder.
        precision: String,
    },
    /// Stop the download.
    Cancel,
}

/// The contents of the panel.
pub struct ModelsView<'a> {
    /// The models on this machine; none while they are read.
    pub rows: Option<&'a [ModelRow]>,
    /// The models to download.
    pub known: &'a [KnownModel],
    /// The download that runs.
    pub download: Option<&'a Download>,
}

/// Shows the panel.
pub fn models_ui(ui: &mut Ui, panel: &mut ModelsPanel, view: &ModelsView<'_>) -> Option<ModelsAnswer> {
    let mut answer = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Models").size(theme::LARGE));
        if small_button(ui, "close", "close the models", "Esc") {
            answer = Some(ModelsAnswer::Close);
        }
    });
    if let Some(download) = view.download {
        answer = download_ui(ui, download).or(answer);
    }
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        section_ui(ui, "On this machine");
        match view.rows {
            Some(rows) => rows.iter().for_each(|row| {
                answer = row_ui(ui, row).or(answer.take());
            }),
            None => drop(ui.label(RichText::new("Reading the folders…").color(theme::weak()))),
        }
        section_ui(ui, "To download");
        precision_ui(ui, panel, view.known);
        let is_here = |known: &KnownModel| view.rows.is_some_and(|rows| rows.iter().any(|row| row.name == known.name));
        for known in view.known {
            let is_free = view.download.is_none();
            answer = known_ui(ui, known, panel.precision, is_here(known), is_free).or(answer.take());
        }
    });
    answer
}

fn section_ui(ui: &mut Ui, title: &str) {
    ui.add_space(theme::UNIT);
    ui.label(RichText::new(title).size(theme::SMALL).color(theme::weak()));
}

fn line_ui(ui: &mut Ui, text: RichText) {
    ui.add(Label::new(text.size(theme::SMALL)).wrap());
}

/// A model on this machine.
fn row_ui(ui: &mut Ui, row: &ModelRow) -> Option<ModelsAnswer> {
    let mut answer = None;
    ui.add_space(theme::UNIT / 2.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new(&row.name).size(theme::BODY));
        if row.is_running {
            ui.label(RichText::new("in this window").size(theme::SMALL).color(theme::accent()));
        } else if row.about.is_ok() {
            let hint = "Opens a copy of the patch with this model, in a second window. Close this one to give the model all of the machine.";
            if small_button(ui, "open in a new window", &format!("open {}", row.name), hint) {
                answer = Some(ModelsAnswer::Open(row.name.clone()));
            }
        }
    });
    match &row.about {
        Ok(about) => line_ui(ui, RichText::new(about).color(theme::weak())),
        Err(why) => line_ui(ui, RichText::new(format!("Cannot be used: {why}")).color(theme::warning())),
    }
    if let Some(memory) = &row.memory {
        line_ui(ui, RichText::new(memory).color(theme::weak()));
    }
    answer
}

/// The precision of the text encoder, which every model has.
fn precision_ui(ui: &mut Ui, panel: &mut ModelsPanel, known: &[KnownModel]) {
    let Some(first) = known.first() else { return };
    let name = |index: usize| first.sizes.get(index).map_or("", |(precision, _)| precision.as_str());
    let about = "The text encoder reads the prompt. Lower precision is a smaller download.";
    ui.horizontal(|ui| {
        ui.label(RichText::new("text encoder").size(theme::SMALL).color(theme::weak())).on_hover_text(about);
        let shown = ComboBox::from_id_salt("precision").selected_text(name(panel.precision)).show_ui(ui, |ui| {
            for index in 0..first.sizes.len() {
                ui.selectable_value(&mut panel.precision, index, name(index));
            }
        });
        shown.response.widget_info(|| WidgetInfo::labeled(WidgetType::ComboBox, true, "precision of the text encoder"));
        shown.response.on_hover_text(about);
    });
}

/// A model to download.
fn known_ui(ui: &mut Ui, known: &KnownModel, precision: usize, is_here: bool, is_free: bool) -> Option<ModelsAnswer> {
    let (precision, size) = known.sizes.get(precision)?;
    ui.add_space(theme::UNIT / 2.0);
    let clicked = ui.horizontal(|ui| {
        ui.label(RichText::new(&known.name).size(theme::BODY));
        ui.label(RichText::new(size).size(theme::SMALL).color(theme::weak()));
        let text = if is_here { "check the files" } else { "download" };
        let button = Button::new(RichText::new(text).size(theme::SMALL)).min_size(vec2(72.0, 20.0));
        let button = ui.add_enabled(is_free, button);
        button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, is_free, format!("download {}", known.name)));
        let hint = "Goes on where a stopped download ended. Every file is checked.";
        button.on_hover_text(hint).on_disabled_hover_text("One download at a time.").clicked()
    });
    line_ui(ui, RichText::new(&known.about).color(theme::weak()));
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Licences:").size(theme::SMALL).color(theme::weak()));
        for (name, page) in &known.licences {
            ui.add(Hyperlink::from_label_and_url(RichText::new(name).size(theme::SMALL), page)).on_hover_text(page);
        }
    });
    let download = ModelsAnswer::Download { name: known.name.clone(), precision: precision.clone() };
    clicked.inner.then_some(download)
}

/// The download that runs.
fn download_ui(ui: &mut Ui, download: &Download) -> Option<ModelsAnswer> {
    let mut answer = None;
    ui.add_space(theme::UNIT / 2.0);
    ui.horizontal(|ui| {
        ui.label(format!("Downloading {}", download.name));
        if small_button(ui, "stop", "stop the download", "Stops. The same download goes on from there.") {
            answer = Some(ModelsAnswer::Cancel);
        }
    });
    let share = download.total.filter(|total| *total > 0).map_or(0.0, |total| download.done as f32 / total as f32);
    ui.add(ProgressBar::new(share).desired_height(6.0).fill(theme::accent()));
    line_ui(ui, RichText::new(format!("{}: {}", download.file, download.text)).color(theme::weak()));
    answer
}
