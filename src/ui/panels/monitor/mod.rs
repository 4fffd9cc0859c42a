//! The monitor of devices: their lights, counts and latest messages, and the table of controls.

mod messages;

use bendrack_nodes::input::ControlId;
use bendrack_nodes::node::def::NodeDef;
use eframe::egui::{
    self, Align, Align2, Color32, FontId, Label, Layout, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, WidgetInfo,
    WidgetType, pos2, vec2,
};

use crate::io::{Colour, ControlName, ControlState, Kind, LatestMessage, Light};
use crate::ui::document::learn::Assignment;
use crate::ui::panels::status_bar::{dot, light_colour};
use crate::ui::theme;
use crate::ui::widgets::cells::{cell, columns};
use crate::ui::widgets::small_button;
use messages::{Opened, messages_ui};

/// Largest number of rows of one control.
const MOST_ROWS: usize = 16;
/// The width of the list of devices as a share of the panel.
const DEVICES_SHARE: f32 = 0.42;
/// The widths of the columns after the name: meter, number, rate, age, button.
const COLUMNS: [f32; 5] = [64.0, 72.0, 56.0, 56.0, 76.0];
/// The width of the kind before the name.
const KIND: f32 = 52.0;
/// The least width of kind and name.
const NAME: f32 = 196.0;
/// The columns that a narrow panel hides: the meter, then the rate, then the age.
const HIDDEN: [usize; 3] = [0, 2, 3];

/// The state of the monitor.
#[derive(Default)]
pub struct DeviceMonitor {
    /// True if it is shown.
    pub open: bool,
    query: String,
    /// The devices whose messages are shown.
    opened: Opened,
}

/// The response of the monitor in one frame.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorAnswer {
    /// Hide the monitor.
    Close,
    /// Assign a control to a node.
    Assign(Assignment),
    /// Give a port a name for patches, or its own again.
    Name {
        /// The port.
        port: String,
        /// The name.
        name: Option<String>,
    },
}

/// The row of a number in the table.
struct Row<'a> {
    control: &'a ControlState,
    /// True if another device has a control of this name.
    is_shared: bool,
    /// The index in the message, if the message has several numbers.
    index: Option<usize>,
}

impl Row<'_> {
    fn assignment(&self) -> Assignment {
        let device = self.is_shared.then(|| self.control.device.as_str().into());
        Assignment {
            control: ControlId { name: self.control.name.clone(), device },
            index: self.index.unwrap_or_default(),
            number: self.value().unwrap_or_default().abs(),
            mode: None,
        }
    }

    fn value(&self) -> Option<f64> {
        self.control.values.get(self.index.unwrap_or_default()).copied()
    }

    fn kind(&self) -> &'static str {
        match self.control.name {
            ControlName::Osc { .. } => "OSC",
            ControlName::Sensor { .. } => "sensor",
            ControlName::Gamepad { .. } => "gamepad",
            ControlName::Key { .. } => "keyboard",
            _ => "MIDI",
        }
    }

    fn name(&self) -> String {
        let name = self.control.name.to_string();
        let name = self.index.map_or(name.clone(), |index| format!("{name}   {index}"));
        if self.is_shared { format!("{name}   {}", self.control.device) } else { name }
    }
}

/// The rows of the controls whose name contains the query.
fn rows<'a>(controls: &'a [ControlState], query: &str) -> Vec<Row<'a>> {
    let query = query.trim().to_lowercase();
    let rows = controls.iter().flat_map(|control| {
        let count = control.values.len();
        let is_same = |other: &ControlState| other.name == control.name && other.device != control.device;
        let is_shared = controls.iter().any(is_same);
        (0..count.clamp(1, MOST_ROWS)).map(move |index| Row { control, is_shared, index: (count > 1).then_some(index) })
    });
    rows.filter(|row| query.is_empty() || format!("{} {}", row.kind(), row.name()).to_lowercase().contains(&query))
        .collect()
}

