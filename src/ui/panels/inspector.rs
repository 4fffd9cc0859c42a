//! The inspector: everything about the selected node.

use std::sync::Arc;

use bendrack_nodes::def::NodeDef;
use bendrack_nodes::flat::INSTANCE;
use bendrack_nodes::patch::{Cable, Edit, Port};
use bendrack_nodes::value::Kind;
use eframe::egui::{self, Align, Align2, Button, Layout, Rect, RichText, ScrollArea, Sense, Ui, Vec2, pos2, vec2};
use serde_json::json;

use crate::ui::canvas::frame::frame_page_ui;
use crate::ui::canvas::node::kind_shape;
use crate::ui::canvas::row::{Field, choice_ui, knob_menu_ui, text_ui};
use crate::ui::document::Step;
use crate::ui::document::learn::Learn;
use crate::ui::document::ports::{input_of, ports};
use crate::ui::document::subpatch::{self, definition_of, depth};
use crate::ui::panels::midi_maps as maps;
use crate::ui::panels::patch_page::about_ui;
use crate::ui::panels::snapshots::small;
use crate::ui::theme;
use crate::ui::widgets::knob::{Knob, depth_ui, knob_ui, switch_ui, value_ui};
use crate::ui::workspace::Desk;

/// Shows the selected node, or the patch if none or several are selected.
pub fn inspector_ui(ui: &mut Ui, desk: &mut Desk) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::UNIT;
        let ids: Vec<String> = desk.selection.iter().cloned().collect();
        match ids.as_slice() {
            [id] => node_ui(ui, desk, id),
            [] => match desk.frame.filter(|index| *index < desk.document.patch.frames.len()) {
                Some(index) => frame_page_ui(ui, desk, index),
                None => about_ui(ui, desk),
            },
            _ => {
                heading(ui, &format!("{} nodes", ids.len()));
                actions_ui(ui, desk);
            }
        }
        ui.add_space(theme::UNIT);
    });
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).size(theme::LARGE));
}

fn weak(text: impl Into<String>) -> RichText {
    RichText::new(text).size(theme::SMALL).color(theme::WEAK)
}

fn node_ui(ui: &mut Ui, desk: &mut Desk, id: &str) {
    let patch = Arc::clone(desk.patch());
    let Some(node) = patch.nodes.get(id) else { return };
    let (def, definition) = (desk.def(id), definition_of(&patch, id));
    ui.horizontal(|ui| {
        let (bar, _) = ui.allocate_exact_size(vec2(3.0, 20.0), Sense::hover());
        ui.painter().rect_filled(bar, 1.5, def.map_or(theme::WEAK, |def| theme::family_colour(def.family())));
        heading(ui, subpatch::title(&patch, id));
        ui.label(weak(id).monospace());
    });
    match (def, definition) {
        (Some(def), _) => ui.label(RichText::new(def.about).color(theme::WEAK)),
        (None, Some(definition)) => ui.label(RichText::new(&definition.about).color(theme::WEAK)),
        (None, None) if node.kind.starts_with(INSTANCE) => {
            ui.label(RichText::new("The patch has no such subpatch. The node is kept as it is.").color(theme::WARNING))
        }
        (None, None) => {
            ui.label(RichText::new("This bendrack does not know this node. It is kept as it is.").color(theme::WARNING))
        }
    };
    for (_, sentence) in desk.troubles(id) {
        ui.label(RichText::new(sentence).size(theme::SMALL).color(theme::WARNING));
    }
    actions_ui(ui, desk);
    if let Some(def) = def.filter(|def| matches!(def.name, "midi.cc" | "midi.note")) {
        learn_node_ui(ui, desk, id, def);
    }
    let (inputs, outputs) = ports(&patch, id);
    for (name, _) in &inputs {
        if let Some(input) = input_of(&patch, id, name) {
            ui.separator();
            input_ui(ui, desk, Field { id, name, input });
        }
    }
    let about = |name: &str| def.and_then(|def| def.output(name)).map_or("", |(_, output)| output.about);
    for (name, kind) in &outputs {
        let said = definition.and_then(|definition| definition.outputs.iter().find(|outlet| outlet.name == *name));
        output_ui(ui, desk, id, (name, *kind), said.map_or_else(|| about(name), |outlet| &outlet.about));
    }
}

