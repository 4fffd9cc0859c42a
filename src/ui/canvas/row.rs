//! The rows of a node: a knob, switch, choice or text field, or only the name of a port.

use std::collections::BTreeSet;

use bendrack_nodes::address;
use bendrack_nodes::choice::Choice as _;
use bendrack_nodes::input::ControlName;
use bendrack_nodes::node::def::{DefaultValue, Input, Scope, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Patch, Port};
use eframe::egui::{self, Align2, ComboBox, Id, Pos2, Rect, RichText, Sense, TextEdit, Ui, Vec2, pos2, vec2};
use serde_json::json;

use crate::ui::canvas::face::{covers_rows, face_of, is_bare};
use crate::ui::canvas::node::{INNER, MARGIN};
use crate::ui::document::learn::{LearnMode, modulate};
use crate::ui::document::maps;
use crate::ui::document::ports::{Named, input_of, ports};
use crate::ui::document::subpatch::depth;
use crate::ui::theme;
use crate::ui::widgets::knob::{Knob, KnobChange, depth_ui, knob_ui, switch_ui, value_ui};
use crate::ui::widgets::{number, tooltip};
use crate::ui::workspace::{DrawnPort, Workspace};

/// An input of a node on the canvas. For an instance, `input` is the declaration behind the port.
#[derive(Clone, Copy)]
pub struct InputRef<'a> {
    /// The id of the node.
    pub id: &'a str,
    /// The name of the port.
    pub name: &'a str,
    /// The declaration.
    pub input: &'static Input,
}

impl InputRef<'_> {
    /// The port.
    pub fn port(self) -> Port {
        Port { node: self.id.to_owned(), port: self.name.to_owned() }
    }

    /// An id for a widget of this input.
    pub fn widget(self, what: &str) -> Id {
        Id::new((what, self.id, self.name))
    }
}

/// The inputs of a node with a row. An unfolded node shows all. A folded one shows inputs with a cable or value, inputs
/// without a knob, and the first few others.
pub fn shown_inputs(patch: &Patch, id: &str, unfolded: bool) -> Named {
    const ROWS: usize = 5;
    let (inputs, _) = ports(patch, id);
    match face_of(patch, id) {
        View::Note { .. } => return Vec::new(),
        // The drawing of a scope shows its settings.
        View::Scope(Scope { input, .. }) if !unfolded => {
            let wired = |name: &str| patch.cables.iter().any(|cable| cable.to.node == id && cable.to.port == name);
            return inputs.into_iter().filter(|(name, _)| name == input.name || wired(name)).collect();
        }
        _ => {}
    }
    let Some(node) = patch.nodes.get(id) else { return inputs };
    if unfolded || inputs.len() <= ROWS + 1 {
        return inputs;
    }
    let wired: BTreeSet<&str> =
        patch.cables.iter().filter(|cable| cable.to.node == id).map(|cable| cable.to.port.as_str()).collect();
    let mut free = ROWS;
    let keep = |(name, kind): &(String, Kind)| {
        let must = wired.contains(name.as_str())
            || node.params.contains_key(name)
            || !matches!(kind, Kind::Number | Kind::Gate | Kind::Text);
        let keep = must || free > 0;
        free = free.saturating_sub(usize::from(keep));
        keep
    };
    inputs.into_iter().filter(keep).collect()
}

/// The row of an input.
pub fn input_row_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str, name: &str) {
    let zoom = workspace.frame.zoom;
    let face = face_of(workspace.editor.patch(), id);
    let rect = row(ui, zoom);
    let kind = workspace.editor.port_kind(id, name, false);
    add_port(workspace, id, name, kind, false, pos2(rect.left() - MARGIN.x * zoom, rect.center().y));
    let covered = is_bare(face) || covers_rows(face, workspace.editor.unfolded.contains(id));
    if zoom < theme::NO_TEXT_BELOW || covered || !ui.is_rect_visible(rect) {
        return;
    }
    let wired = workspace.editor.is_wired(id, name);
    let Some(input) = input_of(workspace.editor.patch(), id, name) else {
        name_ui(ui, id, name, "", rect, 0.0, zoom);
        return;
    };
    let field = InputRef { id, name, input };
    match input.kind {
        Kind::Number if input.choices.is_empty() => number_row_ui(ui, workspace, field, rect, wired),
        Kind::Number => choice_row_ui(ui, workspace, field, rect),
        Kind::Gate => gate_row_ui(ui, workspace, field, rect, wired),
        Kind::Text if !wired => text_row_ui(ui, workspace, field, rect),
        _ => {
            name_ui(ui, id, name, input.about, rect, 0.0, zoom);
        }
    }
    if workspace.editor.learns_maps && maps::can_map(input) && workspace.editor.location.path.is_empty() {
        map_choice_ui(ui, workspace, field, rect);
    }
}

