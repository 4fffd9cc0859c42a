//! The note of checked files in a model's folder, which saves hashing them again.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::error::{Error, Result};
use super::paths;
use super::sums::Sum;

/// The file of notes in a model's folder.
pub const MARKER: &str = ".bendrack-download.json";

/// The files of a folder that were checked, with their size and time of change.
pub(super) struct Marker {
    path: PathBuf,
    files: BTreeMap<String, Note>,
}

#[derive(Clone, PartialEq, Eq)]
struct Note {
    size: u64,
    modified: String,
    sum: String,
}

impl Marker {
    /// The notes of a folder. Unreadable notes are none.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(MARKER);
        let json: Value = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let files = json["files"].as_object().into_iter().flatten();
        let files = files.filter(|(name, _)| paths::inside(name, MARKER).is_ok());
        let files = files.filter_map(|(name, note)| Some((name.clone(), Note::from_json(note)?))).collect();
        Self { path, files }
    }

    /// True if a file was checked against this sum, and has not changed since.
    pub(super) fn knows(&self, file: &str, sum: &Sum) -> bool {
        let Some(note) = self.files.get(file) else { return false };
        (*sum == Sum::Unknown || note.sum == sum.to_text()) && self.is_unchanged(file, note)
    }

    /// An unchanged file with this sum and size.
    pub(super) fn find(&self, sum: &Sum, size: Option<u64>) -> Option<PathBuf> {
        if *sum == Sum::Unknown {
            return None;
        }
        let sum = sum.to_text();
        let right = |note: &Note| note.sum == sum && size.is_none_or(|size| size == note.size);
        let mut files = self.files.iter();
        files.find(|(file, note)| right(note) && self.is_unchanged(file, note)).map(|(file, _)| self.beside(file))
    }

    /// The sum that was written down for a file, which may have changed since.
    pub(super) fn sum(&self, file: &str) -> Option<Sum> {
        let note = self.files.get(file)?;
        let (kind, sum) = note.sum.split_once(':')?;
        match kind {
            "sha256" => Some(Sum::Sha256(sum.to_owned())),
            "git" => Some(Sum::GitBlob(sum.to_owned())),
            _ => None,
        }
    }

    /// Adds a checked file, and writes the notes.
    pub(super) fn add(&mut self, file: &str, sum: &Sum) -> Result<()> {
        let path = self.beside(file);
        let metadata = fs::metadata(&path).map_err(|e| Error::file(&path, &e))?;
        let note = Note { size: metadata.len(), modified: modified(&metadata), sum: sum.to_text() };
        if self.files.insert(file.to_owned(), note.clone()) == Some(note) {
            return Ok(());
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let files: serde_json::Map<_, _> =
            self.files.iter().map(|(name, note)| (name.clone(), note.to_json())).collect();
        let text = format!("{:#}\n", json!({ "files": files }));
        let draft = self.path.with_extension("json.part");
        let written = fs::File::create(&draft).and_then(|mut file| file.write_all(text.as_bytes()));
        written.and_then(|()| fs::rename(&draft, &self.path)).map_err(|e| Error::file(&self.path, &e))
    }

    fn beside(&self, file: &str) -> PathBuf {
        self.path.with_file_name("").join(file)
    }

    fn is_unchanged(&self, file: &str, note: &Note) -> bool {
        fs::metadata(self.beside(file)).is_ok_and(|now| now.len() == note.size && modified(&now) == note.modified)
    }
}

impl Note {
    fn from_json(json: &Value) -> Option<Self> {
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        Some(Self { size: json["size"].as_u64()?, modified: text("modified")?, sum: text("sum")? })
    }

    fn to_json(&self) -> Value {
        json!({ "size": self.size, "modified": self.modified, "sum": self.sum })
    }
}

/// The time of a file's last change, in nanoseconds; empty where the system has none.
fn modified(metadata: &Metadata) -> String {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map(|since| since.as_nanos().to_string()).unwrap_or_default()
}
