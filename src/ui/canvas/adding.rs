//! New nodes on the canvas: from the palette, from a dropped word, and their places.

use std::collections::BTreeSet;

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Place, Port};
use eframe::egui::{DragAndDrop, Pos2, Rect, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};

use super::graph::stem;
use super::palette::{PaletteResponse, matching_port, palette_ui};
use super::wiring::node_at;
use super::{Canvas, cable, node, snap};
use crate::ui::document::Step;
use crate::ui::document::limits::target_input;
use crate::ui::document::words::{DraggedWord, drop_on};
use crate::ui::theme;
use crate::ui::workspace::{PendingCable, Workspace};

/// Adds a node for a word that is dropped on the canvas. The node under the pointer gets it as its target.
pub(in crate::ui) fn drop_word(ui: &Ui, canvas: &Canvas, workspace: &mut Workspace) {
    let Some(at) = ui.input(|i| i.pointer.interact_pos()).filter(|at| canvas.contains(*at)) else { return };
    if !DragAndDrop::has_payload_of_type::<DraggedWord>(ui.ctx()) {
        return;
    }
    let node = node_at(canvas, workspace, at).filter(|id| target_input(workspace.editor.patch(), id).is_some());
    if let Some(rect) = node.as_ref().and_then(|id| workspace.frame.rects.get(id)) {
        let edge = Stroke::new(2.0, theme::accent());
        ui.painter().rect_stroke(rect.expand(2.0), 6.0, edge, StrokeKind::Outside);
    }
    if !ui.input(|i| i.pointer.any_released()) {
        return;
    }
    let Some(word) = DragAndDrop::take_payload::<DraggedWord>(ui.ctx()) else { return };
    let beside = node.as_ref().and_then(|id| workspace.frame.rects.get(id));
    let at = beside.map_or(at, |rect| rect.left_top() - vec2(264.0, 0.0) * workspace.frame.zoom);
    let place = canvas.free_place(workspace, at);
    let (step, id) = drop_on(workspace.editor.patch(), node.as_deref(), &word.0, place);
    if workspace.editor.apply(step) {
        workspace.editor.selection = BTreeSet::from([id]);
    }
}

/// Shows the palette and adds the chosen node and the pending cable in one step.
pub(in crate::ui) fn show_palette(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    let Some(palette) = &mut canvas.palette else { return };
    if let Some(pending) = &palette.pending {
        let start = workspace
            .frame
            .ports
            .iter()
            .find(|drawn| drawn.port == pending.port && drawn.output == pending.from_output);
        if let Some(start) = start {
            ui.painter().add(cable::pending_shape(
                pending.kind,
                start.at,
                palette.at,
                pending.from_output,
                workspace.frame.zoom,
            ));
        }
    }
    match palette_ui(ui, palette) {
        PaletteResponse::Open => {}
        PaletteResponse::Closed => canvas.palette = None,
        PaletteResponse::Chosen(def) => {
            let (at, pending) = (palette.at, palette.pending.take());
            canvas.palette = None;
            add(canvas, workspace, def, at, pending.as_ref());
        }
    }
}

fn add(canvas: &Canvas, workspace: &mut Workspace, def: &'static NodeDef, at: Pos2, pending: Option<&PendingCable>) {
    let id = workspace.editor.patch().free_id(stem(def));
    let mut pos = canvas.place(at, workspace.frame.zoom);
    let node = Node::new(def.name);
    let mut with = Patch::clone(workspace.editor.patch());
    with.nodes.insert(id.clone(), node.clone());
    let size = node::size(&with, &id, false);
    let mut edits = Vec::new();
    if let Some(pending) = pending
        && let Some(name) = matching_port(def, pending)
    {
        let port = Port { node: id.clone(), port: name.to_owned() };
        let cable = if pending.from_output {
            Cable::new(pending.port.clone(), port)
        } else {
            pos[0] -= f64::from(theme::NODE_WIDTH);
            Cable::new(port, pending.port.clone())
        };
        edits.push(LevelEdit::Connect { cable });
    }
    let pos = free_place(canvas, workspace, size, pos);
    edits.insert(0, LevelEdit::AddNode { id: id.clone(), node, pos });
    if workspace.editor.apply(Step::new(format!("add {}", def.title), edits)) {
        workspace.editor.selection = BTreeSet::from([id]);
    }
}

/// The place for a new node at a point of the patch, or below it: within the view, and free of other nodes.
pub(in crate::ui) fn free_place(canvas: &Canvas, workspace: &Workspace, size: Vec2, [x, y]: [f64; 2]) -> [f64; 2] {
    let (zoom, patch) = (workspace.frame.zoom, workspace.editor.patch());
    let mut place = Rect::from_min_size(pos2(x as f32, y as f32), size);
    if let Some(view) = canvas.rect {
        // In a view that is too small, the beginning of the node is seen.
        let view = Rect::from_min_size((-canvas.pan / zoom).to_pos2(), view.size() / zoom).shrink(theme::UNIT);
        let most = (view.max - size).max(view.min);
        place = Rect::from_min_size(place.min.clamp(view.min, most), size);
    }
    let rect_of = |(id, at): (&String, &Place)| {
        let corner = pos2(at.pos[0] as f32, at.pos[1] as f32);
        Rect::from_min_size(corner, node::size(patch, id, workspace.editor.unfolded.contains(id)))
    };
    let taken: Vec<Rect> = patch.layout.iter().filter(|(id, _)| patch.nodes.contains_key(*id)).map(rect_of).collect();
    let gap = theme::GAP[1] as f32;
    let is_free = |place: &Rect| !taken.iter().any(|other| other.expand(gap - 1.0).intersects(*place));
    // The nearest free place in the view, on a coarse grid.
    let view = canvas.rect.map(|view| Rect::from_min_size((-canvas.pan / zoom).to_pos2(), view.size() / zoom));
    let step = 6.0 * theme::UNIT;
    let near = (-40..=40).flat_map(|column| (-40..=40).map(move |row| vec2(column as f32, row as f32) * step));
    let near = near.map(|way| place.translate(way)).filter(|place| view.is_some_and(|view| view.contains_rect(*place)));
    let nearest = near.filter(is_free).min_by_key(|other| (other.min - place.min).length() as u32);
    if let Some(nearest) = nearest {
        place = nearest;
    }
    // In a full view, below the nodes in the way. Each step passes one, so that it ends.
    while let Some(other) = taken.iter().find(|other| other.expand(gap - 1.0).intersects(place)) {
        place = place.translate(vec2(0.0, other.bottom() + gap - place.top()));
    }
    snap([f64::from(place.left()), f64::from(place.top())])
}
