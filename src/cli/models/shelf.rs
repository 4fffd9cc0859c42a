//! The models of the window: those in the folders, and one download at a time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::DecimalBytes;

use super::{checkpoint, fit, folder, list};
use crate::fetch::{self, MODELS, Place, Plan, Progress, Settings, TextEncoder};
use crate::ui::{Download, KnownModel, ModelRow, ModelsLink};
use crate::wan::parts::Choice;

/// The models of a window.
#[derive(Clone)]
pub(in crate::cli) struct Shelf(Arc<Shared>);

struct Shared {
    /// The model of this window.
    running: String,
    /// The folder of models.
    folder: Option<PathBuf>,
    settings: Settings,
    known: Arc<[KnownModel]>,
    state: Mutex<State>,
    cancelled: AtomicBool,
}

#[derive(Default)]
struct State {
    rows: Option<Arc<[ModelRow]>>,
    is_reading: bool,
    download: Option<Download>,
    outcome: Option<String>,
}

impl Shelf {
    /// The models beside one that runs.
    pub(in crate::cli) fn new(running: String) -> Self {
        Self::with(running, folder(), Settings::from_environment())
    }

    fn with(running: String, folder: Option<PathBuf>, settings: Settings) -> Self {
        let known = MODELS.iter().map(known).collect();
        let (state, cancelled) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Shared { running, folder, settings, known, state, cancelled }))
    }
}

impl Shared {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self) -> Arc<[ModelRow]> {
        let row = |(name, about): (String, Result<String, String>)| {
            let checkpoint = about.is_ok().then(|| checkpoint(&name, Choice::default()).ok()).flatten();
            let memory = checkpoint.and_then(|checkpoint| fit::summary(&checkpoint));
            ModelRow { is_running: name == self.running, memory, name, about }
        };
        list().into_iter().map(row).collect()
    }

    /// Downloads a model, and returns the message of its end.
    fn fetch(&self, name: &str, encoder: TextEncoder) -> Result<String, String> {
        let model = fetch::Model::named(name).ok_or_else(|| format!("there is no model {name:?} to download"))?;
        let folder = self.folder.as_ref().ok_or("there is no folder of models; set BENDRACK_MODELS to one")?;
        let place = Place { to: folder.join(model.name), from: None };
        let plan = Plan::for_model(model, encoder, &place, &self.settings);
        let plan = plan.map_err(|error| format!("{name}: {error}"))?;
        match plan.run(self, &self.cancelled) {
            Ok(_) => Ok(format!("{name} is here, and every file is checked")),
            Err(error) if error.is_cancelled() => Ok(format!("The download of {name} is stopped; it can go on later")),
            Err(error) => Err(format!("{name}: {error}")),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Download)) {
        self.with(|state| state.download.as_mut().map(change));
    }
}

impl Progress for Shared {
    fn begin(&self, file: &str, total: Option<u64>, already: u64) {
        self.change(|download| {
            file.clone_into(&mut download.file);
            (download.total, download.done) = (total, already);
            download.text = bytes(download);
        });
    }

    fn advance(&self, more: u64) {
        self.change(|download| {
            download.done += more;
            download.text = bytes(download);
        });
    }

    fn done(&self) {}

    fn note(&self, _: &str) {}
}

impl ModelsLink for Shelf {
    fn refresh(&self) {
        if self.0.with(|state| std::mem::replace(&mut state.is_reading, true)) {
            return;
        }
        let shared = self.0.clone();
        std::thread::spawn(move || {
            let rows = shared.read();
            shared.with(|state| (state.rows, state.is_reading) = (Some(rows), false));
        });
    }

    fn rows(&self) -> Option<Arc<[ModelRow]>> {
        self.0.with(|state| state.rows.clone())
    }

    fn known(&self) -> Arc<[KnownModel]> {
        self.0.known.clone()
    }

    fn download(&self, name: &str, precision: &str) {
        let Some(encoder) = TextEncoder::named(precision) else { return };
        let begun = Download {
            name: name.to_owned(),
            file: "the list of files".to_owned(),
            done: 0,
            total: None,
            text: "asking the hub".to_owned(),
        };
        let is_free = self.0.with(|state| {
            let is_free = state.download.is_none();
            state.download.get_or_insert(begun);
            is_free
        });
        if !is_free {
            return;
        }
        self.0.cancelled.store(false, Ordering::Relaxed);
        let (shared, name) = (self.0.clone(), name.to_owned());
        std::thread::spawn(move || {
            let outcome = shared.fetch(&name, encoder).unwrap_or_else(|why| why);
            shared.with(|state| (state.download, state.outcome) = (None, Some(outcome)));
        });
    }

    fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    fn running(&self) -> Option<Download> {
        self.0.with(|state| state.download.clone())
    }

    fn outcome(&self) -> Option<String> {
        self.0.with(|state| state.outcome.take())
    }
}

/// A model to download, for the window.
fn known(model: &fetch::Model) -> KnownModel {
    let size = |encoder: TextEncoder| {
        let bytes = model.sources(encoder).iter().filter_map(|source| source.bytes).sum();
        (encoder.name().to_owned(), DecimalBytes(bytes).to_string())
    };
    let licences = model.licences().into_iter().map(|licence| (licence.id.to_owned(), licence.page.to_owned()));
    KnownModel {
        name: model.name.to_owned(),
        about: model.about.to_owned(),
        licences: licences.collect(),
        sizes: TextEncoder::ALL.map(size).into(),
    }
}

/// The bytes of a file that are here, of all.
fn bytes(download: &Download) -> String {
    let done = DecimalBytes(download.done);
    download.total.map_or_else(|| done.to_string(), |total| format!("{done} of {}", DecimalBytes(total)))
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// A value that another thread sets within ten seconds.
    fn wait<T>(value: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(value) = value() {
                return value;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "nothing came");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_model_of_the_window_is_marked() {
        let shelf = Shelf::with("mini".to_owned(), None, Settings::default());
        assert!(shelf.rows().is_none());
        shelf.refresh();
        let rows = wait(|| shelf.rows());
        assert!(rows.iter().all(|row| row.is_running == (row.name == "mini")), "{rows:?}");
        assert!(rows.iter().any(|row| row.is_running));
    }

    #[test]
    fn a_download_that_fails_leaves_a_message_and_the_next_one_can_begin() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("models");
        // Nothing listens at this port.
        let settings = Settings { endpoint: "http://127.0.0.1:1".to_owned(), attempts: 1, ..Settings::default() };
        let shelf = Shelf::with("mini".to_owned(), Some(folder.clone()), settings);
        for known in shelf.known().iter().take(2) {
            assert_eq!(known.sizes.len(), TextEncoder::ALL.len());
            shelf.download(&known.name, "q8");
            let outcome = wait(|| shelf.outcome());
            assert!(outcome.starts_with(&known.name) && outcome.contains("127.0.0.1"), "{outcome}");
            assert!(shelf.running().is_none());
        }
        shelf.download("none", "q8");
        assert!(wait(|| shelf.outcome()).contains("there is no model \"none\""));
    }

    #[test]
    fn without_a_folder_the_message_names_the_variable() {
        let shelf = Shelf::with("mini".to_owned(), None, Settings::default());
        shelf.download(&shelf.known()[0].name, "q8");
        assert!(wait(|| shelf.outcome()).contains("BENDRACK_MODELS"));
    }
}
