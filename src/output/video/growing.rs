//! A file that grows while a video is made, beside the place of the finished one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::files::resolved;
use crate::output::video::part::{remove_left, unwritable};
use crate::output::{Error, Result};

/// The extension of files that are locks.
const LOCK: &str = "lock";

/// A file that grows. Its program holds a lock on it. Dropping it deletes it, unless it is to stay.
pub struct Growing {
    path: PathBuf,
    file: Option<File>,
    /// Bytes that are whole. A failed write leaves no others.
    length: u64,
    stays: bool,
}

/// The path of the growing file of a video: `film.part.mp4` for `film.mp4`.
pub fn growing_path(place: &Path) -> PathBuf {
    let mut name = place.file_stem().unwrap_or_default().to_owned();
    name.push(".part");
    if let Some(extension) = place.extension() {
        name.push(".");
        name.push(extension);
    }
    place.with_file_name(name)
}

/// Deletes what ended programs left for the place of a video that this one has locked.
fn remove_left_of(place: &Path) {
    remove_left(place.parent().unwrap_or(Path::new("")), |name| Some(name) == place.file_name());
}

/// An error if another program writes a growing file now.
pub fn free(path: &Path) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| unwritable(path, &error))?;
    Growing { path: path.to_owned(), file: Some(file), length: 0, stays: true }.locked().map(drop)
}

impl Growing {
    /// Begins the growing file of a video at `place`. An older one is an error, as it may hold hours.
    pub fn beside(place: &Path) -> Result<Self> {
        let path = growing_path(place);
        match Self::create(&path) {
            Ok(file) => {
                let growing = Self { file: Some(file), path, length: 0, stays: false }.locked()?;
                remove_left_of(place);
                Ok(growing)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                free(&path)?;
                Err(Error::new(&path, "an earlier render left this video; rename it, or delete it"))
            }
            Err(error) => Err(unwritable(place, &error)),
        }
    }

    /// A file that only locks a place, and that nothing is lost with.
    pub fn lock(path: &Path) -> Result<Self> {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = Some(opened.map_err(|error| unwritable(path, &error))?);
        Self { path: path.to_owned(), file, length: 0, stays: false }.locked()
    }

    /// Begins a file that helps to make another one, in place of one that an ended program left.
    pub fn helper(path: &Path) -> Result<Self> {
        // That there is none is the usual case.
        let _ = fs::remove_file(path);
        let file = Self::create(path).map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), file: Some(file), length: 0, stays: false })
    }

    /// Begins a recording at its place, where it stays. Another file there is an error.
    pub fn at(place: &Path) -> Result<Self> {
        let file = Self::create(place).map_err(|error| unwritable(place, &error))?;
        Self { path: place.to_owned(), file: Some(file), length: 0, stays: true }.locked()
    }

    /// Continues the growing file of a video at `place` behind its first `length` bytes.
    pub fn again(place: &Path, length: u64) -> Result<Self> {
        let path = growing_path(place);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Error::new(&path, "this file is missing, so the render cannot go on; begin again with --again")
            }
            _ => unwritable(&path, &error),
        })?;
        let growing = Self { path, file: Some(file), length, stays: true }.locked()?;
        let have = growing.file()?.metadata().map_err(|error| unwritable(&growing.path, &error))?.len();
        if have < length {
            let message = format!("the file has {have} bytes of {length}; begin again with --again");
            return Err(Error::new(&growing.path, message));
        }
        growing.file()?.set_len(length).map_err(|error| unwritable(&growing.path, &error))?;
        remove_left_of(place);
        Ok(growing)
    }

    fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// The file with a lock. On Windows a lock would keep players and ffmpeg from the file.
    fn locked(self) -> Result<Self> {
        if cfg!(windows) && self.path.extension().is_none_or(|it| it != LOCK) {
            return Ok(self);
        }
        match self.file()?.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let mut other = self;
                other.stays = true;
                Err(Error::new(&other.path, "another render writes this video now; give it another name"))
            }
            // Some network disks have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(self),
        }
    }

    fn file(&self) -> Result<&File> {
        self.file.as_ref().ok_or_else(|| Error::new(&self.path, "the file is closed"))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are whole.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// The file stays when it is dropped, so that the video can go on from here.
    pub const fn keep(&mut self) {
        self.stays = true;
    }

    /// Adds bytes, all or none of them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let at = SeekFrom::Start(self.length);
        let mut file = self.file()?;
        let written = file.seek(at).and_then(|_| file.write_all(bytes)).and_then(|()| file.sync_data());
        if let Err(error) = &written {
            // The first error is the one to report. Players also read a file that ends too late.
            let _ = file.set_len(self.length);
            return Err(unwritable(&self.path, error));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Copies bytes of the file into a writer.
    pub fn copy(&self, start: u64, length: u64, into: &mut impl Write) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Err(io::Error::other("the file is closed")) };
        file.seek(SeekFrom::Start(start))?;
        let copied = io::copy(&mut file.take(length), into)?;
        if copied == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Deletes the file.
    pub fn delete(mut self) {
        self.stays = false;
    }

    /// Closes the file, which another one is about to replace.
    pub fn close(mut self) {
        (self.file, self.stays) = (None, true);
    }

    /// Moves the file as it is to the place of the video.
    pub fn move_to(mut self, place: &Path) -> Result<()> {
        (self.file, self.stays) = (None, true);
        let target = if place.exists() || place.is_symlink() { resolved(place) } else { place.to_owned() };
        fs::rename(&self.path, target).map_err(|error| unwritable(place, &error))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // Closed first: some systems do not remove an open file.
        self.file = None;
        if !self.stays {
            let _ = fs::remove_file(&self.path);
        }
    }
}
