//! From prompt to embedding: cleaning, tokens, the UMT5 encoder.

mod clean;
mod tokenizer;
mod tokens;

pub use clean::clean;
pub use tokenizer::Tokenizer;
pub use tokens::{Token, Tokens, Word};

#[cfg(test)]
mod tokenizer_tests;
