//! A node on the canvas: title, body, ports, trace or picture. The crate lays out the rows; this module paints them.

use bendrack_nodes::diagnostics::Severity;
use bendrack_nodes::node::def::{Image, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Patch, Port};
use eframe::egui::{
    self, Align2, Color32, CornerRadius, Id, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, TextureHandle, Ui, pos2,
    vec2,
};

use crate::ui::canvas::face::{covers_rows, extra, face_of, is_bare};
use crate::ui::canvas::note::{note_ui, paper};
use crate::ui::canvas::reroute::is_dot;
use crate::ui::canvas::row::shown_inputs;
use crate::ui::canvas::scope::{display_ui, scope_ui};
use crate::ui::document::def_of;
use crate::ui::document::ports::ports;
use crate::ui::document::subpatch::{self, definition_of};
use crate::ui::theme;
use crate::ui::widgets::kind_shape;
use crate::ui::workspace::{DrawnPort, Workspace};

/// The margins of the crate at 100 %, and the extra height of its box.
pub(in crate::ui) const MARGIN: egui::Vec2 = vec2(15.0, 5.0);
const BELOW: f32 = 17.0;
/// The width of a row at 100 %.
pub(in crate::ui) const INNER: f32 = theme::NODE_WIDTH - 2.0 * MARGIN.x;

/// The height of a node at 100 %.
pub fn height(patch: &Patch, id: &str, open: bool) -> f32 {
    let face = face_of(patch, id);
    let extra = extra(face, patch, id);
    if matches!(face, View::Reroute { .. }) {
        return 2.0 * theme::DOT;
    }
    if is_bare(face) {
        return BARE + extra;
    }
    let rows = shown_inputs(patch, id, open).len() + ports(patch, id).1.len();
    2.0 * MARGIN.y + theme::TITLE_HEIGHT + MARGIN.y + rows as f32 * theme::ROW + extra + BELOW - 4.0
}

/// The size of a node at 100 %.
pub fn size(patch: &Patch, id: &str, open: bool) -> egui::Vec2 {
    let width = if is_dot(patch, id) { 2.0 * theme::DOT } else { theme::NODE_WIDTH };
    vec2(width, height(patch, id, open))
}

/// The height of the margins of a node without a title at 100 %.
const BARE: f32 = 34.0;

/// The title bar: colour of the family, title, id, and a mark for problems.
pub fn title_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str) {
    let zoom = workspace.frame.zoom;
    let background = ui.painter().add(Shape::Noop);
    workspace.frame.node.background = Some(background);
    if is_bare(face_of(workspace.editor.patch(), id)) {
        workspace.frame.bare.push(background);
        return;
    }
    // The crate reserves space for buttons, which these nodes do not have.
    let (rect, _) = ui.allocate_exact_size(vec2(INNER - 24.0, theme::TITLE_HEIGHT) * zoom, Sense::hover());
    let rect = Rect::from_min_size(
        pos2(rect.left() - ui.spacing().item_spacing.x, rect.top()),
        vec2(INNER, theme::TITLE_HEIGHT) * zoom,
    );
    let Some(node) = workspace.editor.patch().nodes.get(id) else { return };
    let def = def_of(&node.kind);
    let hue = def.map_or(theme::weak(), |def| theme::family_colour(def.family()));
    let hue = if node.bypass { theme::line() } else { hue };
    let painter = ui.painter();
    let bar = Rect::from_center_size(pos2(rect.left() - 5.0 * zoom, rect.center().y), vec2(3.0, 14.0) * zoom);
    painter.rect_filled(bar, 1.5 * zoom, hue);
    if zoom < theme::NO_TEXT_BELOW {
        return;
    }
    let title = subpatch::title(workspace.editor.patch(), id);
    let colour = if node.bypass { theme::weak() } else { theme::text() };
    painter.text(
        pos2(rect.left() + 3.0 * zoom, rect.center().y),
        Align2::LEFT_CENTER,
        title,
        theme::proportional(theme::BODY * zoom),
        colour,
    );
    let side = if node.bypass { "bypassed" } else { id };
    let mut right = rect.right_center();
    let diagnostics = workspace.diagnostics(id);
    if let Some(worst) = diagnostics.iter().map(|(severity, _)| *severity).max() {
        let text: Vec<&str> = diagnostics.iter().map(|(_, sentence)| sentence.as_str()).collect();
        mark_ui(ui, id, right, worst, &text.join("\n"), zoom);
        right.x -= 18.0 * zoom;
    }
    ui.painter().text(
        right,
        Align2::RIGHT_CENTER,
        side,
        theme::monospace(theme::SMALL * 0.9 * zoom),
        theme::weak().gamma_multiply(0.8),
    );
}