/// A row as a button, while maps are learned knob after knob: it chooses its knob.
fn map_choice_ui(ui: &Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect) {
    let port = field.port();
    let is_chosen = workspace.editor.learn.as_ref().is_some_and(|learn| learn.to == port);
    let response = ui.interact(rect, field.widget("map"), Sense::click_and_drag());
    response.widget_info(|| {
        egui::WidgetInfo::selected(egui::WidgetType::Button, true, is_chosen, format!("learn a map of {port}"))
    });
    let strength = if is_chosen {
        0.4
    } else if response.hovered() {
        0.25
    } else {
        0.1
    };
    ui.painter().rect_filled(rect, 2.0 * workspace.frame.zoom, theme::accent().gamma_multiply(strength));
    if response.clicked() {
        workspace.learn(port, LearnMode::Map);
    }
}

/// The rectangle of a row.
fn row(ui: &mut Ui, zoom: f32) -> Rect {
    ui.allocate_exact_size(vec2(INNER, theme::ROW) * zoom, Sense::hover()).0
}

/// The name of a port, with its help as a tooltip.
fn name_ui(ui: &Ui, id: &str, name: &str, about: &str, rect: Rect, indent: f32, zoom: f32) -> Rect {
    let at = pos2(rect.left() + indent * zoom, rect.center().y);
    let text = name.replace('_', " ");
    let shown =
        ui.painter().text(at, Align2::LEFT_CENTER, text, theme::proportional(theme::SMALL * zoom), theme::weak());
    if !about.is_empty() {
        ui.interact(shown, Id::new(("name", id, name)), Sense::hover()).on_hover_text(tooltip(about));
    }
    shown
}

const INDENT: f32 = 26.0;

fn number_row_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect, wired: bool) {
    let (zoom, InputRef { id, name, input }) = (workspace.frame.zoom, field);
    let base = workspace.knob_value(&field.port(), input);
    let live = wired.then(|| workspace.modulated(&field.port(), input, base)).flatten();
    let depth = (wired && !input.direct).then(|| depth(workspace.editor.patch(), &field.port()));
    let knob = Knob {
        input,
        label: format!("{name} of {id}"),
        base,
        live,
        depth,
        ghost: workspace.ghost(&field.port()),
        wheel: Some(workspace.frame.wheel),
    };
    row_knob_ui(ui, workspace, field, rect, &knob);
    let shown = name_ui(ui, id, name, input.about, rect, INDENT, zoom);
    paint_learn_tag(ui, workspace, field, pos2(shown.right() + 6.0 * zoom, rect.center().y));
    if let Some(depth) = depth {
        // Left of the value, however long it is.
        let text = number::show(input, live.unwrap_or(base));
        let width = ui.painter().layout_no_wrap(text, theme::monospace(theme::SMALL * zoom), theme::text()).size().x;
        let from_right = (68.0 * zoom).max(width + 12.0 * zoom);
        row_depth_ui(ui, workspace, field, pos2(rect.right() - from_right, rect.center().y), depth);
    }
    let place = Rect::from_min_max(pos2(rect.right() - 62.0 * zoom, rect.top()), rect.max);
    if let Some(live) = live {
        let (font, hue) = (theme::monospace(theme::SMALL * zoom), theme::kind_colours(Kind::Number).0);
        ui.painter().text(place.right_center(), Align2::RIGHT_CENTER, number::show(input, live), font, hue);
    } else if let Some(turn) = value_ui(ui, field.widget("value"), place, input, base, theme::SMALL * zoom) {
        workspace.editor.turn(id, name, turn);
    }
}

