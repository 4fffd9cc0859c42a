//! The takes of the window: their list, the kept ones, their playback and their renders.

mod list;
mod playback;
mod priority;
mod renders;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::Replay;
use crate::provenance::Render;
use crate::take::{Summary, TakeState, folder, keep, lock};
use crate::ui::{RenderRequest, RenderState, TakeRow, TakesLink};
use list::List;
use renders::Renders;

/// Time until everything played before is on the disk: twice the interval of the writer.
const SETTLED: Duration = Duration::from_millis(2100);

/// The takes of a window.
#[derive(Clone)]
pub(super) struct Takes(Arc<Shared>);

struct Shared {
    folder: Option<PathBuf>,
    videos: PathBuf,
    /// The take that is written now.
    running: Box<dyn Fn() -> TakeState + Send + Sync>,
    /// The render record of the window, once its model is loaded.
    made: Box<dyn Fn() -> Option<Render> + Send + Sync>,
    list: List,
    renders: Renders,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    outcome: Option<String>,
    /// A take that was renamed: its path before and after.
    renamed: Option<(PathBuf, PathBuf)>,
    replay: Option<Result<Replay, String>>,
    /// True while a take is read to play it back.
    is_reading: bool,
}

/// Arguments of [`Takes::new`].
pub(super) struct TakeFolder {
    /// The folder of takes.
    pub(super) folder: Option<PathBuf>,
    /// The folder of videos.
    pub(super) videos: PathBuf,
    /// The program that renders.
    pub(super) program: PathBuf,
    /// The take that is written now.
    pub(super) running: Box<dyn Fn() -> TakeState + Send + Sync>,
    /// The render record of the window, once its model is loaded.
    pub(super) made: Box<dyn Fn() -> Option<Render> + Send + Sync>,
}

impl Takes {
    /// The takes of a folder.
    pub(super) fn new(parts: TakeFolder) -> Self {
        let TakeFolder { folder, videos, program, running, made } = parts;
        let (list, renders) = (List::default(), Renders::new(program));
        Self(Arc::new(Shared { folder, videos, running, made, list, renders, answers: Mutex::default() }))
    }

    /// Video of the running render.
    pub(super) fn rendering(&self) -> Option<PathBuf> {
        match self.0.renders.state() {
            RenderState::Running { output, .. } => Some(output),
            RenderState::Off | RenderState::Ended(_) => None,
        }
    }

    /// Runs `work` on a thread of its own. Its result is the message for the status bar; the list is read again.
    fn spawn(&self, work: impl FnOnce(&Shared) -> Result<String, String> + Send + 'static) {
        let shared = self.0.clone();
        std::thread::spawn(move || {
            let outcome = work(&shared).unwrap_or_else(|why| why);
            shared.answers().outcome = Some(outcome);
            shared.list.outdate();
        });
    }
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self) -> Result<&Path, String> {
        self.folder.as_deref().ok_or_else(|| folder::NO_FOLDER.to_owned())
    }

    /// The take that is written now; none after a failed write.
    fn running(&self) -> Option<PathBuf> {
        let TakeState { path, failed } = (self.running)();
        path.filter(|_| failed.is_none())
    }

    /// An error if a take is written now.
    fn refuse_running(&self, path: &Path) -> Result<(), String> {
        if self.running().as_deref() == Some(path) {
            return Err(format!("{}: the take is written now; restart the video first", path.display()));
        }
        if lock::is_recording(path) {
            return Err(format!("{}: another bendrack records the take; end its video first", path.display()));
        }
        Ok(())
    }

    /// Copies the running take once everything played so far is on the disk.
    fn keep(&self) -> Result<String, String> {
        let TakeState { path, failed } = (self.running)();
        let Some(path) = path else {
            let why = failed.map_or_else(
                || "a take is played back, or the model loads; press Stop, or select a take and click Keep".to_owned(),
                |error| error.to_string(),
            );
            return Err(format!("No take is kept: {why}"));
        };
        std::thread::sleep(SETTLED);
        let failed = |why: &dyn std::fmt::Display| format!("No take is kept: {why}");
        let summary = Summary::read(&path).map_err(|error| failed(&error))?;
        let found = keep::found(&path).map_err(|error| failed(&format_args!("{}: {error}", path.display())))?;
        let begun = keep::begun(&found, summary.secs).unwrap_or_else(jiff::Zoned::now);
        let name = keep::name_of(&summary.title, &begun);
        let folder = self.folder()?;
        let kept = keep::copy_running(&path, folder, &name).map_err(|error| {
            failed(&format_args!("{}: {error}; free space, or copy {}", folder.display(), path.display()))
        })?;
        Ok(format!("Kept {:.1} s as {}", summary.secs, file_name(&kept)))
    }
}

impl TakesLink for Takes {
    fn rows(&self) -> Arc<[TakeRow]> {
        if self.0.list.begin_scan() {
            let shared = self.0.clone();
            std::thread::spawn(move || {
                let running = shared.running();
                shared.list.scan(shared.folder.as_deref(), running.as_deref());
            });
        }
        self.0.list.rows()
    }

    fn problem(&self) -> Option<String> {
        let none = || format!("No takes are written: {}.", folder::NO_FOLDER);
        if self.0.folder.is_none() { Some(none()) } else { self.0.list.problem() }
    }

    fn keep(&self) {
        self.spawn(Shared::keep);
    }

    fn rename(&self, path: &Path, name: &str) {
        let (path, name) = (path.to_owned(), name.to_owned());
        self.spawn(move |shared| {
            shared.refuse_running(&path)?;
            let verb = if keep::is_kept(&path) { "Renamed to" } else { "Kept as" };
            let kept = keep::rename(&path, &name)?;
            let outcome = format!("{verb} {}", file_name(&kept));
            shared.answers().renamed = Some((path, kept));
            Ok(outcome)
        });
    }

    fn renamed(&self) -> Option<(PathBuf, PathBuf)> {
        self.0.answers().renamed.take()
    }

    fn delete(&self, path: &Path) {
        let path = path.to_owned();
        self.spawn(move |shared| {
            shared.refuse_running(&path)?;
            keep::delete(shared.folder()?, &path).map(|()| format!("Deleted {}", file_name(&path)))
        });
    }

    fn read(&self, path: &Path) {
        if std::mem::replace(&mut self.0.answers().is_reading, true) {
            return;
        }
        let (shared, path) = (self.0.clone(), path.to_owned());
        std::thread::spawn(move || {
            let replay = playback::read(&path, (shared.made)().as_ref());
            let mut answers = shared.answers();
            (answers.replay, answers.is_reading) = (Some(replay), false);
        });
    }

    fn replay(&self) -> Option<Result<Replay, String>> {
        self.0.answers().replay.take()
    }

    fn videos(&self) -> PathBuf {
        self.0.videos.clone()
    }

    fn render(&self, request: RenderRequest) {
        if let Err(why) = self.0.renders.start(request) {
            self.0.answers().outcome = Some(why);
        }
    }

    fn cancel_render(&self) {
        self.0.renders.cancel();
    }

    fn render_state(&self) -> RenderState {
        self.0.renders.state()
    }

    fn outcome(&self) -> Option<String> {
        self.0.answers().outcome.take()
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
