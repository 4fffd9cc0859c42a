//! The list of maps: the controls of devices that turn knobs.

use std::sync::Arc;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::input::{Control, Controls};
use bendrack_nodes::node::def::Input;
use bendrack_nodes::patch::{BANKS, ControlMap, Edit, LONGEST_SMOOTHING, MapMode, Patch, Takeover};
use eframe::egui::{
    Button, ComboBox, DragValue, Label, Rect, RichText, Sense, Stroke, TextEdit, Ui, WidgetInfo, WidgetType,
};

use crate::ui::document::Step;
use crate::ui::document::learn::LearnMode;
use crate::ui::document::subpatch::resolve_input;
use crate::ui::theme;
use crate::ui::widgets::small_button;
use crate::ui::workspace::Workspace;

/// Number of maps from which on the list has a search field.
const MANY: usize = 6;

/// A change of the list.
enum Change {
    /// A map has other settings.
    Set(usize, Box<ControlMap>),
    Remove(usize),
    /// A map moves to the place of another.
    Move(usize, usize),
    /// Another control is learned for a knob.
    Learn(usize),
    /// The node of a knob is selected.
    Select(usize),
}

/// A button of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapsChoice {
    /// Learn maps knob after knob, or end it.
    Learn,
    /// Save the maps to a file.
    Save,
    /// Load the maps of a file.
    Load,
}

/// The list of maps, with a field for each setting. A map is dragged by its handle to another place.
pub fn maps_ui(ui: &mut Ui, workspace: &mut Workspace) -> Option<MapsChoice> {
    let patch = Arc::clone(&workspace.editor.document.patch);
    let choice = buttons_ui(ui, workspace.editor.learns_maps, patch.maps.is_empty());
    if patch.maps.is_empty() {
        let text = "No maps. Right-click a knob, choose “Learn a map”, and move a control.";
        ui.label(RichText::new(text).size(theme::SMALL).color(theme::weak()));
        return choice;
    }
    let query = search_ui(ui, patch.maps.len());
    let mut change = None;
    for (index, map) in patch.maps.iter().enumerate() {
        let text = format!("{} {}", map.to, map.from.name).to_lowercase();
        if query.is_empty() || text.contains(&query) {
            let row = Row { patch: &patch, controls: &workspace.playback.controls, index, map };
            let (_, dropped) = ui.dnd_drop_zone::<usize, ()>(eframe::egui::Frame::NONE, |ui| {
                change = row.show(ui).or(change.take());
            });
            if let Some(from) = dropped.filter(|from| **from != index) {
                change = Some(Change::Move(*from, index));
            }
        }
    }
    if let Some(change) = change {
        apply(workspace, &patch, change);
    }
    choice
}

fn buttons_ui(ui: &mut Ui, learns: bool, is_empty: bool) -> Option<MapsChoice> {
    let mut choice = None;
    ui.horizontal(|ui| {
        let learn = ui.add(Button::selectable(learns, RichText::new("Learn several").size(theme::SMALL)));
        learn.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, learns, "learn several maps"));
        let hint = "Click a knob on the canvas and move a control, then the next knob. Ctrl+M or Esc ends.";
        if learn.on_hover_text(hint).clicked() {
            choice = Some(MapsChoice::Learn);
        }
        if !is_empty && small_button(ui, "save…", "save the maps", "Save the maps to a file, for other patches.") {
            choice = Some(MapsChoice::Save);
        }
        if small_button(ui, "load…", "load maps", "Replace the maps with those of a file. Ctrl+Z brings them back.") {
            choice = Some(MapsChoice::Load);
        }
    });
    choice
}

/// The search field of a long list. Returns its text in lower case.
fn search_ui(ui: &mut Ui, count: usize) -> String {
    if count < MANY {
        return String::new();
    }
    let id = ui.id().with("find a map");
    let mut query: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let field = ui.add(TextEdit::singleline(&mut query).hint_text("Find a map").desired_width(f32::INFINITY));
    field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "find a map"));
    ui.data_mut(|data| data.insert_temp(id, query.clone()));
    query.trim().to_lowercase()
}

