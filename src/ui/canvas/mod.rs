//! The canvas: shows the patch and turns drags, clicks and keys into edits.
//!
//! `node`, `row`, `face`, `note`, `scope` and `reroute` draw nodes; `cable` and `wiring` cables; `frame` frames.
//! `graph` adapts the patch to `egui_node_graph`. `palette` adds nodes, `view` pans and zooms, `breadcrumbs` leads out
//! of subpatches.

pub mod breadcrumbs;
pub mod cable;
pub mod face;
pub mod frame;
pub mod graph;
pub mod node;
pub mod note;
pub mod palette;
pub mod reroute;
pub mod row;
pub mod scope;
pub mod view;
pub mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Place, Port};
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{self, Align2, Id, Key, PointerButton, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use egui_node_graph::{GraphEditorOptions, NodeResponse};

use crate::ui::canvas::cable::DrawnCable;
use crate::ui::canvas::frame::{FrameDrag, frame_selected, frames_ui, paint_frames};
use crate::ui::canvas::graph::{Body, GraphEditor, Index, Library, Nothing, stem};
use crate::ui::canvas::palette::{Palette, PaletteResponse, matching_port, palette_ui};
use crate::ui::canvas::reroute::dots_ui;
use crate::ui::canvas::view::{frame_nodes, lay_out_new, paint_background, wheel};
use crate::ui::canvas::wiring::{cables_ui, hovered_cable, near_port, node_at, plug};
use crate::ui::document::{Step, commands};
use crate::ui::theme;
use crate::ui::workspace::PendingCable;
use crate::ui::workspace::Workspace;
use breadcrumbs::breadcrumbs_ui;

/// The state of the canvas between frames.
#[derive(Default)]
pub struct Canvas {
    pub(in crate::ui) graph_editor: GraphEditor,
    index: Index,
    /// The offset of the origin of the patch from the corner of the canvas, in points of the screen.
    pub(in crate::ui) pan: Vec2,
    /// The open palette.
    pub palette: Option<Palette>,
    /// Number of the visit that the canvas shows, see
    /// [`Location::visits`](crate::ui::workspace::editor::Location::visits).
    visits: u64,
    /// True once the view fits the patch. A new patch is fitted first.
    fitted: bool,
    /// True if the pending cable was unplugged from an input.
    pub(in crate::ui) unplugged: bool,
    /// The pending cable of a dot, which the crate does not know.
    pub(in crate::ui) dot_cable: Option<PendingCable>,
    /// The start positions of the dragged nodes, and the drag distance.
    drag: Option<(BTreeMap<String, [f64; 2]>, Vec2)>,
    /// The input of the cable into which the dragged node would be inserted.
    insert: Option<Port>,
    /// The position of the menu of the selection.
    menu: Option<Pos2>,
    /// The first corner of a selection box.
    selection_box: Option<Pos2>,
    pub(in crate::ui) rect: Option<Rect>,
    /// The drag of a frame.
    pub(in crate::ui) frame_drag: Option<FrameDrag>,
    /// True in the frame in which the cable under the pointer gets a reroute.
    pub(in crate::ui) reroutes: bool,
}

impl Canvas {
    /// Fits the whole patch into the view at the next frame.
    pub fn fit(&mut self) {
        self.fitted = false;
    }

    /// True while the menu of the selection is open.
    pub const fn has_menu(&self) -> bool {
        self.menu.is_some()
    }

    /// True if a point of the screen is on the canvas.
    pub fn contains(&self, at: Pos2) -> bool {
        self.rect.is_some_and(|rect| rect.contains(at))
    }

    /// Opens the palette at the pointer, or in the middle of the canvas.
    pub fn open_palette(&mut self, ui: &Ui) {
        let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.contains(*at));
        let middle = self.rect.map_or(Pos2::ZERO, |rect| rect.center());
        self.palette = Some(Palette::new(pointer.unwrap_or(middle), None));
    }

    /// A place in the patch for a new node: at a point of the screen, or below it, free of other nodes.
    pub(in crate::ui) fn free_place(&self, workspace: &Workspace, at: Pos2) -> [f64; 2] {
        let size = vec2(theme::NODE_WIDTH, 6.0 * theme::ROW);
        free_place(self, workspace, size, self.place(at, workspace.frame.zoom))
    }

    /// The position in the patch of a point of the screen, on the grid.
    pub(in crate::ui) fn place(&self, at: Pos2, zoom: f32) -> [f64; 2] {
        let corner = self.rect.map_or(Pos2::ZERO, |rect| rect.min);
        let at = (at - corner - self.pan) / zoom;
        snap([f64::from(at.x), f64::from(at.y)])
    }
}

