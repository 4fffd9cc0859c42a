//! The list of takes.

use std::path::Path;

use eframe::egui::{
    self, Align, Align2, Color32, Label, Rect, ScrollArea, Sense, Ui, WidgetInfo, WidgetType, pos2, vec2,
};
use jiff::{ToSpan, Zoned};

use super::{TakeRow, TakesView, secs_of, small};
use crate::ui::theme;
use crate::ui::widgets::cells::{cell, columns};
use crate::ui::widgets::clock;

/// The widths of the columns after the title: length, model, state.
const COLUMNS: [f32; 3] = [52.0, 96.0, 100.0];
/// The least width of time and name. A narrow panel hides the model.
const NAME: f32 = 220.0;
/// The width of the time before the title.
const PLAYED: f32 = 116.0;

/// The time of a beginning as text, as short as it is clear on this day.
pub fn played(begun: &Zoned, now: &Zoned) -> String {
    let yesterday = now.checked_sub(1.day()).unwrap_or_else(|_| now.clone());
    let format = match begun {
        begun if begun.date() == now.date() => "today %H:%M",
        begun if begun.date() == yesterday.date() => "yesterday %H:%M",
        begun if begun.year() == now.year() => "%-d %b %H:%M",
        _ => "%-d %b %Y",
    };
    begun.strftime(format).to_string()
}

/// The name of a model, without the path of its folder.
pub fn model_name(model: &str) -> String {
    Path::new(model).file_name().map_or_else(|| model.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The state of a take in a word or two, and its colour.
fn state(row: &TakeRow) -> (&'static str, Color32) {
    match &row.summary {
        _ if row.is_running => ("now", theme::accent()),
        _ if row.is_recorded_elsewhere() => ("being recorded", theme::accent()),
        None => ("reading", theme::weak()),
        Some(Err(_)) => ("unreadable", theme::warning()),
        Some(Ok(summary)) if summary.is_cut && row.is_kept => ("kept, incomplete", theme::warning()),
        Some(Ok(summary)) if summary.is_cut => ("incomplete", theme::warning()),
        Some(Ok(_)) if row.is_kept => ("kept", theme::text()),
        Some(Ok(_)) => ("", theme::weak()),
    }
}

/// Shows the list; the index of the row that was clicked.
pub fn table_ui(ui: &mut Ui, view: &TakesView<'_>, selected: Option<&Path>, now: &Zoned) -> Option<usize> {
    if view.rows.is_empty() {
        let (text, colour) = match view.problem {
            Some(problem) => (problem, theme::warning()),
            None => ("There are no takes yet. Each video that is played writes one by itself.", theme::weak()),
        };
        ui.add(Label::new(small(text, colour)).wrap());
        return None;
    }
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
    let [length, model, state] = columns(head, COLUMNS, NAME, &[1]);
    let title = |at: f32, align: Align2, text: &str| {
        ui.painter().text(pos2(at, head.center().y), align, text, theme::proportional(theme::SMALL), theme::weak());
    };
    let left = head.left() + theme::UNIT;
    title(left, Align2::LEFT_CENTER, "played");
    title(left + PLAYED, Align2::LEFT_CENTER, "take");
    title(length.right(), Align2::RIGHT_CENTER, "length");
    if model.width() > 0.0 {
        title(model.left() + theme::UNIT, Align2::LEFT_CENTER, "model");
    }
    title(state.left(), Align2::LEFT_CENTER, "state");
    ui.painter().hline(head.x_range(), head.bottom(), egui::Stroke::new(1.0, theme::line()));
    let mut clicked = None;
    let height = theme::ROW - ui.spacing().item_spacing.y;
    ScrollArea::vertical().id_salt("takes").auto_shrink([false, false]).show_rows(
        ui,
        height,
        view.rows.len(),
        |ui, range| {
            for index in range {
                let row = &view.rows[index];
                if row_ui(ui, row, view, selected == Some(&*row.path), now) {
                    clicked = Some(index);
                }
            }
        },
    );
    clicked
}

/// A row; whether it was clicked.
fn row_ui(ui: &mut Ui, row: &TakeRow, view: &TakesView<'_>, is_selected: bool, now: &Zoned) -> bool {
    let size = vec2(ui.available_width(), theme::ROW - ui.spacing().item_spacing.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let when = row.begun.as_ref().map(|begun| played(begun, now)).unwrap_or_default();
    let (word, colour) = state(row);
    let secs = secs_of(row, view);
    let title = row.title();
    let words = [Some(title.clone()), Some(when.clone()), secs.map(clock), Some(word.to_owned())];
    let words: Vec<String> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    let label = format!("take {}", words.join(", "));
    response.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, is_selected, label.as_str()));
    if is_selected {
        ui.painter().rect_filled(rect, 3.0, theme::accent().gamma_multiply(0.16));
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, theme::title());
    }
    let [length, model, state] = columns(rect, COLUMNS, NAME, &[1]);
    let (text, digits) = (theme::proportional(theme::SMALL), theme::monospace(theme::SMALL));
    let left = rect.left() + theme::UNIT;
    let time = Rect::from_min_max(pos2(left, rect.top()), pos2(left + PLAYED - theme::UNIT, rect.bottom()));
    cell(ui, when, text.clone(), theme::weak(), time, Align::Min);
    // The reason of an unreadable file takes the place of the columns that it lacks.
    let problem = row.summary.as_ref().and_then(|summary| summary.as_ref().err());
    let end = if problem.is_some() { model.right() } else { length.left() - theme::UNIT };
    let name = Rect::from_min_max(pos2(left + PLAYED, rect.top()), pos2(end, rect.bottom()));
    let shown = problem.map_or(&title, |problem| problem);
    let bright = if row.is_running || is_selected { theme::bright() } else { theme::text() };
    cell(ui, shown, text.clone(), if problem.is_some() { theme::weak() } else { bright }, name, Align::Min);
    if let Some(secs) = secs {
        cell(ui, clock(secs), digits, theme::text(), length, Align::Max);
    }
    if let Some(Ok(summary)) = &row.summary {
        let model = Rect::from_min_max(pos2(model.left() + theme::UNIT, model.top()), model.max);
        cell(ui, model_name(&summary.model), text.clone(), theme::weak(), model, Align::Min);
    }
    cell(ui, word, text, colour, state, Align::Min);
    let hint = problem.cloned().unwrap_or_else(|| row.path.display().to_string());
    response.on_hover_text(hint).clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_short_as_they_are_clear() {
        let at = |text: &str| {
            let time: jiff::civil::DateTime = text.parse().unwrap();
            time.to_zoned(jiff::tz::TimeZone::UTC).unwrap()
        };
        let now = at("2026-11-29T16:00:00");
        for (begun, text) in [
            ("2026-11-29T14:03:59", "today 14:03"),
            ("2026-11-28T23:59:00", "yesterday 23:59"),
            ("2026-03-01T09:05:00", "1 Mar 09:05"),
            ("2025-12-31T09:05:00", "31 Dec 2025"),
        ] {
            assert_eq!(played(&at(begun), &now), text);
        }
        assert_eq!([model_name("mini"), model_name("/models/longlive")], ["mini", "longlive"]);
    }
}
