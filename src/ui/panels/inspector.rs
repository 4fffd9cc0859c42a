//! The inspector: the selected node, the selected frame, or the patch.

use std::sync::Arc;

use bendrack_nodes::node::def::{NodeDef, View};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::INSTANCE;
use bendrack_nodes::patch::{Cable, Patch, Port};
use eframe::egui::{
    self, Align, Align2, Button, Id, Layout, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, UiBuilder, Vec2, pos2,
    vec2,
};
use serde_json::json;

use crate::ui::canvas::frame::frame_page_ui;
use crate::ui::canvas::row::{InputRef, choice_ui, knob_menu_ui, text_ui};
use crate::ui::document::commands::set_title;
use crate::ui::document::learn::{Learn, LearnMode};
use crate::ui::document::limits::target_input;
use crate::ui::document::maps;
use crate::ui::document::ports::{input_of, ports};
use crate::ui::document::subpatch::{self, definition_of, depth};
use crate::ui::panels::layer_grid::layer_grid_ui;
use crate::ui::panels::maps::MapsChoice;
use crate::ui::panels::patch_page::patch_page_ui;
use crate::ui::panels::spectrum::spectrum_ui;
use crate::ui::theme;
use crate::ui::widgets::kind_shape;
use crate::ui::widgets::knob::{Knob, depth_ui, knob_ui, switch_ui, value_ui};
use crate::ui::widgets::{help, select_all, small_button, tooltip};
use crate::ui::workspace::Workspace;

/// Shows the selection, or the patch if nothing is selected. Returns the choice of a button of the list of maps.
pub fn inspector_ui(ui: &mut Ui, workspace: &mut Workspace) -> Option<MapsChoice> {
    let mut choice = None;
    let ids: Vec<String> = workspace.editor.selection.iter().cloned().collect();
    // Each selection has its own place.
    ScrollArea::vertical().id_salt(&ids).auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::UNIT;
        match ids.as_slice() {
            [id] => node_ui(ui, workspace, id),
            [] => match workspace
                .editor
                .selected_frame
                .filter(|index| *index < workspace.editor.document.patch.frames.len())
            {
                Some(index) => frame_page_ui(ui, &mut workspace.editor, index),
                None => choice = patch_page_ui(ui, workspace),
            },
            _ => {
                heading(ui, &format!("{} nodes", ids.len()));
                actions_ui(ui, workspace);
            }
        }
        ui.add_space(theme::UNIT);
    });
    choice
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).size(theme::LARGE));
}

/// The title as a field. That of its kind, or none, leaves the node without one of its own.
fn node_title_ui(ui: &mut Ui, workspace: &mut Workspace, patch: &Patch, id: &str) {
    let shown = subpatch::title(patch, id);
    let mut title = shown.to_owned();
    let width =
        ui.painter().layout_no_wrap(shown.to_owned(), theme::proportional(theme::LARGE), theme::text()).size().x;
    let field = TextEdit::singleline(&mut title).id(Id::new(("title", id))).font(theme::proportional(theme::LARGE));
    let room = (ui.available_width() - 80.0).max(60.0);
    let field = ui.add(field.desired_width((width + 16.0).min(room)).frame(egui::Frame::NONE));
    field.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::TextEdit, true, format!("title of {id}")));
    if field.gained_focus() {
        select_all(ui, field.id, &title);
    }
    if field.on_hover_text("Click to rename the node.").changed() {
        let is_of_kind = workspace.editor.def(id).is_some_and(|def| def.title == title);
        workspace.editor.apply(set_title(id, if is_of_kind { "" } else { &title }));
    }
}

/// The beginning of a long text, up to a whole character.
fn cut(text: &str) -> &str {
    const MOST: usize = 280;
    text.char_indices().nth(MOST).map_or(text, |(end, _)| &text[..end])
}

/// A text field that grows with its text from the first count of rows to the second; further rows are scrolled.
fn long_text_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, (least, most): (usize, usize)) {
    let width = ui.available_width();
    let text = workspace.editor.param(field.id, field.name).and_then(|value| value.as_str()).unwrap_or_default();
    let font = theme::proportional(theme::BODY);
    let line = ui.fonts_mut(|fonts| fonts.row_height(&font));
    let lines = ui.painter().layout(text.to_owned(), font, theme::text(), width - 24.0).rows.len();
    let height = |rows: usize| rows as f32 * line + 2.0 * theme::UNIT;
    let (rect, _) = ui.allocate_exact_size(vec2(width, height(lines.clamp(least, most))), Sense::hover());
    let mut part = ui.new_child(UiBuilder::new().max_rect(rect));
    let area = ScrollArea::vertical().id_salt(("text", field.id, field.name)).max_height(rect.height());
    area.show(&mut part, |ui| {
        let size = vec2(width - theme::UNIT, height(lines.max(least)));
        let (inner, _) = ui.allocate_exact_size(size, Sense::hover());
        text_ui(ui, workspace, field, inner, theme::BODY, true);
    });
}

