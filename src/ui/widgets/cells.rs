//! Cells of tables: columns of fixed width at the right of a row, and text truncated to its column.

use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{Align, Color32, FontId, Rect, Ui, pos2};

use crate::ui::theme;

/// The columns of these widths at the right of a row. In a narrow row, columns are empty, in this order, until `least` is free before them.
pub fn columns<const N: usize>(row: Rect, mut widths: [f32; N], least: f32, order: &[usize]) -> [Rect; N] {
    let taken =
        |widths: &[f32; N]| widths.iter().filter(|width| **width > 0.0).map(|width| width + theme::UNIT).sum::<f32>();
    for hidden in order {
        if row.width() - theme::UNIT - taken(&widths) < least {
            widths[*hidden] = 0.0;
        }
    }
    let mut right = row.right() - theme::UNIT;
    let mut columns = [row; N];
    for (column, width) in columns.iter_mut().zip(widths).rev() {
        *column = Rect::from_min_max(pos2(right - width, row.top()), pos2(right, row.bottom()));
        if width > 0.0 {
            right -= width + theme::UNIT;
        }
    }
    columns
}

/// A text in a cell, centred vertically; none in an empty one.
pub fn cell(ui: &Ui, text: impl Into<String>, font: FontId, colour: Color32, place: Rect, align: Align) {
    if place.width() <= 0.0 {
        return;
    }
    let mut job = LayoutJob::simple_singleline(text.into(), font, colour);
    job.wrap = TextWrapping::truncate_at_width(place.width());
    let galley = ui.painter().layout_job(job);
    let x = if align == Align::Max { place.right() - galley.size().x } else { place.left() };
    ui.painter().galley(pos2(x, place.center().y - galley.size().y / 2.0), galley, colour);
}

#[cfg(test)]
mod tests {
    use eframe::egui::vec2;

    use super::*;

    #[test]
    fn a_narrow_row_keeps_its_name() {
        let places = |width: f32| {
            let row = Rect::from_min_size(pos2(10.0, 0.0), vec2(width, 24.0));
            columns(row, [64.0, 72.0, 56.0], 100.0, &[0, 2])
        };
        let widths = |width: f32| places(width).map(|column| column.width());
        assert_eq!(widths(400.0), [64.0, 72.0, 56.0]);
        assert_eq!(widths(300.0), [0.0, 72.0, 56.0], "the first one goes");
        assert_eq!(widths(200.0), [0.0, 72.0, 0.0]);
        assert_eq!(widths(50.0), [0.0, 72.0, 0.0], "the others stay");
        for width in (190_u16..500).map(f32::from) {
            let first = places(width).iter().filter(|place| place.width() > 0.0).map(Rect::left).fold(1e9, f32::min);
            assert!(first - 10.0 >= 100.0, "{width}: {first}");
        }
    }
}
