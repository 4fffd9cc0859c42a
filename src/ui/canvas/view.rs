//! What of the patch is seen: places, pan, zoom, the ground.

use std::collections::BTreeSet;

use eframe::egui::{Pos2, Rect, Shape, Ui, Vec2, pos2, vec2};

use crate::ui::canvas::Canvas;
use crate::ui::canvas::node;
use crate::ui::document::arrange::{Sizes, arrange};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// Places for the nodes of a patch that says nothing about them. This is no edit: there is nothing to undo.
pub(in crate::ui) fn give_places(desk: &mut Desk) {
    let patch = desk.patch();
    if !patch.layout.is_empty() || patch.nodes.is_empty() {
        return;
    }
    let height = |id: &str| f64::from(node::height(patch, id, false));
    let places = arrange(patch, &Sizes { width: f64::from(theme::NODE_WIDTH), height: &height, gap: theme::GAP });
    desk.lay_out(places);
}

/// Brings these nodes into the view.
pub(in crate::ui) fn frame_nodes(canvas: &mut Canvas, desk: &mut Desk, ids: &BTreeSet<String>) {
    let Some(view) = canvas.rect else { return };
    let patch = desk.patch();
    let mut all = Rect::NOTHING;
    for id in ids.iter().filter(|id| patch.nodes.contains_key(*id)) {
        let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
        let size = node::size(patch, id, desk.open.contains(id));
        all = all.union(Rect::from_min_size(pos2(x as f32, y as f32), size));
    }
    if !all.is_positive() {
        return;
    }
    let room = view.size() - Vec2::splat(6.0 * theme::UNIT);
    let zoom = (room.x / all.width()).min(room.y / all.height()).clamp(theme::ZOOM.0, 1.0);
    desk.scene.zoom = zoom;
    canvas.pan = (view.size() / 2.0 - all.center().to_vec2() * zoom).round();
}

/// The wheel zooms about the pointer; over a knob it turns the knob. The crate would zoom about the middle.
pub(in crate::ui) fn wheel(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, rect: Rect) {
    let over = ui.rect_contains_pointer(rect);
    desk.scene.wheel = 0.0;
    if !over || canvas.palette.is_some() {
        return;
    }
    let (scroll, pinch, at) = ui.input(|i| (i.smooth_scroll_delta, i.zoom_delta(), i.pointer.hover_pos()));
    ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
    if desk.scene.over_knob {
        desk.scene.wheel = scroll.y;
        return;
    }
    let Some(at) = at else { return };
    canvas.pan.x += scroll.x;
    zoom_about(canvas, desk, at, (scroll.y * 0.002).exp() * pinch);
}

/// Zooms so that the point of the patch under `at` stays there.
pub(in crate::ui) fn zoom_about(canvas: &mut Canvas, desk: &mut Desk, at: Pos2, factor: f32) {
    let before = desk.scene.zoom;
    desk.scene.zoom = (before * factor).clamp(theme::ZOOM.0, theme::ZOOM.1);
    let corner = canvas.rect.map_or(Pos2::ZERO, |rect| rect.min);
    let from = at - corner - canvas.pan;
    canvas.pan += from - from * (desk.scene.zoom / before);
}

/// The ground with its dots.
pub(in crate::ui) fn paint_ground(ui: &Ui, rect: Rect, pan: Vec2, zoom: f32) {
    ui.painter().rect_filled(rect, 0.0, theme::CANVAS);
    let step = 3.0 * theme::UNIT * zoom * if zoom < 0.5 { 4.0 } else { 1.0 };
    let first = vec2(pan.x.rem_euclid(step), pan.y.rem_euclid(step));
    let mut dots = Vec::new();
    let mut y = rect.top() + first.y;
    while y < rect.bottom() {
        let mut x = rect.left() + first.x;
        while x < rect.right() {
            dots.push(Shape::rect_filled(Rect::from_center_size(pos2(x, y), Vec2::splat(1.5)), 0.0, theme::GRID));
            x += step;
        }
        y += step;
    }
    ui.painter().extend(dots);
}
