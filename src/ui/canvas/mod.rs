//! The canvas: shows the patch and turns what hands do with it into edits of the patch.

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

use bendrack_nodes::def::NodeDef;
use bendrack_nodes::patch::{Cable, Edit, Node, Port};
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{self, Align2, Id, Key, PointerButton, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, Vec2, vec2};
use egui_node_graph::{GraphEditorOptions, NodeResponse};

use crate::ui::canvas::frame::{Hold, frames_ui, paint_frames};
use crate::ui::canvas::graph::{Body, Editor, Index, Library, Nothing, stem};
use crate::ui::canvas::palette::{Answer, Loose, Palette, joint, palette_ui};
use crate::ui::canvas::reroute::dots_ui;
use crate::ui::canvas::view::{frame_nodes, give_places, paint_ground, wheel};
use crate::ui::canvas::wiring::{cables_ui, hot_cable, near_port, node_at, plug};
use crate::ui::document::Step;
use crate::ui::document::subpatch::way_ui;
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// What the canvas remembers between frames.
#[derive(Default)]
pub struct Canvas {
    pub(in crate::ui) editor: Editor,
    index: Index,
    /// From the corner of the canvas to the origin of the patch, in points of the screen.
    pub(in crate::ui) pan: Vec2,
    /// The open palette.
    pub palette: Option<Palette>,
    /// How often the canvas went into subpatches and out of them.
    visits: u64,
    /// The document was shown before: a new one is fitted into the view.
    fitted: bool,
    /// The hanging cable was pulled out of an input.
    pub(in crate::ui) pulled: bool,
    /// The cable that hangs from a dot: the crate does not know it.
    pub(in crate::ui) pull: Option<Loose>,
    /// Where the dragged nodes stood, and how far the hand has gone.
    drag: Option<(BTreeMap<String, [f64; 2]>, Vec2)>,
    /// Where the menu of the selected nodes stands.
    menu: Option<Pos2>,
    /// Where a box that selects began.
    boxed: Option<Pos2>,
    pub(in crate::ui) rect: Option<Rect>,
    /// The frame that is moved or resized.
    pub(in crate::ui) hold: Option<Hold>,
}

impl Canvas {
    /// Fits the whole patch into the view at the next frame.
    pub fn fit(&mut self) {
        self.fitted = false;
    }

    /// Whether this point of the screen is on the canvas.
    pub fn contains(&self, at: Pos2) -> bool {
        self.rect.is_some_and(|rect| rect.contains(at))
    }

    /// Opens the palette at the pointer, or in the middle if the pointer is elsewhere.
    pub fn open_palette(&mut self, ui: &Ui) {
        let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.contains(*at));
        let middle = self.rect.map_or(Pos2::ZERO, |rect| rect.center());
        self.palette = Some(Palette::new(pointer.unwrap_or(middle), None));
    }

    /// The place in the patch of a point of the screen, on the grid.
    pub(in crate::ui) fn place(&self, at: Pos2, zoom: f32) -> [f64; 2] {
        let corner = self.rect.map_or(Pos2::ZERO, |rect| rect.min);
        let at = (at - corner - self.pan) / zoom;
        snap([f64::from(at.x), f64::from(at.y)])
    }
}

pub(in crate::ui) fn snap([x, y]: [f64; 2]) -> [f64; 2] {
    let unit = f64::from(theme::UNIT);
    [(x / unit).round() * unit, (y / unit).round() * unit]
}

