//! What did not go well and did not stop the video.

use std::fmt;
use std::sync::Arc;

/// A sentence about a node, or about the whole patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The id of the node.
    pub node: Option<Arc<str>>,
    /// What is wrong, and what to do.
    pub sentence: String,
}

impl Warning {
    /// About the whole patch.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { node: None, sentence: sentence.into() }
    }

    /// About a node.
    pub fn of(node: Arc<str>, sentence: impl Into<String>) -> Self {
        Self { node: Some(node), sentence: sentence.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.sentence),
            None => f.write_str(&self.sentence),
        }
    }
}
