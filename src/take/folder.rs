//! The folder of takes, where every video that is played is kept for a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::lock::is_recording;
use crate::files::data_folder;

/// The most takes that are kept by themselves.
const MOST: usize = 200;
/// The most bytes of takes that are kept by themselves.
const MOST_BYTES: u64 = 256 << 20;
/// The newest takes, which stay however large they are.
const ALWAYS: usize = 10;
/// The beginning of the name of a take that is kept by itself.
pub(super) const SESSION: &str = "session ";
/// The extension of a take.
pub const EXTENSION: &str = "take";

/// The problem of a system without a folder of takes, and the next step.
pub const NO_FOLDER: &str = "the system names no data folder; set HOME, on Windows APPDATA, and start bendrack again";

/// The folder of takes of this user, if the system has one.
pub fn of_user() -> Option<PathBuf> {
    Some(data_folder()?.join("bendrack").join("takes"))
}

/// The path of a new take in a folder. The oldest takes that were kept by themselves make room for it.
///
/// # Errors
///
/// Fails if the folder cannot be made or read.
pub fn next_session(folder: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    make_room(folder, (MOST, ALWAYS), MOST_BYTES)?;
    free_path(folder, SESSION)
}

/// A path in a folder that no file has: the beginning of its name, and the time.
fn free_path(folder: &Path, start: &str) -> io::Result<PathBuf> {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H-%M-%S").to_string();
    let name = |count: u32| {
        let count = if count == 1 { String::new() } else { format!(" {count}") };
        folder.join(format!("{start}{now}{count}.{EXTENSION}"))
    };
    let mut names = (1..1000).map(name);
    names
        .find(|path| !path.exists())
        .ok_or_else(|| io::Error::other("too many takes in this second; begin the video again"))
}

/// Takes that are kept by themselves, oldest first, with their sizes.
fn sessions(folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_take = path.extension().is_some_and(|extension| extension == EXTENSION);
        if let Some(meta) = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)
            && is_take
            && name.starts_with(SESSION)
        {
            found.push((meta.modified().ok(), path, meta.len()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path, bytes)| (path, bytes)).collect())
}

fn make_room(folder: &Path, (most, always): (usize, usize), most_bytes: u64) -> io::Result<()> {
    let kept = sessions(folder)?;
    let mut bytes: u64 = kept.iter().map(|(_, bytes)| bytes).sum();
    for (index, (oldest, size)) in kept.iter().enumerate() {
        let left = kept.len() - index;
        if left <= always || (left < most && bytes <= most_bytes) {
            break;
        }
        if is_recording(oldest) {
            continue;
        }
        fs::remove_file(oldest)?;
        bytes -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_sessions_make_room_and_nothing_else_is_deleted() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        for name in ["mine.take", "session notes.txt", "session a.take", "session b.take", "session c.take"] {
            fs::write(folder.join(name), "12345678")?;
            std::thread::sleep(std::time::Duration::from_millis(15));
        }
        make_room(folder, (3, 1), 1 << 20)?;
        let left = |folder: &Path| sessions(folder).map(|all| all.len());
        assert_eq!(left(folder)?, 2);
        assert!(!folder.join("session a.take").exists());
        make_room(folder, (9, 1), 0)?;
        assert_eq!(left(folder)?, 1);
        assert!(folder.join("session c.take").exists() && folder.join("mine.take").exists());
        let recorded = folder.join("session 0.take");
        let file = fs::File::create_new(&recorded)?;
        crate::take::lock::mark(&file);
        make_room(folder, (1, 0), 0)?;
        assert!(recorded.exists() && !folder.join("session c.take").exists(), "one that is recorded stays");
        drop(file);
        make_room(folder, (1, 0), 0)?;
        assert!(!recorded.exists());
        assert!(folder.join("session notes.txt").exists());
        let first = next_session(folder)?;
        fs::write(&first, "")?;
        let second = next_session(folder)?;
        assert!(first != second && second.extension().is_some_and(|extension| extension == EXTENSION));
        Ok(())
    }
}
