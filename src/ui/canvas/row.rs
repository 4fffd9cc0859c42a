//! The rows of a node: a knob, a switch, a choice, a text, or only a port's name.

use bendrack_nodes::def::{Input, Preset};
use bendrack_nodes::patch::Port;
use bendrack_nodes::value::Kind;
use eframe::egui::{self, Align2, ComboBox, Id, Pos2, Rect, Sense, TextEdit, Ui, Vec2, pos2, vec2};
use serde_json::json;

use crate::ui::canvas::face::Face;
use crate::ui::canvas::node::{INNER, MARGIN};
use crate::ui::document::ports::{input_of, kind_of};
use crate::ui::document::subpatch::depth;
use crate::ui::panels::midi_maps as maps;
use crate::ui::theme;
use crate::ui::widgets::knob::{Knob, Turn, depth_ui, knob_ui, switch_ui, value_ui};
use crate::ui::widgets::number;
use crate::ui::workspace::{Desk, Spot};

/// An input of a node that is shown. Of an instance, `input` is the one within; its name is that of the port.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The node's id.
    pub id: &'a str,
    /// The name of the port.
    pub name: &'a str,
    /// How the input is declared.
    pub input: &'static Input,
}

impl Field<'_> {
    /// The port.
    pub fn port(self) -> Port {
        Port { node: self.id.to_owned(), port: self.name.to_owned() }
    }

    /// An id for a widget of this input.
    pub fn widget(self, what: &str) -> Id {
        Id::new((what, self.id, self.name))
    }
}

/// The row of an input.
pub fn input_row_ui(ui: &mut Ui, desk: &mut Desk, id: &str, name: &str) {
    let zoom = desk.scene.zoom;
    let face = Face::of(desk.patch(), id);
    let rect = row(ui, zoom);
    let kind = kind_of(desk.patch(), id, name, false);
    note_port(desk, id, name, kind, false, pos2(rect.left() - MARGIN.x * zoom, rect.center().y));
    let covered = face.is_bare() || face.covers_rows(desk.open.contains(id));
    if zoom < theme::NO_TEXT_BELOW || covered || !ui.is_rect_visible(rect) {
        return;
    }
    let wired = desk.is_wired(id, name);
    let Some(input) = input_of(desk.patch(), id, name) else {
        name_ui(ui, id, name, "", rect, 0.0, zoom);
        return;
    };
    let field = Field { id, name, input };
    match input.kind {
        Kind::Number if input.choices.is_empty() => number_row_ui(ui, desk, field, rect, wired),
        Kind::Number => choice_row_ui(ui, desk, field, rect),
        Kind::Gate => gate_row_ui(ui, desk, field, rect, wired),
        Kind::Text if !wired => text_row_ui(ui, desk, field, rect),
        _ => {
            name_ui(ui, id, name, input.about, rect, 0.0, zoom);
        }
    }
}

/// The space of a row.
fn row(ui: &mut Ui, zoom: f32) -> Rect {
    ui.allocate_exact_size(vec2(INNER, theme::ROW) * zoom, Sense::hover()).0
}

/// A port's name, with what it does as a tooltip.
fn name_ui(ui: &Ui, id: &str, name: &str, about: &str, rect: Rect, indent: f32, zoom: f32) -> Rect {
    let at = pos2(rect.left() + indent * zoom, rect.center().y);
    let text = name.replace('_', " ");
    let shown = ui.painter().text(at, Align2::LEFT_CENTER, text, theme::words(theme::SMALL * zoom), theme::WEAK);
    if !about.is_empty() {
        ui.interact(shown, Id::new(("name", id, name)), Sense::hover()).on_hover_text(about);
    }
    shown
}

const INDENT: f32 = 26.0;