/// Contents of the monitor.
pub struct MonitorView<'a> {
    /// The light of each device.
    pub lights: &'a [Light],
    /// Every control that sent a message.
    pub controls: &'a [ControlState],
    /// Gives the latest messages of a device, oldest first.
    pub messages: &'a dyn Fn(Kind, &str) -> Vec<LatestMessage>,
    /// Gives the name of a port for patches.
    pub name_of: &'a dyn Fn(&str) -> String,
}

/// Shows the devices on the left and the controls on the right. `selected` is the id and kind of the selected node.
pub fn monitor_ui(
    ui: &mut Ui,
    monitor: &mut DeviceMonitor,
    view: &MonitorView<'_>,
    selected: Option<(&str, &NodeDef)>,
) -> Option<MonitorAnswer> {
    let mut answer = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Devices").size(theme::LARGE));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if small_button(ui, "close", "close the devices", "Close this panel.") {
                answer = Some(MonitorAnswer::Close);
            }
            let hint = RichText::new("Find a control").color(theme::weak().gamma_multiply(0.6));
            let field = ui.add(TextEdit::singleline(&mut monitor.query).hint_text(hint).desired_width(180.0));
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "find a control"));
        });
    });
    let rest = ui.available_rect_before_wrap();
    let middle = rest.left() + rest.width() * DEVICES_SHARE;
    let left = Rect::from_min_max(rest.min, pos2(middle - 2.0 * theme::UNIT, rest.bottom()));
    let right = Rect::from_min_max(pos2(middle, rest.top()), rest.max);
    ui.painter().vline(middle - theme::UNIT, rest.y_range(), egui::Stroke::new(1.0, theme::line()));
    let named = ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| devices_ui(ui, &mut monitor.opened, view));
    let assigned = ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| {
        table_ui(ui, &rows(view.controls, &monitor.query), view.controls.is_empty(), selected)
    });
    ui.advance_cursor_after_rect(rest);
    answer.or(named.inner).or_else(|| assigned.inner.map(MonitorAnswer::Assign))
}

fn small(text: impl Into<String>, colour: Color32) -> RichText {
    RichText::new(text).size(theme::SMALL).color(colour)
}

fn devices_ui(ui: &mut Ui, opened: &mut Opened, view: &MonitorView<'_>) -> Option<MonitorAnswer> {
    let mut answer = None;
    ScrollArea::vertical().id_salt("devices").auto_shrink([false, false]).show(ui, |ui| {
        if view.lights.is_empty() {
            let text = "No device is open. Start bendrack with flags such as --osc-in 9000 or --serial auto.";
            ui.add(Label::new(small(text, theme::weak())).wrap());
        }
        for light in view.lights {
            device_ui(ui, light);
            if matches!(light.kind, Kind::Midi | Kind::Serial) {
                answer = name_ui(ui, &light.name, &(view.name_of)(&light.name)).or(answer.take());
            }
            messages_ui(ui, opened, light, view.messages);
            ui.add_space(theme::UNIT);
        }
    });
    answer
}

/// The field for the name of a port in patches. An empty one gives the port its own name again.
fn name_ui(ui: &mut Ui, port: &str, name: &str) -> Option<MonitorAnswer> {
    let id = ui.id().with(("name", port));
    let mut draft: String = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| name.to_owned());
    let field = ui.horizontal(|ui| {
        ui.add_space(14.0);
        ui.label(small("name in patches", theme::weak()));
        let field = TextEdit::singleline(&mut draft).font(theme::proportional(theme::SMALL)).desired_width(160.0);
        ui.add(field)
    });
    let field = field.inner;
    field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, format!("name of {port}")));
    if field.has_focus() {
        ui.data_mut(|data| data.insert_temp(id, draft));
        return None;
    }
    ui.data_mut(|data| data.remove::<String>(id));
    let is_new = field.lost_focus() && draft.trim() != name;
    is_new.then(|| {
        let name = Some(draft.trim().to_owned()).filter(|name| !name.is_empty() && name != port);
        MonitorAnswer::Name { port: port.to_owned(), name }
    })
}