fn actions_ui(ui: &mut Ui, desk: &mut Desk) {
    ui.horizontal(|ui| {
        let bypassed = desk.selection.iter().all(|id| desk.patch().nodes.get(id).is_some_and(|node| node.bypass));
        if ui.add(Button::selectable(bypassed, "Bypass")).on_hover_text("Bends pass unchanged. B").clicked() {
            desk.bypass_selected();
        }
        if ui
            .add(Button::new("Duplicate").frame_when_inactive(false))
            .on_hover_text("Ctrl+D; with Shift, with the cables that come in")
            .clicked()
        {
            desk.duplicate_selected(false);
        }
        if let Some(id) = desk.selected_instance()
            && ui.add(Button::new("Open").frame_when_inactive(false)).on_hover_text("Goes into it. Enter").clicked()
        {
            desk.enter(&id);
        }
        if ui.add(Button::new("Delete").frame_when_inactive(false)).on_hover_text("Delete").clicked() {
            desk.delete_selected();
        }
    });
}

fn input_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>) {
    let input = field.input;
    let cable = desk.patch().cable_to(&field.port()).cloned();
    match input.kind {
        Kind::Number if input.choices.is_empty() => number_ui(ui, desk, field, cable.is_some()),
        Kind::Number => field_ui(ui, field, |ui, rect| choice_ui(ui, desk, field, rect, theme::BODY)),
        Kind::Gate => gate_ui(ui, desk, field, cable.is_some()),
        Kind::Text => {
            title_ui(ui, field);
            let tall = if desk.def(field.id).is_some_and(|def| def.name == "view.note") { 192.0 } else { 64.0 };
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), tall), Sense::hover());
            text_ui(ui, desk, field, rect, theme::BODY, true);
        }
        _ => title_ui(ui, field),
    }
    if let Some(cable) = cable {
        cable_ui(ui, desk, field, &cable);
    }
}

/// An input's name, the shape of its kind, and what it does.
fn title_ui(ui: &mut Ui, Field { name, input, .. }: Field<'_>) {
    ui.horizontal(|ui| {
        let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
        let (bright, dim) = theme::kind_colours(input.kind);
        ui.painter().add(kind_shape(input.kind, spot.center(), 4.0, dim, egui::Stroke::new(1.0, bright)));
        ui.label(name.replace('_', " "));
        ui.add(egui::Label::new(weak(input.about)).truncate());
    });
}

/// A name with a field to its right.
fn field_ui(ui: &mut Ui, field: Field<'_>, widget: impl FnOnce(&mut Ui, Rect)) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
    name_ui(ui, field, rect, 0.0, 176.0);
    let place = Rect::from_min_max(pos2(rect.right() - 168.0, rect.top() + 8.0), pos2(rect.right(), rect.top() + 32.0));
    widget(ui, place);
}

/// A name above what it does, cut at `right` from the right end.
fn name_ui(ui: &Ui, field: Field<'_>, rect: Rect, indent: f32, right: f32) {
    let (input, left) = (field.input, rect.left() + indent);
    let name = field.name.replace('_', " ");
    ui.painter().text(pos2(left, rect.top() + 12.0), Align2::LEFT_CENTER, name, theme::words(theme::BODY), theme::TEXT);
    let mut about =
        egui::text::LayoutJob::simple_singleline(input.about.to_owned(), theme::words(theme::SMALL), theme::WEAK);
    about.wrap = egui::text::TextWrapping::truncate_at_width((rect.right() - right - left).max(0.0));
    let about = ui.painter().layout_job(about);
    let place = Rect::from_min_size(pos2(left, rect.top() + 21.0), about.size());
    let elided = about.elided;
    ui.painter().galley(place.min, about, theme::WEAK);
    if elided {
        ui.interact(place, ui.id().with(("about", field.name)), Sense::hover()).on_hover_text(input.about);
    }
}

fn number_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, wired: bool) {
    let Field { id, name, input } = field;
    let base = desk.stands(&field.port(), input);
    let live = wired.then(|| desk.live.input(desk.patch(), &field.port(), input, base)).flatten();
    let depth = (wired && !input.signal).then(|| depth(desk.patch(), &field.port()));
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::hover());
    let knob = Knob { input, label: format!("{name} of {id} in the inspector"), base, live, depth, wheel: None };
    let size = theme::LARGE_KNOB;
    let place = Rect::from_center_size(pos2(rect.left() + 6.0 + size / 2.0, rect.center().y), Vec2::splat(size));
    let (response, turn) = knob_ui(ui, field.widget("large knob"), place, &knob);
    knob_menu_ui(&response, desk, field);
    if let Some(turn) = turn {
        desk.turn(id, name, turn);
    }
    name_ui(ui, field, rect.translate(vec2(0.0, 2.0)), size + 20.0, 170.0);
    let number = Rect::from_min_max(
        pos2(rect.right() - 160.0, rect.top() + 10.0),
        pos2(rect.right() - 72.0, rect.bottom() - 10.0),
    );
    if let Some(turn) = value_ui(ui, field.widget("large value"), number, input, base, theme::BODY) {
        desk.turn(id, name, turn);
    }
    let place =
        Rect::from_min_max(pos2(rect.right() - 60.0, rect.top() + 10.0), pos2(rect.right(), rect.bottom() - 10.0));
    learn_ui(ui, desk, place, field.port(), false);
    if let Some(map) = desk.map_of(&field.port()).cloned() {
        ui.horizontal(|ui| {
            ui.add_space(theme::LARGE_KNOB + 12.0);
            ui.label(weak(maps::said(&map)));
            if small(ui, "remove", &format!("remove the map of {}", map.to), "Its controller turns it no longer.") {
                desk.unmap(&map.to);
            }
        });
    }
}

