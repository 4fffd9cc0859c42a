//! The files of a model's folder: which are there, and which have to come.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::catalogue::{Licence, Model, Source, TextEncoder};
use super::error::{Error, Result};
use super::folder;
use super::http::Client;
use super::hub;
use super::marker::Marker;
use super::origins::{licence_line, local_files, planned, published_files};
use super::part::{self, Remote};
use super::paths;
use super::repo::Repo;
use super::settings::Settings;
use super::sums::Sum;

/// The folders of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The model's folder.
    pub to: PathBuf,
    /// A folder that has the files, instead of the network.
    pub from: Option<PathBuf>,
}

/// The state of a file before a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Here, and checked.
    Present,
    /// Here with the right size; the run checks its bytes.
    Unchecked,
    /// Begun: so many bytes are here.
    Partly(u64),
    /// In another folder of this machine: the run links or copies it.
    Linked(PathBuf),
    /// Not here.
    Missing,
}

/// A file of a plan.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// The path in the model's folder.
    pub path: String,
    /// The repository and the path in it.
    pub origin: String,
    /// The size; approximate where the server publishes none.
    pub size: Option<u64>,
    /// The state at the time of the plan.
    pub state: State,
    pub(super) remote: Remote,
    /// The file in the folder of `--from`.
    pub(super) local: Option<PathBuf>,
}

/// Everything that a run would do.
pub struct Plan {
    /// The model's folder.
    pub folder: PathBuf,
    /// The files, in the order of the run.
    pub files: Vec<PlannedFile>,
    /// One line for each licence.
    pub licences: Vec<String>,
    /// Lines about the folder that the user should see.
    pub notes: Vec<String>,
    pub(super) client: Client,
}

impl Plan {
    /// Plans a model of the catalogue.
    ///
    /// # Errors
    ///
    /// Fails if the hub does not list a file, if `--from` lacks one, or if another file is in the way.
    pub fn for_model(model: &Model, encoder: TextEncoder, place: &Place, settings: &Settings) -> Result<Self> {
        let mut notes = Vec::new();
        for other in TextEncoder::ALL.map(TextEncoder::source) {
            if other.to != encoder.source().to && place.to.join(other.to).exists() {
                notes.push(format!(
                    "{}: a second text encoder; move it away, a model takes one",
                    place.to.join(other.to).display()
                ));
            }
        }
        let plan = Self::for_sources(model.name, &model.sources(encoder), &model.licences(), place, settings)?;
        Ok(Self { notes, ..plan })
    }

    /// Plans files of any homes.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::for_model`] does.
    pub fn for_sources(
        model: &str,
        sources: &[Source],
        licences: &[Licence],
        place: &Place,
        settings: &Settings,
    ) -> Result<Self> {
        let client = Client::new(settings);
        let files = match &place.from {
            Some(from) => local_files(model, sources, from)?,
            None => published_files(&client, sources)?,
        };
        let licences = licences.iter().map(|licence| licence_line(&client, licence, place.from.is_some())).collect();
        Self::of(files, licences, place, client)
    }

    /// Plans the files of a repository that a model needs.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::for_model`] does, and if the repository has no such files.
    pub fn for_repo(repo: &Repo, place: &Place, settings: &Settings) -> Result<Self> {
        let client = Client::new(settings);
        let (entries, mut paths): (_, BTreeMap<_, _>) = match &place.from {
            Some(from) => {
                let files = folder::list(from, repo);
                let paths = files.iter().map(|(entry, path)| (entry.path.clone(), path.clone())).collect();
                (files.into_iter().map(|(entry, _)| entry).collect(), paths)
            }
            None => (hub::list(&client, &repo.name, &repo.revision)?, BTreeMap::new()),
        };
        let mut files = Vec::new();
        for (entry, to) in repo.select(entries) {
            paths::inside(&entry.path, &repo.name)?;
            let local = paths.remove(&entry.path);
            let online = local.is_none().then_some(&client);
            files.push(PlannedFile { local, ..planned(online, &repo.name, &repo.revision, entry, &to) });
        }
        if files.is_empty() {
            let at = if repo.path.is_empty() { String::new() } else { format!(" at {}", repo.path) };
            return Err(Error::new(format!("{}{at}: there are no weights of a model; check the name", repo.name)));
        }
        let page = format!("{}/{}", settings.endpoint, repo.name);
        let licence = if place.from.is_none() { hub::licence(&client, &repo.name) } else { None };
        let licence = licence.unwrap_or_else(|| "no licence on its card".to_owned());
        Self::of(files, vec![format!("{}: {licence}, {page}", repo.name)], place, client)
    }

