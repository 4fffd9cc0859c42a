//! The face of a node: its rows, and a trace, picture or drawing.

use bendrack_nodes::node::def::{NodeDef, View};
use bendrack_nodes::patch::Patch;

use crate::ui::canvas::note;
use crate::ui::document::def_of;
use crate::ui::theme;

/// The face of a node. An instance, or a node of an unknown kind, has rows only.
pub fn face_of(patch: &Patch, id: &str) -> View {
    let def = patch.nodes.get(id).and_then(|node| def_of(&node.kind));
    def.map_or(View::Rows, NodeDef::face)
}

/// True if the node has neither title nor body.
pub fn is_bare(face: View) -> bool {
    matches!(face, View::Note { .. })
}

/// True if the drawing covers the rows, which then show only ports.
pub fn covers_rows(face: View, unfolded: bool) -> bool {
    match face {
        View::Number { .. } => true,
        View::Scope(_) => !unfolded,
        View::Rows | View::Trace { .. } | View::Picture(_) | View::Note { .. } | View::Reroute { .. } => false,
    }
}

/// The height below the rows at 100 %.
pub fn extra(face: View, patch: &Patch, id: &str) -> f32 {
    match face {
        View::Rows | View::Number { .. } | View::Reroute { .. } => 0.0,
        View::Trace { .. } => theme::TRACE + theme::UNIT / 2.0,
        View::Picture(_) => theme::THUMB + theme::UNIT / 2.0,
        View::Note { text } => note::height(patch, id, text),
        View::Scope(_) => theme::SCOPE,
    }
}
