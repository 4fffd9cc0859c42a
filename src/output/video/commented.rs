//! A writer that puts a comment into the index of a video.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::output::video::part::Part;
use crate::provenance::mp4::index_with;

/// The text of the comment, which may be set until the video is finished.
#[derive(Clone, Default)]
pub struct Comment(Arc<Mutex<Option<String>>>);

impl Comment {
    /// Sets the text.
    pub fn set(&self, text: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes the boxes of an MP4, with the comment in its index (`moov`). The muxer offers a title, and no comment.
pub struct Commented {
    part: Part,
    comment: Comment,
    /// Bytes of a box that are not yet written.
    held: Vec<u8>,
    /// Remaining bytes of the present box, which are written as they come.
    passing: u64,
    /// Bytes of the video before `held`.
    come: u64,
}

impl Commented {
    /// A writer of a video to `part`.
    pub fn new(part: Part, comment: Comment) -> Self {
        Self { part, comment, held: Vec::new(), passing: 0, come: 0 }
    }

    /// The file, with all bytes so far.
    pub fn into_part(mut self) -> io::Result<Part> {
        self.part.write_all(&self.held)?;
        Ok(self.part)
    }

    /// Writes the held bytes once the kind of their box is known.
    fn pass(&mut self) -> io::Result<()> {
        let Some(([a, b, c, d, kind @ ..], _)) = self.held.split_first_chunk::<8>() else { return Ok(()) };
        let size = u64::from(u32::from_be_bytes([*a, *b, *c, *d]));
        let held = self.held.len() as u64;
        if kind == b"moov" && size >= 8 {
            if held < size {
                return Ok(());
            }
            let with = self.comment.get().and_then(|text| index_with(&self.held[8..], self.come + size, &text));
            // A video whose index cannot take the comment is kept without it.
            match with {
                Some(content) => {
                    self.part.write_all(&(8 + content.len() as u32).to_be_bytes())?;
                    self.part.write_all(b"moov")?;
                    self.part.write_all(&content)?;
                }
                None => self.part.write_all(&self.held)?,
            }
        } else {
            self.part.write_all(&self.held)?;
            // A box of size 0 extends to the end of the video. Our muxer writes no box with a long size.
            self.passing = if size < 8 { u64::MAX } else { size.saturating_sub(held) };
        }
        self.come += held;
        self.held.clear();
        Ok(())
    }
}

impl Write for Commented {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.passing > 0 {
            let most = usize::try_from(self.passing).unwrap_or(usize::MAX).min(bytes.len());
            let written = self.part.write(&bytes[..most])?;
            self.passing -= written as u64;
            self.come += written as u64;
            return Ok(written);
        }
        // Enough bytes for the kind of the box, or for the rest of it.
        let size = self.held.first_chunk::<4>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        let wanted = if self.held.len() < 8 { 8 } else { size };
        let taken = wanted.saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..taken]);
        self.pass()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}
