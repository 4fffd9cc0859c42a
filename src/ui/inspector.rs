//! The inspector: everything about the selected node.

use std::sync::Arc;

use bendrack_nodes::def::{Input, NodeDef};
use bendrack_nodes::patch::{Edit, Port};
use bendrack_nodes::plan::DEFAULT_DEPTH;
use bendrack_nodes::value::Kind;
use eframe::egui::{self, Align, Align2, Button, Id, Layout, Rect, RichText, ScrollArea, Sense, Ui, Vec2, pos2, vec2};
use serde_json::json;

use super::desk::Desk;
use super::document::Step;
use super::knob::{Knob, depth_ui, knob_ui, switch_ui, value_ui};
use super::learn::Learn;
use super::node::kind_shape;
use super::row::{choice_ui, text_ui};
use super::theme;

/// Shows the selected node, or the patch if none or several are selected.
pub fn inspector_ui(ui: &mut Ui, desk: &mut Desk) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::UNIT;
        let ids: Vec<String> = desk.selection.iter().cloned().collect();
        match ids.as_slice() {
            [id] => node_ui(ui, desk, id),
            [] => patch_ui(ui, desk),
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

/// What the patch says of itself, and how to begin.
fn patch_ui(ui: &mut Ui, desk: &Desk) {
    let patch = &desk.document.patch;
    heading(ui, if patch.meta.title.is_empty() { "Untitled patch" } else { &patch.meta.title });
    if !patch.meta.description.is_empty() {
        ui.label(RichText::new(&patch.meta.description).color(theme::WEAK));
    }
    for problem in &desk.document.problems {
        ui.label(RichText::new(problem.to_string()).size(theme::SMALL).color(theme::WARNING));
    }
    ui.add_space(theme::UNIT);
    let keys = [
        ("N, Tab, double-click", "add a node"),
        ("drag from a port", "pull a cable; let go on a node, a port or the ground"),
        ("drag a knob", "turn it; Ctrl finer, Shift coarser, double-click resets"),
        ("Delete   B   Ctrl+D", "delete, bypass, duplicate"),
        ("Ctrl+Z   Ctrl+Shift+Z", "undo, redo"),
        ("F   Home   wheel", "see the selection, see all, zoom"),
        ("F11", "the picture alone"),
    ];
    egui::Grid::new("keys").num_columns(2).spacing(vec2(2.0 * theme::UNIT, theme::UNIT / 2.0)).show(ui, |ui| {
        for (keys, what) in keys {
            ui.label(RichText::new(keys).size(theme::SMALL).color(theme::TEXT));
            ui.label(weak(what));
            ui.end_row();
        }
    });
}

fn node_ui(ui: &mut Ui, desk: &mut Desk, id: &str) {
    let patch = Arc::clone(&desk.document.patch);
    let Some(node) = patch.nodes.get(id) else { return };
    let def = desk.document.def(id);
    ui.horizontal(|ui| {
        let (bar, _) = ui.allocate_exact_size(vec2(3.0, 20.0), Sense::hover());
        ui.painter().rect_filled(bar, 1.5, def.map_or(theme::WEAK, |def| theme::family_colour(def.family())));
        heading(ui, def.map_or(node.kind.as_str(), |def| def.title));
        ui.label(weak(id).monospace());
    });
    match def {
        Some(def) => ui.label(RichText::new(def.about).color(theme::WEAK)),
        None => {
            ui.label(RichText::new("This bendrack does not know this node. It is kept as it is.").color(theme::WARNING))
        }
    };
    for (_, sentence) in desk.troubles(id) {
        ui.label(RichText::new(sentence).size(theme::SMALL).color(theme::WARNING));
    }
    actions_ui(ui, desk);
    let Some(def) = def else { return };
    if matches!(def.name, "midi.cc" | "midi.note") {
        learn_node_ui(ui, desk, id, def);
    }
    for input in def.inputs {
        ui.separator();
        input_ui(ui, desk, id, input);
    }
    outputs_ui(ui, desk, id, def);
}

fn actions_ui(ui: &mut Ui, desk: &mut Desk) {
    ui.horizontal(|ui| {
        let bypassed =
            desk.selection.iter().all(|id| desk.document.patch.nodes.get(id).is_some_and(|node| node.bypass));
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
        if ui.add(Button::new("Delete").frame_when_inactive(false)).on_hover_text("Delete").clicked() {
            desk.delete_selected();
        }
    });
}

fn input_ui(ui: &mut Ui, desk: &mut Desk, id: &str, input: &'static Input) {
    let from = desk.document.patch.cable_to(&port_of(id, input)).map(|cable| cable.from.clone());
    match input.kind {
        Kind::Number if input.choices.is_empty() => number_ui(ui, desk, id, input, from.is_some()),
        Kind::Number => field_ui(ui, input, |ui, rect| choice_ui(ui, desk, id, input, rect, theme::BODY)),
        Kind::Gate => gate_ui(ui, desk, id, input, from.is_some()),
        Kind::Text => {
            title_ui(ui, input);
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 64.0), Sense::hover());
            text_ui(ui, desk, id, input, rect, theme::BODY, true);
        }
        _ => title_ui(ui, input),
    }
    if let Some(from) = from {
        cable_ui(ui, desk, id, input, &from);
    }
}