    fn of(files: Vec<PlannedFile>, licences: Vec<String>, place: &Place, client: Client) -> Result<Self> {
        let mut plan = Self { folder: place.to.clone(), files, licences, notes: Vec::new(), client };
        let marker = Marker::read(&plan.folder);
        let siblings = siblings(&plan.folder);
        for at in 0..plan.files.len() {
            paths::inside(&plan.files[at].path, &plan.files[at].origin)?;
            plan.files[at].state = plan.state(&plan.files[at], &marker, &siblings)?;
        }
        Ok(plan)
    }

    /// The state of a file now.
    pub(super) fn state(&self, file: &PlannedFile, marker: &Marker, siblings: &[PathBuf]) -> Result<State> {
        let target = self.folder.join(&file.path);
        let remote = &file.remote;
        if let Ok(found) = fs::symlink_metadata(&target).and_then(|_| fs::metadata(&target)) {
            if marker.knows(&file.path, &remote.sum) {
                return Ok(State::Present);
            }
            let fits = found.is_file() && remote.size.is_none_or(|size| size == found.len());
            return if fits { Ok(State::Unchecked) } else { Err(part::occupied(&target)) };
        }
        if let Some(local) = &file.local {
            return Ok(State::Linked(local.clone()));
        }
        if let Some(twin) = siblings.iter().find_map(|sibling| twin(sibling, file)) {
            return Ok(State::Linked(twin));
        }
        Ok(match part::bytes(&target, remote) {
            0 => State::Missing,
            have => State::Partly(have),
        })
    }

    /// The bytes of all files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).sum()
    }

    /// The bytes that have to come over the network.
    pub fn bytes_to_fetch(&self) -> u64 {
        self.files.iter().map(PlannedFile::bytes_to_fetch).sum()
    }
}

impl PlannedFile {
    /// The bytes of this file that have to come over the network.
    pub fn bytes_to_fetch(&self) -> u64 {
        match self.state {
            State::Missing => self.size.unwrap_or_default(),
            State::Partly(have) => self.size.unwrap_or_default().saturating_sub(have),
            _ => 0,
        }
    }
}

/// The other folders of models beside a model's folder.
pub(super) fn siblings(folder: &Path) -> Vec<PathBuf> {
    // The parent of a plain name is the current folder.
    let models = folder.parent().map(|models| if models.as_os_str().is_empty() { Path::new(".") } else { models });
    let entries = models.and_then(|models| fs::read_dir(models).ok()).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir() && path.file_name() != folder.file_name());
    folders.sort();
    folders
}

/// The same file in another model's folder: by its notes, or with the same name and size. The run checks the bytes of the second.
fn twin(sibling: &Path, file: &PlannedFile) -> Option<PathBuf> {
    let remote = &file.remote;
    if remote.sum == Sum::Unknown || remote.size == Some(0) {
        return None;
    }
    let same_name = || {
        let path = sibling.join(&file.path);
        let same = fs::metadata(&path).is_ok_and(|found| found.is_file() && Some(found.len()) == remote.size);
        same.then_some(path)
    };
    Marker::read(sibling).find(&remote.sum, remote.size).or_else(same_name)
}
