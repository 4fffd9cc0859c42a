//! The fingerprint of a model's weights, computed without reading all of them.
//!
//! The fingerprint is the SHA-256 of its parts, one after the other. Their order: transformer, config, LoRAs, text
//! encoder, tokenizer, decoder. Missing parts are left out. A strength of a LoRA other than 1 follows it, as a part `strength` of eight
//! bytes. Products in other numbers than f32 follow the LoRAs, as a part `products` with their name. Of each part it takes
//!
//! 1. its name, such as `text encoder`, and a byte 0;
//! 2. the length of each of its files in bytes, as eight bytes, the lowest first;
//! 3. the contents of each of its files: all of up to 4 MiB, or 64 pieces of 64 KiB each.
//!
//! The files of a part are its shards in the order of their names, else one. Piece `i` begins at
//! `i · (length − 64 KiB) / 63`, rounded down. The first piece is the beginning and the last the end.
//!
//! Names of files and folders are not part of it, so a moved model keeps its fingerprint. Two models have the same
//! fingerprint if their files have the same lengths and differ only between the pieces. Training changes all of a
//! layer, so this does not happen.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use candle_core::{Error, Result};
use sha2::{Digest, Sha256};

use super::error::About;
use super::weights::Weights;
use crate::hex::hex;

/// The most bytes of a file that is read as a whole.
const WHOLE: u64 = 4 << 20;
/// The number of pieces of a longer file, and the bytes of each.
const PIECES: u64 = 64;
const PIECE: u64 = WHOLE / PIECES;

/// A fingerprint under construction.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a part that lies in a file, or in the shards in a folder.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read; the message names it.
    pub fn add(&mut self, part: &str, path: &Path) -> Result<()> {
        let add = || -> Result<_> {
            // Not every part is a checkpoint.
            let files = if path.is_dir() || Weights::head(path).is_some() {
                Weights::files(path)?
            } else {
                vec![path.to_owned()]
            };
            Ok(files.into_iter().map(File::open).collect::<std::io::Result<Vec<_>>>()?)
        };
        let mut files = add().about(path.display())?;
        self.add_files(part, &mut files).map_err(Error::from).about(path.display())
    }

    /// Adds a part in memory.
    ///
    /// # Errors
    ///
    /// Fails if the bytes cannot be read.
    pub fn add_bytes(&mut self, part: &str, bytes: &[u8]) -> Result<()> {
        Ok(self.add_files(part, &mut [Cursor::new(bytes)])?)
    }

    /// The fingerprint in hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }

    fn add_files<F: Read + Seek>(&mut self, part: &str, files: &mut [F]) -> std::io::Result<()> {
        self.0.update(part);
        self.0.update([0]);
        let mut lengths = Vec::new();
        for file in &mut *files {
            let length = file.seek(SeekFrom::End(0))?;
            self.0.update(length.to_le_bytes());
            lengths.push(length);
        }
        let mut piece = vec![0; WHOLE as usize];
        for (file, length) in files.iter_mut().zip(lengths) {
            let pieces = if length <= WHOLE { 1 } else { PIECES };
            let size = if length <= WHOLE { length } else { PIECE };
            for i in 0..pieces {
                let start = u128::from(i) * u128::from(length - size) / u128::from(PIECES - 1);
                file.seek(SeekFrom::Start(start as u64))?;
                let piece = &mut piece[..size as usize];
                file.read_exact(piece)?;
                self.0.update(piece);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wan::checkpoint::Checkpoint;
    use crate::wan::mini;

    fn of(files: &[&[u8]]) -> String {
        let mut fingerprint = Fingerprint::default();
        for (part, bytes) in ["transformer", "decoder"].into_iter().zip(files) {
            fingerprint.add_bytes(part, bytes).expect("bytes can be read");
        }
        fingerprint.finish()
    }

    /// The number was computed by hand from the definition above: `printf 'transformer\0\3\0\0\0\0\0\0\0abc' | sha256sum`.
    #[test]
    fn it_equals_its_definition() {
        let sum = "4acb05514a5834170a22410311a7d3dcb052de97be40b2153ab3fc78cefef8c6";
        assert_eq!(of(&[b"abc"]), sum);
    }

    /// The model inside the program and its files in a folder are the same model. So are files that were moved or
    /// renamed.
    #[test]
    fn it_does_not_depend_on_where_the_files_lie() {
        let mini = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/mini");
        let of = |folder: &Path| Checkpoint::find(folder)?.fingerprint().map(Fingerprint::finish);
        let wanted = mini::fingerprint().expect("bytes can be read").finish();
        assert_eq!(of(&mini).expect("a model"), wanted);
        let folder = tempfile::Builder::new().suffix("-mini").tempdir().expect("a folder");
        for name in ["config.json", "tokenizer.json", "text_encoder.safetensors", "decoder.safetensors"] {
            std::fs::copy(mini.join(name), folder.path().join(name)).expect("a copy");
        }
        let moved = folder.path().join("renamed.safetensors");
        std::fs::copy(mini.join("transformer.safetensors"), &moved).expect("a copy");
        assert_eq!(of(folder.path()).expect("a model"), wanted);
        let mut bytes = std::fs::read(&moved).expect("a file");
        *bytes.last_mut().expect("weights") ^= 1;
        std::fs::write(&moved, bytes).expect("written");
        assert_ne!(of(folder.path()).expect("a model"), wanted, "another weight");
    }

    #[test]
    fn shards_are_taken_by_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in [("a-2-of-2.safetensors", b"two"), ("a-1-of-2.safetensors", b"one"), ("notes.txt", b"not")]
        {
            std::fs::write(folder.path().join(name), bytes).expect("written");
        }
        let mut shards = Fingerprint::default();
        shards.add("transformer", folder.path()).expect("shards");
        let mut by_hand = Fingerprint::default();
        by_hand.add_files("transformer", &mut [b"one", b"two"].map(Cursor::new)).expect("bytes");
        assert_eq!(shards.finish(), by_hand.finish());
        let error =
            Fingerprint::default().add("decoder", &folder.path().join("gone.pt")).expect_err("no file").to_string();
        assert!(error.contains("gone.pt"), "{error}");
    }

    #[test]
    fn every_part_and_both_ends_of_a_file_matter() {
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"abc"]), of(&[b"abc", b""]));
        let mut long = vec![7_u8; WHOLE as usize * 2 + 5];
        let before = of(&[&long]);
        for at in [0, PIECE as usize - 1, long.len() - 1] {
            long[at] = 8;
            assert_ne!(of(&[&long]), before, "byte {at}");
            long[at] = 7;
        }
        long.push(7);
        assert_ne!(of(&[&long]), before, "its length");
    }
}