fn port_of(id: &str, input: &Input) -> Port {
    Port { node: id.to_owned(), port: input.name.to_owned() }
}

/// An input's name, the shape of its kind, and what it does.
fn title_ui(ui: &mut Ui, input: &Input) {
    ui.horizontal(|ui| {
        let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
        let (bright, dim) = theme::kind_colours(input.kind);
        ui.painter().add(kind_shape(input.kind, spot.center(), 4.0, dim, egui::Stroke::new(1.0, bright)));
        ui.label(input.name.replace('_', " "));
        ui.add(egui::Label::new(weak(input.about)).truncate());
    });
}

/// A name with a field to its right.
fn field_ui(ui: &mut Ui, input: &Input, field: impl FnOnce(&mut Ui, Rect)) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
    name_ui(ui, input, rect, 0.0, 176.0);
    let place = Rect::from_min_max(pos2(rect.right() - 168.0, rect.top() + 8.0), pos2(rect.right(), rect.top() + 32.0));
    field(ui, place);
}

/// A name above what it does, cut at `right` from the right end.
fn name_ui(ui: &Ui, input: &Input, rect: Rect, indent: f32, right: f32) {
    let left = rect.left() + indent;
    let name = input.name.replace('_', " ");
    ui.painter().text(pos2(left, rect.top() + 12.0), Align2::LEFT_CENTER, name, theme::words(theme::BODY), theme::TEXT);
    let mut about =
        egui::text::LayoutJob::simple_singleline(input.about.to_owned(), theme::words(theme::SMALL), theme::WEAK);
    about.wrap = egui::text::TextWrapping::truncate_at_width((rect.right() - right - left).max(0.0));
    let about = ui.painter().layout_job(about);
    let place = Rect::from_min_size(pos2(left, rect.top() + 21.0), about.size());
    let elided = about.elided;
    ui.painter().galley(place.min, about, theme::WEAK);
    if elided {
        ui.interact(place, ui.id().with(("about", input.name)), Sense::hover()).on_hover_text(input.about);
    }
}

