//! File tasks: dialogs, reads and writes on threads of their own. Neither the window nor the engine waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bendrack_nodes::patch::{MapSet, Patch};
use eframe::egui::Ui;

use crate::disk;
use crate::provenance::{Opened, Render};
use crate::ui::document::Document;
use crate::ui::panels::status_bar::file_name;

/// The suggested name of a new patch.
const UNNAMED: &str = "patch.json";

/// The result of a file task.
pub enum FileEvent {
    /// A patch was read.
    Opened(PathBuf, Box<Opened>),
    /// A patch was written.
    Saved(PathBuf, Arc<Patch>),
    /// A set of maps was read.
    OpenedMaps(PathBuf, MapSet),
    /// The maps were written.
    SavedMaps(PathBuf),
    /// The file of a video was chosen.
    ChosenVideo(PathBuf),
    /// A task failed with this message.
    Failed(String),
    /// A dialog was cancelled.
    Cancelled,
}

/// An action that discards the present patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Discarding {
    /// Close the window.
    Close,
    /// Open this file, or show a dialog for one.
    Open(Option<PathBuf>),
    /// Start an empty patch.
    New,
}

/// The file tasks of the window.
pub struct FileTasks {
    inbox: Receiver<FileEvent>,
    outbox: Sender<FileEvent>,
    /// The suggested name of a patch without a file.
    suggested: String,
    dialog_open: bool,
    /// The action that waits for an answer about unsaved work.
    pub waiting: Option<Discarding>,
    /// True if the window closes without a question about unsaved work.
    pub closing: bool,
}

impl Default for FileTasks {
    fn default() -> Self {
        let (outbox, inbox) = channel();
        Self { inbox, outbox, suggested: UNNAMED.to_owned(), dialog_open: false, waiting: None, closing: false }
    }
}

impl FileTasks {
    /// The result of the next finished task.
    pub fn poll(&mut self) -> Option<FileEvent> {
        let event = self.inbox.try_recv().ok()?;
        self.dialog_open = false;
        Some(event)
    }

    /// Suggests the default name for an empty patch.
    pub fn suggest_unnamed(&mut self) {
        UNNAMED.clone_into(&mut self.suggested);
    }

    /// Suggests a name for the patch of a picture or video.
    pub fn suggest_for_render(&mut self, path: &Path) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        self.suggested = format!("{}.json", stem.trim_end_matches(".bend"));
    }

    /// Opens a file, or shows a dialog for one.
    pub fn open(&mut self, ui: &Ui, path: Option<PathBuf>) {
        match path {
            Some(path) => self.spawn(ui, move || opened(path)),
            None if !self.dialog_open => {
                self.dialog_open = true;
                self.spawn(ui, || open_dialog().pick_file().map_or(FileEvent::Cancelled, opened));
            }
            None => {}
        }
    }

    /// Saves the patch to its file, or shows a dialog for one.
    pub fn save(&mut self, ui: &Ui, document: &Document, save_as: bool) {
        let patch = Arc::clone(&document.patch);
        match document.path.clone().filter(|_| !save_as) {
            Some(path) => self.spawn(ui, move || saved(path, patch)),
            None if !self.dialog_open => {
                self.dialog_open = true;
                let name = if document.path.is_some() { file_name(document) } else { self.suggested.clone() };
                self.spawn(ui, move || match dialog().set_file_name(name).save_file() {
                    Some(path) => saved(path, patch),
                    None => FileEvent::Cancelled,
                });
            }
            None => {}
        }
    }

    /// Shows a dialog for a file, and writes the maps to it.
    pub fn save_maps(&mut self, ui: &Ui, document: &Document) {
        if self.dialog_open {
            return;
        }
        self.dialog_open = true;
        let set = MapSet::of(&document.patch);
        self.spawn(ui, move || match maps_dialog().set_file_name("maps.json").save_file() {
            Some(path) => match disk::save_maps(&path, &set) {
                Ok(()) => FileEvent::SavedMaps(path),
                Err(error) => FileEvent::Failed(error.to_string()),
            },
            None => FileEvent::Cancelled,
        });
    }

    /// Shows a dialog for a set of maps.
    pub fn load_maps(&mut self, ui: &Ui) {
        if self.dialog_open {
            return;
        }
        self.dialog_open = true;
        self.spawn(ui, || match maps_dialog().pick_file() {
            Some(path) => match disk::load_maps(&path) {
                Ok(set) => FileEvent::OpenedMaps(path, set),
                Err(error) => FileEvent::Failed(error.to_string()),
            },
            None => FileEvent::Cancelled,
        });
    }

    /// Shows a dialog for the file of a video, with this name and folder.
    pub fn choose_video(&mut self, ui: &Ui, path: &Path) {
        if self.dialog_open {
            return;
        }
        self.dialog_open = true;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        self.spawn(ui, move || {
            let dialog = rfd::FileDialog::new().add_filter("video", &["mp4", "gif", "png"]).set_file_name(name);
            let dialog = match folder {
                Some(folder) => dialog.set_directory(folder),
                None => dialog,
            };
            dialog.save_file().map_or(FileEvent::Cancelled, FileEvent::ChosenVideo)
        });
    }

    /// Runs a task on a thread of its own.
    fn spawn(&self, ui: &Ui, task: impl FnOnce() -> FileEvent + Send + 'static) {
        let (outbox, ctx) = (self.outbox.clone(), ui.ctx().clone());
        std::thread::spawn(move || {
            // The window may be closed by now.
            let _ = outbox.send(task());
            ctx.request_repaint();
        });
    }
}

fn dialog() -> rfd::FileDialog {
    rfd::FileDialog::new().add_filter("bendrack patch", &["json"])
}

fn maps_dialog() -> rfd::FileDialog {
    rfd::FileDialog::new().add_filter("bendrack maps", &["json"])
}

/// The dialog that opens a patch; pictures and videos may contain one.
fn open_dialog() -> rfd::FileDialog {
    rfd::FileDialog::new()
        .add_filter("bendrack patch, picture or video", &["json", "png", "mp4"])
        .add_filter("bendrack patch", &["json"])
}

/// The message for a patch from a picture or video, which has no file of its own.
pub fn from_render(path: &Path, render: Option<&Render>) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match render {
        Some(Render { model, seed, .. }) => {
            format!("Opened the patch of {name}, rendered by {model} with seed {seed}. Save writes it to a new file.")
        }
        None => format!("Opened the patch of {name}. Save writes it to a new file."),
    }
}

fn opened(path: PathBuf) -> FileEvent {
    match disk::load(&path) {
        Ok(opened) => FileEvent::Opened(path, Box::new(opened)),
        // A set of maps may be dropped on the window as well.
        Err(error) => match disk::load_maps(&path) {
            Ok(set) => FileEvent::OpenedMaps(path, set),
            Err(_) => FileEvent::Failed(error.to_string()),
        },
    }
}

fn saved(path: PathBuf, patch: Arc<Patch>) -> FileEvent {
    match disk::save(&path, &patch) {
        Ok(()) => FileEvent::Saved(path, patch),
        Err(error) => FileEvent::Failed(error.to_string()),
    }
}
