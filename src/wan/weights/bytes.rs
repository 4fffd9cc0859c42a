//! The bytes of a file, mapped or in memory, read within bounds.

use crate::files;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Result, bail};
use memmap2::Mmap;

/// Next step for a file that is incomplete or damaged.
pub(super) const AGAIN: &str = "download the file again";

/// A part of a file; pages of a mapped one are read from the disk when they are first touched.
///
/// A mapped file must not be truncated or overwritten by anyone while it is open. The system would stop the reader
/// (`SIGBUS`), or it would see other numbers. Replacing the file by renaming a new one over it is harmless.
#[derive(Clone)]
pub(super) struct Bytes {
    all: Source,
    range: Range<usize>,
}

#[derive(Clone)]
enum Source {
    Mapped(Arc<Mmap>),
    Held(&'static [u8]),
}

impl Bytes {
    /// Maps the whole of a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = files::open(path)?;
        if file.metadata()?.len() == 0 {
            bail!("the file is empty; {AGAIN}")
        }
        // SAFETY: the map is read-only and private to this type, which lends out nothing but `&[u8]`. The condition
        // that the file is not truncated meanwhile cannot be enforced; it is documented above.
        let map = unsafe { Mmap::map(&file)? };
        let range = 0..map.len();
        Ok(Self { all: Source::Mapped(Arc::new(map)), range })
    }

    /// A file that is part of the program.
    pub(super) fn from_bytes(bytes: &'static [u8]) -> Self {
        Self { all: Source::Held(bytes), range: 0..bytes.len() }
    }

    /// `len` bytes from `start` on; `None` if they are not all there.
    pub(super) fn part(&self, start: usize, len: usize) -> Option<Self> {
        let start = self.range.start.checked_add(start)?;
        let end = start.checked_add(len)?;
        (end <= self.range.end).then(|| Self { all: self.all.clone(), range: start..end })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        let all = match &self.all {
            Source::Mapped(map) => map,
            Source::Held(bytes) => *bytes,
        };
        &all[self.range.clone()]
    }

    /// Gives the memory of a mapped part back to the system. Its pages are read from the file again when they are touched.
    pub(super) fn release(&self) {
        let Source::Mapped(map) = &self.all else { return };
        release(map, self.range.clone());
    }

    pub(super) fn len(&self) -> usize {
        self.range.len()
    }
}

/// Releases the pages of a map that lie wholly in a range.
#[cfg(unix)]
fn release(map: &Mmap, range: Range<usize>) {
    const PAGE: usize = 1 << 16;
    let (start, end) = (range.start.next_multiple_of(PAGE), range.end / PAGE * PAGE);
    if start < end {
        // SAFETY: the map is read-only and of a file, so that a released page has the same bytes when it is touched again.
        // A refused advice changes nothing.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
    }
}

#[cfg(not(unix))]
fn release(_: &Mmap, _: Range<usize>) {}

/// Reads little-endian numbers from a slice; every read past the end is an error.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            bail!("the file ends too early: {len} more bytes expected, {} left; {AGAIN}", self.rest.len())
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes up to a line feed, which is consumed.
    pub(super) fn line(&mut self) -> Result<&'a [u8]> {
        let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') else {
            bail!("a line of the file has no end; {AGAIN}")
        };
        let line = self.take(end)?;
        self.take(1)?;
        Ok(line)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A 64-bit count, offset or length.
    pub(super) fn size(&mut self) -> Result<usize> {
        let size = self.u64()?;
        usize::try_from(size)
            .or_else(|_| bail!("the file has a size of {size}, more than this system can address; {AGAIN}"))
    }
}