/// Rounds a position in the patch to the grid.
pub(in crate::ui) fn snap([x, y]: [f64; 2]) -> [f64; 2] {
    let unit = f64::from(theme::UNIT);
    [(x / unit).round() * unit, (y / unit).round() * unit]
}

/// Shows the canvas in the available space.
pub fn canvas_ui(ui: &mut Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    let rect = ui.max_rect();
    canvas.rect = Some(rect);
    ui.set_clip_rect(rect);
    lay_out_new(workspace);
    if canvas.visits != workspace.editor.location.visits {
        canvas.visits = workspace.editor.location.visits;
        canvas.fitted = false;
    }
    if !canvas.fitted {
        canvas.fitted = true;
        let all = workspace.editor.patch().nodes.keys().cloned().collect();
        frame_nodes(canvas, workspace, &all);
    }
    wheel(ui, canvas, workspace, rect);
    paint_background(ui, rect, canvas.pan, workspace.frame.zoom);
    let patch = Arc::clone(workspace.editor.patch());
    let Workspace { editor, .. } = &*workspace;
    canvas.index.sync(&mut canvas.graph_editor, &patch, editor.kinds(), &editor.unfolded, editor.content_revision());
    workspace.frame.update_wired(&patch);
    canvas.index.place(&mut canvas.graph_editor, &patch, workspace.frame.zoom);
    drop(patch);
    paint_frames(ui, canvas, workspace);
    let response = draw(ui, canvas, workspace);
    dots_ui(ui, canvas, workspace);
    let cables = cable::drawn_cables(workspace);
    let hovered = if canvas.palette.is_none() { hovered_cable(ui, workspace, &cables) } else { None };
    let is_lit = |i: usize, cable: &DrawnCable| hovered == Some(i) || canvas.insert.as_ref() == Some(&cable.to);
    let shapes = cables.iter().enumerate().map(|(i, cable)| cable.shape(workspace, is_lit(i, cable)));
    ui.painter().set(response.beneath, Shape::Vec(shapes.collect()));
    cables_ui(ui, canvas, workspace, hovered.map(|i| &cables[i]));
    plug(ui, canvas, workspace, &response);
    move_nodes(ui, canvas, workspace, &response.responses);
    let on_frame = frames_ui(ui, canvas, workspace);
    select(ui, canvas, workspace, &response, on_frame || hovered.is_some());
    if workspace.editor.patch().nodes.is_empty() && canvas.palette.is_none() {
        let text = "Double-click or press N to add a node";
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::proportional(theme::LARGE), theme::WEAK);
    }
    show_palette(ui, canvas, workspace);
    menu_ui(ui, canvas, workspace);
    breadcrumbs_ui(ui, &mut workspace.editor);
}

/// The responses of the crate's editor in this frame.
pub(in crate::ui) struct GraphResponse {
    pub(in crate::ui) responses: Vec<NodeResponse<Nothing, Body>>,
    /// The reserved shape for the cables.
    beneath: egui::layers::ShapeIdx,
    /// The pending cable that was dropped in this frame.
    pub(in crate::ui) dropped: Option<PendingCable>,
}

/// Draws the editor of the crate and reverts its own edits.
fn draw(ui: &mut Ui, canvas: &mut Canvas, workspace: &mut Workspace) -> GraphResponse {
    let zoom = workspace.frame.zoom;
    let graph_editor = &mut canvas.graph_editor;
    graph_editor.pan_zoom.started = true;
    graph_editor.pan_zoom.zoom = zoom;
    graph_editor.pan_zoom.pan = canvas.pan;
    let mut style = theme::style(zoom);
    style.spacing.item_spacing = Vec2::ZERO;
    graph_editor.pan_zoom.zoomed_style = Arc::new(style);
    graph_editor.selected_nodes.clear();
    let before = graph_editor.connection_in_progress;
    workspace.frame.pending = before.and_then(|(_, param)| {
        let (port, kind, output) = Index::port(&graph_editor.graph, param)?;
        Some(PendingCable { port, kind, from_output: output })
    });
    let own = canvas.dot_cable.clone();
    workspace.frame.pending = own.clone().or_else(|| workspace.frame.pending.take());
    workspace.frame.clear();
    let beneath = ui.painter().add(Shape::Noop);
    let panning = ui.input(|i| i.key_down(Key::Space)) && !ui.ctx().text_edit_focused();
    let options = GraphEditorOptions { interactions_enabled: !panning && canvas.palette.is_none() };
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(ui.max_rect()).id_salt("graph"));
    let response = graph_editor.draw_graph_editor_with_options(&mut child, Library, workspace, Vec::new(), options);
    remove_boxes(&child, workspace);
    // The crate does not pan over nodes.
    let held = ui.input(|i| i.pointer.middle_down() || (panning && i.pointer.primary_down()));
    if held && ui.input(|i| i.pointer.press_origin()).is_some_and(|at| ui.max_rect().contains(at)) {
        canvas.pan += ui.input(|i| i.pointer.delta());
    }
    // The palette replaces the node finder of the crate; `selection_box` replaces its box selection.
    graph_editor.node_finder = None;
    if let Some(start) = graph_editor.ongoing_box_selection.take() {
        canvas.selection_box = canvas.selection_box.or(Some(start));
    }
    let mut dropped = if before.is_some() && graph_editor.connection_in_progress.is_none() {
        workspace.frame.pending.clone()
    } else {
        None
    };
    if own.is_some() && !ui.input(|i| i.pointer.primary_down()) {
        canvas.dot_cable = None;
        dropped = own;
    }
    GraphResponse { responses: response.node_responses, beneath, dropped }
}