/// Shows the canvas in all the room there is.
pub fn canvas_ui(ui: &mut Ui, canvas: &mut Canvas, desk: &mut Desk) {
    let rect = ui.max_rect();
    canvas.rect = Some(rect);
    ui.set_clip_rect(rect);
    give_places(desk);
    if canvas.visits != desk.inside.visits {
        canvas.visits = desk.inside.visits;
        canvas.fitted = false;
    }
    if !canvas.fitted {
        canvas.fitted = true;
        let all = desk.patch().nodes.keys().cloned().collect();
        frame_nodes(canvas, desk, &all);
    }
    wheel(ui, canvas, desk, rect);
    paint_ground(ui, rect, canvas.pan, desk.scene.zoom);
    let patch = Arc::clone(desk.patch());
    canvas.index.sync(&mut canvas.editor, &patch, &desk.open, desk.revision());
    desk.scene.note_cables(&patch);
    canvas.index.place(&mut canvas.editor, &patch, desk.scene.zoom);
    drop(patch);
    paint_frames(ui, canvas, desk);
    let hand = draw(ui, canvas, desk);
    dots_ui(ui, canvas, desk);
    let cables = cable::lie(desk);
    let hot = if canvas.palette.is_none() { hot_cable(ui, desk, &cables) } else { None };
    let shapes = cables.iter().enumerate().map(|(i, cable)| cable.shape(desk, hot == Some(i)));
    ui.painter().set(hand.beneath, Shape::Vec(shapes.collect()));
    cables_ui(ui, canvas, desk, hot.map(|i| &cables[i]));
    plug(ui, canvas, desk, &hand);
    moves(ui, canvas, desk, &hand.responses);
    let on_frame = frames_ui(ui, canvas, desk);
    select(ui, canvas, desk, &hand, on_frame || hot.is_some());
    if desk.patch().nodes.is_empty() && canvas.palette.is_none() {
        let text = "Double-click, or press N, to add a node";
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::words(theme::LARGE), theme::WEAK);
    }
    choose(ui, canvas, desk);
    menu_ui(ui, canvas, desk);
    way_ui(ui, desk);
}

/// What the hand did in the crate's editor.
pub(in crate::ui) struct Hand {
    pub(in crate::ui) responses: Vec<NodeResponse<Nothing, Body>>,
    /// Where the cables are painted.
    beneath: egui::layers::ShapeIdx,
    /// The hanging cable before this frame, if it was let go in it.
    pub(in crate::ui) let_go: Option<Loose>,
}

/// Lets the crate draw, and takes back what it would do by itself.
fn draw(ui: &mut Ui, canvas: &mut Canvas, desk: &mut Desk) -> Hand {
    let zoom = desk.scene.zoom;
    let editor = &mut canvas.editor;
    editor.pan_zoom.started = true;
    editor.pan_zoom.zoom = zoom;
    editor.pan_zoom.pan = canvas.pan;
    let mut style = theme::style(zoom);
    style.spacing.item_spacing = Vec2::ZERO;
    editor.pan_zoom.zoomed_style = Arc::new(style);
    editor.selected_nodes.clear();
    let before = editor.connection_in_progress;
    desk.scene.loose = before.and_then(|(_, param)| {
        let (port, kind, output) = Index::port(&editor.graph, param)?;
        Some(Loose { port, kind, from_output: output })
    });
    let own = canvas.pull.clone();
    desk.scene.loose = own.clone().or_else(|| desk.scene.loose.take());
    desk.scene.ports.clear();
    desk.scene.rects.clear();
    desk.scene.bare.clear();
    desk.scene.over_knob = false;
    let beneath = ui.painter().add(Shape::Noop);
    let panning = ui.input(|i| i.key_down(Key::Space)) && !ui.ctx().text_edit_focused();
    let options = GraphEditorOptions { interactions_enabled: !panning && canvas.palette.is_none() };
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(ui.max_rect()).id_salt("graph"));
    let response = editor.draw_graph_editor_with_options(&mut child, Library, desk, Vec::new(), options);
    bare(&child, desk);
    // The crate pans only where no node is.
    let held = ui.input(|i| i.pointer.middle_down() || (panning && i.pointer.primary_down()));
    if held && ui.input(|i| i.pointer.press_origin()).is_some_and(|at| ui.max_rect().contains(at)) {
        canvas.pan += ui.input(|i| i.pointer.delta());
    }
    // Its own finder knows no ranking and no loose cables, its own box no modifiers.
    editor.node_finder = None;
    if let Some(start) = editor.ongoing_box_selection.take() {
        canvas.boxed = canvas.boxed.or(Some(start));
    }
    let mut let_go =
        if before.is_some() && editor.connection_in_progress.is_none() { desk.scene.loose.clone() } else { None };
    if own.is_some() && !ui.input(|i| i.pointer.primary_down()) {
        canvas.pull = None;
        let_go = own;
    }
    Hand { responses: response.node_responses, beneath, let_go }
}