fn apply(workspace: &mut Workspace, patch: &Patch, change: Change) {
    let mut maps = patch.maps.clone();
    let step = match change {
        Change::Set(index, map) => {
            let name = format!("change the map of {}", map.to);
            maps[index] = *map;
            Step::merging(name, vec![Edit::SetMaps { maps }])
        }
        Change::Remove(index) => {
            let map = maps.remove(index);
            Step::new(format!("remove the map of {}", map.to), vec![Edit::SetMaps { maps }])
        }
        Change::Move(from, to) => {
            let map = maps.remove(from);
            let name = format!("move the map of {}", map.to);
            maps.insert(to.min(maps.len()), map);
            Step::new(name, vec![Edit::SetMaps { maps }])
        }
        Change::Learn(index) => {
            workspace.learn(maps[index].to.clone(), LearnMode::Map);
            return;
        }
        Change::Select(index) => {
            workspace.editor.selection = [maps[index].to.node.clone()].into();
            return;
        }
    };
    workspace.editor.document.apply(step);
}

/// A map in the list.
struct Row<'a> {
    patch: &'a Patch,
    controls: &'a Controls,
    index: usize,
    map: &'a ControlMap,
}

impl Row<'_> {
    fn show(&self, ui: &mut Ui) -> Option<Change> {
        let mut change = None;
        let mut map = self.map.clone();
        let input = resolve_input(self.patch, &map.to.node, &map.to.port).map(|(_, input)| input);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
            change = self.head_ui(ui);
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
            ui.add_space(16.0);
            settings_ui(ui, &mut map, input);
        });
        let is_finite = map.range.iter().chain(&map.input).all(|end| end.is_finite());
        if map != *self.map && is_finite {
            change = Some(Change::Set(self.index, Box::new(map)));
        }
        change
    }

    /// The handle, the meter of the control, the knob, the control, and the button that removes the map.
    fn head_ui(&self, ui: &mut Ui) -> Option<Change> {
        let (map, index) = (self.map, self.index);
        let mut change = None;
        let handle = ui.dnd_drag_source(ui.id().with(("map", index)), index, |ui| {
            let (grip, _) = ui.allocate_exact_size([10.0, 18.0].into(), Sense::hover());
            for line in [-3.0, 0.0, 3.0] {
                ui.painter().hline(grip.x_range(), grip.center().y + line, Stroke::new(1.0, theme::weak()));
            }
        });
        handle.response.on_hover_text("Drag to another place in the list.");
        let (meter, _) = ui.allocate_exact_size([4.0, 18.0].into(), Sense::hover());
        ui.painter().rect_filled(meter, 1.0, theme::well());
        if let Some(part) = self.part() {
            let top = meter.bottom() - meter.height() * part;
            ui.painter().rect_filled(Rect::from_min_max([meter.left(), top].into(), meter.max), 1.0, theme::accent());
        }
        let conflict = self.conflict();
        let colour = if conflict.is_some() { theme::warning() } else { theme::text() };
        let name = RichText::new(map.to.to_string()).size(theme::SMALL).color(colour);
        let shown = ui.add(Label::new(name).sense(Sense::click()));
        if shown.on_hover_text(conflict.unwrap_or_else(|| "Select the node.".to_owned())).clicked() {
            change = Some(Change::Select(index));
        }
        let device = map.from.device.as_deref().map_or_else(String::new, |device| format!(" of {device}"));
        let from = format!("{}{device}", map.from.name);
        if small_button(ui, &from, &format!("learn another control for {}", map.to), "Learn another control.") {
            change = Some(Change::Learn(index));
        }
        if small_button(ui, "remove", &format!("remove the map of {}", map.to), "Remove the map.") {
            change = Some(Change::Remove(index));
        }
        change
    }

    /// The position of the control, 0 to 1; none before its first message.
    fn part(&self) -> Option<f32> {
        let map = self.map;
        if let Some(key) = self.controls.key(&map.from) {
            return Some(key.held().velocity as f32);
        }
        let number = self.controls.get(&map.from, map.index as usize).and_then(Control::last)?;
        let [low, high] = map.input;
        let part = (number - low) / (high - low);
        part.is_finite().then_some(part.clamp(0.0, 1.0) as f32)
    }

    /// The conflict with another map, if there is one: the same control, or the same knob.
    fn conflict(&self) -> Option<String> {
        let map = self.map;
        let meets = |other: &ControlMap| other.bank == map.bank || other.bank == 0 || map.bank == 0;
        let others = || {
            let all = self.patch.maps.iter().enumerate().filter(|(index, _)| *index != self.index);
            all.map(|(_, other)| other).filter(|other| meets(other))
        };
        let is_radio = |map: &ControlMap| map.mode == MapMode::Set;
        if others().any(|other| other.to == map.to && !(is_radio(other) && is_radio(map))) {
            return Some(format!("Another map turns {} too.", map.to));
        }
        let shared = others().find(|other| other.from == map.from && other.index == map.index)?;
        Some(format!("{} also turns {}.", map.from.name, shared.to))
    }
}

