//! The vocabulary in the metadata of a GGUF text encoder.

use candle_core::{Result, bail};

use super::bytes::{Bytes, Reader};
use crate::wan::error::About;

/// A piece of a vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::wan) struct Piece {
    /// Its text; `▁` stands for a space.
    pub(in crate::wan) text: String,
    /// The logarithm of its probability.
    pub(in crate::wan) score: f32,
    /// Its kind, in SentencePiece's numbers.
    pub(in crate::wan) kind: u64,
}

/// The pieces of a vocabulary, and its table of normalised characters.
pub(in crate::wan) struct Vocabulary {
    pub(in crate::wan) pieces: Vec<Piece>,
    pub(in crate::wan) charsmap: Vec<u8>,
}

const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const KINDS: &str = "tokenizer.ggml.token_type";
const CHARSMAP: &str = "tokenizer.ggml.precompiled_charsmap";
/// Types of the items of arrays.
const STRING: u32 = 8;
const FLOAT32: u32 = 6;
const BYTES: [u32; 2] = [0, 1];
/// The kind of a piece without a kind.
const NORMAL: u64 = 1;

/// The arrays of a vocabulary, as the file holds them.
#[derive(Clone, Default)]
pub(super) struct Stored {
    tokens: Option<Bytes>,
    scores: Option<Bytes>,
    kinds: Option<Bytes>,
    charsmap: Option<Bytes>,
}

impl Stored {
    /// Keeps an array if the vocabulary needs it.
    pub(super) fn keep(&mut self, key: &str, value: Bytes) {
        match key {
            TOKENS => self.tokens = Some(value),
            SCORES => self.scores = Some(value),
            KINDS => self.kinds = Some(value),
            CHARSMAP => self.charsmap = Some(value),
            _ => {}
        }
    }

    /// The arrays, if there are pieces with scores among them.
    pub(super) fn complete(self) -> Option<Self> {
        (self.tokens.is_some() && self.scores.is_some()).then_some(self)
    }

    /// Reads the pieces.
    pub(super) fn read(&self) -> Result<Vocabulary> {
        let texts = array(self.tokens.as_ref(), &[STRING], |reader| {
            let len = reader.size()?;
            Ok(String::from_utf8_lossy(reader.take(len)?).into_owned())
        });
        let texts = texts.about(TOKENS)?;
        let scores = array(self.scores.as_ref(), &[FLOAT32], |reader| Ok(f32::from_bits(reader.u32()?)));
        let scores = scores.about(SCORES)?;
        let kinds = array(self.kinds.as_ref(), &[4, 5], |reader| Ok(u64::from(reader.u32()?))).about(KINDS)?;
        let charsmap = array(self.charsmap.as_ref(), &BYTES, |reader| Ok(reader.take(1)?[0])).about(CHARSMAP)?;
        if scores.len() != texts.len() || !kinds.is_empty() && kinds.len() != texts.len() {
            bail!("{} pieces, {} scores and {} kinds do not fit each other", texts.len(), scores.len(), kinds.len())
        }
        let kinds = kinds.into_iter().chain(std::iter::repeat(NORMAL));
        let pieces = texts.into_iter().zip(scores).zip(kinds);
        let pieces = pieces.map(|((text, score), kind)| Piece { text, score, kind }).collect();
        Ok(Vocabulary { pieces, charsmap })
    }
}

/// The items of an array of one of these types; none without the array.
fn array<T>(
    value: Option<&Bytes>,
    types: &[u32],
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut reader = Reader::new(value.as_slice());
    let (code, len) = (reader.u32()?, reader.size()?);
    if !types.contains(&code) {
        bail!("an array of type {code} is not possible here")
    }
    // The reader of the metadata has passed over so many items, so there are as many.
    (0..len).map(|_| item(&mut reader)).collect()
}