/// A device: its light and counts, then the reason, the last message and the last error.
fn device_ui(ui: &mut Ui, light: &Light) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        dot(ui, light_colour(light));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(small(light.counted(), theme::weak()).monospace());
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.add(Label::new(light.title()).truncate()));
        });
    });
    let mut line = |text: String, colour| {
        ui.horizontal(|ui| {
            ui.add_space(14.0);
            let label = ui.add(Label::new(small(text.as_str(), colour)).truncate());
            label.on_hover_text(text);
        });
    };
    match light.colour {
        Colour::Green => {}
        Colour::Yellow => line(light.reason.clone(), theme::warning()),
        Colour::Red => line(light.reason.clone(), theme::error()),
    }
    if let Some(last) = &light.last_message {
        line(format!("{} ago: {}", age(last.secs_ago), last.text), theme::weak());
    }
    if let Some(last) = &light.last_error {
        line(format!("{} ago, invalid: {}", age(last.secs_ago), last.text), theme::warning());
    }
    if let Some(advice) = &light.advice {
        line(advice.clone(), theme::weak());
    }
}

/// A time in two or three digits, with a unit.
fn age(secs: f64) -> String {
    match secs {
        ..10.0 => format!("{secs:.1} s"),
        ..120.0 => format!("{secs:.0} s"),
        ..7200.0 => format!("{:.0} min", secs / 60.0),
        _ => format!("{:.0} h", secs / 3600.0),
    }
}

/// A number in few digits, or as a power of ten.
fn number(value: f64) -> String {
    let text = match value.abs() {
        ..10.0 => format!("{value:.3}"),
        ..1000.0 => format!("{value:.1}"),
        ..1e6 => format!("{value:.0}"),
        _ => format!("{value:.2e}"),
    };
    text.replace('-', "−")
}

fn table_ui(ui: &mut Ui, rows: &[Row<'_>], is_empty: bool, selected: Option<(&str, &NodeDef)>) -> Option<Assignment> {
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), theme::ROW), Sense::hover());
    let [_, value, rate, time, _] = columns(head, COLUMNS, NAME, &HIDDEN);
    let title = |at: f32, align: Align2, text: &str| {
        ui.painter().text(pos2(at, head.center().y), align, text, theme::proportional(theme::SMALL), theme::weak());
    };
    title(head.left() + theme::UNIT + KIND, Align2::LEFT_CENTER, "control");
    let shown =
        [(value, "value"), (rate, "per s"), (time, "age")].into_iter().filter(|(column, _)| column.width() > 0.0);
    for (column, text) in shown {
        title(column.right(), Align2::RIGHT_CENTER, text);
    }
    ui.painter().hline(head.x_range(), head.bottom(), egui::Stroke::new(1.0, theme::line()));
    if rows.is_empty() {
        let text = if is_empty { "No control moved yet." } else { "No control matches." };
        ui.label(small(text, theme::weak()));
    }
    let mut assigned = None;
    ScrollArea::vertical().id_salt("controls").auto_shrink([false, false]).show_rows(
        ui,
        theme::ROW - ui.spacing().item_spacing.y,
        rows.len(),
        |ui, range| {
            for row in &rows[range] {
                if row_ui(ui, row, selected) {
                    assigned = Some(row.assignment());
                }
            }
        },
    );
    assigned
}

