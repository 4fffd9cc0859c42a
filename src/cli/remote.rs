//! The MIDI note or CC, OSC address or sensor that starts and stops recordings, stored in the user's data folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::files::data_folder;
use crate::io::ControlName;
use crate::terminal;

/// The version of the file.
const VERSION: u64 = 1;
/// Largest file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// The control assigned to Record, with the file that stores it.
#[derive(Clone, Default)]
pub(super) struct Remote {
    control: Arc<Mutex<Option<ControlName>>>,
    file: Option<PathBuf>,
}

/// Content of the file.
#[derive(Deserialize, Serialize)]
struct Stored {
    #[serde(rename = "bendrack-record")]
    version: u64,
    control: Option<ControlName>,
}

/// The file of this user, if the system has a data folder.
pub(super) fn of_user() -> Option<PathBuf> {
    Some(data_folder()?.join("bendrack").join("record.json"))
}

impl Remote {
    /// Reads the assignment from a file. An unreadable file gives no assignment, and a warning.
    pub(super) fn open(file: Option<PathBuf>) -> Self {
        let read = file.as_deref().map_or(Ok(None), read).unwrap_or_else(|error| {
            let path = file.as_deref().unwrap_or(Path::new("")).display();
            terminal::print_error(format_args!(
                "warning: {path}: {error}; no control starts recordings: learn one in the menu beside Record"
            ));
            None
        });
        Self { control: Arc::new(Mutex::new(read)), file }
    }

    /// The assignment.
    pub(super) fn get(&self) -> Option<ControlName> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the assignment, and writes its file in the background.
    pub(super) fn set(&self, control: Option<ControlName>) {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&control);
        let Some(file) = self.file.clone() else { return };
        std::thread::spawn(move || {
            if let Err(error) = write(&file, control) {
                let path = file.display();
                terminal::print_error(format_args!(
                    "warning: {path}: {error}; the control of recordings is lost at the end: make the folder writable"
                ));
            }
        });
    }
}

fn read(file: &Path) -> io::Result<Option<ControlName>> {
    match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(meta) if meta.len() > MAX_BYTES => return Err(io::Error::other("the file is too long")),
        meta => _ = meta?,
    }
    let stored: Stored = serde_json::from_slice(&fs::read(file)?)?;
    if stored.version != VERSION {
        let why = format!("a file of version {}; this bendrack reads version {VERSION}", stored.version);
        return Err(io::Error::other(why));
    }
    Ok(stored.control)
}

fn write(file: &Path, control: Option<ControlName>) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    disk::replace(file, &serde_json::to_vec(&Stored { version: VERSION, control })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assignment_is_there_in_the_next_window() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bendrack").join("record.json");
        let open = || Remote::open(Some(file.clone()));
        let remote = open();
        assert_eq!(remote.get(), None);
        let key = ControlName::Note { channel: 10, number: 36 };
        remote.set(Some(key.clone()));
        assert_eq!(remote.get(), Some(key.clone()), "at once");
        while open().get().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(open().get(), Some(key));
        write(&file, None).expect("written");
        assert_eq!(open().get(), None);
        for wrong in
            ["", "{\"bendrack-record\":2,\"control\":null}", "{\"bendrack-record\":1,\"control\":{\"kind\":\"x\"}}"]
        {
            fs::write(&file, wrong).expect("a file");
            assert_eq!(open().get(), None, "{wrong}");
            assert_eq!(fs::read_to_string(&file).expect("a file"), wrong, "it stays");
        }
    }
}
