//! Models: their interface to the window, and the answers of their panel.

use std::sync::Arc;

use eframe::egui::{Frame, Panel, Ui};

use super::App;
use super::browser::open_beside;
use crate::ui::panels::models::{Download, KnownModel, ModelRow, ModelsAnswer, ModelsView, models_ui};
use crate::ui::theme;

/// The width of the panel.
const WIDTH: f32 = 380.0;

/// The models of this machine, and those to download. No call blocks.
pub trait ModelsLink {
    /// Reads the folders of models again, in the background.
    fn refresh(&self);
    /// The models on this machine; none until they are read.
    fn rows(&self) -> Option<Arc<[ModelRow]>>;
    /// The models to download.
    fn known(&self) -> Arc<[KnownModel]>;
    /// Downloads a model with a text encoder of this precision. A download that runs goes on, and the call is refused.
    fn download(&self, name: &str, precision: &str);
    /// Stops the download.
    fn cancel(&self);
    /// The download that runs.
    fn running(&self) -> Option<Download>;
    /// The end of a download: a message for the status bar, once.
    fn outcome(&self) -> Option<String>;
}

impl App {
    /// Shows the models beside the canvas, or hides them.
    pub(super) fn toggle_models(&mut self) {
        self.models_panel.open = !self.models_panel.open;
        if self.models_panel.open {
            self.models.refresh();
        }
    }

    /// Shows the end of a download.
    pub(super) fn poll_models(&mut self, ui: &Ui) {
        if let Some(outcome) = self.models.outcome() {
            self.message.show(ui, outcome);
            self.models.refresh();
        }
    }

    /// Shows the panel of models, if it is open.
    pub(super) fn models_ui(&mut self, ui: &mut Ui) {
        if !self.models_panel.open {
            return;
        }
        let frame = Frame::new().fill(theme::panel()).inner_margin(2.0 * theme::UNIT);
        let panel = Panel::left("models").frame(frame).exact_size(WIDTH);
        let (rows, known, download) = (self.models.rows(), self.models.known(), self.models.running());
        let view = ModelsView { rows: rows.as_deref(), known: &known, download: download.as_ref() };
        let answer = panel.show(ui, |ui| models_ui(ui, &mut self.models_panel, &view)).inner;
        match answer {
            Some(ModelsAnswer::Close) => self.models_panel.open = false,
            Some(ModelsAnswer::Open(name)) => {
                let text = self.workspace.editor.document.patch.to_json();
                if let Err(error) = open_beside("patch.json", &text, &["--model", &name]) {
                    self.message.show(ui, format!("The second window does not start: {error}"));
                } else {
                    self.message.show(ui, format!("Opening a second window with {name}. Large models take a while."));
                }
            }
            Some(ModelsAnswer::Download { name, precision }) => self.models.download(&name, &precision),
            Some(ModelsAnswer::Cancel) => self.models.cancel(),
            None => {}
        }
    }
}
