//! Cells of tables: columns of fixed width at the right of a row, and text truncated to its column.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{Align, Color32, FontId, Rect, Ui, pos2};

use crate::ui::theme;

/// The columns of these widths at the right of a row.
pub fn columns<const N: usize>(row: Rect, widths: [f32; N]) -> [Rect; N] {
    let mut right = row.right() - theme::UNIT;
    let mut columns = [row; N];
    for (column, width) in columns.iter_mut().zip(widths).rev() {
        *column = Rect::from_min_max(pos2(right - width, row.top()), pos2(right, row.bottom()));
        right -= width + theme::UNIT;
    }
    columns
}

/// A text in a cell, centred vertically.
pub fn cell(ui: &Ui, text: impl Into<String>, font: FontId, colour: Color32, place: Rect, align: Align) {
    let mut job = LayoutJob::simple_singleline(text.into(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(place.width());
    let galley = ui.painter().layout_job(job);
    let x = if align == Align::Max { place.right() - galley.size().x } else { place.left() };
    ui.painter().galley(pos2(x, place.center().y - galley.size().y / 2.0), galley, colour);
}
