//! The minimap: the whole patch in a corner of the canvas, while a part of it is out of sight.

use eframe::egui::{Id, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2};

use super::{Canvas, node};
use crate::ui::document::def_of;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The largest size of the map.
const SIZE: Vec2 = vec2(168.0, 112.0);
/// The largest share of the canvas that the map covers, along each side.
const MOST_SHARE: f32 = 0.22;

/// Shows the minimap. A click or a drag moves the view there.
pub(in crate::ui) fn minimap_ui(ui: &Ui, canvas: &mut Canvas, workspace: &Workspace) {
    let Some(view) = canvas.rect else { return };
    let (patch, zoom) = (workspace.editor.patch(), workspace.frame.zoom);
    let places: Vec<(&String, Rect)> = patch
        .layout
        .iter()
        .filter(|(id, _)| patch.nodes.contains_key(*id))
        .map(|(id, place)| {
            let corner = pos2(place.pos[0] as f32, place.pos[1] as f32);
            (id, Rect::from_min_size(corner, node::size(patch, id, workspace.editor.unfolded.contains(id))))
        })
        .collect();
    let all = places.iter().fold(Rect::NOTHING, |all, (_, rect)| all.union(*rect));
    let seen = Rect::from_min_size((-canvas.pan / zoom).to_pos2(), view.size() / zoom);
    if !all.is_positive() || seen.expand(1.0).contains_rect(all) {
        return;
    }
    let whole = all.union(seen);
    let most = SIZE.min(view.size() * MOST_SHARE);
    let scale = (most.x / whole.width()).min(most.y / whole.height());
    let size = whole.size() * scale;
    let map = Rect::from_min_size(view.right_bottom() - size - Vec2::splat(2.0 * theme::UNIT), size);
    let response = ui.interact(map, Id::new("minimap"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Image, true, "minimap"));
    let to_map = |rect: Rect| Rect::from_min_size(map.min + (rect.min - whole.min) * scale, rect.size() * scale);
    ui.painter().rect(map.expand(4.0), 4.0, theme::panel(), Stroke::new(1.0, theme::line()), StrokeKind::Inside);
    for (id, rect) in places {
        let kind = patch.nodes.get(id).and_then(|node| def_of(&node.kind));
        let colour = kind.map_or(theme::weak(), |def| theme::family_colour(def.family()));
        let colour = if workspace.editor.selection.contains(id) { theme::accent() } else { colour.gamma_multiply(0.6) };
        ui.painter().rect_filled(to_map(rect), 1.0, colour);
    }
    ui.painter().rect_stroke(to_map(seen).intersect(map), 1.0, Stroke::new(1.0, theme::text()), StrokeKind::Inside);
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
        let middle = whole.min + (at - map.min) / scale;
        canvas.pan = view.size() / 2.0 - middle.to_vec2() * zoom;
    }
}
