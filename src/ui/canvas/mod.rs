//! The canvas: shows the patch and turns drags, clicks and keys into edits.
//!
//! `node`, `row`, `face`, `note`, `scope` and `reroute` draw nodes; `cable` and `wiring` cables; `frame` frames.
//! `graph` adapts the patch to `egui_node_graph`. `selection` selects and moves nodes, `adding` and `palette` add them.
//! `view` pans and zooms, `breadcrumbs` leads out of subpatches. `keyboard` and `chooser` do without a pointer; `knife` cuts
//! cables, `link` joins knobs, `minimap` shows the whole.

mod adding;
pub mod breadcrumbs;
pub mod cable;
mod chooser;
pub mod face;
pub mod frame;
pub mod graph;
pub mod keyboard;
mod knife;
mod link;
mod minimap;
pub mod node;
pub mod note;
pub mod palette;
pub mod reroute;
pub mod row;
pub mod scope;
mod selection;
pub mod view;
pub mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::patch::Port;
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{self, Align2, Id, Key, Pos2, Rect, Shape, Ui, Vec2, vec2};
use egui_node_graph::{GraphEditorOptions, NodeResponse};

use crate::ui::theme;
use crate::ui::workspace::{PendingCable, Workspace};
use adding::{drop_word, free_place, show_palette};
use breadcrumbs::breadcrumbs_ui;
use cable::DrawnCable;
use chooser::{Chooser, chooser_ui};
use frame::{FrameDrag, frame_selected, frames_ui, paint_frames};
use graph::{Body, GraphEditor, Index, Library, Nothing};
use keyboard::keyboard_ui;
use knife::{Knife, knife_ui};
use link::link_ui;
use minimap::minimap_ui;
use palette::Palette;
use reroute::dots_ui;
use selection::{move_nodes, select};
use view::{frame_nodes, lay_out_new, paint_background, wheel};
use wiring::{cables_ui, hovered_cable, plug, port_hint_ui};

/// The fit of the view to the whole patch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Fit {
    /// The next frame fits the view.
    #[default]
    Due,
    /// The view was fitted.
    Shown(FittedView),
}

/// A view and the size of the canvas that it fits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FittedView {
    size: Vec2,
    pan: Vec2,
    zoom: f32,
}

impl Fit {
    /// True for a new patch, and if a panel changed the size of the canvas while the view was the fitted one.
    fn is_due(self, view: FittedView) -> bool {
        match self {
            Self::Due => true,
            Self::Shown(shown) => shown.size != view.size && FittedView { size: view.size, ..shown } == view,
        }
    }
}

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
    /// The view that fits the patch, until a hand moves it. A new patch is fitted first.
    fit: Fit,
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
    /// The open list of cables or nodes.
    pub(in crate::ui) chooser: Option<Chooser>,
    /// The cut under way.
    knife: Option<Knife>,
    /// True in the frame in which the cable under the pointer gets a reroute.
    pub(in crate::ui) reroutes: bool,
}

impl Canvas {
    /// Fits the whole patch into the view at the next frame.
    pub fn fit(&mut self) {
        self.fit = Fit::Due;
    }

    /// Closes the palette, the list, the menu, and the cut under way.
    pub fn close_overlays(&mut self) {
        (self.palette, self.chooser, self.menu, self.knife) = (None, None, None, None);
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
        canvas.fit = Fit::Due;
    }
    let view = FittedView { size: rect.size(), pan: canvas.pan, zoom: workspace.frame.zoom };
    if canvas.fit.is_due(view) {
        let all = workspace.editor.patch().nodes.keys().cloned().collect();
        frame_nodes(canvas, workspace, &all);
        canvas.fit = Fit::Shown(FittedView { pan: canvas.pan, zoom: workspace.frame.zoom, ..view });
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
    ui.painter().extend(cables.iter().filter_map(|cable| cable.backward_shape(workspace)));
    cables_ui(ui, canvas, workspace, hovered.map(|i| &cables[i]));
    port_hint_ui(ui, canvas, workspace);
    link_ui(ui, canvas, workspace);
    plug(ui, canvas, workspace, &response);
    move_nodes(ui, canvas, workspace, &response.responses);
    drop_word(ui, canvas, workspace);
    let on_frame = frames_ui(ui, canvas, workspace);
    select(ui, canvas, workspace, &response, on_frame || hovered.is_some());
    if workspace.editor.patch().nodes.is_empty() && canvas.palette.is_none() {
        let text = "Double-click or press N to add a node";
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::proportional(theme::LARGE), theme::weak());
    }
    minimap_ui(ui, canvas, workspace);
    knife_ui(ui, canvas, workspace, &cables);
    keyboard_ui(ui, canvas, workspace);
    chooser_ui(ui, canvas, workspace);
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
    let options = GraphEditorOptions {
        interactions_enabled: !panning && !knife::is_held(ui, workspace) && canvas.palette.is_none(),
    };
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
                workspace.editor.randomise_selected(1.0);
            } else if item("Randomise knobs a little", "") {
                workspace.editor.randomise_selected(0.2);
            } else if item("Make a subpatch", "Ctrl+G") {
                workspace.editor.group_selected();
            } else if workspace.editor.selected_instance().is_some() && item("Dissolve", "Ctrl+Shift+G") {
                workspace.editor.ungroup_selected();
            } else if item("Align left", "") {
                workspace.editor.align_selected(0);
            } else if item("Align top", "") {
                workspace.editor.align_selected(1);
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
