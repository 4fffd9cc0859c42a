//! File tasks: dialogs, reads and writes on threads of their own. Neither the window nor the engine waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::patch::{MapSet, Patch};
use eframe::egui::Ui;
use egui_file_dialog::{DialogState, FileDialog};

use crate::disk;
use crate::provenance::{Opened, Render};
use crate::ui::document::Document;
use crate::ui::panels::status_bar::file_name;

/// The suggested name of a new patch.
const UNNAMED: &str = "patch.json";

/// The shortest time in which a person answers a dialog. One that ends sooner has not opened.
const ANSWER: Duration = Duration::from_millis(250);

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
    /// The system showed no dialog.
    NoDialog(Box<Question>),
}

/// The purpose of a path.
#[derive(Clone)]
pub enum Purpose {
    /// To open a patch.
    Open,
    /// To save this patch.
    Save(Arc<Patch>),
    /// To save these maps.
    SaveMaps(MapSet),
    /// To load maps.
    LoadMaps,
    /// To render a video.
    Video,
}

impl Purpose {
    /// The kinds of files, by name and extensions.
    const fn filters(&self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            // Pictures and videos may contain a patch.
            Self::Open => {
                &[("bendrack patch, picture or video", &["json", "png", "apng", "mp4"]), ("bendrack patch", &["json"])]
            }
            Self::Save(_) => &[("bendrack patch", &["json"])],
            Self::SaveMaps(_) | Self::LoadMaps => &[("bendrack maps", &["json"])],
            Self::Video => &[("video", &["mp4", "gif", "apng", "png"])],
        }
    }

    const fn is_save(&self) -> bool {
        matches!(self, Self::Save(_) | Self::SaveMaps(_) | Self::Video)
    }

    /// Reads or writes the file.
    fn finish(self, path: PathBuf) -> FileEvent {
        match self {
            Self::Open => opened(path),
            Self::Save(patch) => saved(path, patch),
            Self::SaveMaps(set) => match disk::save_maps(&path, &set) {
                Ok(()) => FileEvent::SavedMaps(path),
                Err(error) => FileEvent::Failed(error.to_string()),
            },
            Self::LoadMaps => match disk::load_maps(&path) {
                Ok(set) => FileEvent::OpenedMaps(path, set),
                Err(error) => FileEvent::Failed(error.to_string()),
            },
            Self::Video => FileEvent::ChosenVideo(path),
        }
    }
}

/// A question for a path.
#[derive(Clone)]
pub struct Question {
    purpose: Purpose,
    /// The suggested name and folder.
    name: Option<String>,
    folder: Option<PathBuf>,
}

impl Question {
    /// Asks by the dialog of the system.
    fn ask(self) -> FileEvent {
        let mut dialog = rfd::FileDialog::new();
        for (name, extensions) in self.purpose.filters() {
            dialog = dialog.add_filter(*name, extensions);
        }
        if let Some(name) = &self.name {
            dialog = dialog.set_file_name(name);
        }
        if let Some(folder) = &self.folder {
            dialog = dialog.set_directory(folder);
        }
        let begin = Instant::now();
        let chosen = if self.purpose.is_save() { dialog.save_file() } else { dialog.pick_file() };
        match chosen {
            Some(path) => self.purpose.finish(path),
            None if begin.elapsed() < ANSWER => FileEvent::NoDialog(Box::new(self)),
            None => FileEvent::Cancelled,
        }
    }

    /// The dialog of bendrack itself, for a system without one.
    fn browser(&self) -> FileDialog {
        let mut browser = FileDialog::new();
        for (name, extensions) in self.purpose.filters() {
            browser = browser.add_file_filter_extensions(name, extensions.to_vec());
        }
        if let Some(name) = &self.name {
            browser = browser.default_file_name(name);
        }
        if let Some(folder) = self.folder.clone() {
            browser = browser.initial_directory(folder);
        }
        if self.purpose.is_save() {
            browser.save_file();
        } else {
            browser.pick_file();
        }
        browser
    }
}

/// An action that discards the present patch.
#[derive(Clone, Debug, PartialEq)]
pub enum Discarding {
    /// Close the window.
    Close,
    /// Open this file, or show a dialog for one.
    Open(Option<PathBuf>),
    /// Open the patch of the program at this place.
    Bundled(usize),
    /// Start a new patch.
    New,
    /// Open the first bend, and start the tour.
    Tour,
}

