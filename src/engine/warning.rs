//! Warnings: problems that do not stop the video.

use std::fmt;
use std::sync::Arc;

use bendrack_nodes::program::Site;

/// A message about a node, or about the whole patch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The id of the node.
    pub node: Option<Arc<str>>,
    /// The output of the node that keeps its last number, because the new one is not finite.
    pub output: Option<&'static str>,
    /// The problem, and what to do about it.
    pub message: String,
    /// The site of a bend that is skipped at some places.
    pub site: Option<Site>,
    /// The number of these places; 1 for other problems.
    pub count: usize,
}

impl Warning {
    /// A warning about the whole patch.
    pub fn new(message: impl Into<String>) -> Self {
        Self { node: None, output: None, message: message.into(), site: None, count: 1 }
    }

    /// A warning about a node.
    pub fn of(node: Arc<str>, message: impl Into<String>) -> Self {
        Self { node: Some(node), ..Self::new(message) }
    }

    /// A warning about a bend that is skipped at a place of a site. Further places of the site are counted.
    pub fn skipped(node: Arc<str>, site: Site, message: impl Into<String>) -> Self {
        Self { site: Some(site), ..Self::of(node, message) }
    }

    /// True if it is about the same problem, at whatever place.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.node, self.output, self.site) == (&other.node, other.output, other.site)
            && (self.site.is_some() || self.message == other.message)
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
        match self.0.iter_mut().find(|known| known.is_same(&warning)) {
            Some(known) if warning.site.is_some() => known.count += warning.count,
            Some(_) => {}
            None => self.0.push(warning),
        }
    }

    pub(super) fn all(&self) -> &[Warning] {
        &self.0
    }
}
