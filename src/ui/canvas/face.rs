//! The face of a node: its rows, and a trace, picture or drawing.

use bendrack_nodes::node::def::Late;
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
    Picture,
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
        match def.name {
            "view.note" => return Self::Note,
            "view.number" => return Self::Number,
            "view.scope" => return Self::Scope,
            "view.reroute" => return Self::Reroute,
            "model.wan" | "output.picture" => return Self::Picture,
            _ if def.family() == "tap" => return Self::Picture,
            _ => {}
        }
        let still = def.family() == "control" || def.outputs.iter().any(|output| output.late == Some(Late::Call));
        match def.outputs.iter().find(|output| matches!(output.kind, Kind::Number | Kind::Gate)) {
            Some(output) if !still => Self::Trace(Port { node: id.to_owned(), port: output.name.to_owned() }),
            _ => Self::Plain,
        }
    }

    /// Whether the node has neither title nor body.
    pub fn is_bare(&self) -> bool {
        matches!(self, Self::Note)
    }

    /// Whether the drawing covers the rows, which then show only ports.
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
            Self::Picture => theme::THUMB + theme::UNIT / 2.0,
            Self::Note => note::height(patch, id),
            Self::Scope => theme::SCOPE,
        }
    }
}
