//! A node on the canvas: its title, its rows, its scope or picture. The crate lays the rows out; all that is seen is painted here.

use bendrack_nodes::error::Severity;
use bendrack_nodes::patch::{Patch, Port};
use bendrack_nodes::value::Kind;
use eframe::egui::{
    self, Align2, Color32, CornerRadius, Id, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, TextureHandle, Ui, pos2,
    vec2,
};

use crate::ui::canvas::face::Face;
use crate::ui::canvas::note::{note_ui, paper};
use crate::ui::canvas::scope::{display_ui, scope_ui};
use crate::ui::document::def_of;
use crate::ui::document::ports::{ports, shown_inputs};
use crate::ui::document::subpatch as inside;
use crate::ui::theme;
use crate::ui::workspace::{Desk, Spot};

/// The crate's margins at 100 %, and how far the box it draws reaches below them.
pub(in crate::ui) const MARGIN: egui::Vec2 = vec2(15.0, 5.0);
const BELOW: f32 = 17.0;
/// The width of a row at 100 %.
pub(in crate::ui) const INNER: f32 = theme::NODE_WIDTH - 2.0 * MARGIN.x;

/// The height of a node at 100 %.
pub fn height(patch: &Patch, id: &str, open: bool) -> f32 {
    let face = Face::of(patch, id);
    if face == Face::Reroute {
        return 2.0 * theme::DOT;
    }
    if face.is_bare() {
        return BARE + face.extra(patch, id);
    }
    let rows = shown_inputs(patch, id, open).len() + ports(patch, id).1.len();
    let extra = face.extra(patch, id);
    2.0 * MARGIN.y + theme::TITLE_HEIGHT + MARGIN.y + rows as f32 * theme::ROW + extra + BELOW - 4.0
}

/// The size of a node at 100 %.
pub fn size(patch: &Patch, id: &str, open: bool) -> egui::Vec2 {
    let width = if Face::of(patch, id) == Face::Reroute { 2.0 * theme::DOT } else { theme::NODE_WIDTH };
    vec2(width, height(patch, id, open))
}

/// The height of a node without title at 100 %, besides what is on it.
const BARE: f32 = 34.0;

/// The title: its family's hue, its name, its id, and a mark if something is wrong with it.
pub fn title_ui(ui: &mut Ui, desk: &mut Desk, id: &str) {
    let zoom = desk.scene.zoom;
    let ground = ui.painter().add(Shape::Noop);
    desk.scene.ground = Some(ground);
    if Face::of(desk.patch(), id).is_bare() {
        desk.scene.bare.push(ground);
        return;
    }
    // The crate adds room for buttons that are not there.
    let (rect, _) = ui.allocate_exact_size(vec2(INNER - 24.0, theme::TITLE_HEIGHT) * zoom, Sense::hover());
    let rect = Rect::from_min_size(
        pos2(rect.left() - ui.spacing().item_spacing.x, rect.top()),
        vec2(INNER, theme::TITLE_HEIGHT) * zoom,
    );
    let Some(node) = desk.patch().nodes.get(id) else { return };
    let def = def_of(&node.kind);
    let hue = def.map_or(theme::WEAK, |def| theme::family_colour(def.family()));
    let hue = if node.bypass { theme::LINE } else { hue };
    let painter = ui.painter();
    let bar = Rect::from_center_size(pos2(rect.left() - 5.0 * zoom, rect.center().y), vec2(3.0, 14.0) * zoom);
    painter.rect_filled(bar, 1.5 * zoom, hue);
    if zoom < theme::NO_TEXT_BELOW {
        return;
    }
    let title = inside::title(desk.patch(), id);
    let colour = if node.bypass { theme::WEAK } else { theme::TEXT };
    painter.text(
        pos2(rect.left() + 3.0 * zoom, rect.center().y),
        Align2::LEFT_CENTER,
        title,
        theme::words(theme::BODY * zoom),
        colour,
    );
    let side = if node.bypass { "bypassed" } else { id };
    let mut right = rect.right_center();
    let troubles = desk.troubles(id);
    if let Some(worst) = troubles.iter().map(|(severity, _)| *severity).max() {
        let text: Vec<&str> = troubles.iter().map(|(_, sentence)| sentence.as_str()).collect();
        mark_ui(ui, id, right, worst, &text.join("\n"), zoom);
        right.x -= 18.0 * zoom;
    }
    ui.painter().text(
        right,
        Align2::RIGHT_CENTER,
        side,
        theme::figures(theme::SMALL * 0.9 * zoom),
        theme::WEAK.gamma_multiply(0.8),
    );
}