fn number_ui(ui: &mut Ui, desk: &mut Desk, id: &str, input: &'static Input, wired: bool) {
    let patch = Arc::clone(&desk.document.patch);
    let base = desk.number(id, input);
    let live = wired.then(|| desk.live.input(&patch, id, input, base)).flatten();
    let depth = (wired && !input.signal).then(|| depth_of(desk, id, input));
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::hover());
    let knob =
        Knob { input, label: format!("{} of {id} in the inspector", input.name), base, live, depth, wheel: None };
    let size = theme::LARGE_KNOB;
    let place = Rect::from_center_size(pos2(rect.left() + 6.0 + size / 2.0, rect.center().y), Vec2::splat(size));
    let (_, turn) = knob_ui(ui, Id::new(("large knob", id, input.name)), place, &knob);
    if let Some(turn) = turn {
        desk.turn(id, input.name, turn);
    }
    name_ui(ui, input, rect.translate(vec2(0.0, 2.0)), size + 20.0, 170.0);
    let field = Rect::from_min_max(
        pos2(rect.right() - 160.0, rect.top() + 10.0),
        pos2(rect.right() - 72.0, rect.bottom() - 10.0),
    );
    if let Some(turn) = value_ui(ui, Id::new(("large value", id, input.name)), field, input, base, theme::BODY) {
        desk.turn(id, input.name, turn);
    }
    let place =
        Rect::from_min_max(pos2(rect.right() - 60.0, rect.top() + 10.0), pos2(rect.right(), rect.bottom() - 10.0));
    learn_ui(ui, desk, place, port_of(id, input), false);
}

fn depth_of(desk: &Desk, id: &str, input: &Input) -> f64 {
    let node = desk.document.patch.nodes.get(id);
    node.and_then(|node| node.depths.get(input.name)).copied().unwrap_or(DEFAULT_DEPTH)
}

fn gate_ui(ui: &mut Ui, desk: &mut Desk, id: &str, input: &'static Input, wired: bool) {
    let patch = Arc::clone(&desk.document.patch);
    let base = desk.number(id, input);
    let on = wired.then(|| desk.live.input(&patch, id, input, base)).flatten().unwrap_or(base) >= 0.5;
    field_ui(ui, input, |ui, rect| {
        let place = Rect::from_center_size(pos2(rect.right() - 16.0, rect.center().y), vec2(32.0, 24.0));
        let label = format!("{} of {id} in the inspector", input.name);
        if switch_ui(ui, Id::new(("large gate", id, input.name)), place, &label, on).1 && !wired {
            desk.set(id, input.name, json!(!on));
            desk.document.end_gesture();
        }
    });
}

/// Where the cable of an input comes from, how far it moves the knob, and the way to pull it out.
fn cable_ui(ui: &mut Ui, desk: &mut Desk, id: &str, input: &'static Input, from: &Port) {
    ui.horizontal(|ui| {
        ui.add_space(if input.kind == Kind::Number { theme::LARGE_KNOB + 12.0 } else { 12.0 });
        ui.label(weak(format!("from {from}")));
        if input.kind == Kind::Number && !input.signal {
            let depth = depth_of(desk, id, input);
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
            let label = format!("depth of {id}.{} in the inspector", input.name);
            let (_, turn) = depth_ui(ui, Id::new(("large depth", id, input.name)), rect, &label, depth);
            if let Some(depth) = turn {
                desk.set_depth(id, input.name, depth);
            }
            ui.label(RichText::new(format!("{depth:+.2}").replace('-', "−")).size(theme::SMALL).monospace());
        }
        if ui.add(Button::new(weak("pull out")).frame(false)).clicked() {
            let edit = Edit::Disconnect { to: port_of(id, input) };
            desk.document.apply(Step::new(format!("pull out {id}.{}", input.name), vec![edit]));
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

fn outputs_ui(ui: &mut Ui, desk: &Desk, id: &str, def: &NodeDef) {
    for output in def.outputs {
        ui.separator();
        ui.horizontal(|ui| {
            let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
            let (bright, _) = theme::kind_colours(output.kind);
            ui.painter().add(kind_shape(output.kind, spot.center(), 4.0, bright, egui::Stroke::new(1.0, bright)));
            ui.label(output.name.replace('_', " "));
            ui.label(weak(output.about));
            let port = Port { node: id.to_owned(), port: output.name.to_owned() };
            if let Some(value) = desk.live.output(&port) {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(RichText::new(format!("{value:.3}").replace('-', "−")).monospace().color(bright));
                });
            }
        });
    }
}
