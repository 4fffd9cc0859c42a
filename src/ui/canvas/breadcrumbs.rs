//! Breadcrumbs: the path from the patch to the open subpatch. A click on a step opens it.

use std::sync::Arc;

use eframe::egui::{Area, Button, Frame, Id, Order, RichText, Stroke, Ui, vec2};

use crate::ui::document::subpatch::{as_patch, definition_of, instances, title};
use crate::ui::theme;
use crate::ui::workspace::Editor;

/// The path from the patch to the open subpatch, over the upper left corner of the canvas.
pub fn breadcrumbs_ui(ui: &mut Ui, editor: &mut Editor) {
    let Some(name) = editor.subpatch() else { return };
    let count = instances(&editor.document.patch, name);
    let (mut steps, mut scope) = (vec!["Patch".to_owned()], Arc::clone(&editor.document.patch));
    for id in &editor.location.path {
        steps.push(format!("{} {id}", title(&scope, id)));
        let Some(definition) = definition_of(&scope, id) else { break };
        scope = Arc::new(as_patch(&editor.document.patch, definition));
    }
    let at = ui.max_rect().left_top() + vec2(theme::UNIT, theme::UNIT);
    let area = Area::new(Id::new("breadcrumbs")).order(Order::Middle).fixed_pos(at);
    let clicked = area.show(ui.ctx(), |ui| {
        let frame = Frame::new().fill(theme::title()).stroke(Stroke::new(1.0, theme::line())).corner_radius(4);
        frame
            .inner_margin(theme::UNIT / 2.0)
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
                    let mut clicked = None;
                    for (level, step) in steps.iter().enumerate() {
                        if level + 1 == steps.len() {
                            ui.label(RichText::new(step).color(theme::text()));
                        } else {
                            let button = ui.add(Button::new(step).frame_when_inactive(false));
                            clicked = if button.on_hover_text("Open. U goes up one level.").clicked() {
                                Some(level)
                            } else {
                                clicked
                            };
                            ui.label(RichText::new("›").color(theme::weak()));
                        }
                    }
                    if count > 1 {
                        let text = format!("   shared by {count} instances: an edit changes all of them");
                        ui.label(RichText::new(text).size(theme::SMALL).color(theme::warning()));
                    }
                    clicked
                })
                .inner
            })
            .inner
    });
    if let Some(level) = clicked.inner {
        let path = editor.location.path.iter().take(level).cloned().collect();
        editor.go_to(path);
    }
}