/// The knob of a row, with its menu and its help.
fn row_knob_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect, knob: &Knob<'_>) {
    let InputRef { id, name, input } = field;
    let size = theme::KNOB * workspace.frame.zoom;
    let place = Rect::from_center_size(pos2(rect.left() + size / 2.0, rect.center().y), Vec2::splat(size));
    let (response, turn) = knob_ui(ui, field.widget("knob"), place, knob);
    workspace.frame.over_knob |= response.hovered();
    workspace.frame.knobs.push((place, field.port()));
    if response.drag_started() && ui.input(|i| i.modifiers.alt) {
        workspace.frame.linked = Some(field.port());
    }
    knob_menu_ui(&response, workspace, field);
    if !response.dragged() {
        response.on_hover_text(match workspace.editor.map_of(&field.port()) {
            Some(map) => tooltip(&format!("{}\n{}", input.about, maps::describe(map))),
            None => tooltip(input.about),
        });
    }
    // A knob that is dragged onto another one does not turn.
    if let Some(turn) = turn.filter(|_| workspace.frame.linked.is_none()) {
        workspace.editor.turn(id, name, turn);
    }
}

/// A tag beside the name: learning in progress, or the control of a map.
fn paint_learn_tag(ui: &Ui, workspace: &Workspace, field: InputRef<'_>, at: Pos2) {
    let port = field.port();
    let tag = if workspace.editor.learn.as_ref().is_some_and(|learn| learn.to == port) {
        "waiting".to_owned()
    } else if let Some(map) = workspace.editor.map_of(&port) {
        tag_of(&map.from.name)
    } else {
        return;
    };
    let font = theme::monospace(theme::SMALL * 0.85 * workspace.frame.zoom);
    ui.painter().text(at, Align2::LEFT_CENTER, tag, font, theme::accent());
}

/// The short name of a control.
fn tag_of(name: &ControlName) -> String {
    match name {
        ControlName::Cc { number, .. } => format!("cc{number}"),
        ControlName::Note { number, .. } => format!("note{number}"),
        ControlName::PitchBend { .. } => "bend".to_owned(),
        ControlName::Pressure { .. } | ControlName::KeyPressure { .. } => "pressure".to_owned(),
        ControlName::Program { .. } => "program".to_owned(),
        ControlName::Nrpn { number, .. } => format!("nrpn{number}"),
        ControlName::Rpn { number, .. } => format!("rpn{number}"),
        ControlName::Clock => "clock".to_owned(),
        ControlName::Online => "online".to_owned(),
        ControlName::Osc { .. } => "osc".to_owned(),
        ControlName::Sensor { name } => name.chars().take(8).collect(),
        ControlName::Gamepad { .. } => "pad".to_owned(),
        ControlName::Key { key } => key.name().to_uppercase(),
    }
}

/// The small knob of the depth of a cable.
fn row_depth_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, at: Pos2, depth: f64) {
    let (zoom, InputRef { id, name, .. }) = (workspace.frame.zoom, field);
    let place = Rect::from_center_size(at, Vec2::splat(14.0 * zoom));
    let label = format!("depth of {id}.{name}");
    let (response, turn) = depth_ui(ui, field.widget("depth"), place, &label, depth);
    workspace.frame.over_knob |= response.hovered();
    response.on_hover_text(format!("Modulation depth: {depth:+.2} of the travel"));
    if let Some(depth) = turn {
        workspace.editor.set_depth(id, name, depth);
    }
}

