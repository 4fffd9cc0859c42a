//! Warnings: problems that do not stop the video.

use std::fmt;
use std::sync::Arc;

/// A message about a node, or about the whole patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The id of the node.
    pub node: Option<Arc<str>>,
    /// The output of the node that keeps its last number, because the new one is not finite.
    pub output: Option<&'static str>,
    /// The problem, and what to do about it.
    pub message: String,
}

impl Warning {
    /// A warning about the whole patch.
    pub fn new(message: impl Into<String>) -> Self {
        Self { node: None, output: None, message: message.into() }
    }

    /// A warning about a node.
    pub fn of(node: Arc<str>, message: impl Into<String>) -> Self {
        Self { node: Some(node), ..Self::new(message) }
    }

    /// A warning about an output whose number is not finite.
    pub fn held(node: Arc<str>, output: &'static str) -> Self {
        let message = format!("{output} is not a finite number, so it keeps its last one");
        Self { output: Some(output), ..Self::of(node, message) }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The warnings of a chunk, each once.
#[derive(Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    /// Begins a chunk with these warnings.
    pub(super) fn reset(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        self.0.clear();
        self.0.extend(warnings);
    }

    pub(super) fn add(&mut self, warning: Warning) {
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }

    pub(super) fn all(&self) -> &[Warning] {
        &self.0
    }
}
