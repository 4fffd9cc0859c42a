//! The boxes that an MP4 is made of (ISO 14496-12, 4.2), walked through by their lengths.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;

/// Limit of boxes that a search reads in a file: more than any video has, and fast to pass.
const MAX_BOXES: usize = 1 << 16;

/// A box: its name, and where in the file its content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Four letters.
    pub kind: [u8; 4],
    /// The content, in bytes from the start of the file, cut at the end of the box around it.
    pub content: Range<u64>,
}

/// A walk through a file. It ends for every file: each box is longer than its name, and their number is limited.
pub struct Walk<R> {
    file: R,
    left: usize,
}

impl<R: Read + Seek> Walk<R> {
    /// A walk that has not begun.
    pub fn new(file: R) -> Self {
        Self { file, left: MAX_BOXES }
    }

    /// The whole of the file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn whole(&mut self) -> io::Result<Range<u64>> {
        Ok(0..self.file.seek(SeekFrom::End(0))?)
    }

    /// The boxes in a range of the file, up to the first invalid one.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn boxes(&mut self, range: Range<u64>) -> io::Result<Vec<Place>> {
        let mut found = Vec::new();
        let mut at = range.start;
        while self.left > 0 && at.saturating_add(8) <= range.end {
            self.left -= 1;
            let Some(head) = self.array::<8>(at)? else { break };
            let [a, b, c, d, kind @ ..] = head;
            let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
                0 => (8, range.end - at),
                1 => match self.array::<8>(at + 8)? {
                    Some(size) => (16, u64::from_be_bytes(size)),
                    None => break,
                },
                size => (8, u64::from(size)),
            };
            let end = at.saturating_add(size).min(range.end);
            if size < header || at + header > end {
                break;
            }
            found.push(Place { kind, content: at + header..end });
            at = end;
        }
        Ok(found)
    }

    /// The boxes of one name in those in a range.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn named(&mut self, range: Range<u64>, kind: [u8; 4]) -> io::Result<Vec<Place>> {
        let mut boxes = self.boxes(range)?;
        boxes.retain(|place| place.kind == kind);
        Ok(boxes)
    }

    /// The boxes at the end of a path of names that begins in a range.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn at(&mut self, range: Range<u64>, path: &[[u8; 4]]) -> io::Result<Vec<Place>> {
        let mut found = vec![Place { kind: [0; 4], content: range }];
        for kind in path {
            let mut next = Vec::new();
            for place in found {
                next.extend(self.named(place.content, *kind)?);
            }
            found = next;
        }
        Ok(found)
    }

    /// The bytes in a range, fewer if the file ends before it does.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn bytes(&mut self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(range.start))?;
        self.file.by_ref().take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes at a place, if the file goes on that far.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn array<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(at))?;
        match self.file.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A box of a name around a content.
pub fn packed(kind: [u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let size = 8 + content.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = (size as u32).to_be_bytes().to_vec();
    bytes.extend(kind);
    for part in content {
        bytes.extend_from_slice(part);
    }
    bytes
}
