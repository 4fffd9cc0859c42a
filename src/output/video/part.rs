//! A file that appears at its place only when it is whole.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::files::{Error, Result, resolved};

/// A file under a temporary name beside its place. Dropping it deletes the file.
pub struct Part {
    /// The path as given.
    place: PathBuf,
    /// The place behind links, so that a link stays a link.
    target: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
    /// True after a failed write. Some encoders do not report it.
    failed: bool,
}

impl Part {
    /// Begins a file that is to be at `place`.
    pub fn create(place: &Path) -> Result<Self> {
        let target = if place.exists() || place.is_symlink() { resolved(place) } else { place.to_owned() };
        let name = target.file_name().ok_or_else(|| Error::new(place, "this is no file name"))?;
        if target.exists() && !target.is_file() {
            return Err(Error::new(place, "this is no ordinary file: choose another name"));
        }
        for number in 0..1000 {
            let mut part = name.to_owned();
            part.push(format!(".bendrack{number}"));
            let temporary = target.with_file_name(part);
            match File::create_new(&temporary) {
                Ok(file) => {
                    let file = Some(BufWriter::with_capacity(1 << 20, file));
                    return Ok(Self { place: place.to_owned(), target, temporary, file, failed: false });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unwritable(place, &error)),
            }
        }
        Err(Error::new(
            place,
            "there are a thousand unfinished files beside it: delete those that end in .bendrack and a number",
        ))
    }

    /// The final place of the file.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The temporary name, for another program that writes the file.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Puts the file at its place, over an older one, once all of it is on the disk.
    pub fn keep(mut self) -> Result<()> {
        let settled = self.settle();
        settled
            .and_then(|()| fs::rename(&self.temporary, &self.target))
            .map_err(|error| unwritable(&self.place, &error))
    }

    fn settle(&mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush()?;
        if self.failed {
            return Err(io::Error::other("a part of it could not be written"));
        }
        file.get_ref().sync_all()
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let written = file.write(bytes);
        self.failed |= written.is_err();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Closed first: some systems do not remove an open file. A file that was kept is no longer there to remove.
        self.file = None;
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Deletes the unfinished files that ended programs left for the places that `is_place` accepts, by name.
pub fn remove_left(folder: &Path, is_place: impl Fn(&OsStr) -> bool) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_part = path.extension().and_then(OsStr::to_str).and_then(|it| it.strip_prefix("bendrack"));
        let is_part = is_part.is_some_and(|number| number.parse::<u16>().is_ok());
        if is_part && path.file_stem().is_some_and(&is_place) {
            // One that cannot be deleted does no harm.
            let _ = fs::remove_file(path);
        }
    }
}

/// A file could not be written.
pub fn unwritable(place: &Path, error: &io::Error) -> Error {
    let advice = match error.kind() {
        ErrorKind::NotFound => "make its folder first",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "choose a folder you may write to",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on the disk, or choose another",
        ErrorKind::FileTooLarge => "raise the limit on the size of files (ulimit -f), or choose another disk",
        _ => "choose another folder, or check the disk",
    };
    Error::new(place, format!("cannot be written: {error}; {advice}"))
}
