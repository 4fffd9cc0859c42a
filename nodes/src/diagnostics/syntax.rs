//! Error of texts with a small grammar: ports, sets, sites, curves, prompt schedules.

use std::fmt;

/// A text that does not follow its grammar. Displays the problem and the next step, as in `0-x: "x" is not a number`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError(String);

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SyntaxError {}
