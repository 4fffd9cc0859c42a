//! The file of the patch: opened, saved, recovered, and the question about unsaved work.

use std::path::PathBuf;

use bendrack_nodes::patch::Patch;
use eframe::egui::{Ui, ViewportCommand};

use super::App;
use super::file_tasks::{Discarding, FileEvent, from_render};
use super::tour::first_bend;
use crate::ui::document::library::{Bundled, all};
use crate::ui::document::maps::load_step;
use crate::ui::panels::status_bar::file_name;

/// The patch of Ctrl+N: a prompt, the model and the screen.
fn starter() -> Patch {
    Patch::from_json(include_str!("starter.json")).unwrap_or_default()
}

impl App {
    /// Handles finished file tasks, dropped files and the close button.
    pub(super) fn finish_tasks(&mut self, ui: &Ui) {
        while let Some(event) = self.files.poll() {
            match event {
                FileEvent::Opened(path, opened) => {
                    if opened.home.is_none() {
                        self.message.show(ui, from_render(&path, opened.render.as_ref()));
                        self.files.suggest_for_render(&path);
                    }
                    if let Some(home) = &opened.home {
                        self.recent.add(home);
                    }
                    self.replace(opened.patch, opened.home);
                }
                FileEvent::Saved(path, written) => {
                    self.recent.add(&path);
                    self.workspace.editor.document.mark_saved(path, written);
                    self.message.show(ui, format!("Saved {}", file_name(&self.workspace.editor.document)));
                    let is_dirty = self.workspace.editor.document.is_dirty();
                    if let Some(action) = self.files.waiting.take().filter(|_| !is_dirty) {
                        self.perform(ui, action);
                    }
                }
                FileEvent::OpenedMaps(path, set) => {
                    let (step, told) = load_step(&self.workspace.editor.document.patch, &set);
                    self.workspace.editor.document.apply(step);
                    self.message.show(ui, format!("{}: {told}", path.display()));
                }
                FileEvent::SavedMaps(path) => self.message.show(ui, format!("Saved the maps to {}", path.display())),
                FileEvent::ChosenVideo(path) => self.takes_panel.set_output(&path),
                FileEvent::Failed(error) => self.message.show(ui, error),
                FileEvent::NoDialog(question) => {
                    let text =
                        "The system shows no file dialog (install zenity or a desktop portal); this is bendrack's own.";
                    self.message.show(ui, text.to_owned());
                    self.files.browse(*question);
                }
                FileEvent::Cancelled => {}
            }
        }
        self.files.browser_ui(ui);
        let dropped = ui.input(|i| i.raw.dropped_files.first().and_then(|file| file.path.clone()));
        if let Some(path) = dropped {
            if self.stage.is_performing {
                self.message.show(ui, "Perform mode opens no patch. Ctrl+E leaves it.".to_owned());
            } else {
                self.request(ui, Discarding::Open(Some(path)));
            }
        }
        let is_dirty = self.workspace.editor.document.is_dirty();
        if ui.input(|i| i.viewport().close_requested()) && is_dirty && !self.files.closing {
            ui.ctx().send_viewport_cmd(ViewportCommand::CancelClose);
            self.files.waiting = Some(Discarding::Close);
        }
    }

    /// Performs an action, or asks about unsaved work first.
    pub(super) fn request(&mut self, ui: &Ui, action: Discarding) {
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
                self.replace(starter(), None);
            }
            Discarding::Bundled(index) => {
                self.files.suggest_unnamed();
                self.replace(all().get(index).map(Bundled::patch).unwrap_or_default(), None);
            }
            Discarding::Tour => {
                self.files.suggest_unnamed();
                self.replace(first_bend(), None);
                self.begin_tour();
            }
            Discarding::Open(path) => self.files.open(ui, path),
        }
    }

    /// Shows another patch.
    fn replace(&mut self, patch: Patch, path: Option<PathBuf>) {
        // Chunks, and clips of another length, begin with a video.
        let begins = patch.engine.length != self.workspace.editor.document.patch.engine.length;
        self.workspace.editor.open(patch, path);
        self.canvas.close_overlays();
        self.canvas.fit();
        self.begin_tour_step();
        if begins {
            self.engine.restart();
        }
    }

    /// Saves the patch to its file, or to another one.
    pub(super) fn save(&mut self, ui: &Ui, save_as: bool) {
        self.files.save(ui, &self.workspace.editor.document, save_as);
    }

    /// Opens the recovery copy. It counts as unsaved.
    pub(super) fn recover(&mut self, ui: &Ui) {
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

    /// The question about unsaved work. The engine keeps running.
    pub(super) fn question_ui(&mut self, ui: &mut Ui) {
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
}