/// Takes away the boxes that the crate drew under nodes without title: the last thing before what is drawn first on them.
fn bare(ui: &Ui, desk: &Desk) {
    const REACH: usize = 4;
    ui.ctx().graphics_mut(|graphics| {
        let Some(list) = graphics.get_mut(ui.layer_id()) else { return };
        for ground in &desk.scene.bare {
            let mut found = false;
            for before in (ground.0.saturating_sub(REACH)..ground.0).rev() {
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

/// Moves the nodes that are dragged: all selected ones, if the dragged one is.
fn moves(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, responses: &[NodeResponse<Nothing, Body>]) {
    for response in responses {
        let NodeResponse::MoveNode { node, drag_delta } = response else { continue };
        if !ui.input(|i| i.pointer.primary_down()) {
            continue;
        }
        let Some(id) = canvas.editor.graph.nodes.get(*node).map(|node| node.user_data.id.clone()) else { continue };
        drag_nodes(canvas, desk, &id, *drag_delta);
    }
    if !ui.input(|i| i.pointer.any_down()) {
        canvas.drag = None;
    }
}

/// Drags a node by so many points of the screen, and with it, if it is selected, all others that are.
pub(in crate::ui) fn drag_nodes(canvas: &mut Canvas, desk: &mut Desk, id: &str, delta: Vec2) {
    if !desk.selection.contains(id) {
        desk.selection = BTreeSet::from([id.to_owned()]);
    }
    let places = |id: &String| Some((id.clone(), desk.patch().layout.get(id)?.pos));
    let (start, gone) =
        canvas.drag.get_or_insert_with(|| (desk.selection.iter().filter_map(places).collect(), Vec2::ZERO));
    *gone += delta / desk.scene.zoom;
    let gone = [f64::from(gone.x), f64::from(gone.y)];
    let edits: Vec<Edit> = start
        .iter()
        .map(|(id, [x, y])| (id, snap([x + gone[0], y + gone[1]])))
        .filter(|(id, pos)| {
            desk.patch().layout.get(*id).is_some_and(|place| place.pos.map(f64::to_bits) != pos.map(f64::to_bits))
        })
        .map(|(id, pos)| Edit::Move { id: id.clone(), pos })
        .collect();
    desk.apply(Step { gesture: Some("move".into()), ..Step::new("move", edits) });
}

/// Selects by click, Shift- or Ctrl-click, and box; opens the palette by double-click and right-click on the ground.
fn select(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, hand: &Hand, taken: bool) {
    let more = ui.input(|i| i.modifiers.shift || i.modifiers.command);
    for response in &hand.responses {
        let NodeResponse::SelectNode(node) = response else { continue };
        let Some(id) = canvas.editor.graph.nodes.get(*node).map(|node| node.user_data.id.clone()) else { continue };
        if !more {
            desk.selection.clear();
        }
        if !desk.selection.remove(&id) {
            desk.selection.insert(id);
        }
    }
    let Some(at) = ui.input(|i| i.pointer.interact_pos()) else { return };
    let ground = canvas.contains(at)
        && ui.ctx().layer_id_at(at) == Some(ui.layer_id())
        && canvas.palette.is_none()
        && hand.let_go.is_none()
        && !taken
        && near_port(desk, at, theme::PORT * 2.0, |_| true).is_none();
    let node = node_at(canvas, desk, at);
    if ground && node.is_none() {
        if ui.input(|i| i.pointer.primary_pressed()) && !more {
            desk.selection.clear();
            desk.frame = None;
        }
        let double = ui.input(|i| i.pointer.button_double_clicked(PointerButton::Primary));
        if double || ui.input(|i| i.pointer.secondary_clicked()) {
            canvas.palette = Some(Palette::new(at, None));
        }
    }
    let knob = desk.scene.over_knob;
    // A double-click on the title of a subpatch goes into it.
    let twice = ui.input(|i| i.pointer.button_double_clicked(PointerButton::Primary));
    if let Some(id) = node.as_ref().filter(|_| ground && twice && !knob)
        && on_title(desk, id, at)
        && desk.enter(id)
    {
        return;
    }
    if let Some(id) = node.filter(|_| ground && !knob)
        && ui.input(|i| i.pointer.secondary_clicked())
    {
        if !desk.selection.contains(&id) {
            desk.selection = BTreeSet::from([id]);
        }
        canvas.menu = Some(at);
    }
    select_box(ui, canvas, desk, at);
    if !desk.selection.is_empty() {
        desk.frame = None;
    }
}

fn on_title(desk: &Desk, id: &str, at: Pos2) -> bool {
    let height = 1.5 * theme::TITLE_HEIGHT * desk.scene.zoom;
    desk.scene.rects.get(id).is_some_and(|rect| at.y < rect.top() + height)
}

fn select_box(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, at: Pos2) {
    let Some(start) = canvas.boxed else { return };
    let boxed = Rect::from_two_pos(start, at);
    desk.selection =
        desk.scene.rects.iter().filter(|(_, rect)| boxed.intersects(**rect)).map(|(id, _)| id.clone()).collect();
    let stroke = Stroke::new(1.0, theme::ACCENT);
    ui.painter().rect(boxed, 2.0, theme::ACCENT.gamma_multiply(0.08), stroke, StrokeKind::Inside);
    if !ui.input(|i| i.pointer.primary_down()) {
        canvas.boxed = None;
    }
}

/// The menu of the selected nodes.
fn menu_ui(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk) {
    let Some(at) = canvas.menu else { return };
    let area = egui::Area::new(Id::new("node menu")).order(egui::Order::Foreground).fixed_pos(at);
    let shown = area.show(ui.ctx(), |ui| {
        egui::Frame::menu(ui.style()).show(ui, |ui| {
            ui.set_width(theme::MENU);
            let mut item = |name: &str, key: &str| {
                let button = egui::Button::new(name).shortcut_text(key).frame_when_inactive(false);
                ui.add_sized(vec2(theme::MENU, theme::ROW), button).clicked()
            };
            let instance = desk.selected_instance();
            if let Some(id) = instance.filter(|_| item("Open", "Enter")) {
                desk.enter(&id);
            } else if item("Bypass", "B") {
                desk.bypass_selected();
            } else if item("Duplicate", "Ctrl+D") {
                desk.duplicate_selected(false);
            } else if item("Duplicate with cables", "Ctrl+Shift+D") {
                desk.duplicate_selected(true);
            } else if item("Frame", "G") {
                desk.frame_selected();
            } else if item("Delete", "Delete") {
                desk.delete_selected();
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

/// Shows the palette, and adds what is chosen: the node, and the cable that was let go, in one step.
fn choose(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk) {
    let Some(palette) = &mut canvas.palette else { return };
    if let Some(loose) = &palette.loose {
        let start = desk.scene.ports.iter().find(|spot| spot.port == loose.port && spot.output == loose.from_output);
        if let Some(start) = start {
            ui.painter().add(cable::hanging(loose.kind, start.at, palette.at, loose.from_output, desk.scene.zoom));
        }
    }
    match palette_ui(ui, palette) {
        Answer::Open => {}
        Answer::Closed => canvas.palette = None,
        Answer::Chosen(def) => {
            let (at, loose) = (palette.at, palette.loose.take());
            canvas.palette = None;
            add(canvas, desk, def, at, loose.as_ref());
        }
    }
}

fn add(canvas: &Canvas, desk: &mut Desk, def: &'static NodeDef, at: Pos2, loose: Option<&Loose>) {
    let id = desk.patch().free_id(stem(def));
    let mut pos = canvas.place(at, desk.scene.zoom);
    let node = Node::new(def.name);
    let mut edits = Vec::new();
    if let Some(loose) = loose
        && let Some(name) = joint(def, loose)
    {
        let port = Port { node: id.clone(), port: name.to_owned() };
        let cable = if loose.from_output {
            Cable::new(loose.port.clone(), port)
        } else {
            pos[0] -= f64::from(theme::NODE_WIDTH);
            Cable::new(port, loose.port.clone())
        };
        edits.push(Edit::Connect { cable });
    }
    edits.insert(0, Edit::AddNode { id: id.clone(), node, pos });
    if desk.apply(Step::new(format!("add {}", def.title), edits)) {
        desk.selection = BTreeSet::from([id]);
    }
}
