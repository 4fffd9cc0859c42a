//! Reroutes: dots on cables. The crate draws no node as small as that, so they are not in its graph: dots, their ports and what
//! hands do with them are made here.

use std::collections::BTreeSet;
use std::sync::Arc;

use bendrack_nodes::patch::{Cable, Edit, Node, Patch, Port};
use bendrack_nodes::value::Kind;
use eframe::egui::{
    Color32, CursorIcon, Id, Pos2, Rect, Response, Sense, Stroke, Ui, Vec2, WidgetInfo, WidgetType, vec2,
};

use crate::ui::canvas::face::Face;
use crate::ui::canvas::palette::Loose;
use crate::ui::canvas::{Canvas, drag_nodes, snap};
use crate::ui::document::Step;
use crate::ui::document::ports::kind_of;
use crate::ui::theme;
use crate::ui::workspace::{Desk, Spot};

/// The kind of node.
const REROUTE: &str = "view.reroute";

/// Whether a node is a dot.
pub fn is_dot(patch: &Patch, id: &str) -> bool {
    Face::of(patch, id) == Face::Reroute
}

fn port_of(id: &str, name: &str) -> Port {
    Port { node: id.to_owned(), port: name.to_owned() }
}

/// Draws the dots over the nodes, and lets hands move them and pull cables from their sides.
pub(in crate::ui) fn dots_ui(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk) {
    desk.scene.dots.clear();
    let patch = Arc::clone(desk.patch());
    let corner = canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + canvas.pan;
    for (id, node) in patch.nodes.iter().filter(|(_, node)| node.kind == REROUTE) {
        let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
        let zoom = desk.scene.zoom;
        let at = corner + (vec2(x as f32, y as f32) + Vec2::splat(theme::DOT)) * zoom;
        if !at.x.is_finite() || !at.y.is_finite() {
            continue;
        }
        let kind = kind_of(&patch, id, "out", true);
        let rect = Rect::from_center_size(at, Vec2::splat(2.0 * theme::DOT * zoom));
        let side = vec2(theme::DOT * zoom, 0.0);
        desk.scene.rects.insert(id.clone(), rect);
        desk.scene.dots.push(id.clone());
        for (name, output, at) in [("in", false, at - side), ("out", true, at + side)] {
            desk.scene.ports.push(Spot { port: port_of(id, name), kind, output, at });
        }
        hands(ui, canvas, desk, id, kind, rect);
        let dull = node.bypass || !desk.scene.is_wired(&port_of(id, "in"), false);
        paint(ui, desk, id, kind, rect, dull);
    }
}

fn paint(ui: &Ui, desk: &Desk, id: &str, kind: Kind, rect: Rect, dull: bool) {
    let (bright, dim) = theme::kind_colours(kind);
    let (at, radius) = (rect.center(), 0.62 * theme::DOT * desk.scene.zoom);
    let edge = if desk.selection.contains(id) { Stroke::new(2.0, theme::ACCENT) } else { Stroke::new(1.2, bright) };
    ui.painter().circle_filled(at, radius + 2.5 * desk.scene.zoom, theme::CANVAS);
    // What is in the middle joins the ends of the cables at both sides.
    let half = vec2(theme::DOT * desk.scene.zoom, 0.0);
    let line = Stroke::new(theme::CABLE * desk.scene.zoom.max(0.5), if dull { dim } else { bright });
    ui.painter().line_segment([at - half, at + half], line);
    let over = ui.rect_contains_pointer(rect);
    let fill = if over {
        Color32::WHITE
    } else if dull {
        dim
    } else {
        bright
    };
    ui.painter().circle(at, radius, fill, edge);
}

/// The middle moves a dot, its right side pulls a cable, its left side pulls out the one that is there.
fn hands(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, id: &str, kind: Kind, rect: Rect) {
    let (zoom, free) = (desk.scene.zoom, canvas.palette.is_none());
    let reach = theme::DOT * zoom;
    let part = |name: &str, rect: Rect, sense: Sense| ui.interact(rect, Id::new(("dot", id, name)), sense);
    let sense = if free { Sense::click_and_drag() } else { Sense::hover() };
    let beside =
        |way: f32| Rect::from_center_size(rect.center() + vec2(way * 1.4 * reach, 0.0), Vec2::splat(reach * 1.6));
    let (left, right) = (part("in", beside(-1.0), sense), part("out", beside(1.0), sense));
    let middle = part("middle", rect.shrink2(vec2(0.3 * reach, 0.0)), sense).on_hover_and_drag_cursor(CursorIcon::Grab);
    middle.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("reroute {id}")));
    if middle.clicked() {
        let more = ui.input(|i| i.modifiers.shift || i.modifiers.command);
        let had = desk.selection.contains(id);
        if !more {
            desk.selection = BTreeSet::new();
        }
        if more && had {
            desk.selection.remove(id);
        } else {
            desk.selection.insert(id.to_owned());
        }
    }
    if middle.dragged() {
        drag_nodes(canvas, desk, id, moved(ui, &middle));
    }
    if right.drag_started() {
        canvas.pulled = false;
        canvas.pull = Some(Loose { port: port_of(id, "out"), kind, from_output: true });
    }
    if left.drag_started() {
        let port = port_of(id, "in");
        if !pull_out(canvas, desk, &port) {
            canvas.pulled = false;
            canvas.pull = Some(Loose { port, kind, from_output: false });
        }
    }
}

/// How far the hand went: with what it went before it was taken for a drag.
fn moved(ui: &Ui, response: &Response) -> Vec2 {
    let ends = ui.input(|i| i.pointer.press_origin().zip(i.pointer.interact_pos()));
    match ends.filter(|_| response.drag_started()) {
        Some((from, to)) => to - from,
        None => response.drag_delta(),
    }
}

/// Pulls the cable out that ends at an input: it hangs from its output then. Whether there was one.
pub(in crate::ui) fn pull_out(canvas: &mut Canvas, desk: &mut Desk, to: &Port) -> bool {
    let Some(from) = desk.patch().cable_to(to).map(|cable| cable.from.clone()) else { return false };
    let kind = kind_of(desk.patch(), &from.node, &from.port, true);
    canvas.pulled = true;
    canvas.pull = Some(Loose { port: from, kind, from_output: true });
    let edits = vec![Edit::Disconnect { to: to.clone() }];
    desk.apply(Step { gesture: Some("plug".into()), ..Step::new(format!("pull out {to}"), edits) });
    true
}

/// Puts a dot on a cable, at a place of the patch: one step.
pub(in crate::ui) fn put_on(desk: &mut Desk, to: &Port, [x, y]: [f64; 2]) {
    let Some(cable) = desk.patch().cable_to(to).cloned() else { return };
    let id = desk.patch().free_id("reroute");
    let half = f64::from(theme::DOT);
    let node = Node { kind: REROUTE.to_owned(), ..Node::default() };
    let edits = vec![
        Edit::AddNode { id: id.clone(), node, pos: snap([x - half, y - half]) },
        Edit::Connect { cable: Cable::new(cable.from.clone(), port_of(&id, "in")) },
        Edit::Connect { cable: Cable { from: port_of(&id, "out"), ..cable } },
    ];
    desk.apply(Step::new("reroute", edits));
}
