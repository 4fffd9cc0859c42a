//! Files: opened, saved and asked for on threads of their own, so that neither the window nor the engine waits for a disk or a dialog.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bendrack_nodes::patch::Patch;
use eframe::egui::{Ui, ViewportCommand};

use crate::disk;
use crate::provenance::{Opened, Render};
use crate::ui::app::App;
use crate::ui::document::recovery::Recovery;
use crate::ui::panels::status_bar::name_of;

/// What a patch is to be called that came from no file.
pub(in crate::ui) const UNNAMED: &str = "patch.json";

/// What a thread of the window has done.
pub(in crate::ui) enum Done {
    Opened(PathBuf, Box<Opened>),
    Saved(PathBuf, Arc<Patch>),
    Failed(String),
    /// A dialog was left.
    Nothing,
}

/// What waits until unsaved work is saved or given up.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ui) enum Next {
    Close,
    Open(Option<PathBuf>),
    New,
}

impl App {
    /// Takes over what threads have done, and files that were dropped on the window.
    pub(in crate::ui) fn work(&mut self, ui: &Ui) {
        while let Ok(done) = self.inbox.try_recv() {
            self.dialog = false;
            match done {
                Done::Opened(path, opened) => {
                    if opened.home.is_none() {
                        self.say(ui, from_render(&path, opened.render.as_ref()));
                        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                        self.suggested = format!("{}.json", stem.trim_end_matches(".bend"));
                    }
                    self.desk.document.open(opened.patch, opened.home);
                    self.fresh();
                }
                Done::Saved(path, written) => {
                    self.desk.document.mark_saved(path, written);
                    let text = format!("saved {}", name_of(&self.desk));
                    self.say(ui, text);
                    if let Some(next) = self.asks.take().filter(|_| !self.desk.document.is_dirty()) {
                        self.go(ui, next);
                    }
                }
                Done::Failed(error) => self.say(ui, error),
                Done::Nothing => {}
            }
        }
        let dropped = ui.input(|i| i.raw.dropped_files.first().and_then(|file| file.path.clone()));
        if let Some(path) = dropped {
            self.ask(ui, Next::Open(Some(path)));
        }
        if ui.input(|i| i.viewport().close_requested()) && self.desk.document.is_dirty() && !self.leaving {
            ui.ctx().send_viewport_cmd(ViewportCommand::CancelClose);
            self.asks = Some(Next::Close);
        }
    }

    /// Another patch is on the desk.
    fn fresh(&mut self) {
        self.desk.go_to(Vec::new());
        self.canvas.palette = None;
        self.canvas.fit();
    }

    /// Does this next, if no work is lost by it; else asks.
    pub(in crate::ui) fn ask(&mut self, ui: &Ui, next: Next) {
        if self.desk.document.is_dirty() { self.asks = Some(next) } else { self.go(ui, next) }
    }

    fn go(&mut self, ui: &Ui, next: Next) {
        match next {
            Next::Close => {
                self.leaving = true;
                ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            }
            Next::New => {
                self.desk.document.open(Patch::default(), None);
                UNNAMED.clone_into(&mut self.suggested);
                self.fresh();
            }
            Next::Open(Some(path)) => self.thread(ui, move || opened(path)),
            Next::Open(None) if !self.dialog => {
                self.dialog = true;
                self.thread(ui, || match open_dialog().pick_file() {
                    Some(path) => opened(path),
                    None => Done::Nothing,
                });
            }
            Next::Open(None) => {}
        }
    }

    /// Opens a patch, as if its file had been dropped on the window.
    pub fn open(&mut self, ui: &Ui, path: PathBuf) {
        self.ask(ui, Next::Open(Some(path)));
    }

    /// Saves the patch in its file, or asks for one.
    pub fn save(&mut self, ui: &Ui, elsewhere: bool) {
        let patch = Arc::clone(&self.desk.document.patch);
        match self.desk.document.path.clone().filter(|_| !elsewhere) {
            Some(path) => self.thread(ui, move || saved(path, patch)),
            None if !self.dialog => {
                self.dialog = true;
                let name = if self.desk.document.path.is_some() { name_of(&self.desk) } else { self.suggested.clone() };
                self.thread(ui, move || match dialog().set_file_name(name).save_file() {
                    Some(path) => saved(path, patch),
                    None => Done::Nothing,
                });
            }
            None => {}
        }
    }

    /// Does something that may take long beside the window.
    fn thread(&self, ui: &Ui, work: impl FnOnce() -> Done + Send + 'static) {
        let (outbox, ctx) = (self.outbox.clone(), ui.ctx().clone());
        std::thread::spawn(move || {
            // The window may have been closed meanwhile.
            let _ = outbox.send(work());
            ctx.request_repaint();
        });
    }

    /// Opens the work of an earlier session. It counts as unsaved, and what is open now is asked about as ever.
    pub(in crate::ui) fn recover(&mut self, ui: &Ui) {
        if self.desk.document.is_dirty() {
            self.say(ui, "Save this patch first.".to_owned());
            return;
        }
        let Some((path, _)) = self.recovered.take() else { return };
        match Recovery::read(&path) {
            Ok(copy) => {
                self.desk.document.open(copy.patch, copy.path);
                self.desk.document.mark_unsaved();
                Recovery::set_aside(&path);
                self.fresh();
            }
            Err(error) => self.say(ui, error),
        }
    }

    /// The question about unsaved work. The engine runs on meanwhile, and so does everything else.
    pub(in crate::ui) fn ask_ui(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            ui.label(format!("{} has changes that are in no file.", name_of(&self.desk)));
            if ui.button("Save").clicked() {
                self.save(ui, false);
            }
            if ui.button("Discard").clicked()
                && let Some(next) = self.asks.take()
            {
                if next == Next::Close {
                    self.keeper.as_ref().inspect(|keeper| keeper.clear());
                }
                self.go(ui, next);
            }
            if ui.button("Cancel").clicked() {
                self.asks = None;
            }
        });
    }
}

fn dialog() -> rfd::FileDialog {
    rfd::FileDialog::new().add_filter("bendrack patch", &["json"])
}

/// The dialog to open a patch, which may be in a picture or film.
fn open_dialog() -> rfd::FileDialog {
    rfd::FileDialog::new()
        .add_filter("bendrack patch, picture or film", &["json", "png", "mp4"])
        .add_filter("bendrack patch", &["json"])
}

/// What is said of a patch that was opened from a picture or film: it has no file of its own yet.
fn from_render(path: &Path, render: Option<&Render>) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match render {
        Some(Render { model, seed, .. }) => {
            format!(
                "This is the patch of {name}, rendered by {model} with seed {seed}. Save keeps it in a file of its own."
            )
        }
        None => format!("This is the patch of {name}. Save keeps it in a file of its own."),
    }
}

fn opened(path: PathBuf) -> Done {
    match disk::load(&path) {
        Ok(opened) => Done::Opened(path, Box::new(opened)),
        Err(error) => Done::Failed(error),
    }
}

fn saved(path: PathBuf, patch: Arc<Patch>) -> Done {
    match disk::save(&path, &patch) {
        Ok(()) => Done::Saved(path, patch),
        Err(error) => Done::Failed(error),
    }
}
