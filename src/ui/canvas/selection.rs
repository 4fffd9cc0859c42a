//! Selection of nodes by click and box, and their moves.

use std::collections::BTreeSet;

use bendrack_nodes::patch::{LevelEdit, Port};
use eframe::egui::{PointerButton, Pos2, Rect, Stroke, StrokeKind, Ui, Vec2};
use egui_node_graph::NodeResponse;

use super::graph::{Body, Nothing};
use super::palette::Palette;
use super::wiring::{near_port, node_at};
use super::{Canvas, GraphResponse, cable, snap};
use crate::ui::document::{Gesture, Step, commands};
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// Moves the dragged node, and with a selected node the whole selection.
pub(in crate::ui) fn move_nodes(
    ui: &Ui,
    canvas: &mut Canvas,
    workspace: &mut Workspace,
    responses: &[NodeResponse<Nothing, Body>],
) {
    for response in responses {
        let NodeResponse::MoveNode { node, drag_delta } = response else { continue };
        if !ui.input(|i| i.pointer.primary_down()) {
            continue;
        }
        let Some(id) = canvas.graph_editor.graph.nodes.get(*node).map(|node| node.user_data.id.clone()) else {
            continue;
        };
        drag_nodes(canvas, workspace, &id, *drag_delta);
    }
    canvas.insert = insertion(ui, canvas, workspace);
    if !ui.input(|i| i.pointer.any_down())
        && let Some((start, _)) = canvas.drag.take()
        && let (Some(id), Some(to)) = (start.into_keys().next(), canvas.insert.take())
    {
        workspace.editor.insert(&id, &to);
    }
}

/// The input of the cable under the pointer, into which the dragged node would be inserted: it is alone and without cables.
fn insertion(ui: &Ui, canvas: &Canvas, workspace: &Workspace) -> Option<Port> {
    let (start, distance) = canvas.drag.as_ref().filter(|(start, _)| start.len() == 1)?;
    let id = start.keys().next()?;
    let patch = workspace.editor.patch();
    let is_wired = patch.cables.iter().any(|cable| cable.from.node == *id || cable.to.node == *id);
    if is_wired || *distance == Vec2::ZERO {
        return None;
    }
    let at = ui.input(|i| i.pointer.latest_pos())?;
    let reach = 2.0 * theme::CABLE_NEAR;
    let cables = cable::drawn_cables(workspace);
    let near = cables.iter().map(|cable| (cable.distance(at), cable)).filter(|(distance, _)| *distance <= reach);
    let (_, cable) = near.min_by(|a, b| a.0.total_cmp(&b.0))?;
    commands::insert(patch, id, &cable.to).map(|_| cable.to.clone())
}

/// Moves a node by a distance on the screen, and with a selected node the whole selection.
pub(in crate::ui) fn drag_nodes(canvas: &mut Canvas, workspace: &mut Workspace, id: &str, delta: Vec2) {
    if !workspace.editor.selection.contains(id) {
        workspace.editor.selection = BTreeSet::from([id.to_owned()]);
    }
    let places = |id: &String| Some((id.clone(), workspace.editor.patch().layout.get(id)?.pos));
    let (start, distance) =
        canvas.drag.get_or_insert_with(|| (workspace.editor.selection.iter().filter_map(places).collect(), Vec2::ZERO));
    *distance += delta / workspace.frame.zoom;
    let distance = [f64::from(distance.x), f64::from(distance.y)];
    let edits: Vec<LevelEdit> = start
        .iter()
        .map(|(id, [x, y])| (id, snap([x + distance[0], y + distance[1]])))
        .filter(|(id, pos)| {
            workspace
                .editor
                .patch()
                .layout
                .get(*id)
                .is_some_and(|place| place.pos.map(f64::to_bits) != pos.map(f64::to_bits))
        })
        .map(|(id, pos)| LevelEdit::Move { id: id.clone(), pos })
        .collect();
    workspace.editor.apply(Step { gesture: Some(Gesture::Hand("move".into())), ..Step::new("move", edits) });
}

/// Selects by click, Shift- or Ctrl-click and box. A double-click or right-click on the canvas opens the palette.
pub(in crate::ui) fn select(
    ui: &Ui,
    canvas: &mut Canvas,
    workspace: &mut Workspace,
    response: &GraphResponse,
    taken: bool,
) {
    let more = ui.input(|i| i.modifiers.shift || i.modifiers.command);
    for response in &response.responses {
        let NodeResponse::SelectNode(node) = response else { continue };
        let Some(id) = canvas.graph_editor.graph.nodes.get(*node).map(|node| node.user_data.id.clone()) else {
            continue;
        };
        if !more {
            workspace.editor.selection.clear();
        }
        if !workspace.editor.selection.remove(&id) {
            workspace.editor.selection.insert(id);
        }
    }
    let Some(at) = ui.input(|i| i.pointer.interact_pos()) else { return };
    let on_canvas = canvas.contains(at)
        && ui.ctx().layer_id_at(at) == Some(ui.layer_id())
        && canvas.palette.is_none()
        && response.dropped.is_none()
        && !taken
        && near_port(workspace, at, theme::PORT * 2.0, |_| true).is_none();
    let node = node_at(canvas, workspace, at);
    if on_canvas && node.is_none() {
        if ui.input(|i| i.pointer.primary_pressed()) && !more {
            workspace.editor.selection.clear();
            workspace.editor.selected_frame = None;
        }
        let double = ui.input(|i| i.pointer.button_double_clicked(PointerButton::Primary));
        if double || ui.input(|i| i.pointer.secondary_clicked()) {
            canvas.palette = Some(Palette::new(at, None));
        }
    }
    let knob = workspace.frame.over_knob;
    // A double-click on the title of an instance opens its subpatch.
    let twice = ui.input(|i| i.pointer.button_double_clicked(PointerButton::Primary));
    if let Some(id) = node.as_ref().filter(|_| on_canvas && twice && !knob)
        && on_title(workspace, id, at)
        && workspace.editor.enter(id)
    {
        return;
    }
    if let Some(id) = node.filter(|_| on_canvas && !knob)
        && ui.input(|i| i.pointer.secondary_clicked())
    {
        if !workspace.editor.selection.contains(&id) {
            workspace.editor.selection = BTreeSet::from([id]);
        }
        canvas.menu = Some(at);
    }
    select_box(ui, canvas, workspace, at);
    if !workspace.editor.selection.is_empty() {
        workspace.editor.selected_frame = None;
    }
}

fn on_title(workspace: &Workspace, id: &str, at: Pos2) -> bool {
    let height = 1.5 * theme::TITLE_HEIGHT * workspace.frame.zoom;
    workspace.frame.rects.get(id).is_some_and(|rect| at.y < rect.top() + height)
}

fn select_box(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, at: Pos2) {
    let Some(start) = canvas.selection_box else { return };
    let boxed = Rect::from_two_pos(start, at);
    workspace.editor.selection =
        workspace.frame.rects.iter().filter(|(_, rect)| boxed.intersects(**rect)).map(|(id, _)| id.clone()).collect();
    let stroke = Stroke::new(1.0, theme::accent());
    ui.painter().rect(boxed, 2.0, theme::accent().gamma_multiply(0.08), stroke, StrokeKind::Inside);
    if !ui.input(|i| i.pointer.primary_down()) {
        canvas.selection_box = None;
    }
}
