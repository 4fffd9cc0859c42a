//! Sums and shapes of files: whether the bytes are the right ones.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The bytes that are read at once.
pub(super) const BLOCK: usize = 1 << 18;
/// The longest end of a zip archive that is searched for its directory.
const ZIP_TAIL: u64 = 1 << 16;
/// The bytes of a zip archive's end, without a comment.
const ZIP_END: usize = 22;

/// The published sum of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sum {
    /// SHA-256 of the bytes, in hexadecimal.
    Sha256(String),
    /// The name of the bytes in git: SHA-1 of a header and the bytes.
    GitBlob(String),
    /// No published sum; the file's shape is checked instead.
    Unknown,
}

impl Sum {
    /// The form in files of notes.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Sha256(sum) => format!("sha256:{sum}"),
            Self::GitBlob(sum) => format!("git:{sum}"),
            Self::Unknown => String::new(),
        }
    }
}

/// A sum in the making.
#[derive(Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    GitBlob(Sha1),
    Unknown,
}

impl Hasher {
    /// A hasher for a file of `size` bytes; git's sum includes the size.
    pub(super) fn new(sum: &Sum, size: Option<u64>) -> Self {
        match (sum, size) {
            (Sum::Sha256(_), _) => Self::Sha256(Sha256::new()),
            (Sum::GitBlob(_), Some(size)) => {
                let mut sha1 = Sha1::new();
                sha1.update(format!("blob {size}\0"));
                Self::GitBlob(sha1)
            }
            _ => Self::Unknown,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::GitBlob(hash) => hash.update(bytes),
            Self::Unknown => {}
        }
    }

    /// Adds the bytes that a reader still holds, with a call after each block. The result is their number, or none if the user
    /// stopped it.
    pub(super) fn update_from(
        &mut self,
        reader: &mut impl Read,
        cancelled: &AtomicBool,
        mut each: impl FnMut(u64),
    ) -> io::Result<Option<u64>> {
        let mut block = vec![0; BLOCK];
        let mut total = 0;
        loop {
            if cancelled.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let n = read(reader, &mut block)?;
            if n == 0 {
                return Ok(Some(total));
            }
            self.update(&block[..n]);
            total += n as u64;
            each(n as u64);
        }
    }

    pub(super) fn finish(self) -> Sum {
        match self {
            Self::Sha256(hash) => Sum::Sha256(hex(&hash.finalize())),
            Self::GitBlob(hash) => Sum::GitBlob(hex(&hash.finalize())),
            Self::Unknown => Sum::Unknown,
        }
    }
}

/// Reads a block; a signal does not end it.
pub(super) fn read(reader: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(block) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The problem with a file that should begin and end as its name promises, if any.
pub(super) fn misshapen(path: &Path, name: &str) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(64).read_to_end(&mut head)?;
    if let Some(stranger) = stranger(&head) {
        return Ok(Some(stranger.to_owned()));
    }
    let right = match name.rsplit('.').next().unwrap_or_default() {
        "pth" | "pt" | "bin" | "ckpt" => {
            head.first() == Some(&0x80) || (head.starts_with(b"PK") && zip_ends(&mut file, size)?)
        }
        "gguf" => head.starts_with(b"GGUF"),
        "safetensors" => safetensors_begins(&head, size),
        "json" => head.trim_ascii_start().first().is_some_and(|byte| b"{[".contains(byte)),
        _ => size > 0,
    };
    Ok((!right).then(|| "it does not have the shape of such a file".to_owned()))
}

/// The kind of thing that servers deliver instead of a file.
pub(super) fn stranger(head: &[u8]) -> Option<&'static str> {
    let start = head.trim_ascii_start().to_ascii_lowercase();
    if start.starts_with(b"<!doctype") || start.starts_with(b"<html") {
        return Some("it is a web page");
    }
    start.starts_with(b"version https://git-lfs").then_some("it is a pointer of Git LFS, not the file")
}

fn safetensors_begins(head: &[u8], size: u64) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length).checked_add(8).is_some_and(|end| end <= size)
}

/// True if a zip archive ends with its directory, as a whole one does.
fn zip_ends(file: &mut File, size: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(size.saturating_sub(ZIP_TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    // The last field of the end is the length of a comment, and the comment follows.
    let ends = |end: &[u8]| end.len() == ZIP_END + usize::from(u16::from_le_bytes([end[20], end[21]]));
    let starts = 0..(tail.len() + 1).saturating_sub(ZIP_END);
    Ok(starts.rev().any(|at| tail[at..].starts_with(b"PK\x05\x06") && ends(&tail[at..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_git_and_sha256sum() {
        let mut hasher = Hasher::new(&Sum::GitBlob(String::new()), Some(6));
        hasher.update(b"hello\n");
        assert_eq!(hasher.finish(), Sum::GitBlob("ce013625030ba8dba906f756967f9e9ca394464a".into()));
        let mut hasher = Hasher::new(&Sum::Sha256(String::new()), None);
        hasher.update(b"abc");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hasher.finish(), Sum::Sha256(abc.into()));
    }

    #[test]
    fn strangers_are_recognised() {
        assert!(stranger(b"\n <!DOCTYPE html>").is_some());
        assert!(stranger(b"version https://git-lfs.github.com/spec/v1").is_some());
        assert!(stranger(b"PK\x03\x04").is_none());
    }
}
