//! From prompt to embedding: cleaning, tokens, the UMT5 encoder.
//!
//! A [`Prompt`] maps each word to its rows. A bend on `tulip` thus acts on all tokens of the word.

mod blend;
mod clean;
mod encoder;
mod sentence_piece;
mod store;
mod tokenizer;
mod tokens;
mod umt5;

pub use blend::blend;
pub use clean::clean;
pub use encoder::{Prompt, TextEncoder};
pub use store::PromptStore;
pub use tokenizer::Tokenizer;
pub use tokens::{Token, Tokens, Word};
pub use umt5::{Umt5, relative_bucket};

/// The negative prompt that Wan's two-pass sampling uses unless it is given one.
///
/// Source: Wan2.1 `wan/configs/shared_config.py`, `sample_neg_prompt`.
pub const NEGATIVE_PROMPT: &str = "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，\
    低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，\
    静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走";

#[cfg(test)]
mod encoder_tests;
#[cfg(test)]
mod tokenizer_tests;