/// The context menu of a knob.
pub fn knob_menu_ui(response: &egui::Response, workspace: &mut Workspace, field: InputRef<'_>) {
    let InputRef { id, name, input } = field;
    response.context_menu(|ui| {
        if ui.button("Reset").clicked() {
            workspace.editor.turn(id, name, KnobChange::Reset);
            workspace.editor.document.end_gesture();
            ui.close();
        }
        let is_modulated = input.is_modulated() && !workspace.editor.is_wired(id, name);
        let hint = "Adds an LFO with a cable to this knob. Drag the ring beside the number for its depth.";
        if is_modulated && ui.button("Add an LFO").on_hover_text(hint).clicked() {
            let step = modulate(workspace.editor.patch(), &field.port());
            if workspace.editor.apply(step) {
                workspace.editor.document.end_gesture();
            }
            ui.close();
        }
        if workspace.editor.location.path.is_empty() {
            let port = field.port();
            let is_locked = workspace.editor.document.patch.stage.locked.contains(&port);
            let text = if is_locked { "Unlock" } else { "Lock" };
            if ui.button(text).on_hover_text("A locked knob is not randomised.").clicked() {
                let locked = port.clone();
                workspace.editor.set_stage("lock knobs", |stage| {
                    if is_locked { stage.locked.retain(|other| *other != locked) } else { stage.locked.push(locked) }
                });
                workspace.editor.document.end_gesture();
                ui.close();
            }
            let is_shown = workspace.editor.document.patch.stage.macros.contains(&port);
            let text = if is_shown { "Hide from perform mode" } else { "Show in perform mode" };
            if ui.button(text).clicked() {
                workspace.editor.set_stage("knobs of perform mode", |stage| {
                    if is_shown { stage.macros.retain(|other| *other != port) } else { stage.macros.push(port) }
                });
                workspace.editor.document.end_gesture();
                ui.close();
            }
        }
        if workspace.editor.subpatch().is_some() {
            let is_exposed = workspace.editor.outer_name(&field.port(), false).is_some();
            let text = if is_exposed { "Hide from the instances" } else { "Expose on the instances" };
            // A port with a cable, a value or a map stays until an instance needs it no more.
            let is_used = is_exposed && workspace.editor.is_port_used(&field.port());
            let hint = if is_used {
                "An instance has a cable, a value or a map on this port: remove it first."
            } else {
                "A port of the subpatch, with a knob on every instance."
            };
            if ui.add_enabled(!is_used, egui::Button::new(text)).on_hover_text(hint).on_disabled_hover_text(hint).clicked() {
                workspace.editor.expose(&field.port());
                ui.close();
            }
        }
        if workspace.editor.location.path.is_empty()
            && ui.button("Copy its OSC address").on_hover_text("For a fader from 0 to 1.").clicked()
        {
            ui.ctx().copy_text(address::of(&field.port()));
            ui.close();
        }
        if ui
            .button("Learn with a node")
            .on_hover_text("Adds a node for the next control you move, with a cable to this knob. The knob drops to its low end.")
            .clicked()
        {
            workspace.learn(field.port(), LearnMode::Cable);
            ui.close();
        }
        if maps::can_map(input) && workspace.editor.location.path.is_empty() {
            let map = ui.button("Learn a map");
            if map.on_hover_text("Maps the next control you move to this knob, without node or cable: of MIDI, OSC or a board. Turn a relative encoder to the left.").clicked() {
                workspace.learn(field.port(), LearnMode::Map);
                ui.close();
            }
            if workspace.editor.map_of(&field.port()).is_some() && ui.button("Remove the map").clicked() {
                workspace.editor.unmap(&field.port());
                ui.close();
            }
        }
    });
}

fn choice_row_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect) {
    let (zoom, InputRef { id, name, input }) = (workspace.frame.zoom, field);
    name_ui(ui, id, name, input.about, rect, INDENT, zoom);
    let place =
        Rect::from_min_max(pos2(rect.left() + 74.0 * zoom, rect.top() + 2.0 * zoom), rect.max - vec2(0.0, 2.0 * zoom));
    choice_ui(ui, workspace, field, place, theme::SMALL * zoom);
}

/// A choice in `rect`.
pub fn choice_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect, size: f32) {
    let InputRef { id, name, input } = field;
    let now = (workspace.editor.number(id, name, input).round() as usize).min(input.choices.len().saturating_sub(1));
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(("choice", id, name)));
    ui.style_mut().override_font_id = Some(theme::proportional(size));
    ui.spacing_mut().interact_size.y = rect.height();
    ui.spacing_mut().button_padding.y = 0.0;
    let words = |choice: &str| choice.replace('_', " ");
    let written = workspace.editor.param(id, name).and_then(|value| value.as_str());
    let unknown = written.filter(|written| !input.choices.contains(written)).map(str::to_owned);
    let shown = match &unknown {
        Some(unknown) => RichText::new(words(unknown)).color(theme::warning()),
        None => RichText::new(words(input.choices[now])),
    };
    let combo = ComboBox::from_id_salt((id, name)).width(rect.width()).selected_text(shown);
    let combo = combo.truncate().show_ui(&mut ui, |ui| {
        ui.style_mut().override_font_id = Some(theme::proportional(theme::BODY));
        for (i, choice) in input.choices.iter().enumerate() {
            let is_on = i == now && unknown.is_none();
            if ui.selectable_label(is_on, words(choice)).clicked() && !is_on {
                workspace.editor.set(id, name, json!(choice));
                workspace.editor.document.end_gesture();
            }
        }
    });
    if let Some(unknown) = unknown {
        let now = words(input.choices[now]);
        combo.response.on_hover_text(format!("“{unknown}” is not a choice; {now} is used."));
    }
}