/// The file tasks of the window.
pub struct FileTasks {
    inbox: Receiver<FileEvent>,
    outbox: Sender<FileEvent>,
    /// The suggested name of a patch without a file.
    suggested: String,
    dialog_open: bool,
    /// The dialog of bendrack itself, and the purpose of its path.
    browser: Option<(Box<FileDialog>, Purpose)>,
    /// The action that waits for an answer about unsaved work.
    pub waiting: Option<Discarding>,
    /// True if the window closes without a question about unsaved work.
    pub closing: bool,
    /// The latest thread that saves.
    saving: Option<JoinHandle<()>>,
}

impl Default for FileTasks {
    fn default() -> Self {
        let (outbox, inbox) = channel();
        Self {
            inbox,
            outbox,
            suggested: UNNAMED.to_owned(),
            dialog_open: false,
            browser: None,
            waiting: None,
            closing: false,
            saving: None,
        }
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
            Some(path) => _ = self.spawn(ui, move || opened(path)),
            None => self.ask(ui, Purpose::Open, None, None),
        }
    }

    /// Saves the patch to its file, or shows a dialog for one.
    pub fn save(&mut self, ui: &Ui, document: &Document, save_as: bool) {
        let patch = Arc::clone(&document.patch);
        if let Some(path) = document.path.clone().filter(|_| !save_as) {
            // Saves wait for one another: the file has the latest patch.
            let before = self.saving.take();
            self.saving = Some(self.spawn(ui, move || {
                if let Some(before) = before {
                    // A panic is already printed, and has ended the thread.
                    let _ = before.join();
                }
                saved(path, patch)
            }));
        } else {
            let name = if document.path.is_some() { file_name(document) } else { self.suggested.clone() };
            self.ask(ui, Purpose::Save(patch), Some(name), None);
        }
    }

    /// Shows a dialog for a file, and writes the maps to it.
    pub fn save_maps(&mut self, ui: &Ui, document: &Document) {
        self.ask(ui, Purpose::SaveMaps(MapSet::of(&document.patch)), Some("maps.json".to_owned()), None);
    }

    /// Shows a dialog for a set of maps.
    pub fn load_maps(&mut self, ui: &Ui) {
        self.ask(ui, Purpose::LoadMaps, None, None);
    }

    /// Shows a dialog for the file of a video, with this name and folder.
    pub fn choose_video(&mut self, ui: &Ui, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        self.ask(ui, Purpose::Video, Some(name), folder);
    }

    /// Shows a dialog, unless one is open.
    fn ask(&mut self, ui: &Ui, purpose: Purpose, name: Option<String>, folder: Option<PathBuf>) {
        if !self.dialog_open && self.browser.is_none() {
            self.dialog_open = true;
            let question = Question { purpose, name, folder };
            self.spawn(ui, move || question.ask());
        }
    }

    /// Shows the dialog of bendrack itself.
    pub fn browse(&mut self, question: Question) {
        self.browser = Some((Box::new(question.browser()), question.purpose));
    }

    /// True while the dialog of bendrack itself is open.
    pub const fn is_browsing(&self) -> bool {
        self.browser.is_some()
    }

    /// Shows the dialog of bendrack itself, if it is open, and carries out its answer.
    pub fn browser_ui(&mut self, ui: &Ui) {
        let Some((browser, _)) = &mut self.browser else { return };
        browser.update(ui.ctx());
        let picked = browser.take_picked();
        let is_open = *browser.state() == DialogState::Open;
        if picked.is_none() && is_open {
            return;
        }
        if let (Some(path), Some((_, purpose))) = (picked, self.browser.take()) {
            self.spawn(ui, move || purpose.finish(path));
        }
    }

    /// Runs a task on a thread of its own.
    fn spawn(&self, ui: &Ui, task: impl FnOnce() -> FileEvent + Send + 'static) -> JoinHandle<()> {
        let (outbox, ctx) = (self.outbox.clone(), ui.ctx().clone());
        std::thread::spawn(move || {
            // The window may be closed by now.
            let _ = outbox.send(task());
            ctx.request_repaint();
        })
    }
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
