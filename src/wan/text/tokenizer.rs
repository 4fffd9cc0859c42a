//! Prompts to tokens, by a `tokenizer.json` or a SentencePiece model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use candle_core::{DType, Result, bail};

use super::clean;
use super::sentence_piece;
use super::tokens::{Token, Tokens, trim};
use crate::files;
use crate::wan::error::About;
use crate::wan::weights::{TOKENIZER, Weights};

/// Any tokenizer of Hugging Face's `tokenizers`: UMT5's SentencePiece one, or a plain list of words.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, or a SentencePiece model such as `spiece.model`. UMT5's come with Wan in `google/umt5-xxl`.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is not a tokenizer; the message names it.
    pub fn open(path: &Path) -> Result<Self> {
        let file = files::read(path).map_err(|e| {
            candle_core::Error::Msg(format!(
                "{}: {e}. The tokenizer of the text encoder belongs there: tokenizer.json, in the folder google/umt5-xxl \
                 of a Wan 2.1 download",
                path.display()
            ))
        })?;
        let is_json = file.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        let read = if is_json { Self::from_json(&file) } else { Self::from_sentence_piece(&file) };
        read.about(path.display())
    }

    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a tokenizer.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::guarded(|| tokenizers::Tokenizer::from_bytes(json).map_err(|e| e.to_string()))
    }

    /// Reads a SentencePiece model file, which UMT5 checkpoints for ComfyUI hold as the tensor `spiece_model`.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a tokenizer.
    pub fn from_sentence_piece(model: &[u8]) -> Result<Self> {
        Self::guarded(|| sentence_piece::tokenizer(model).map_err(|e| e.to_string()))
    }

    /// The tokenizer inside a text encoder's weights, if any.
    ///
    /// # Errors
    ///
    /// Fails if the tensor is not a tokenizer.
    pub fn from_weights(weights: &Weights) -> Result<Option<Self>> {
        let Some(dims) = weights.dims(TOKENIZER) else {
            let Some(vocabulary) = weights.vocabulary()? else { return Ok(None) };
            return Self::guarded(|| sentence_piece::of_vocabulary(&vocabulary).map_err(|e| e.to_string())).map(Some);
        };
        // Bytes are small enough to have come through any dtype unharmed.
        let model = weights.get(TOKENIZER, dims)?.flatten_all()?.to_dtype(DType::U8)?.to_vec1::<u8>()?;
        Self::from_sentence_piece(&model).map(Some)
    }

    /// The result of `read`, or an error if it panics: the library panics on a table that is cut short.
    fn guarded(read: impl FnOnce() -> std::result::Result<tokenizers::Tokenizer, String>) -> Result<Self> {
        let advice = "download it again, or use the one that belongs to the text encoder";
        let mut inner = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(inner)) => inner,
            Ok(Err(e)) => bail!("the file is not a tokenizer: {e}; {advice}"),
            Err(_) => bail!("the file is not a tokenizer: one of its tables is broken; {advice}"),
        };
        // The file's own truncation and padding do not apply: the encoder sets the length.
        inner.with_padding(None);
        inner.with_truncation(None).map_err(candle_core::Error::wrap)?;
        Ok(Self { inner })
    }

    /// The number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> usize {
        // Not the number of words: several of them may have one token.
        self.inner.get_vocab(true).into_values().max().map_or(0, |largest| largest as usize + 1)
    }

    /// Cleans and tokenizes a prompt. Tokens beyond `length` are dropped, except the end token.
    ///
    /// # Errors
    ///
    /// Fails if the tokenizer cannot read the prompt.
    pub fn tokenize(&self, prompt: &str, length: usize) -> Result<Tokens> {
        self.tokenize_cleaned(clean(prompt), length)
    }

    /// [`tokenize`](Self::tokenize) for a prompt that is clean.
    pub(super) fn tokenize_cleaned(&self, prompt: String, length: usize) -> Result<Tokens> {
        let encoding = match catch_unwind(AssertUnwindSafe(|| self.inner.encode(prompt.as_str(), true))) {
            Ok(Ok(encoding)) => encoding,
            Ok(Err(e)) => {
                bail!("the tokenizer cannot read the prompt: {e}; use the tokenizer.json of the text encoder")
            }
            Err(_) => bail!("the tokenizer cannot read the prompt; use the tokenizer.json of the text encoder"),
        };
        // The library counts bytes of the prompt here, and gives a token the space before it.
        let mut tokens: Vec<Token> = (0..encoding.len())
            .map(|i| Token {
                id: encoding.get_ids()[i],
                piece: encoding.get_tokens()[i].clone(),
                span: span_of(&prompt, &encoding, i),
            })
            .collect();
        spread_bytes(&prompt, &mut tokens);
        let ends = encoding.get_special_tokens_mask().last() == Some(&1);
        let dropped = tokens.len().saturating_sub(length);
        if dropped > 0 {
            let last = if ends { tokens.pop() } else { None };
            tokens.truncate(length.saturating_sub(usize::from(last.is_some())));
            tokens.extend(last.filter(|_| length > 0));
        }
        let eos = if ends { tokens.len().checked_sub(1) } else { None };
        Ok(Tokens { prompt, tokens, eos, dropped })
    }
}

/// The bytes of `prompt` that token `i` covers, without the spaces around them.
fn span_of(prompt: &str, encoding: &tokenizers::Encoding, i: usize) -> std::ops::Range<usize> {
    let (start, end) = encoding.get_offsets()[i];
    // `▁` stands for a space that is often not there; then the library has it cover the first letter.
    if encoding.get_special_tokens_mask()[i] == 1 || encoding.get_tokens()[i].chars().all(|c| c == '▁') {
        return start..start;
    }
    trim(prompt, start..end, char::is_whitespace)
}

/// Gives each token that the vocabulary spells in bytes, `<0xE7>`, the one character it is a byte of.
///
/// The library lets all of them cover the whole run of such characters.
fn spread_bytes(prompt: &str, tokens: &mut [Token]) {
    let is_byte =
        |token: &Token| token.piece.len() == 6 && token.piece.starts_with("<0x") && token.piece.ends_with('>');
    let mut i = 0;
    while i < tokens.len() {
        let run = tokens[i].span.clone();
        let same = |token: &&Token| is_byte(token) && token.span == run;
        // A run that normalisation made longer or shorter stays as it is.
        if !run.is_empty() && tokens[i..].iter().take_while(same).take(run.len()).count() == run.len() {
            let text = &prompt[run.clone()];
            let characters = text.char_indices().flat_map(|(at, c)| {
                let start = run.start + at;
                std::iter::repeat_n(start..start + c.len_utf8(), c.len_utf8())
            });
            for (token, character) in tokens[i..].iter_mut().zip(characters) {
                token.span = character;
            }
            i += run.len();
        } else {
            i += 1;
        }
    }
}