/// The mark of a problem, with its text as a tooltip.
fn mark_ui(ui: &Ui, id: &str, right: Pos2, severity: Severity, text: &str, zoom: f32) {
    let colour = match severity {
        Severity::Error => theme::error(),
        Severity::Warning => theme::warning(),
    };
    let rect = Rect::from_center_size(right - vec2(6.0 * zoom, 0.0), egui::Vec2::splat(16.0 * zoom));
    let response = ui.interact(rect, Id::new(("mark", id)), Sense::hover());
    ui.painter().circle_filled(rect.center(), 7.0 * zoom, colour);
    ui.painter().text(
        rect.center(),
        Align2::CENTER_CENTER,
        "!",
        theme::proportional(theme::SMALL * zoom),
        theme::canvas(),
    );
    response.on_hover_text(text);
}

/// The drawing below the rows, then the shapes beneath them: body, edge, ports.
pub fn bottom_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str) {
    let zoom = workspace.frame.zoom;
    let face = face_of(workspace.editor.patch(), id);
    let text = drawing_ui(ui, workspace, id, face);
    let outer = ui.min_rect().expand2(MARGIN * zoom);
    // The body covers the box of the crate, which is taller than its contents.
    let below = BELOW * zoom - (4.0 * zoom).floor();
    let rect = match text {
        Some(text) => text.expand2(vec2(12.0, 9.0) * zoom),
        None => Rect::from_min_max(outer.min, outer.max + vec2(0.0, below)),
    };
    match workspace.frame.node.background.filter(|_| is_bare(face)) {
        Some(background) => {
            ui.painter().set(background, Shape::Vec(paper(rect, zoom, workspace.editor.selection.contains(id))));
        }
        None => paint_body(ui, workspace, id, rect),
    }
    let drawn_ports = std::mem::take(&mut workspace.frame.node.ports);
    if zoom >= theme::NO_PORTS_BELOW {
        for drawn in &drawn_ports {
            paint_port(ui, workspace, drawn);
        }
    }
    workspace.frame.ports.extend(drawn_ports);
    workspace.frame.rects.insert(id.to_owned(), rect);
    if !is_bare(face) {
        fold_ui(ui, workspace, id, Rect::from_min_max(pos2(rect.left(), outer.bottom() - MARGIN.y * zoom), rect.max));
    }
}

/// The drawing of a face. Returns the rectangle of the text of a note.
fn drawing_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str, face: View) -> Option<Rect> {
    let zoom = workspace.frame.zoom;
    match face {
        View::Rows | View::Reroute { .. } => {}
        View::Note { text } => return Some(note_ui(ui, workspace, id, text)),
        View::Number { of } => {
            let rows = ui.min_rect();
            let top = rows.bottom() - 2.0 * theme::ROW * zoom;
            let rect = Rect::from_min_max(pos2(rows.left(), top), rows.max);
            display_ui(ui, workspace, id, of, rect.shrink2(vec2(-6.0, 1.0) * zoom));
        }
        View::Scope(scope) => {
            let open = workspace.editor.unfolded.contains(id);
            let count = shown_inputs(workspace.editor.patch(), id, open).len() + 1;
            let rows = if covers_rows(face, open) { count as f32 * theme::ROW * zoom } else { 0.0 };
            let (rect, _) = ui.allocate_exact_size(vec2(INNER, theme::SCOPE) * zoom, Sense::hover());
            let rect = Rect::from_min_max(rect.min - vec2(0.0, rows), rect.max);
            scope_ui(ui, workspace, id, scope, rect.expand2(vec2(6.0, -1.0) * zoom));
        }
        View::Trace { of } => {
            let rect = below(ui, theme::TRACE, zoom);
            let port = Port { node: id.to_owned(), port: of.name.to_owned() };
            trace_ui(ui, workspace, &port, rect, zoom);
        }
        View::Picture(image) => {
            let rect = below(ui, theme::THUMB, zoom);
            let images = &workspace.playback.images;
            let texture = match image {
                Image::Model => images.model.as_ref(),
                Image::Output => images.screen.as_ref(),
                Image::Map => images.taps.get(id),
            };
            picture_ui(ui, texture, rect, zoom);
        }
    }
    None
}

/// A rectangle below the rows.
fn below(ui: &mut Ui, height: f32, zoom: f32) -> Rect {
    let gap = theme::UNIT / 2.0;
    let (rect, _) = ui.allocate_exact_size(vec2(INNER, height + gap) * zoom, Sense::hover());
    Rect::from_min_max(rect.min + vec2(0.0, gap * zoom), rect.max)
}