fn gate_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, wired: bool) {
    let Field { id, name, input } = field;
    let base = desk.number(id, name, input);
    let on = wired.then(|| desk.live.input(desk.patch(), &field.port(), input, base)).flatten().unwrap_or(base) >= 0.5;
    field_ui(ui, field, |ui, rect| {
        let place = Rect::from_center_size(pos2(rect.right() - 16.0, rect.center().y), vec2(32.0, 24.0));
        let label = format!("{name} of {id} in the inspector");
        if switch_ui(ui, field.widget("large gate"), place, &label, on).1 && !wired {
            desk.set(id, name, json!(!on));
            desk.document.end_gesture();
        }
    });
}

/// Where the cable of an input comes from, how far it moves the knob, and the ways to mute it and to pull it out.
fn cable_ui(ui: &mut Ui, desk: &mut Desk, field: Field<'_>, cable: &Cable) {
    let Field { id, name, input } = field;
    ui.horizontal(|ui| {
        ui.add_space(if input.kind == Kind::Number { theme::LARGE_KNOB + 12.0 } else { 12.0 });
        ui.label(weak(format!("from {}{}", cable.from, if cable.mute { ", muted" } else { "" })));
        if input.kind == Kind::Number && !input.signal {
            let depth = depth(desk.patch(), &field.port());
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
            let label = format!("depth of {id}.{name} in the inspector");
            let (_, turn) = depth_ui(ui, field.widget("large depth"), rect, &label, depth);
            if let Some(depth) = turn {
                desk.set_depth(id, name, depth);
            }
            ui.label(RichText::new(format!("{depth:+.2}").replace('-', "−")).size(theme::SMALL).monospace());
        }
        let text = if cable.mute { "unmute" } else { "mute" };
        if ui.add(Button::new(weak(text)).frame(false)).on_hover_text("M with the pointer on the cable").clicked() {
            desk.mute(&cable.to);
        }
        if ui.add(Button::new(weak("pull out")).frame(false)).clicked() {
            let edit = Edit::Disconnect { to: field.port() };
            desk.apply(Step::new(format!("pull out {}", cable.to), vec![edit]));
        }
    });
}

/// The button that gives a knob to a MIDI control: press it, move the control.
fn learn_ui(ui: &mut Ui, desk: &mut Desk, rect: Rect, to: Port, keys: bool) {
    let waits = desk.learn.as_ref().is_some_and(|learn| learn.to == to);
    let text = if waits { "move it" } else { "learn" };
    let text = RichText::new(text).size(theme::SMALL).color(if waits { theme::ACCENT } else { theme::WEAK });
    let button = ui.place(rect, Button::new(text).frame(waits));
    button.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Button, true, waits, format!("learn {to}")));
    if button.on_hover_text("Press, then move a MIDI control. Esc leaves it.").clicked() {
        desk.learn = (!waits).then(|| Learn::new(to, keys, &desk.controls));
    }
}

fn learn_node_ui(ui: &mut Ui, desk: &mut Desk, id: &str, def: &NodeDef) {
    let keys = def.name == "midi.note";
    let to = Port { node: id.to_owned(), port: String::new() };
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.label(weak(if keys {
            "Take the key that is pressed next:"
        } else {
            "Take the control that is moved next:"
        }));
        let (rect, _) = ui.allocate_exact_size(vec2(64.0, 24.0), Sense::hover());
        learn_ui(ui, desk, rect, to, keys);
    });
}

fn output_ui(ui: &mut Ui, desk: &Desk, id: &str, (name, kind): (&str, Kind), about: &str) {
    ui.separator();
    ui.horizontal(|ui| {
        let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
        let (bright, _) = theme::kind_colours(kind);
        ui.painter().add(kind_shape(kind, spot.center(), 4.0, bright, egui::Stroke::new(1.0, bright)));
        ui.label(name.replace('_', " "));
        ui.label(weak(about));
        let port = Port { node: id.to_owned(), port: name.to_owned() };
        if let Some(value) = desk.live.output(&port) {
            let colour = if desk.is_held(&port) { theme::WARNING } else { bright };
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(format!("{value:.3}").replace('-', "−")).monospace().color(colour));
            });
        }
    });
}