fn weak(text: impl Into<String>) -> RichText {
    RichText::new(text).size(theme::SMALL).color(theme::weak())
}

fn node_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str) {
    let patch = Arc::clone(workspace.editor.patch());
    let Some(node) = patch.nodes.get(id) else { return };
    let (def, definition) = (workspace.editor.def(id), definition_of(&patch, id));
    ui.horizontal(|ui| {
        let (bar, _) = ui.allocate_exact_size(vec2(3.0, 20.0), Sense::hover());
        ui.painter().rect_filled(bar, 1.5, def.map_or(theme::weak(), |def| theme::family_colour(def.family())));
        node_title_ui(ui, workspace, &patch, id);
        ui.label(weak(id).monospace());
    });
    match (def, definition) {
        (Some(def), _) => ui.label(help(def.about, theme::BODY, theme::weak())),
        (None, Some(definition)) => ui.label(help(&definition.about, theme::BODY, theme::weak())),
        (None, None) if node.kind.starts_with(INSTANCE) => ui.label(
            RichText::new("The patch has no subpatch of this name. The patch keeps the node, which does nothing.")
                .color(theme::warning()),
        ),
        (None, None) => ui.label(
            RichText::new("This version of bendrack has no such node. The patch keeps the node, which does nothing.")
                .color(theme::warning()),
        ),
    };
    for (_, sentence) in workspace.diagnostics(id) {
        // A message may quote a whole prompt.
        let short = cut(&sentence);
        let label = ui.label(RichText::new(short).size(theme::SMALL).color(theme::warning()));
        if short.len() < sentence.len() {
            label.on_hover_text(sentence);
        }
    }
    actions_ui(ui, workspace);
    if def.is_some_and(|def| def.reads.is_some()) {
        learn_node_ui(ui, workspace, id);
    }
    if target_input(&patch, id).is_some() {
        layer_grid_ui(ui, workspace, Some(id));
        spectrum_ui(ui, workspace, id);
    }
    let (mut inputs, outputs) = ports(&patch, id);
    // Knobs and fields come before sockets.
    inputs.sort_by_key(|(_, kind)| !matches!(kind, Kind::Number | Kind::Gate | Kind::Text));
    for (name, _) in &inputs {
        if let Some(input) = input_of(&patch, id, name) {
            ui.separator();
            input_ui(ui, workspace, InputRef { id, name, input });
        }
    }
    let about = |name: &str| def.and_then(|def| def.output(name)).map_or("", |(_, output)| output.about);
    for (name, kind) in &outputs {
        let outlet = definition.and_then(|definition| definition.outputs.iter().find(|outlet| outlet.name == *name));
        output_ui(ui, workspace, id, (name, *kind), outlet.map_or_else(|| about(name), |outlet| &outlet.about));
    }
}

fn actions_ui(ui: &mut Ui, workspace: &mut Workspace) {
    ui.horizontal(|ui| {
        let bypassed = workspace
            .editor
            .selection
            .iter()
            .all(|id| workspace.editor.patch().nodes.get(id).is_some_and(|node| node.bypass));
        if ui
            .add(Button::selectable(bypassed, "Bypass"))
            .on_hover_text("Bypass: the input goes to the output; other outputs are 0, off or empty. Key B")
            .clicked()
        {
            workspace.editor.bypass_selected();
        }
        if ui
            .add(Button::new("Duplicate").frame_when_inactive(false))
            .on_hover_text("Ctrl+D; Ctrl+Shift+D keeps incoming cables")
            .clicked()
        {
            workspace.editor.duplicate_selected(false);
        }
        if let Some(id) = workspace.editor.selected_instance()
            && ui
                .add(Button::new("Open").frame_when_inactive(false))
                .on_hover_text("Open the subpatch. Enter")
                .clicked()
        {
            workspace.editor.enter(&id);
        }
        if ui.add(Button::new("Delete").frame_when_inactive(false)).on_hover_text("Delete").clicked() {
            workspace.editor.delete_selected();
        }
    });
}

