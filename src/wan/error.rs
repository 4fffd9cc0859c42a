//! Messages of candle's errors.

use std::fmt::Display;

use candle_core::{Error, Result};

/// The message of an error, without the backtraces that candle puts into errors under `RUST_BACKTRACE`.
pub fn message(error: &Error) -> String {
    match error {
        Error::WithBacktrace { inner, .. } => message(inner),
        Error::Context { inner, context } => format!("{context}: {}", message(inner)),
        Error::WithPath { inner, path } => format!("{}: {}", path.display(), message(inner)),
        error => error.to_string(),
    }
}

/// Adds the subject of an error to its message.
pub(crate) trait About<T> {
    /// Puts `<what>: ` before the message of an error.
    fn about(self, what: impl Display) -> Result<T>;
}

impl<T> About<T> for Result<T> {
    fn about(self, what: impl Display) -> Self {
        self.map_err(|error| {
            let text = format!("{what}: {}", message(&error));
            match error {
                Error::WithBacktrace { backtrace, .. } => {
                    Error::WithBacktrace { inner: Box::new(Error::Msg(text)), backtrace }
                }
                _ => Error::Msg(text),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::backtrace::Backtrace;

    use super::*;

    /// An error as candle makes it under `RUST_BACKTRACE=1`.
    fn traced(inner: Error) -> Error {
        Error::WithBacktrace { inner: Box::new(inner), backtrace: Box::new(Backtrace::force_capture()) }
    }

    #[test]
    fn messages_have_no_backtrace_at_any_depth() {
        let inner = traced(Error::Msg("the header is cut short".to_owned()));
        let nested = traced(inner.context("model.gguf")).with_path("models");
        assert_eq!(message(&nested), "models: model.gguf: the header is cut short");
        let named: Result<()> = Err(nested).about("mini");
        let named = named.about("the LoRA").expect_err("an error");
        assert_eq!(message(&named), "the LoRA: mini: models: model.gguf: the header is cut short");
    }
}
