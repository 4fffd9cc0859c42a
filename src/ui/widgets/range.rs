//! A range on a bar with two handles, which never cross.

use eframe::egui::{CursorIcon, Id, Rect, Response, Sense, Ui, WidgetInfo, WidgetType, pos2, vec2};

use crate::ui::theme;

/// The height of the bar.
const HEIGHT: f32 = 18.0;
/// The width of a handle.
const HANDLE: f32 = 6.0;

/// A part of a whole, never shorter than `least`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The start.
    pub start: f64,
    /// The end.
    pub end: f64,
    /// The length of the whole.
    pub whole: f64,
    /// The shortest part.
    pub least: f64,
}

impl Range {
    /// The range with another start, as near as its end allows.
    #[must_use]
    pub fn with_start(self, start: f64) -> Self {
        Self { start: start.min(self.end - self.least).max(0.0), ..self }
    }

    /// The range with another end, as near as its start allows.
    #[must_use]
    pub fn with_end(self, end: f64) -> Self {
        Self { end: end.max(self.start + self.least).min(self.whole), ..self }
    }
}

/// Shows a range in the available width. A drag moves the nearer handle, and a click moves it to the pointer.
pub fn range_ui(ui: &mut Ui, id: Id, range: &mut Range) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    let line = rect.shrink2(vec2(HANDLE / 2.0, 0.0));
    let whole = range.whole.max(f64::MIN_POSITIVE);
    let at = |secs: f64| line.left() + line.width() * (secs / whole).clamp(0.0, 1.0) as f32;
    // The handle nearer to the press follows the pointer until its release.
    if let Some(pointer) = response.interact_pointer_pos() {
        let secs = f64::from(((pointer.x - line.left()) / line.width().max(1.0)).clamp(0.0, 1.0)) * whole;
        let secs = (secs * 10.0).round() / 10.0;
        let is_pressed = ui.input(|i| i.pointer.any_pressed()) || response.drag_started() || response.clicked();
        let is_nearer = (pointer.x - at(range.start)).abs() < (pointer.x - at(range.end)).abs();
        let is_start = ui.data_mut(|data| {
            let held = data.get_temp::<bool>(id).filter(|_| !is_pressed);
            let is_start = held.unwrap_or(is_nearer);
            data.insert_temp(id, is_start);
            is_start
        });
        *range = if is_start { range.with_start(secs) } else { range.with_end(secs) };
    }
    let groove = Rect::from_center_size(line.center(), vec2(line.width(), 6.0));
    ui.painter().rect_filled(groove, 3.0, theme::line());
    let (start, end) = (at(range.start), at(range.end));
    let part = Rect::from_min_max(pos2(start, groove.top()), pos2(end, groove.bottom()));
    ui.painter().rect_filled(part, 3.0, theme::accent().gamma_multiply(0.6));
    for x in [start, end] {
        let handle = Rect::from_center_size(pos2(x, rect.center().y), vec2(HANDLE, HEIGHT));
        let colour = if response.hovered() || response.dragged() { theme::accent() } else { theme::text() };
        ui.painter().rect_filled(handle, 2.0, colour);
    }
    response.widget_info(|| {
        WidgetInfo::labeled(WidgetType::Slider, true, format!("part {:.1} to {:.1} s", range.start, range.end))
    });
    response.on_hover_cursor(CursorIcon::ResizeHorizontal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_never_empty_and_stays_within_the_whole() {
        let range = Range { start: 0.0, end: 10.0, whole: 10.0, least: 0.5 };
        assert_eq!(range.with_start(4.0).start, 4.0);
        assert_eq!(range.with_start(12.0).start, 9.5);
        assert_eq!(range.with_start(-1.0).start, 0.0);
        assert_eq!(range.with_start(4.0).with_end(2.0).end, 4.5);
        assert_eq!(range.with_end(99.0).end, 10.0);
        let short = Range { start: 0.0, end: 0.2, whole: 0.2, least: 0.2 };
        assert_eq!(short.with_start(0.1).with_end(0.1), short);
    }
}