/// A mark that something is wrong; the pointer over it says what.
fn mark_ui(ui: &Ui, id: &str, right: Pos2, severity: Severity, text: &str, zoom: f32) {
    let colour = match severity {
        Severity::Error => theme::ERROR,
        Severity::Warning => theme::WARNING,
    };
    let rect = Rect::from_center_size(right - vec2(6.0 * zoom, 0.0), egui::Vec2::splat(16.0 * zoom));
    let response = ui.interact(rect, Id::new(("mark", id)), Sense::hover());
    ui.painter().circle_filled(rect.center(), 7.0 * zoom, colour);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, "!", theme::words(theme::SMALL * zoom), theme::CANVAS);
    response.on_hover_text(text);
}

/// The scope or picture, and then everything that lies beneath the rows: body, edge, ports.
pub fn bottom_ui(ui: &mut Ui, desk: &mut Desk, id: &str) {
    let zoom = desk.scene.zoom;
    let patch = std::sync::Arc::clone(desk.patch());
    let (face, open) = (Face::of(&patch, id), desk.open.contains(id));
    let mut text = Rect::NOTHING;
    match &face {
        Face::Plain | Face::Reroute => {}
        Face::Note => text = note_ui(ui, desk, id),
        Face::Number => {
            let rows = ui.min_rect();
            let top = rows.bottom() - 2.0 * theme::ROW * zoom;
            let rect = Rect::from_min_max(pos2(rows.left(), top), rows.max);
            display_ui(ui, desk, id, rect.shrink2(vec2(-6.0, 1.0) * zoom));
        }
        Face::Scope => {
            let count = shown_inputs(&patch, id, open).len() + 1;
            let rows = if face.covers_rows(open) { count as f32 * theme::ROW * zoom } else { 0.0 };
            let (rect, _) = ui.allocate_exact_size(vec2(INNER, theme::BIG_SCOPE) * zoom, Sense::hover());
            let rect = Rect::from_min_max(rect.min - vec2(0.0, rows), rect.max);
            scope_ui(ui, desk, id, rect.expand2(vec2(6.0, -1.0) * zoom));
        }
        Face::Trace(port) => {
            let rect = below(ui, theme::SCOPE, zoom);
            trace_ui(ui, desk, port, rect, zoom);
        }
        Face::Picture => {
            let rect = below(ui, theme::THUMB, zoom);
            let texture = match patch.nodes[id].kind.as_str() {
                "model.wan" => desk.images.model.as_ref(),
                "output.picture" => desk.images.screen.as_ref(),
                _ => desk.images.taps.get(id),
            };
            picture_ui(ui, texture, rect, zoom);
        }
    }
    let outer = ui.min_rect().expand2(MARGIN * zoom);
    // The crate's box is this much taller than what is on it; ours has to cover it.
    let below = BELOW * zoom - (4.0 * zoom).floor();
    let rect = match &face {
        Face::Note => text.expand2(vec2(12.0, 9.0) * zoom),
        _ => Rect::from_min_max(outer.min, outer.max + vec2(0.0, below)),
    };
    match desk.scene.ground.filter(|_| face == Face::Note) {
        Some(ground) => {
            ui.painter().set(ground, Shape::Vec(paper(rect, zoom, desk.selection.contains(id))));
        }
        None => paint_body(ui, desk, id, rect),
    }
    let spots = std::mem::take(&mut desk.scene.pending);
    if zoom >= theme::NO_PORTS_BELOW {
        for spot in &spots {
            paint_port(ui, desk, spot);
        }
    }
    desk.scene.ports.extend(spots);
    desk.scene.rects.insert(id.to_owned(), rect);
    if !face.is_bare() {
        fold_ui(ui, desk, id, Rect::from_min_max(pos2(rect.left(), outer.bottom() - MARGIN.y * zoom), rect.max));
    }
}

