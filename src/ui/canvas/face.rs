//! What a node looks like below its title: rows and perhaps a scope or a picture, or something of its own.

use bendrack_nodes::def::Late;
use bendrack_nodes::patch::{Patch, Port};
use bendrack_nodes::value::Kind;

use crate::ui::canvas::note;
use crate::ui::document::def_of;
use crate::ui::theme;

/// How a node is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Face {
    /// Rows only.
    Plain,
    /// Rows, and the last seconds of an output.
    Trace(Port),
    /// Rows, and a picture.
    Picture,
    /// Text on paper: no title, no rows.
    Note,
    /// A number in large figures.
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

    /// Whether neither title nor body is drawn as other nodes have them.
    pub fn is_bare(&self) -> bool {
        matches!(self, Self::Note)
    }

    /// Whether the rows have ports but neither names nor knobs, as what is drawn lies over them.
    pub fn covers_rows(&self, open: bool) -> bool {
        match self {
            Self::Number => true,
            Self::Scope => !open,
            _ => false,
        }
    }

    /// The height of what is below the rows, at 100 %.
    pub fn extra(&self, patch: &Patch, id: &str) -> f32 {
        match self {
            Self::Plain | Self::Number | Self::Reroute => 0.0,
            Self::Trace(_) => theme::SCOPE + theme::UNIT / 2.0,
            Self::Picture => theme::THUMB + theme::UNIT / 2.0,
            Self::Note => note::height(patch, id),
            Self::Scope => theme::BIG_SCOPE,
        }
    }
}