fn paint_body(ui: &Ui, workspace: &mut Workspace, id: &str, rect: Rect) {
    let zoom = workspace.frame.zoom;
    let Some(background) = workspace.frame.node.background.take() else { return };
    let radius = (4.0 * zoom) as u8;
    let title_height = (theme::TITLE_HEIGHT + 2.0 * MARGIN.y) * zoom;
    let title = Rect::from_min_size(rect.min, vec2(rect.width(), title_height));
    let top = CornerRadius { nw: radius, ne: radius, sw: 0, se: 0 };
    let worst = workspace.diagnostics(id).into_iter().map(|(severity, _)| severity).max();
    let edge = match worst {
        _ if workspace.editor.selection.contains(id) => Stroke::new(2.0_f32.min(2.0 * zoom).max(1.0), theme::accent()),
        Some(Severity::Error) => Stroke::new(1.5, theme::error()),
        Some(Severity::Warning) => Stroke::new(1.0, theme::warning()),
        None => Stroke::new(1.0, theme::line()),
    };
    let line = title.bottom();
    // An instance has two more sheets beneath its body.
    let pile = definition_of(workspace.editor.patch(), id).map(|_| {
        let sheet = |by: f32| {
            let rect = rect.translate(vec2(by, by) * zoom);
            Shape::Rect(egui::epaint::RectShape::new(rect, radius, theme::title(), edge, StrokeKind::Outside))
        };
        Shape::Vec(vec![sheet(7.0), sheet(3.5)])
    });
    ui.painter().set(
        background,
        Shape::Vec(vec![
            pile.unwrap_or(Shape::Noop),
            Shape::rect_filled(
                rect.translate(vec2(0.0, 3.0 * zoom)).expand(1.0),
                radius + 1,
                Color32::from_black_alpha(70),
            ),
            Shape::rect_filled(rect, radius, theme::node()),
            Shape::rect_filled(title, top, theme::title()),
            Shape::line_segment([pos2(rect.left(), line), pos2(rect.right(), line)], Stroke::new(1.0, theme::line())),
            Shape::rect_stroke(rect, radius, edge, StrokeKind::Outside),
        ]),
    );
}

/// A port in the shape and colour of its kind; faded if the pending cable does not fit.
fn paint_port(ui: &Ui, workspace: &Workspace, drawn: &DrawnPort) {
    let (bright, dim) = theme::kind_colours(drawn.kind);
    let wired = workspace.frame.is_wired(&drawn.port, drawn.output);
    let fits = workspace.frame.pending.as_ref().is_none_or(|pending| pending.port == drawn.port || pending.fits(drawn));
    let faded = if fits { 1.0 } else { theme::FADED };
    let fill = if wired { bright } else { dim };
    let radius = theme::PORT * workspace.frame.zoom;
    if drawn.output && workspace.is_held(&drawn.port) {
        ui.painter().circle_filled(drawn.at, radius * 2.0, theme::warning());
        if ui.rect_contains_pointer(Rect::from_center_size(drawn.at, egui::Vec2::splat(4.0 * radius))) {
            let id = Id::new("held");
            let tip = egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, egui::PopupAnchor::Pointer);
            tip.gap(12.0)
                .show(|ui| ui.label(format!("{} is not a finite number and keeps its last value.", drawn.port)));
        }
    }
    let edge = Stroke::new(1.2 * workspace.frame.zoom, bright.gamma_multiply(faded));
    // A port that the subpatch exposes has its outer name beside it.
    if let Some(name) =
        workspace.editor.outer_name(&drawn.port, drawn.output).filter(|_| workspace.frame.zoom >= theme::NO_TEXT_BELOW)
    {
        let (way, align) = if drawn.output { (1.0, Align2::LEFT_CENTER) } else { (-1.0, Align2::RIGHT_CENTER) };
        let at = drawn.at + vec2(way * 14.0 * workspace.frame.zoom, 0.0);
        ui.painter().text(at, align, name, theme::proportional(theme::SMALL * workspace.frame.zoom), theme::accent());
    }
    // A ring in the colour of the canvas separates the port from the edge.
    ui.painter().circle_filled(drawn.at, radius + 2.5 * workspace.frame.zoom, theme::canvas());
    ui.painter().add(kind_shape(drawn.kind, drawn.at, radius, fill.gamma_multiply(faded), edge));
}