/// Room below the rows.
fn below(ui: &mut Ui, height: f32, zoom: f32) -> Rect {
    let gap = theme::UNIT / 2.0;
    let (rect, _) = ui.allocate_exact_size(vec2(INNER, height + gap) * zoom, Sense::hover());
    Rect::from_min_max(rect.min + vec2(0.0, gap * zoom), rect.max)
}

fn paint_body(ui: &Ui, desk: &mut Desk, id: &str, rect: Rect) {
    let zoom = desk.scene.zoom;
    let Some(ground) = desk.scene.ground.take() else { return };
    let radius = (4.0 * zoom) as u8;
    let title_height = (theme::TITLE_HEIGHT + 2.0 * MARGIN.y) * zoom;
    let title = Rect::from_min_size(rect.min, vec2(rect.width(), title_height));
    let top = CornerRadius { nw: radius, ne: radius, sw: 0, se: 0 };
    let worst = desk.troubles(id).into_iter().map(|(severity, _)| severity).max();
    let edge = match worst {
        _ if desk.selection.contains(id) => Stroke::new(2.0_f32.min(2.0 * zoom).max(1.0), theme::ACCENT),
        Some(Severity::Error) => Stroke::new(1.5, theme::ERROR),
        Some(Severity::Warning) => Stroke::new(1.0, theme::WARNING),
        None => Stroke::new(1.0, theme::LINE),
    };
    let line = title.bottom();
    // A subpatch is a pile of sheets.
    let pile = inside::definition_of(desk.patch(), id).map(|_| {
        let sheet = |by: f32| {
            let rect = rect.translate(vec2(by, by) * zoom);
            Shape::Rect(egui::epaint::RectShape::new(rect, radius, theme::TITLE, edge, StrokeKind::Outside))
        };
        Shape::Vec(vec![sheet(7.0), sheet(3.5)])
    });
    ui.painter().set(
        ground,
        Shape::Vec(vec![
            pile.unwrap_or(Shape::Noop),
            Shape::rect_filled(
                rect.translate(vec2(0.0, 3.0 * zoom)).expand(1.0),
                radius + 1,
                Color32::from_black_alpha(70),
            ),
            Shape::rect_filled(rect, radius, theme::NODE),
            Shape::rect_filled(title, top, theme::TITLE),
            Shape::line_segment([pos2(rect.left(), line), pos2(rect.right(), line)], Stroke::new(1.0, theme::LINE)),
            Shape::rect_stroke(rect, radius, edge, StrokeKind::Outside),
        ]),
    );
}

