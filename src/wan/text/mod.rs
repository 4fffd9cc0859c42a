//! From prompt to embedding: cleaning, tokens, the UMT5 encoder.
//!
//! A [`Prompt`] knows which of its rows stand for which word, so that a bend can aim at `tulip` and mean all of its tokens.

mod clean;
mod encoder;
mod tokenizer;
mod tokens;
mod umt5;

pub use clean::clean;
pub use encoder::{Prompt, TextEncoder};
pub use tokenizer::Tokenizer;
pub use tokens::{Token, Tokens, Word};
pub use umt5::{Seen, Umt5, relative_bucket};

#[cfg(test)]
mod encoder_tests;
#[cfg(test)]
mod tokenizer_tests;
