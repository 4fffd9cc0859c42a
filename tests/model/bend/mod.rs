//! Programs applied to the model: each bend as it is defined, free when it is neutral, the same each time.

#![allow(clippy::float_cmp, reason = "tests compare bits")]

mod fixtures;
mod maps;
mod sites;
mod video;

use std::sync::LazyLock;

use bendrack::wan::text::Tokens;

/// The prompt's, made once.
static TOKENS: LazyLock<Tokens> = LazyLock::new(fixtures::tokens);