/// The fields of a map's settings.
fn settings_ui(ui: &mut Ui, map: &mut ControlMap, input: Option<&Input>) {
    let to = map.to.clone();
    choice_ui(ui, &mut map.mode, &format!("mode of {to}"), "Effect of a message on the knob.");
    if map.mode == MapMode::Absolute {
        let hint = "Start of a hand that stands elsewhere than the knob: pickup waits until it passes, scale moves in proportion.";
        choice_ui::<Takeover>(ui, &mut map.takeover, &format!("takeover of {to}"), hint);
    }
    let speed = input.map_or(0.01, |input| (input.soft.1 - input.soft.0).abs() / 200.0);
    for (end, what) in ["low", "high"].into_iter().enumerate() {
        number_ui(ui, &mut map.range[end], speed, &format!("{what} end of {to}"));
    }
    let mut smooth = map.smooth;
    let field = DragValue::new(&mut smooth).range(0.0..=LONGEST_SMOOTHING).speed(0.01).suffix(" s").max_decimals(2);
    let label = format!("smoothing of {to}");
    let shown = ui.add(field);
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label.as_str()));
    shown.on_hover_text("Smoothing: time to 90 % of a move.");
    map.smooth = smooth;
    let bank = DragValue::new(&mut map.bank).range(0..=BANKS).speed(0.05);
    let bank =
        bank.custom_formatter(|bank, _| if bank < 1.0 { "every bank".to_owned() } else { format!("bank {bank}") });
    let bank = bank.custom_parser(|text| text.trim_start_matches("bank").trim().parse().ok());
    let label = format!("bank of {to}");
    let shown = ui.add(bank);
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label.as_str()));
    shown.on_hover_text("Bank in which the map acts. The node Bank chooses it.");
}

fn number_ui(ui: &mut Ui, number: &mut f64, speed: f64, label: &str) {
    // A minus sign is as wide as a digit.
    let field = DragValue::new(number).speed(speed);
    let field = field.custom_formatter(|value, _| format!("{value:.2}").replace('-', "−"));
    let field = field.custom_parser(|text| text.replace('−', "-").replace(',', ".").parse().ok());
    let shown = ui.add(field);
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label));
    shown.on_hover_text(label);
}

fn choice_ui<C: Choice + PartialEq>(ui: &mut Ui, chosen: &mut C, label: &str, hint: &str) {
    let words = |choice: C| choice.name().replace('_', " ");
    let text = RichText::new(words(*chosen)).size(theme::SMALL);
    let combo = ComboBox::from_id_salt(label).width(72.0).selected_text(text).show_ui(ui, |ui| {
        for choice in C::ALL {
            ui.selectable_value(chosen, *choice, words(*choice));
        }
    });
    combo.response.widget_info(|| WidgetInfo::labeled(WidgetType::ComboBox, true, label));
    combo.response.on_hover_text(hint);
}
