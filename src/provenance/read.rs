//! Finds the patch in a file of any kind.

use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use bendrack_nodes::diagnostics::Problem;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;

use super::{Render, mp4, png, sidecar, split};
use crate::files::{self, Error, Result};

/// The longest text in a picture or video, in bytes: a patch with its render record.
pub const LIMIT: u64 = MAX_BYTES as u64 + (64 << 10);

/// The first box of an MP4, after its length.
const BOXES: [&[u8; 4]; 6] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"];

/// The text of a patch, and what it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The text. [`Patch::from_slice`] checks that it is a patch.
    pub text: Vec<u8>,
    /// True if it came from a picture or video, and not from a file of its own.
    pub in_media: bool,
}

/// Reads the text of a patch: a text file, or the text inside a PNG or MP4. A text file above the limit is read just beyond it. The
/// message names the file and the next step.
///
/// # Errors
///
/// If the file cannot be read, or is a picture or video without a patch.
pub fn read(path: &Path) -> Result<Found> {
    let unread = |error: io::Error| match error.kind() {
        // Our own message, with its next step.
        io::ErrorKind::InvalidData => Error::new(path, error),
        _ => Error::new(path, format!("{error}; give the path of a patch, or of a PNG or MP4 rendered from one")),
    };
    let mut file = BufReader::new(files::open(path).map_err(unread)?);
    match find(&mut file).map_err(unread)? {
        Some(found) => Ok(found),
        None => Err(Error::new(path, format!("the file has no patch; {}", sidecar::advice(path)))),
    }
}

/// [`read`], for an open file.
///
/// # Errors
///
/// Fails if the file cannot be read, or if its text is damaged.
pub fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<Found>> {
    let mut head = Vec::new();
    file.take(8).read_to_end(&mut head)?;
    let text = if head == png::SIGNATURE {
        png::read(file)?
    } else if BOXES.iter().any(|kind| head.get(4..) == Some(&kind[..])) {
        mp4::read(file)?
    } else if head.starts_with(b"GIF8") {
        None
    } else {
        // A pipe cannot be rewound: it is read on.
        file.take((MAX_BYTES + 1).saturating_sub(head.len()) as u64).read_to_end(&mut head)?;
        return Ok(Some(Found { text: head, in_media: false }));
    };
    Ok(text.map(|text| Found { text, in_media: true }))
}

/// An opened patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The patch, without the record of a render.
    pub patch: Patch,
    /// The record of its render, if there is one.
    pub render: Option<Render>,
    /// The file to save the patch in. None for a video and for the record of a render.
    pub home: Option<PathBuf>,
}

impl Found {
    /// Opens the patch that was found in the file at `path`.
    ///
    /// # Errors
    ///
    /// The first problem of a text that is no patch.
    pub fn open(&self, path: &Path) -> std::result::Result<Opened, Problem> {
        let mut patch = Patch::from_slice(&self.text)?;
        let render = split(&mut patch);
        let is_home = !self.in_media && render.is_none();
        Ok(Opened { patch, render, home: is_home.then(|| path.to_owned()) })
    }
}

/// The error that the patch in a file is not whole.
pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the patch in it is damaged; use another copy of the file")
}