fn number_row_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect, wired: bool) {
    let (zoom, Field { id, name, input }) = (desk.scene.zoom, field);
    let base = desk.stands(&field.port(), input);
    let live = wired.then(|| desk.live.input(desk.patch(), &field.port(), input, base)).flatten();
    let moved = wired && !input.signal;
    let depth = depth(desk.patch(), &field.port());
    let knob = Knob {
        input,
        label: format!("{name} of {id}"),
        base,
        live,
        depth: moved.then_some(depth),
        wheel: Some(desk.scene.wheel),
    };
    let size = theme::KNOB * zoom;
    let place = Rect::from_center_size(pos2(rect.left() + size / 2.0, rect.center().y), Vec2::splat(size));
    let (response, turn) = knob_ui(ui, field.widget("knob"), place, &knob);
    desk.scene.over_knob |= response.hovered();
    knob_menu_ui(&response, desk, field);
    let map = desk.map_of(&field.port()).map(|map| (map.cc, maps::said(map)));
    if !response.dragged() {
        response.on_hover_text(match &map {
            Some((_, said)) => format!("{}\n{said}", input.about),
            None => input.about.to_owned(),
        });
    }
    if let Some(turn) = turn {
        desk.turn(id, name, turn);
    }
    let shown = name_ui(ui, id, name, input.about, rect, INDENT, zoom);
    let waits = desk.learn.as_ref().is_some_and(|learn| learn.to == field.port());
    let tag = if waits { Some("move it".to_owned()) } else { map.map(|(cc, _)| format!("cc{cc}")) };
    if let Some(tag) = tag {
        let at = pos2(shown.right() + 6.0 * zoom, rect.center().y);
        let font = theme::figures(theme::SMALL * 0.85 * zoom);
        ui.painter().text(at, Align2::LEFT_CENTER, tag, font, theme::ACCENT);
    }
    let number_place = Rect::from_min_max(pos2(rect.right() - 62.0 * zoom, rect.top()), rect.max);
    if moved {
        let size = 14.0 * zoom;
        let place = Rect::from_center_size(pos2(rect.right() - 68.0 * zoom, rect.center().y), Vec2::splat(size));
        let label = format!("depth of {id}.{name}");
        let (response, turn) = depth_ui(ui, field.widget("depth"), place, &label, depth);
        desk.scene.over_knob |= response.hovered();
        response.on_hover_text(format!("How far the cable moves it: {depth:+.2} of the travel."));
        if let Some(depth) = turn {
            desk.set_depth(id, name, depth);
        }
    }
    match live {
        Some(live) => {
            let hue = theme::kind_colours(Kind::Number).0;
            let text = number::show(input, live);
            ui.painter().text(
                number_place.right_center(),
                Align2::RIGHT_CENTER,
                text,
                theme::figures(theme::SMALL * zoom),
                hue,
            );
        }
        None => {
            if let Some(turn) = value_ui(ui, field.widget("value"), number_place, input, base, theme::SMALL * zoom) {
                desk.turn(id, name, turn);
            }
        }
    }
}

/// What a right-click on a knob offers.
pub fn knob_menu_ui(response: &egui::Response, desk: &mut Desk, field: Field<'_>) {
    let Field { id, name, input } = field;
    response.context_menu(|ui| {
        if ui.button("Reset").clicked() {
            desk.turn(id, name, Turn::Reset);
            desk.document.end_gesture();
            ui.close();
        }
        if ui.button("Learn MIDI control").on_hover_text("Makes a MIDI node and a cable.").clicked() {
            desk.learn(id, name, false);
            ui.close();
        }
        if maps::can_map(input) && desk.inside.path.is_empty() {
            let map = ui.button("Map to controller");
            if map.on_hover_text("The controller that is moved next turns the knob itself.").clicked() {
                desk.learn(id, name, true);
                ui.close();
            }
            if desk.map_of(&field.port()).is_some() && ui.button("Remove the map").clicked() {
                desk.unmap(&field.port());
                ui.close();
            }
        }
    });
}

fn choice_row_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect) {
    let (zoom, Field { id, name, input }) = (desk.scene.zoom, field);
    name_ui(ui, id, name, input.about, rect, INDENT, zoom);
    let place =
        Rect::from_min_max(pos2(rect.left() + 74.0 * zoom, rect.top() + 2.0 * zoom), rect.max - vec2(0.0, 2.0 * zoom));
    choice_ui(ui, desk, field, place, theme::SMALL * zoom);
}

