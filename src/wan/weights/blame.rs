//! Errors that say what they are about.

use std::fmt::Display;

use candle_core::{Error, Result};

pub(super) trait Blame<T> {
    /// Puts `<what>: ` before an error's message, keeping its backtrace out of the text.
    fn blame(self, what: impl Display) -> Result<T>;
}

impl<T> Blame<T> for Result<T> {
    fn blame(self, what: impl Display) -> Self {
        self.map_err(|error| match error {
            Error::WithBacktrace { inner, backtrace } => {
                Error::WithBacktrace { inner: Box::new(Error::Msg(format!("{what}: {inner}"))), backtrace }
            }
            error => Error::Msg(format!("{what}: {error}")),
        })
    }
}
