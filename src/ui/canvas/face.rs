//! The face of a node: its rows, and a trace, picture or drawing.

use bendrack_nodes::node::def::{Image, Latency, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Patch, Port};

use crate::ui::canvas::note;
use crate::ui::document::def_of;
use crate::ui::theme;

/// The face of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Face {
    /// Rows only.
    Plain,
    /// Rows and the trace of an output.
    Trace(Port),
    /// Rows and a picture.
    Picture(Image),
    /// Text on paper, without a title or rows.
    Note,
    /// A number in large digits.
    Number,
    /// A number over time.
    Scope,
    /// A dot on a cable.
    Reroute,
}

impl Face {
    /// The face of a node.
    pub fn of(patch: &Patch, id: &str) -> Self {
        let Some(def) = patch.nodes.get(id).and_then(|node| def_of(&node.kind)) else { return Self::Plain };
        match def.view {
            View::Rows => Self::Plain,
            View::Picture(image) => Self::Picture(image),
            View::Note => Self::Note,
            View::Number => Self::Number,
            View::Scope => Self::Scope,
            View::Reroute => Self::Reroute,
            View::Trace => {
                let is_measured = def.outputs.iter().any(|output| output.latency == Some(Latency::Call));
                match def.outputs.iter().find(|output| matches!(output.kind, Kind::Number | Kind::Gate)) {
                    Some(output) if !is_measured => {
                        Self::Trace(Port { node: id.to_owned(), port: output.name.to_owned() })
                    }
                    _ => Self::Plain,
                }
            }
        }
    }

    /// True if the node has neither title nor body.
    pub fn is_bare(&self) -> bool {
        matches!(self, Self::Note)
    }

    /// True if the drawing covers the rows, which then show only ports.
    pub fn covers_rows(&self, unfolded: bool) -> bool {
        match self {
            Self::Number => true,
            Self::Scope => !unfolded,
            _ => false,
        }
    }

    /// The height below the rows at 100 %.
    pub fn extra(&self, patch: &Patch, id: &str) -> f32 {
        match self {
            Self::Plain | Self::Number | Self::Reroute => 0.0,
            Self::Trace(_) => theme::TRACE + theme::UNIT / 2.0,
            Self::Picture(_) => theme::THUMB + theme::UNIT / 2.0,
            Self::Note => note::height(patch, id),
            Self::Scope => theme::SCOPE,
        }
    }
}