fn input_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>) {
    let input = field.input;
    let cable = workspace.editor.patch().cable_to(&field.port()).cloned();
    match input.kind {
        Kind::Number if input.choices.is_empty() => number_ui(ui, workspace, field, cable.is_some()),
        Kind::Number => field_ui(ui, field, |ui, rect| choice_ui(ui, workspace, field, rect, theme::BODY)),
        Kind::Gate => gate_ui(ui, workspace, field, cable.is_some()),
        Kind::Text => {
            title_ui(ui, field);
            let face = workspace.editor.def(field.id).map(NodeDef::face);
            let rows = if matches!(face, Some(View::Note { .. })) { (12, 12) } else { (3, 5) };
            long_text_ui(ui, workspace, field, rows);
        }
        _ => title_ui(ui, field),
    }
    if let Some(cable) = cable {
        cable_ui(ui, workspace, field, &cable);
    }
}

/// The name, kind and help of an input.
fn title_ui(ui: &mut Ui, InputRef { name, input, .. }: InputRef<'_>) {
    ui.horizontal(|ui| {
        let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
        let (bright, dim) = theme::kind_colours(input.kind);
        ui.painter().add(kind_shape(input.kind, spot.center(), 4.0, dim, egui::Stroke::new(1.0, bright)));
        ui.label(name.replace('_', " "));
        ui.add(egui::Label::new(help(input.about, theme::SMALL, theme::weak())).truncate());
    });
}

/// A name with a widget to its right.
fn field_ui(ui: &mut Ui, field: InputRef<'_>, widget: impl FnOnce(&mut Ui, Rect)) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::hover());
    name_ui(ui, field, rect, 0.0, 176.0);
    let place = Rect::from_min_max(pos2(rect.right() - 168.0, rect.top() + 8.0), pos2(rect.right(), rect.top() + 32.0));
    widget(ui, place);
}

/// A name above its help, which ends `right` points before the edge.
fn name_ui(ui: &Ui, field: InputRef<'_>, rect: Rect, indent: f32, right: f32) {
    let (input, left) = (field.input, rect.left() + indent);
    let name = field.name.replace('_', " ");
    ui.painter().text(
        pos2(left, rect.top() + 12.0),
        Align2::LEFT_CENTER,
        name,
        theme::proportional(theme::BODY),
        theme::text(),
    );
    let mut about = help(input.about, theme::SMALL, theme::weak());
    about.wrap = egui::text::TextWrapping::truncate_at_width((rect.right() - right - left).max(0.0));
    let about = ui.painter().layout_job(about);
    let place = Rect::from_min_size(pos2(left, rect.top() + 21.0), about.size());
    let elided = about.elided;
    ui.painter().galley(place.min, about, theme::weak());
    if elided {
        ui.interact(place, ui.id().with(("about", field.name)), Sense::hover()).on_hover_text(tooltip(input.about));
    }
}

fn number_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, wired: bool) {
    let InputRef { id, name, input } = field;
    let base = workspace.knob_value(&field.port(), input);
    let live = wired.then(|| workspace.modulated(&field.port(), input, base)).flatten();
    let depth = (wired && !input.direct).then(|| depth(workspace.editor.patch(), &field.port()));
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::hover());
    let knob = Knob {
        input,
        label: format!("{name} of {id} in the inspector"),
        base,
        live,
        depth,
        ghost: workspace.ghost(&field.port()),
        wheel: None,
    };
    let size = theme::LARGE_KNOB;
    let place = Rect::from_center_size(pos2(rect.left() + 6.0 + size / 2.0, rect.center().y), Vec2::splat(size));
    let (response, turn) = knob_ui(ui, field.widget("large knob"), place, &knob);
    knob_menu_ui(&response, workspace, field);
    if let Some(turn) = turn {
        workspace.editor.turn(id, name, turn);
    }
    name_ui(ui, field, rect.translate(vec2(0.0, 2.0)), size + 20.0, 170.0);
    let number = Rect::from_min_max(
        pos2(rect.right() - 160.0, rect.top() + 10.0),
        pos2(rect.right() - 72.0, rect.bottom() - 10.0),
    );
    if let Some(turn) = value_ui(ui, field.widget("large value"), number, input, base, theme::BODY) {
        workspace.editor.turn(id, name, turn);
    }
    let place =
        Rect::from_min_max(pos2(rect.right() - 60.0, rect.top() + 10.0), pos2(rect.right(), rect.bottom() - 10.0));
    learn_ui(ui, workspace, place, field.port(), LearnMode::Cable);
    if let Some(map) = workspace.editor.map_of(&field.port()).cloned() {
        ui.horizontal(|ui| {
            ui.add_space(theme::LARGE_KNOB + 12.0);
            ui.label(weak(maps::describe(&map)));
            if small_button(ui, "remove", &format!("remove the map of {}", map.to), "Remove the map.") {
                workspace.editor.unmap(&map.to);
            }
        });
    }
}

