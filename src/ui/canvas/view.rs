//! The view of the canvas: automatic layout, pan, zoom, background.

use std::collections::BTreeSet;

use eframe::egui::{Pos2, Rect, Shape, Ui, Vec2, pos2, vec2};

use crate::ui::canvas::Canvas;
use crate::ui::canvas::node;
use crate::ui::document::arrange::{Sizes, arrange};
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// Lays out a patch without a layout. It is not a step and cannot be undone.
pub(in crate::ui) fn lay_out_new(workspace: &mut Workspace) {
    let patch = workspace.editor.patch();
    if !patch.layout.is_empty() || patch.nodes.is_empty() {
        return;
    }
    let height = |id: &str| f64::from(node::height(patch, id, false));
    let places = arrange(patch, &Sizes { width: f64::from(theme::NODE_WIDTH), height: &height, gap: theme::GAP });
    workspace.editor.lay_out(places);
}

/// Fits nodes into the view, at 100 % at most.
pub(in crate::ui) fn frame_nodes(canvas: &mut Canvas, workspace: &mut Workspace, ids: &BTreeSet<String>) {
    let Some(view) = canvas.rect else { return };
    let patch = workspace.editor.patch();
    let mut all = Rect::NOTHING;
    for id in ids.iter().filter(|id| patch.nodes.contains_key(*id)) {
        let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
        let size = node::size(patch, id, workspace.editor.unfolded.contains(id));
        all = all.union(Rect::from_min_size(pos2(x as f32, y as f32), size));
    }
    if !all.is_positive() {
        return;
    }
    let room = view.size() - Vec2::splat(6.0 * theme::UNIT);
    let zoom = (room.x / all.width()).min(room.y / all.height()).clamp(theme::ZOOM.0, 1.0);
    workspace.frame.zoom = zoom;
    canvas.pan = (view.size() / 2.0 - all.center().to_vec2() * zoom).round();
}

/// The wheel zooms about the pointer, or turns the knob under it. The crate itself would zoom about the middle.
pub(in crate::ui) fn wheel(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, rect: Rect) {
    let over = ui.rect_contains_pointer(rect);
    workspace.frame.wheel = 0.0;
    if !over || canvas.palette.is_some() {
        return;
    }
    let (scroll, pinch, at) = ui.input(|i| (i.smooth_scroll_delta, i.zoom_delta(), i.pointer.hover_pos()));
    ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
    if workspace.frame.over_knob {
        workspace.frame.wheel = scroll.y;
        return;
    }
    let Some(at) = at else { return };
    canvas.pan.x += scroll.x;
    zoom_about(canvas, workspace, at, (scroll.y * 0.002).exp() * pinch);
}

/// Zooms about a point of the screen.
pub(in crate::ui) fn zoom_about(canvas: &mut Canvas, workspace: &mut Workspace, at: Pos2, factor: f32) {
    let before = workspace.frame.zoom;
    workspace.frame.zoom = (before * factor).clamp(theme::ZOOM.0, theme::ZOOM.1);
    let corner = canvas.rect.map_or(Pos2::ZERO, |rect| rect.min);
    let from = at - corner - canvas.pan;
    canvas.pan += from - from * (workspace.frame.zoom / before);
}

/// Paints the background and its grid of dots.
pub(in crate::ui) fn paint_background(ui: &Ui, rect: Rect, pan: Vec2, zoom: f32) {
    ui.painter().rect_filled(rect, 0.0, theme::canvas());
    let step = 3.0 * theme::UNIT * zoom * if zoom < 0.5 { 4.0 } else { 1.0 };
    let first = vec2(pan.x.rem_euclid(step), pan.y.rem_euclid(step));
    let mut dots = Vec::new();
    let mut y = rect.top() + first.y;
    while y < rect.bottom() {
        let mut x = rect.left() + first.x;
        while x < rect.right() {
            dots.push(Shape::rect_filled(Rect::from_center_size(pos2(x, y), Vec2::splat(1.5)), 0.0, theme::grid()));
            x += step;
        }
        y += step;
    }
    ui.painter().extend(dots);
}
