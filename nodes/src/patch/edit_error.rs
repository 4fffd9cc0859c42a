//! Reasons why an edit does not apply.

use std::fmt;

use crate::patch::Port;

/// Reason why an [`Edit`](crate::patch::edit::Edit) does not apply to a patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// The patch has no node of this id.
    NoNode(String),
    /// The patch has no cable to this input.
    NoCable(Port),
    /// The patch has no subpatch of this name.
    NoSubpatch(String),
    /// The id of a new node is taken.
    IdTaken(String),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNode(id) => write!(f, "there is no node {id}; choose a node of the patch"),
            Self::NoCable(to) => write!(f, "there is no cable to {to}; connect one first"),
            Self::NoSubpatch(name) => write!(f, "there is no subpatch {name}; choose a subpatch of the patch"),
            Self::IdTaken(id) => write!(f, "there is already a node {id}; choose another id"),
        }
    }
}

impl std::error::Error for EditError {}