/// A port in the shape and colour of its kind. Those that the hanging cable does not fit stand back.
fn paint_port(ui: &Ui, desk: &Desk, spot: &Spot) {
    let (bright, dim) = theme::kind_colours(spot.kind);
    let wired = desk.scene.is_wired(&spot.port, spot.output);
    let fits = desk.scene.loose.as_ref().is_none_or(|loose| loose.port == spot.port || fits(loose, spot));
    let faded = if fits { 1.0 } else { theme::FADED };
    let fill = if wired { bright } else { dim };
    let radius = theme::PORT * desk.scene.zoom;
    if spot.output && desk.is_held(&spot.port) {
        ui.painter().circle_filled(spot.at, radius * 2.0, theme::WARNING);
        if ui.rect_contains_pointer(Rect::from_center_size(spot.at, egui::Vec2::splat(4.0 * radius))) {
            let id = Id::new("held");
            let tip = egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, egui::PopupAnchor::Pointer);
            tip.gap(12.0)
                .show(|ui| ui.label(format!("{} is not a finite number, so it keeps its last one.", spot.port)));
        }
    }
    let edge = Stroke::new(1.2 * desk.scene.zoom, bright.gamma_multiply(faded));
    // A port of the subpatch itself has its name outside of the node.
    if let Some(name) = desk.outward(&spot.port, spot.output).filter(|_| desk.scene.zoom >= theme::NO_TEXT_BELOW) {
        let (way, align) = if spot.output { (1.0, Align2::LEFT_CENTER) } else { (-1.0, Align2::RIGHT_CENTER) };
        let at = spot.at + vec2(way * 14.0 * desk.scene.zoom, 0.0);
        ui.painter().text(at, align, name, theme::words(theme::SMALL * desk.scene.zoom), theme::ACCENT);
    }
    // A ring of the canvas's colour parts the port from the node's edge.
    ui.painter().circle_filled(spot.at, radius + 2.5 * desk.scene.zoom, theme::CANVAS);
    ui.painter().add(kind_shape(spot.kind, spot.at, radius, fill.gamma_multiply(faded), edge));
}

/// Whether a hanging cable may be plugged into a port.
pub fn fits(loose: &crate::ui::canvas::palette::Loose, spot: &Spot) -> bool {
    spot.output != loose.from_output
        && spot.port.node != loose.port.node
        && if loose.from_output { spot.kind.accepts(loose.kind) } else { loose.kind.accepts(spot.kind) }
}

/// The shape of a kind: no two kinds differ by colour alone.
pub fn kind_shape(kind: Kind, at: Pos2, radius: f32, fill: Color32, edge: Stroke) -> Shape {
    let polygon = |corners: usize, turn: f32, radius: f32| {
        let corner = |i: usize| {
            let angle = (i as f32 / corners as f32 + turn) * std::f32::consts::TAU;
            at + vec2(angle.cos(), angle.sin()) * radius
        };
        Shape::convex_polygon((0..corners).map(corner).collect(), fill, edge)
    };
    let boxed = |width: f32, height: f32, round: f32| {
        let rect = Rect::from_center_size(at, vec2(width, height) * radius);
        Shape::Rect(egui::epaint::RectShape::new(rect, round * radius, fill, edge, StrokeKind::Middle))
    };
    match kind {
        Kind::Number => Shape::Circle(egui::epaint::CircleShape { center: at, radius, fill, stroke: edge }),
        Kind::Gate => boxed(1.8, 1.8, 0.0),
        Kind::Text => boxed(2.4, 1.3, 0.6),
        Kind::Target => polygon(3, 0.0, radius * 1.25),
        Kind::Bend => polygon(4, 0.0, radius * 1.2),
        Kind::Map => polygon(6, 0.0, radius * 1.1),
        Kind::Picture => boxed(2.4, 1.8, 0.25),
        Kind::Any => boxed(1.8, 1.8, 0.6),
    }
}

