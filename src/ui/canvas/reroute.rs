//! Reroutes: dots on cables. The crate cannot draw nodes that small, so this module draws and handles them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::{Input, Output, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Port};
use eframe::egui::{CursorIcon, Id, Pos2, Rect, Response, Sense, Stroke, Ui, Vec2, WidgetInfo, WidgetType, vec2};

use crate::ui::canvas::face::face_of;
use crate::ui::canvas::selection::drag_nodes;
use crate::ui::canvas::{Canvas, snap};
use crate::ui::document::{Gesture, Step};
use crate::ui::theme;
use crate::ui::workspace::PendingCable;
use crate::ui::workspace::{DrawnPort, Workspace};

/// The ports of a dot.
#[derive(Clone)]
struct Sides {
    input: Port,
    out: Port,
}

impl Sides {
    fn new(id: &str, input: &Input, out: &Output) -> Self {
        let port = |name: &str| Port { node: id.to_owned(), port: name.to_owned() };
        Self { input: port(input.name), out: port(out.name) }
    }

    /// The ports of a node that is a dot.
    fn of(patch: &Patch, id: &str) -> Option<Self> {
        match face_of(patch, id) {
            View::Reroute { input, out } => Some(Self::new(id, input, out)),
            _ => None,
        }
    }
}

/// True if a node is a dot.
pub fn is_dot(patch: &Patch, id: &str) -> bool {
    matches!(face_of(patch, id), View::Reroute { .. })
}

/// Draws the dots over the nodes, moves them, and starts and unplugs cables at their sides.
pub(in crate::ui) fn dots_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    workspace.frame.dots.clear();
    let patch = Arc::clone(workspace.editor.patch());
    let corner = canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + canvas.pan;
    for (id, node) in &patch.nodes {
        let Some(sides) = Sides::of(&patch, id) else { continue };
        let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
        let zoom = workspace.frame.zoom;
        let at = corner + (vec2(x as f32, y as f32) + Vec2::splat(theme::DOT)) * zoom;
        if !at.x.is_finite() || !at.y.is_finite() {
            continue;
        }
        let kind = workspace.editor.port_kind(id, &sides.out.port, true);
        let rect = Rect::from_center_size(at, Vec2::splat(2.0 * theme::DOT * zoom));
        let side = vec2(theme::DOT * zoom, 0.0);
        workspace.frame.rects.insert(id.clone(), rect);
        workspace.frame.dots.push(id.clone());
        for (port, output, at) in [(&sides.input, false, at - side), (&sides.out, true, at + side)] {
            workspace.frame.ports.push(DrawnPort { port: port.clone(), kind, output, at });
        }
        dot_ui(ui, canvas, workspace, &sides, kind, rect);
        let dull = node.bypass || !workspace.frame.is_wired(&sides.input, false);
        paint(ui, workspace, id, kind, rect, dull);
    }
}

fn paint(ui: &Ui, workspace: &Workspace, id: &str, kind: Kind, rect: Rect, dull: bool) {
    let (bright, dim) = theme::kind_colours(kind);
    let (at, radius) = (rect.center(), 0.62 * theme::DOT * workspace.frame.zoom);
    let edge = if workspace.editor.selection.contains(id) {
        Stroke::new(2.0, theme::accent())
    } else {
        Stroke::new(1.2, bright)
    };
    ui.painter().circle_filled(at, radius + 2.5 * workspace.frame.zoom, theme::canvas());
    // The line joins the cables at both sides.
    let half = vec2(theme::DOT * workspace.frame.zoom, 0.0);
    let line = Stroke::new(theme::CABLE * workspace.frame.zoom.max(0.5), if dull { dim } else { bright });
    ui.painter().line_segment([at - half, at + half], line);
    let over = ui.rect_contains_pointer(rect);
    let fill = if over {
        theme::bright()
    } else if dull {
        dim
    } else {
        bright
    };
    ui.painter().circle(at, radius, fill, edge);
}