/// Removes the boxes that the crate drew beneath nodes without a title: the shapes just before their backgrounds.
fn remove_boxes(ui: &Ui, workspace: &Workspace) {
    const REACH: usize = 4;
    ui.ctx().graphics_mut(|graphics| {
        let Some(list) = graphics.get_mut(ui.layer_id()) else { return };
        for background in &workspace.frame.bare {
            let mut found = false;
            for before in (background.0.saturating_sub(REACH)..background.0).rev() {
                list.mutate_shape(ShapeIdx(before), |clipped| {
                    if !found && matches!(&clipped.shape, Shape::Vec(parts) if parts.len() == 3) {
                        clipped.shape = Shape::Noop;
                        found = true;
                    }
                });
            }
        }
    });
}

/// Moves the dragged node, and with a selected node the whole selection.
fn move_nodes(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, responses: &[NodeResponse<Nothing, Body>]) {
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
    workspace.editor.apply(Step { gesture: Some("move".into()), ..Step::new("move", edits) });
}

/// Selects by click, Shift- or Ctrl-click and box. A double-click or right-click on the canvas opens the palette.
fn select(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, response: &GraphResponse, taken: bool) {
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
    let stroke = Stroke::new(1.0, theme::ACCENT);
    ui.painter().rect(boxed, 2.0, theme::ACCENT.gamma_multiply(0.08), stroke, StrokeKind::Inside);
    if !ui.input(|i| i.pointer.primary_down()) {
        canvas.selection_box = None;
    }
}

/// The menu of the selection.
fn menu_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    let Some(at) = canvas.menu else { return };
    let area = egui::Area::new(Id::new("node menu")).order(egui::Order::Foreground).fixed_pos(at);
    let shown = area.show(ui.ctx(), |ui| {
        egui::Frame::menu(ui.style()).show(ui, |ui| {
            ui.set_width(theme::MENU);
            let mut item = |name: &str, key: &str| {
                let button = egui::Button::new(name).shortcut_text(key).frame_when_inactive(false);
                ui.add_sized(vec2(theme::MENU, theme::ROW), button).clicked()
            };
            let instance = workspace.editor.selected_instance();
            if let Some(id) = instance.filter(|_| item("Open", "Enter")) {
                workspace.editor.enter(&id);
            } else if item("Bypass", "B") {
                workspace.editor.bypass_selected();
            } else if item("Duplicate", "Ctrl+D") {
                workspace.editor.duplicate_selected(false);
            } else if item("Duplicate with incoming cables", "Ctrl+Shift+D") {
                workspace.editor.duplicate_selected(true);
            } else if item("Randomise knobs", "") {
                workspace.editor.randomise_selected();
            } else if item("Frame", "G") {
                frame_selected(&mut workspace.editor);
            } else if item("Delete", "Delete") {
                workspace.editor.delete_selected();
            } else {
                return false;
            }
            true
        })
    });
    let elsewhere = ui.input(|i| {
        i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(|at| !shown.response.rect.contains(at))
    });
    if shown.inner.inner || elsewhere || ui.input(|i| i.key_pressed(Key::Escape)) {
        canvas.menu = None;
    }
}

/// Shows the palette and adds the chosen node and the pending cable in one step.
fn show_palette(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
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
fn free_place(canvas: &Canvas, workspace: &Workspace, size: Vec2, [x, y]: [f64; 2]) -> [f64; 2] {
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
