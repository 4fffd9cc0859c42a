//! A file that is not whole yet: `NAME.part`, with its origin in `NAME.part.json`.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use super::error::{Error, Result};
use super::sums::{Hasher, Sum};

/// A file with a published size and sum.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    /// The address, unless the plan is one without a network.
    pub(super) url: Option<String>,
    /// The repository and the path in it, for messages.
    pub(super) subject: String,
    pub(super) size: Option<u64>,
    pub(super) sum: Sum,
}

/// The part of a file that is here, open to write, with its sum so far.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) have: u64,
    /// The version of the file on the server, for the address it was fetched from.
    pub(super) etag: String,
    pub(super) url: String,
    file: File,
    hasher: Hasher,
    size: Option<u64>,
    sum: Sum,
}

impl Part {
    /// Opens the part beside a target and hashes its bytes. A part of another file is emptied.
    pub(super) fn open(target: &Path, remote: &Remote, cancelled: &AtomicBool) -> Result<Self> {
        let path = beside(target, ".part");
        let note = note(target);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|e| Error::file(&path, &e))?;
        let text = |key: &str| note[key].as_str().unwrap_or_default().to_owned();
        let mut part = Self {
            have: 0,
            etag: text("etag"),
            url: text("url"),
            hasher: Hasher::new(&remote.sum, remote.size),
            size: remote.size,
            sum: remote.sum.clone(),
            path,
            file,
        };
        if bytes(target, remote) == 0 {
            part.restart()?;
            return Ok(part);
        }
        match part.hasher.update_from(&mut part.file, cancelled, |_| {}) {
            Ok(Some(have)) => part.have = have,
            Ok(None) => return Err(Error::cancelled()),
            Err(e) => return Err(Error::file(&part.path, &e)),
        }
        Ok(part)
    }

    /// Empties the part.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.have = 0;
        self.etag.clear();
        self.hasher = Hasher::new(&self.sum, self.size);
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(|_| ()).map_err(|e| Error::file(&self.path, &e))
    }

    /// Writes down where the bytes come from.
    pub(super) fn set_origin(&mut self, url: &str, etag: &str) -> Result<()> {
        if self.have > 0 && self.url == url && self.etag == etag {
            return Ok(());
        }
        url.clone_into(&mut self.url);
        etag.clone_into(&mut self.etag);
        let note = json!({ "url": url, "etag": etag, "size": self.size, "sum": self.sum.to_text() });
        let path = self.path.with_added_extension("json");
        fs::write(&path, format!("{note:#}\n")).map_err(|e| Error::file(&path, &e))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::file(&self.path, &e))?;
        self.hasher.update(bytes);
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// Waits until the disk has the bytes.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|e| Error::file(&self.path, &e))
    }

    /// The sum of the bytes so far.
    pub(super) fn sum(&self) -> Sum {
        self.hasher.clone().finish()
    }

    /// Deletes the part and its note.
    pub(super) fn delete(self) -> Result<()> {
        drop(self.file);
        fs::remove_file(&self.path).map_err(|e| Error::file(&self.path, &e))?;
        remove_note(&self.path);
        Ok(())
    }

    /// Gives the whole file its name. A file with this name is never replaced.
    pub(super) fn finish(self, target: &Path) -> Result<()> {
        self.sync()?;
        drop(self.file);
        if target.exists() {
            return Err(occupied(target));
        }
        fs::rename(&self.path, target).map_err(|e| Error::file(target, &e))?;
        remove_note(&self.path);
        sync_folder(target);
        Ok(())
    }
}

/// The error for a file that is in the way.
pub(super) fn occupied(target: &Path) -> Error {
    Error::new(format!(
        "{}: another file has this name; move it away, or choose another folder with --to",
        target.display()
    ))
}

/// The bytes of a file that are already in its part.
pub(super) fn bytes(target: &Path, remote: &Remote) -> u64 {
    let have = fs::metadata(beside(target, ".part")).map_or(0, |part| part.len());
    let note = note(target);
    let same = match remote.sum {
        // Without a sum only the server can tell that it still has the same file.
        Sum::Unknown => note["url"].as_str() == remote.url.as_deref() && note["etag"].as_str().is_some_and(is_strong),
        _ => note["sum"].as_str() == Some(&remote.sum.to_text()),
    };
    if same && remote.size.is_none_or(|size| have <= size) { have } else { 0 }
}

/// True if an entity tag stands for exact bytes.
pub(super) fn is_strong(etag: &str) -> bool {
    etag.starts_with('"')
}

fn note(target: &Path) -> Value {
    let text = fs::read(beside(target, ".part.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn remove_note(part: &Path) {
    // A note without a part is harmless.
    let _ = fs::remove_file(part.with_added_extension("json"));
}

/// A name with more at its end.
pub(super) fn beside(target: &Path, end: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Waits until the disk has a folder's names, where the system can.
fn sync_folder(file: &Path) {
    if cfg!(unix)
        && let Some(folder) = file.parent()
    {
        // The file itself is safe; only its name could be lost.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}
