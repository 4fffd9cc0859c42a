//! The mark of a take that is recorded at this moment. It ends with its process, also after a crash.

use std::fs::File;
use std::path::Path;

use crate::files;

/// Marks a file as being recorded, until it is closed. Reading it stays possible.
#[cfg(unix)]
pub(super) fn mark(file: &File) {
    // A file system without locks: another process then takes the file for one that broke off.
    let _ = file.lock();
}

/// Marks a file as being recorded, until it is closed. A lock would hinder readers here, and the open file itself is the mark.
#[cfg(not(unix))]
pub(super) fn mark(_: &File) {}

/// True if a bendrack, this one or another, records a file at this moment.
#[cfg(unix)]
pub fn is_recording(path: &Path) -> bool {
    use std::fs::TryLockError;
    files::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// True if a bendrack, this one or another, records a file at this moment.
#[cfg(windows)]
pub fn is_recording(path: &Path) -> bool {
    use std::os::windows::fs::OpenOptionsExt;
    /// Reading and deletion, but not writing: `FILE_SHARE_READ | FILE_SHARE_DELETE`.
    const NO_WRITER: u32 = 0x1 | 0x4;
    /// `ERROR_SHARING_VIOLATION`
    const IS_WRITTEN: i32 = 32;
    let opened = File::options().read(true).share_mode(NO_WRITER).open(path);
    opened.is_err_and(|error| error.raw_os_error() == Some(IS_WRITTEN))
}

/// True if a bendrack, this one or another, records a file at this moment. This system has no mark.
#[cfg(not(any(unix, windows)))]
pub fn is_recording(_: &Path) -> bool {
    false
}