/// A drag of the middle moves a dot, one of the right side starts a cable, one of the left side unplugs the cable
/// there.
fn dot_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, sides: &Sides, kind: Kind, rect: Rect) {
    let id = sides.input.node.as_str();
    let (zoom, free) = (workspace.frame.zoom, canvas.palette.is_none());
    let reach = theme::DOT * zoom;
    let part = |part: &str, rect: Rect, sense: Sense| ui.interact(rect, Id::new(("dot", id, part)), sense);
    let sense = if free { Sense::click_and_drag() } else { Sense::hover() };
    let beside =
        |way: f32| Rect::from_center_size(rect.center() + vec2(way * 1.4 * reach, 0.0), Vec2::splat(reach * 1.6));
    let (left, right) = (part("left", beside(-1.0), sense), part("right", beside(1.0), sense));
    let middle = part("middle", rect.shrink2(vec2(0.3 * reach, 0.0)), sense).on_hover_and_drag_cursor(CursorIcon::Grab);
    middle.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("reroute {id}")));
    if middle.clicked() {
        let more = ui.input(|i| i.modifiers.shift || i.modifiers.command);
        let had = workspace.editor.selection.contains(id);
        if !more {
            workspace.editor.selection = BTreeSet::new();
        }
        if more && had {
            workspace.editor.selection.remove(id);
        } else {
            workspace.editor.selection.insert(id.to_owned());
        }
    }
    if middle.dragged() {
        drag_nodes(canvas, workspace, id, moved(ui, &middle));
    }
    if right.drag_started() {
        canvas.unplugged = false;
        canvas.dot_cable = Some(PendingCable { port: sides.out.clone(), kind, from_output: true });
    }
    if left.drag_started() && !unplug(canvas, workspace, &sides.input) {
        canvas.unplugged = false;
        canvas.dot_cable = Some(PendingCable { port: sides.input.clone(), kind, from_output: false });
    }
}

/// The drag distance, including the part before the drag threshold.
fn moved(ui: &Ui, response: &Response) -> Vec2 {
    let ends = ui.input(|i| i.pointer.press_origin().zip(i.pointer.interact_pos()));
    match ends.filter(|_| response.drag_started()) {
        Some((from, to)) => to - from,
        None => response.drag_delta(),
    }
}

/// Unplugs the cable of an input, which then hangs from its output. False without a cable.
pub(in crate::ui) fn unplug(canvas: &mut Canvas, workspace: &mut Workspace, to: &Port) -> bool {
    let Some(from) = workspace.editor.patch().cable_to(to).map(|cable| cable.from.clone()) else { return false };
    let kind = workspace.editor.port_kind(&from.node, &from.port, true);
    canvas.unplugged = true;
    canvas.dot_cable = Some(PendingCable { port: from, kind, from_output: true });
    let edits = vec![LevelEdit::Disconnect { to: to.clone() }];
    workspace
        .editor
        .apply(Step { gesture: Some(Gesture::Hand("plug".into())), ..Step::new(format!("disconnect {to}"), edits) });
    true
}

/// Adds a dot to the cable of an input in one step.
pub(in crate::ui) fn add_reroute(workspace: &mut Workspace, to: &Port, [x, y]: [f64; 2]) {
    let Some(cable) = workspace.editor.patch().cable_to(to).cloned() else { return };
    let id = workspace.editor.patch().free_id("reroute");
    let half = f64::from(theme::DOT);
    let reroute = LIBRARY.iter().find_map(|def| match def.face() {
        View::Reroute { input, out } => Some((Node::new(def.name), Sides::new(&id, input, out))),
        _ => None,
    });
    let Some((node, sides)) = reroute else { return };
    let edits = vec![
        LevelEdit::AddNode { id: id.clone(), node, pos: snap([x - half, y - half]) },
        LevelEdit::Connect { cable: Cable::new(cable.from.clone(), sides.input) },
        LevelEdit::Connect { cable: Cable { from: sides.out, ..cable } },
    ];
    workspace.editor.apply(Step::new("reroute", edits));
}
