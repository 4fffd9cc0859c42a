//! Errors of audio files.

use std::fmt;

/// An audio file that cannot be read: the file, the reason, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundError(pub(super) String);

impl fmt::Display for SoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SoundError {}