/// A choice in `rect`.
pub fn choice_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect, size: f32) {
    let Field { id, name, input } = field;
    let now = (desk.number(id, name, input).round() as usize).min(input.choices.len().saturating_sub(1));
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(("choice", id, name)));
    ui.style_mut().override_font_id = Some(theme::words(size));
    ui.spacing_mut().interact_size.y = rect.height();
    ui.spacing_mut().button_padding.y = 0.0;
    let words = |choice: &str| choice.replace('_', " ");
    let combo = ComboBox::from_id_salt((id, name)).width(rect.width()).selected_text(words(input.choices[now]));
    combo.truncate().show_ui(&mut ui, |ui| {
        ui.style_mut().override_font_id = Some(theme::words(theme::BODY));
        for (i, choice) in input.choices.iter().enumerate() {
            if ui.selectable_label(i == now, words(choice)).clicked() && i != now {
                desk.set(id, name, json!(choice));
                desk.document.end_gesture();
            }
        }
    });
}

fn gate_row_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect, wired: bool) {
    let (zoom, Field { id, name, input }) = (desk.scene.zoom, field);
    let base = desk.number(id, name, input);
    let live = wired.then(|| desk.live.input(desk.patch(), &field.port(), input, base)).flatten();
    let on = live.unwrap_or(base) >= 0.5;
    let size = theme::KNOB * zoom;
    let place = Rect::from_center_size(pos2(rect.left() + size / 2.0, rect.center().y), Vec2::splat(size));
    let (_, clicked) = switch_ui(ui, field.widget("gate"), place, &format!("{name} of {id}"), on);
    if clicked && !wired {
        desk.set(id, name, json!(!on));
        desk.document.end_gesture();
    }
    name_ui(ui, id, name, input.about, rect, INDENT, zoom);
}

fn text_row_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect) {
    let zoom = desk.scene.zoom;
    text_ui(ui, desk, field, rect.shrink2(vec2(0.0, 2.0 * zoom)), theme::SMALL * zoom, false);
}

/// A text in `rect`.
pub fn text_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, rect: Rect, size: f32, tall: bool) {
    let Field { id, name, input } = field;
    let default = match input.default {
        Preset::Text(text) => text,
        _ => "",
    };
    let mut text = desk.param(id, name).and_then(|value| value.as_str()).unwrap_or(default).to_owned();
    let field = if tall { TextEdit::multiline(&mut text).desired_rows(3) } else { TextEdit::singleline(&mut text) };
    let place = if tall { "text of inspector" } else { "text of node" };
    let field = field
        .id(Id::new((place, id, name)))
        .font(theme::words(size))
        .margin(vec2(size * 0.5, size * 0.2))
        .hint_text(name.replace('_', " "))
        .desired_width(rect.width());
    if ui.place(rect, field).changed() {
        desk.set(id, name, json!(text));
    }
}

/// The row of an output: its name, and its number if it has one.
pub fn output_row_ui(ui: &mut Ui, desk: &mut Desk, id: &str, name: &str) {
    let zoom = desk.scene.zoom;
    let face = Face::of(desk.patch(), id);
    let rect = row(ui, zoom);
    let kind = kind_of(desk.patch(), id, name, true);
    note_port(desk, id, name, kind, true, pos2(rect.right() + MARGIN.x * zoom, rect.center().y));
    let covered = face.is_bare() || face.covers_rows(desk.open.contains(id));
    if zoom < theme::NO_TEXT_BELOW || covered || !ui.is_rect_visible(rect) {
        return;
    }
    let font = theme::words(theme::SMALL * zoom);
    let shown = ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, name.replace('_', " "), font, theme::WEAK);
    let def = desk.def(id).and_then(|def| def.output(name));
    if let Some((_, output)) = def {
        ui.interact(shown, Id::new(("out", id, name)), Sense::hover()).on_hover_text(output.about);
    }
    let port = Port { node: id.to_owned(), port: name.to_owned() };
    if let Some(value) = desk.live.output(&port) {
        let text = format!("{value:.2}").replace('-', "−");
        let at = pos2(shown.left() - 8.0 * zoom, rect.center().y);
        ui.painter().text(
            at,
            Align2::RIGHT_CENTER,
            text,
            theme::figures(theme::SMALL * zoom),
            theme::kind_colours(kind).0,
        );
    }
}

fn note_port(desk: &mut Desk, id: &str, name: &str, kind: Kind, output: bool, at: Pos2) {
    let port = Port { node: id.to_owned(), port: name.to_owned() };
    desk.scene.pending.push(Spot { port, kind, output, at });
}
