//! The latest messages of a device: a list that opens below it.

use std::collections::BTreeSet;

use eframe::egui::{Align, Color32, Rect, ScrollArea, Sense, Ui, WidgetInfo, WidgetType, pos2, vec2};

use super::age;
use crate::io::{Kind, LatestMessage, Light};
use crate::ui::theme;
use crate::ui::widgets::cells::cell;
use crate::ui::widgets::small_button;

/// The height of the list in rows.
const ROWS: f32 = 8.0;
/// The height of a row.
const ROW: f32 = 16.0;
/// The width of the time before a message.
const TIME: f32 = 44.0;

/// The devices whose messages are shown.
pub type Opened = BTreeSet<(Kind, String)>;

/// Shows the button of the list, and the list if it is open. `messages` gives those of a device, oldest first.
pub fn messages_ui(
    ui: &mut Ui,
    opened: &mut Opened,
    light: &Light,
    messages: &dyn Fn(Kind, &str) -> Vec<LatestMessage>,
) {
    if light.counts.messages == 0 && light.counts.errors == 0 {
        return;
    }
    let key = (light.kind, light.name.clone());
    let is_open = opened.contains(&key);
    let (text, verb) = if is_open { ("Hide messages", "hide") } else { ("Latest messages", "show") };
    let label = format!("{verb} the latest messages of {}", light.title());
    let is_clicked = ui.horizontal(|ui| {
        ui.add_space(theme::UNIT);
        small_button(ui, text, &label, "The latest 64 messages, newest first: age, address, values.")
    });
    if is_clicked.inner {
        if is_open {
            opened.remove(&key)
        } else {
            opened.insert(key)
        };
    }
    if is_open {
        list_ui(ui, light, &messages(light.kind, &light.name));
    }
}

fn list_ui(ui: &mut Ui, light: &Light, messages: &[LatestMessage]) {
    let id = ("messages", light.kind.title(), &light.name);
    let list = ScrollArea::vertical().id_salt(id).max_height(ROWS * ROW).auto_shrink([false, true]);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        list.show_rows(ui, ROW, messages.len(), |ui, range| {
            messages.iter().rev().skip(range.start).take(range.len()).for_each(|message| row_ui(ui, message));
        });
    });
}

/// A message with its age.
fn row_ui(ui: &mut Ui, message: &LatestMessage) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let (time, text) = (age(message.dated.secs_ago), &message.dated.text);
    let colour = if message.is_error { theme::warning() } else { theme::text() };
    let invalid = if message.is_error { "invalid: " } else { "" };
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Label, true, format!("{time} ago, {invalid}{text}")));
    let digits = theme::monospace(theme::SMALL);
    let column = |left: f32, right: f32| Rect::from_min_max(pos2(left, rect.top()), pos2(right, rect.bottom()));
    let left = rect.left() + 14.0;
    let put = |words: String, colour: Color32, place: Rect, align: Align| {
        cell(ui, words, digits.clone(), colour, place, align);
    };
    put(time, theme::weak(), column(left, left + TIME), Align::Max);
    put(format!("{invalid}{text}"), colour, column(left + TIME + theme::UNIT, rect.right()), Align::Min);
    response.on_hover_text(text);
}
