//! The list of MIDI maps.

use std::sync::Arc;

use bendrack_nodes::input::Control;
use bendrack_nodes::patch::Edit;
use eframe::egui::{
    Align, DragValue, Label, Layout, Rect, RichText, Sense, Ui, UiBuilder, WidgetInfo, WidgetType, vec2,
};

use crate::ui::document::Step;
use crate::ui::document::subpatch::resolve_input;
use crate::ui::theme;
use crate::ui::widgets::small_button;
use crate::ui::workspace::Workspace;

/// The list of maps: channel, controller and range of each, and a button that removes it.
pub fn maps_ui(ui: &mut Ui, workspace: &mut Workspace) {
    let patch = Arc::clone(&workspace.editor.document.patch);
    if patch.maps.is_empty() {
        let text = "No MIDI maps. Right-click a knob and choose “MIDI map”.";
        ui.label(RichText::new(text).size(theme::SMALL).color(theme::WEAK));
    }
    for (index, map) in patch.maps.iter().enumerate() {
        let mut changed = map.clone();
        let live = workspace.playback.controls.cc((map.channel, map.cc)).and_then(Control::last);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
            // A meter of the value of the controller.
            let (rect, _) = ui.allocate_exact_size([4.0, 18.0].into(), Sense::hover());
            ui.painter().rect_filled(rect, 1.0, theme::WELL);
            if let Some(at) = live {
                let mut bar = rect;
                bar.set_top(rect.bottom() - rect.height() * at.clamp(0.0, 1.0) as f32);
                ui.painter().rect_filled(bar, 1.0, theme::ACCENT);
            }
            let room = Rect::from_min_size(ui.cursor().min, vec2(120.0, 20.0));
            ui.advance_cursor_after_rect(room);
            let name =
                Label::new(RichText::new(map.to.to_string()).size(theme::SMALL)).truncate().sense(Sense::click());
            let mut left = ui.new_child(UiBuilder::new().max_rect(room).layout(Layout::left_to_right(Align::Center)));
            if left.add(name).on_hover_text("Select the node.").clicked() {
                workspace.editor.selection = [map.to.node.clone()].into();
            }
            let field = |ui: &mut Ui, value: DragValue<'_>, label: String| {
                let shown = ui.add(value);
                shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label.as_str()));
                shown.on_hover_text(label.clone());
            };
            let channel = DragValue::new(&mut changed.channel).range(1..=16).prefix("ch ").speed(0.1);
            field(ui, channel, format!("channel of {}", map.to));
            let number = DragValue::new(&mut changed.cc).range(0..=127).prefix("cc ").speed(0.2);
            field(ui, number, format!("CC of {}", map.to));
            let input = resolve_input(&patch, &map.to.node, &map.to.port).map(|(_, input)| input);
            let speed = input.map_or(0.01, |input| (input.soft.1 - input.soft.0).abs() / 200.0);
            for (end, what) in ["low", "high"].into_iter().enumerate() {
                let value = DragValue::new(&mut changed.range[end]).speed(speed);
                // A minus sign is as wide as a digit.
                let value = value.custom_formatter(|value, _| format!("{value:.2}").replace('-', "−"));
                let value = value.custom_parser(|text| text.replace('−', "-").replace(',', ".").parse().ok());
                field(ui, value, format!("{what} end of {}", map.to));
            }
            if small_button(ui, "remove", &format!("remove the MIDI map of {}", map.to), "Remove the MIDI map.") {
                workspace.editor.unmap(&map.to);
            }
        });
        if changed != *map && changed.range.iter().all(|end| end.is_finite()) {
            let mut maps = patch.maps.clone();
            maps[index] = changed;
            workspace
                .editor
                .document
                .apply(Step::merging(format!("change the MIDI map of {}", map.to), vec![Edit::SetMaps { maps }]));
        }
    }
}