/// A row of the table. True if it is clicked.
fn row_ui(ui: &mut Ui, row: &Row<'_>, selected: Option<(&str, &NodeDef)>) -> bool {
    let size = vec2(ui.available_width(), theme::ROW - ui.spacing().item_spacing.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let target = selected.filter(|(_, def)| row.assignment().fits(def)).map(|(id, _)| id);
    let action = target.map_or_else(|| "add node".to_owned(), |id| format!("to {id}"));
    let name = row.name();
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("{action}: {} {name}", row.kind())));
    if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, theme::title());
    }
    let [meter, value, rate, time, button] = columns(rect, COLUMNS, NAME, &HIDDEN);
    let text = |text: String, font: FontId, colour: Color32, place: Rect, align: Align| {
        cell(ui, text, font, colour, place, align);
    };
    let (words, digits) = (theme::proportional(theme::SMALL), theme::monospace(theme::SMALL));
    let is_new = row.control.secs_ago < theme::LIGHT_SECS;
    let left = rect.left() + theme::UNIT;
    let kind = Rect::from_min_max(pos2(left, rect.top()), pos2(left + KIND - 4.0, rect.bottom()));
    text(row.kind().to_owned(), words.clone(), theme::weak(), kind, Align::Min);
    let named = Rect::from_min_max(pos2(left + KIND, rect.top()), pos2(meter.left() - theme::UNIT, rect.bottom()));
    text(name, digits.clone(), if is_new { theme::bright() } else { theme::text() }, named, Align::Min);
    if let Some(number_of) = row.value() {
        if meter.width() > 0.0 && (0.0..=1.0).contains(&number_of) {
            meter_ui(ui, meter, number_of as f32, is_new);
        }
        text(number(number_of), digits.clone(), theme::text(), value, Align::Max);
    }
    if row.control.per_sec >= 0.05 {
        text(format!("{:.0}", row.control.per_sec.ceil()), digits.clone(), theme::weak(), rate, Align::Max);
    }
    text(age(row.control.secs_ago), digits, theme::weak(), time, Align::Max);
    let colour = if response.hovered() { theme::accent() } else { theme::weak() };
    text(action, words, colour, button, Align::Max);
    let hint = match target {
        Some(id) => format!("Click: {id} receives this number. From {}.", row.control.device),
        None => format!("Click: add a node that receives this number. From {}.", row.control.device),
    };
    response.on_hover_text(hint).clicked()
}

/// A bar of a number from 0 to 1.
fn meter_ui(ui: &Ui, column: Rect, value: f32, is_new: bool) {
    let whole = Rect::from_center_size(column.center(), vec2(column.width(), 5.0));
    ui.painter().rect_filled(whole, 2.0, theme::well());
    let bar = Rect::from_min_size(whole.min, vec2(whole.width() * value, whole.height()));
    ui.painter().rect_filled(bar, 2.0, if is_new { theme::accent() } else { theme::accent().gamma_multiply(0.6) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ages_are_short() {
        let numbers = [0.5, -0.25, 21.5, 1234.5, -2e9].map(number);
        assert_eq!(numbers, ["0.500", "−0.250", "21.5", "1234", "−2.00e9"]);
        assert_eq!([0.04, 12.3, 130.0, 8000.0].map(age), ["0.0 s", "12 s", "2 min", "2 h"]);
    }

    #[test]
    fn a_message_of_several_numbers_has_a_row_for_each_and_a_query_finds_names() {
        let control = |address: &str, count: usize| ControlState {
            name: ControlName::Osc { address: address.into() },
            values: vec![0.5; count],
            secs_ago: 0.0,
            per_sec: 1.0,
            device: "phone".to_owned(),
        };
        let controls = [control("/bang", 0), control("/fader", 1), control("/Accxyz", 3), control("/long", 256)];
        let all = rows(&controls, "");
        assert_eq!(all.len(), 1 + 1 + 3 + MOST_ROWS);
        assert_eq!((all[0].value(), all[1].index, all[4].index), (None, None, Some(2)));
        assert_eq!(rows(&controls, " accxyz   1").len(), 1);
        assert_eq!((rows(&controls, "osc").len(), rows(&controls, "none").len()), (all.len(), 0));
    }
}
