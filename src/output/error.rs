//! What goes wrong with files.

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

/// A file that could not be made: which one, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// What happened, and what to do about it.
    pub message: String,
}

impl Error {
    /// An error about a file.
    pub fn new(path: &Path, message: impl Display) -> Self {
        Self { path: path.to_owned(), message: message.to_string() }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for Error {}
