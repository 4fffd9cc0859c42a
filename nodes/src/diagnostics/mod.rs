//! Diagnostics: the problems of a patch, as messages for its author.

mod collector;
pub(crate) mod messages;
pub(crate) mod numbers;
pub mod place;
pub(crate) mod pointer;
pub mod spans;
pub mod suggest;
mod syntax;

pub(crate) use collector::Diagnostics;
pub use syntax::SyntaxError;

use std::fmt;

use serde::Serialize;

use crate::diagnostics::spans::Span;
use crate::diagnostics::suggest::nearest;

/// Severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The patch runs, perhaps not as intended.
    Warning,
    /// The patch does not run.
    Error,
}

/// Code of a problem, for programs that read problems. It stays the same when messages change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The file is not JSON, or not of the shape of a patch.
    NotAPatch,
    /// The file was written by a later bendrack.
    LaterVersion,
    /// A limit is exceeded: bytes, nodes, words, parts of a picture.
    TooMany,
    /// A key occurs twice.
    DuplicateKey,
    /// Two inputs, outputs or snapshots have one name.
    DuplicateName,
    /// An unknown key; it is kept.
    UnknownKey,
    /// An id is not made of `a` to `z`, `0` to `9` and `_`.
    BadId,
    /// A node of an unknown kind; it is kept.
    UnknownNode,
    /// A parameter that the node lacks; it is kept.
    UnknownParameter,
    /// A value of the wrong kind, or not one of the choices.
    BadValue,
    /// A text that its grammar refuses: a formula, a list, a curve.
    BadText,
    /// A number outside of its limits.
    OutOfRange,
    /// A number with more digits than a 64-bit float holds.
    Rounded,
    /// A cable, a map or a snapshot names a missing node.
    NoSuchNode,
    /// A cable, a map or a snapshot names a port that the node lacks.
    NoSuchPort,
    /// A cable joins ports that do not fit.
    KindsDiffer,
    /// A second cable ends at an input.
    TwoCables,
    /// Nodes feed one another in a circle, or a subpatch contains itself.
    Circle,
    /// A setting without effect.
    NoEffect,
}

impl Code {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAPatch => "not-a-patch",
            Self::LaterVersion => "later-version",
            Self::TooMany => "too-many",
            Self::DuplicateKey => "duplicate-key",
            Self::DuplicateName => "duplicate-name",
            Self::UnknownKey => "unknown-key",
            Self::BadId => "bad-id",
            Self::UnknownNode => "unknown-node",
            Self::UnknownParameter => "unknown-parameter",
            Self::BadValue => "bad-value",
            Self::BadText => "bad-text",
            Self::OutOfRange => "out-of-range",
            Self::Rounded => "rounded",
            Self::NoSuchNode => "no-such-node",
            Self::NoSuchPort => "no-such-port",
            Self::KindsDiffer => "kinds-differ",
            Self::TwoCables => "two-cables",
            Self::Circle => "circle",
            Self::NoEffect => "no-effect",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A problem of a patch: its place, the problem, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Code of the problem.
    pub code: Code,
    /// Severity: an error keeps the patch from running.
    pub severity: Severity,
    /// JSON pointer to the place: `/nodes/lfo1/params/rate`; empty for the whole file.
    pub pointer: String,
    /// Span in the text of the file, if known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub span: Option<Box<Span>>,
    /// The message: the problem and the next step.
    pub message: String,
    /// The expected value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The nearest known name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem that keeps the patch from running.
    pub fn error(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            pointer: pointer.into(),
            span: None,
            message: message.into(),
            expected: None,
            suggestion: None,
        }
    }

    /// A problem that does not keep the patch from running.
    pub fn warning(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, pointer, message) }
    }

    /// Adds the expected value.
    #[must_use]
    pub fn expected(self, what: impl Into<String>) -> Self {
        Self { expected: Some(what.into()), ..self }
    }

    /// Adds the nearest of these names as the suggestion, if one is near.
    #[must_use]
    pub fn suggesting<'a>(self, name: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let suggestion = nearest(name, names, &mut { usize::MAX });
        Self { suggestion, ..self }
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        // A problem of the whole file has no place.
        let span = if self.pointer.is_empty() { String::new() } else { format!("{}: ", self.pointer) };
        write!(f, "{severity}: {span}{}", self.message)?;
        match &self.suggestion {
            Some(name) => write!(f, "; did you mean {name:?}?"),
            None => Ok(()),
        }
    }
}