/// The trace of a number.
fn trace_ui(ui: &Ui, workspace: &Workspace, port: &Port, rect: Rect, zoom: f32) {
    ui.painter().rect_filled(rect, 2.0 * zoom, theme::well());
    let Some(trace) = workspace.playback.live.trace(port).filter(|trace| trace.len() > 1) else { return };
    // The range covers at least 0 to 1, so that a constant value stays flat.
    let least = trace.iter().copied().fold(0.0, f64::min);
    let most = trace.iter().copied().fold(1.0, f64::max);
    let inside = rect.shrink2(vec2(0.0, 4.0 * zoom));
    let y = |value: f64| inside.bottom() - ((value - least) / (most - least)) as f32 * inside.height();
    let zero = y(0.0);
    ui.painter().hline(rect.x_range(), zero, Stroke::new(1.0, theme::line().gamma_multiply(0.6)));
    let step = rect.width() / (crate::ui::workspace::live::TRACE - 1) as f32;
    let first = rect.right() - step * (trace.len() - 1) as f32;
    let points: Vec<Pos2> =
        trace.iter().enumerate().map(|(i, value)| pos2(first + i as f32 * step, y(*value))).collect();
    let hue = theme::kind_colours(Kind::Number).0;
    let last = points.last().copied();
    ui.painter().add(Shape::line(points, Stroke::new(1.4 * zoom, hue.gamma_multiply(0.85))));
    if let Some(last) = last {
        ui.painter().circle_filled(last - vec2(1.5 * zoom, 0.0), 2.0 * zoom, hue);
    }
}

/// A picture, scaled to fit.
fn picture_ui(ui: &Ui, texture: Option<&TextureHandle>, rect: Rect, zoom: f32) {
    ui.painter().rect_filled(rect, 2.0 * zoom, theme::preview());
    let Some(texture) = texture else { return };
    let size = texture.size_vec2();
    let size = size * (rect.width() / size.x).min(rect.height() / size.y);
    let uv = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    ui.painter().image(texture.id(), Rect::from_center_size(rect.center(), size), uv, Color32::WHITE);
}

/// The strip that unfolds a node with hidden inputs.
fn fold_ui(ui: &Ui, workspace: &mut Workspace, id: &str, rect: Rect) {
    let zoom = workspace.frame.zoom;
    let open = workspace.editor.unfolded.contains(id);
    let all = ports(workspace.editor.patch(), id).0.len();
    let more = all - shown_inputs(workspace.editor.patch(), id, false).len();
    if more == 0 || zoom < theme::NO_TEXT_BELOW {
        return;
    }
    let response = ui.interact(rect, Id::new(("fold", id)), Sense::click());
    let text = if open { "less".to_owned() } else { format!("{more} more") };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, format!("{text} of {id}")));
    let colour = if response.hovered() { theme::text() } else { theme::weak().gamma_multiply(0.8) };
    let shown = ui.painter().text(
        rect.center(),
        Align2::CENTER_CENTER,
        text,
        theme::proportional(theme::SMALL * 0.9 * zoom),
        colour,
    );
    let tip = pos2(shown.right() + 7.0 * zoom, rect.center().y);
    let way = if open { -2.5 } else { 2.5 } * zoom;
    let points =
        vec![tip + vec2(-3.0 * zoom, -way / 2.0), tip + vec2(0.0, way / 2.0), tip + vec2(3.0 * zoom, -way / 2.0)];
    ui.painter().add(Shape::line(points, Stroke::new(1.2 * zoom, colour)));
    if response.clicked() && !workspace.editor.unfolded.remove(id) {
        workspace.editor.unfolded.insert(id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::document::Document;

    #[test]
    fn the_height_of_a_node_is_the_drawn_height() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let mut workspace = Workspace::new(Document::new(patch, None, Box::new(|_, _| ())));
        let mut canvas = crate::ui::canvas::Canvas::default();
        let mut harness = egui_kittest::Harness::builder().with_size(vec2(1400.0, 900.0)).build_ui_state(
            move |ui, rects: &mut std::collections::BTreeMap<String, (f32, f32)>| {
                crate::ui::canvas::canvas_ui(ui, &mut canvas, &mut workspace);
                let zoom = workspace.frame.zoom;
                let tall = |(id, rect): (&String, &Rect)| {
                    (
                        id.clone(),
                        (
                            rect.height() / zoom,
                            height(&workspace.editor.document.patch, id, workspace.editor.unfolded.contains(id)),
                        ),
                    )
                };
                *rects = workspace.frame.rects.iter().map(tall).collect();
            },
            std::collections::BTreeMap::new(),
        );
        harness.run_steps(3);
        assert_eq!(harness.state().len(), 10);
        for (id, (drawn, computed)) in harness.state() {
            assert!((drawn - computed).abs() < 2.0, "{id}: drawn {drawn}, computed {computed}");
        }
    }
}