fn gate_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, wired: bool) {
    let InputRef { id, name, input } = field;
    let base = workspace.editor.number(id, name, input);
    let on = wired.then(|| workspace.modulated(&field.port(), input, base)).flatten().unwrap_or(base) >= 0.5;
    field_ui(ui, field, |ui, rect| {
        let place = Rect::from_center_size(pos2(rect.right() - 16.0, rect.center().y), vec2(32.0, 24.0));
        let label = format!("{name} of {id} in the inspector");
        if switch_ui(ui, field.widget("large gate"), place, &label, on).1 && !wired {
            workspace.editor.set(id, name, json!(!on));
            workspace.editor.document.end_gesture();
        }
    });
}

/// The cable of an input: its source, its depth, and buttons that mute and unplug it.
fn cable_ui(ui: &mut Ui, workspace: &mut Workspace, field: InputRef<'_>, cable: &Cable) {
    let InputRef { id, name, input } = field;
    ui.horizontal(|ui| {
        ui.add_space(if input.kind == Kind::Number { theme::LARGE_KNOB + 12.0 } else { 12.0 });
        ui.label(weak(format!("from {}{}", cable.from, if cable.mute { ", muted" } else { "" })));
        if input.kind == Kind::Number && !input.direct {
            let depth = depth(workspace.editor.patch(), &field.port());
            let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
            let label = format!("depth of {id}.{name} in the inspector");
            let (_, turn) = depth_ui(ui, field.widget("large depth"), rect, &label, depth);
            if let Some(depth) = turn {
                workspace.editor.set_depth(id, name, depth);
            }
            ui.label(RichText::new(format!("{depth:+.2}").replace('-', "−")).size(theme::SMALL).monospace());
        }
        let text = if cable.mute { "unmute" } else { "mute" };
        if ui
            .add(Button::new(weak(text)).frame(false))
            .on_hover_text("Key M while the pointer is over the cable")
            .clicked()
        {
            workspace.editor.toggle_mute(&cable.to);
        }
        if ui.add(Button::new(weak("disconnect")).frame(false)).clicked() {
            workspace.editor.unplug(&cable.to);
        }
    });
}

/// The button that starts and stops learning.
fn learn_ui(ui: &mut Ui, workspace: &mut Workspace, rect: Rect, to: Port, mode: LearnMode) {
    let waits = workspace.editor.learn.as_ref().is_some_and(|learn| learn.to == to);
    let text = if waits { "waiting…" } else { "learn" };
    let text = RichText::new(text).size(theme::SMALL).color(if waits { theme::accent() } else { theme::weak() });
    let button = ui.place(rect, Button::new(text).frame(waits));
    button.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Button, true, waits, format!("learn {to}")));
    if button
        .on_hover_text("Learn: click, then move a control of a MIDI device, of OSC or of a board. Esc cancels.")
        .clicked()
    {
        workspace.editor.learn = (!waits).then(|| Learn::new(to, mode, &workspace.playback.controls));
    }
}

fn learn_node_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str) {
    let to = Port { node: id.to_owned(), port: String::new() };
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.label(weak("Learn the next control that moves:"));
        let (rect, _) = ui.allocate_exact_size(vec2(64.0, 24.0), Sense::hover());
        learn_ui(ui, workspace, rect, to, LearnMode::Node);
    });
}

fn output_ui(ui: &mut Ui, workspace: &Workspace, id: &str, (name, kind): (&str, Kind), about: &str) {
    ui.separator();
    ui.horizontal(|ui| {
        let (spot, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
        let (bright, _) = theme::kind_colours(kind);
        ui.painter().add(kind_shape(kind, spot.center(), 4.0, bright, egui::Stroke::new(1.0, bright)));
        ui.label(name.replace('_', " "));
        ui.label(help(about, theme::SMALL, theme::weak()));
        let port = Port { node: id.to_owned(), port: name.to_owned() };
        if let Some(value) = workspace.playback.live.output(&port) {
            let colour = if workspace.is_held(&port) { theme::warning() } else { bright };
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.label(RichText::new(format!("{value:.3}").replace('-', "−")).monospace().color(colour));
            });
        }
    });
}