/// The last seconds of a number.
fn trace_ui(ui: &Ui, desk: &Desk, port: &Port, rect: Rect, zoom: f32) {
    ui.painter().rect_filled(rect, 2.0 * zoom, theme::WELL);
    let Some(trace) = desk.live.trace(port).filter(|trace| trace.len() > 1) else { return };
    // At least the range of an ordinary wave, so that a value that stands still is not blown up.
    let least = trace.iter().copied().fold(0.0, f64::min);
    let most = trace.iter().copied().fold(1.0, f64::max);
    let inside = rect.shrink2(vec2(0.0, 4.0 * zoom));
    let y = |value: f64| inside.bottom() - ((value - least) / (most - least)) as f32 * inside.height();
    let zero = y(0.0);
    ui.painter().hline(rect.x_range(), zero, Stroke::new(1.0, theme::LINE.gamma_multiply(0.6)));
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

/// A picture as large as the room allows.
fn picture_ui(ui: &Ui, texture: Option<&TextureHandle>, rect: Rect, zoom: f32) {
    ui.painter().rect_filled(rect, 2.0 * zoom, theme::STAGE);
    let Some(texture) = texture else { return };
    let size = texture.size_vec2();
    let size = size * (rect.width() / size.x).min(rect.height() / size.y);
    let uv = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    ui.painter().image(texture.id(), Rect::from_center_size(rect.center(), size), uv, Color32::WHITE);
}

/// The strip at the bottom of a node with more inputs than it shows.
fn fold_ui(ui: &Ui, desk: &mut Desk, id: &str, rect: Rect) {
    let zoom = desk.scene.zoom;
    let open = desk.open.contains(id);
    let all = ports(desk.patch(), id).0.len();
    let more = all - shown_inputs(desk.patch(), id, false).len();
    if more == 0 || zoom < theme::NO_TEXT_BELOW {
        return;
    }
    let response = ui.interact(rect, Id::new(("fold", id)), Sense::click());
    let text = if open { "less".to_owned() } else { format!("{more} more") };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, format!("{text} of {id}")));
    let colour = if response.hovered() { theme::TEXT } else { theme::WEAK.gamma_multiply(0.8) };
    let shown =
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::words(theme::SMALL * 0.9 * zoom), colour);
    let tip = pos2(shown.right() + 7.0 * zoom, rect.center().y);
    let way = if open { -2.5 } else { 2.5 } * zoom;
    let points =
        vec![tip + vec2(-3.0 * zoom, -way / 2.0), tip + vec2(0.0, way / 2.0), tip + vec2(3.0 * zoom, -way / 2.0)];
    ui.painter().add(Shape::line(points, Stroke::new(1.2 * zoom, colour)));
    if response.clicked() && !desk.open.remove(id) {
        desk.open.insert(id.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::canvas::palette::Loose;
    use crate::ui::document::Document;

    #[test]
    fn a_cable_fits_other_nodes_on_the_other_side_only() {
        let spot = |port: &str, kind, output| Spot { port: port.parse().unwrap(), kind, output, at: Pos2::ZERO };
        let loose = Loose { port: "a.out".parse().unwrap(), kind: Kind::Gate, from_output: true };
        assert!(fits(&loose, &spot("b.rate", Kind::Number, false)));
        assert!(!fits(&loose, &spot("b.out", Kind::Number, true)));
        assert!(!fits(&loose, &spot("a.reset", Kind::Gate, false)), "its own node");
        assert!(!fits(&loose, &spot("b.text", Kind::Text, false)));
    }

    #[test]
    fn no_two_kinds_have_the_same_shape() {
        let shape = |kind| format!("{:?}", kind_shape(kind, Pos2::ZERO, 5.0, Color32::RED, Stroke::NONE));
        for (i, a) in Kind::ALL.iter().enumerate() {
            for b in &Kind::ALL[..i] {
                assert_ne!(shape(*a), shape(*b), "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_node_is_as_tall_as_it_says() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let mut desk = Desk::new(Document::new(patch, None, Box::new(|_| ())));
        let mut canvas = crate::ui::canvas::Canvas::default();
        let mut harness = egui_kittest::Harness::builder().with_size(vec2(1400.0, 900.0)).build_ui_state(
            move |ui, rects: &mut std::collections::BTreeMap<String, (f32, f32)>| {
                crate::ui::canvas::canvas_ui(ui, &mut canvas, &mut desk);
                let zoom = desk.scene.zoom;
                let tall = |(id, rect): (&String, &Rect)| {
                    (id.clone(), (rect.height() / zoom, height(&desk.document.patch, id, desk.open.contains(id))))
                };
                *rects = desk.scene.rects.iter().map(tall).collect();
            },
            std::collections::BTreeMap::new(),
        );
        harness.run_steps(3);
        assert_eq!(harness.state().len(), 10);
        for (id, (drawn, said)) in harness.state() {
            assert!((drawn - said).abs() < 2.0, "{id}: drawn {drawn}, said {said}");
        }
    }
}
