//! The one error of the downloader: a sentence for the user.

use std::fmt::{Display, Formatter};
use std::io;
use std::path::Path;

/// A result of the downloader.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence that names the file or the host, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    cancelled: bool,
}

impl Error {
    /// An error with its sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cancelled: false }
    }

    /// The end of a run that the user stopped.
    pub fn cancelled() -> Self {
        Self { message: "stopped; the same command continues where it was".to_owned(), cancelled: true }
    }

    /// An error of the file system at a path.
    pub fn file(path: &Path, problem: &io::Error) -> Self {
        let next = match problem.kind() {
            io::ErrorKind::StorageFull => "free some space on this disk, then run the same command again",
            io::ErrorKind::PermissionDenied => "allow writing there, or choose another folder with --to",
            _ => "check the disk and the folder, then run the same command again",
        };
        Self::new(format!("{}: {problem}; {next}", path.display()))
    }

    /// True if the user stopped the run.
    pub const fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
