//! The controls of perform mode: big pads, the crossfader, the chosen knobs.

use std::sync::Arc;

use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::Port;
use eframe::egui::{Align2, Rect, RichText, ScrollArea, Sense, Ui, Vec2, pos2, vec2};
use serde_json::json;

use crate::ui::canvas::row::{InputRef, choice_ui, text_ui};
use crate::ui::document::ports::input_of;
use crate::ui::document::subpatch;
use crate::ui::panels::snapshots::{fade_ui, morph_ui, pads_ui};
use crate::ui::theme;
use crate::ui::widgets::knob::{Knob, knob_ui, switch_ui, value_ui};
use crate::ui::workspace::Workspace;

/// The height of a pad.
const PAD: f32 = 56.0;
/// The macros, and the pads, in a row.
const COLUMNS: f32 = 3.0;
/// The height of a macro.
const MACRO: f32 = 144.0;
/// The size of the knob of a macro.
const KNOB: f32 = 56.0;

/// Shows the pads, the crossfader and the macros of the patch.
pub fn perform_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let width = (ui.available_width() - (COLUMNS - 1.0) * 4.0) / COLUMNS;
    pads_ui(ui, &mut workspace.editor, COLUMNS as usize, vec2(width, PAD));
    ui.horizontal(|ui| morph_ui(ui, &mut workspace.editor));
    fade_ui(ui, &mut workspace.editor);
    ui.separator();
    let macros = workspace.editor.document.patch.stage.macros.clone();
    if macros.is_empty() {
        let text = "No knobs yet: right-click a knob on the canvas and choose “Show in perform mode”.";
        ui.label(RichText::new(text).color(theme::weak()));
    }
    ScrollArea::vertical().show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(theme::UNIT, theme::UNIT);
            // Whole points, so that no rounding pushes the last one of a row to the next.
            let width = ((ui.available_width() - (COLUMNS - 1.0) * theme::UNIT) / COLUMNS).floor();
            for port in &macros {
                macro_ui(ui, workspace, port, width);
            }
        });
    });
}

/// A knob, switch, choice or text, with its name and that of its node.
fn macro_ui(ui: &mut Ui, workspace: &mut Workspace, port: &Port, width: f32) {
    let patch = Arc::clone(workspace.editor.patch());
    let Some(input) = input_of(&patch, &port.node, &port.port) else { return };
    let field = InputRef { id: &port.node, name: &port.port, input };
    let is_text = input.kind == Kind::Text;
    let size = vec2(if is_text { 2.0 * width + theme::UNIT } else { width }, MACRO);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, 6.0, theme::node());
    let title = subpatch::title(&patch, &port.node).to_owned();
    let clip = ui.painter().with_clip_rect(rect.shrink(4.0));
    let line = |y: f32, text: String, size: f32, colour| {
        clip.text(
            pos2(rect.center().x, rect.top() + y),
            Align2::CENTER_CENTER,
            text,
            theme::proportional(size),
            colour,
        );
    };
    line(13.0, title, theme::BODY, theme::weak());
    line(rect.height() - 14.0, port.port.replace('_', " "), theme::LARGE, theme::text());
    let middle = rect.center() - vec2(0.0, 10.0);
    let label = format!("macro {port}");
    match input.kind {
        Kind::Number if !input.choices.is_empty() => {
            let place = Rect::from_center_size(middle, vec2(rect.width() - 16.0, 28.0));
            choice_ui(ui, workspace, field, place, theme::BODY);
        }
        Kind::Number => {
            let base = workspace.knob_value(port, input);
            let wired = workspace.editor.is_wired(&port.node, &port.port);
            let live = wired.then(|| workspace.modulated(port, input, base)).flatten();
            let depth = (wired && !input.direct).then(|| subpatch::depth(&patch, port));
            let knob = Knob { input, label, base, live, depth, ghost: workspace.ghost(port), wheel: None };
            let place = Rect::from_center_size(middle, Vec2::splat(KNOB));
            if let Some(turn) = knob_ui(ui, field.widget("macro"), place, &knob).1 {
                workspace.editor.turn(&port.node, &port.port, turn);
            }
            let value = Rect::from_center_size(middle + vec2(0.0, 38.0), vec2(rect.width() - 16.0, 20.0));
            if let Some(turn) = value_ui(ui, field.widget("macro value"), value, input, base, theme::LARGE) {
                workspace.editor.turn(&port.node, &port.port, turn);
            }
        }
        Kind::Gate => {
            let on = workspace.editor.number(&port.node, &port.port, input) >= 0.5;
            let place = Rect::from_center_size(middle, vec2(56.0, 32.0));
            if switch_ui(ui, field.widget("macro"), place, &label, on).1 {
                workspace.editor.set(&port.node, &port.port, json!(!on));
                workspace.editor.document.end_gesture();
            }
        }
        Kind::Text => {
            let place = Rect::from_center_size(middle + vec2(0.0, 6.0), vec2(rect.width() - 16.0, 60.0));
            text_ui(ui, workspace, field, place, theme::BODY, true);
        }
        _ => {}
    }
}