fn gate_row_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect, wired: bool) {
    let (zoom, InputRef { id, name, input }) = (workspace.frame.zoom, field);
    let base = workspace.editor.number(id, name, input);
    let live = wired.then(|| workspace.modulated(&field.port(), input, base)).flatten();
    let on = live.unwrap_or(base) >= 0.5;
    let size = theme::KNOB * zoom;
    let place = Rect::from_center_size(pos2(rect.left() + size / 2.0, rect.center().y), Vec2::splat(size));
    let (_, clicked) = switch_ui(ui, field.widget("gate"), place, &format!("{name} of {id}"), on);
    if clicked && !wired {
        workspace.editor.set(id, name, json!(!on));
        workspace.editor.document.end_gesture();
    }
    name_ui(ui, id, name, input.about, rect, INDENT, zoom);
}

fn text_row_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect) {
    let zoom = workspace.frame.zoom;
    text_ui(ui, workspace, field, rect.shrink2(vec2(0.0, 2.0 * zoom)), theme::SMALL * zoom, false);
}

/// A text field in `rect`.
pub fn text_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, rect: Rect, size: f32, tall: bool) {
    let InputRef { id, name, input } = field;
    let default = match input.default {
        DefaultValue::Text(text) => text,
        _ => "",
    };
    let mut text = workspace.editor.param(id, name).and_then(|value| value.as_str()).unwrap_or(default).to_owned();
    let field = if tall { TextEdit::multiline(&mut text).desired_rows(3) } else { TextEdit::singleline(&mut text) };
    let place = if tall { "text of inspector" } else { "text of node" };
    let field = field
        .id(Id::new((place, id, name)))
        .font(theme::proportional(size))
        .margin(vec2(size * 0.5, size * 0.2))
        .hint_text(name.replace('_', " "))
        .desired_width(rect.width());
    if ui.place(rect, field).changed() {
        workspace.editor.set(id, name, json!(text));
    }
}

/// The row of an output: its name and its number.
pub fn output_row_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str, name: &str) {
    let zoom = workspace.frame.zoom;
    let face = face_of(workspace.editor.patch(), id);
    let rect = row(ui, zoom);
    let kind = workspace.editor.port_kind(id, name, true);
    add_port(workspace, id, name, kind, true, pos2(rect.right() + MARGIN.x * zoom, rect.center().y));
    let covered = is_bare(face) || covers_rows(face, workspace.editor.unfolded.contains(id));
    if zoom < theme::NO_TEXT_BELOW || covered || !ui.is_rect_visible(rect) {
        return;
    }
    let font = theme::proportional(theme::SMALL * zoom);
    let shown =
        ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, name.replace('_', " "), font, theme::weak());
    let def = workspace.editor.def(id).and_then(|def| def.output(name));
    if let Some((_, output)) = def {
        ui.interact(shown, Id::new(("out", id, name)), Sense::hover()).on_hover_text(tooltip(output.about));
    }
    let port = Port { node: id.to_owned(), port: name.to_owned() };
    if let Some(value) = workspace.playback.live.output(&port) {
        let text = format!("{value:.2}").replace('-', "−");
        let at = pos2(shown.left() - 8.0 * zoom, rect.center().y);
        ui.painter().text(
            at,
            Align2::RIGHT_CENTER,
            text,
            theme::monospace(theme::SMALL * zoom),
            theme::kind_colours(kind).0,
        );
    }
}

fn add_port(workspace: &mut Workspace, id: &str, name: &str, kind: Kind, output: bool, at: Pos2) {
    let port = Port { node: id.to_owned(), port: name.to_owned() };
    workspace.frame.node.ports.push(DrawnPort { port, kind, output, at });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::document::def_of;

    #[test]
    fn a_node_with_many_inputs_shows_few_and_what_has_a_cable() {
        let mut patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let names = |patch: &Patch, open| {
            shown_inputs(patch, "lfo", open).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert!(names(&patch, false).len() <= 6);
        assert_eq!(names(&patch, true).len(), def_of("modulate.lfo").unwrap().inputs.len());
        patch.cables.push(bendrack_nodes::patch::Cable::new("map.x".parse().unwrap(), "lfo.reset".parse().unwrap()));
        assert!(names(&patch, false).contains(&"reset".to_owned()));
    }
}
