//! The words of the prompt, as chips under the picture.

use std::sync::Arc;

use eframe::egui::{Button, RichText, Ui, WidgetInfo, WidgetType};

use crate::ui::document::words::{aim, is_aimed, silence, words_of};
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// Shows a chip for each word of the prompt. A click aims at it, an Alt-click takes it away. `place` is the place for a new node.
pub fn words_ui(ui: &mut Ui, workspace: &mut Workspace, place: impl Fn(&Workspace) -> [f64; 2]) {
    let prompt = workspace.playback.live.prompt();
    // Nodes of the words of a subpatch would aim beside the model, which is outside.
    if prompt.is_empty() || !workspace.editor.location.path.is_empty() {
        return;
    }
    let patch = Arc::clone(workspace.editor.patch());
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = [4.0, 4.0].into();
        for word in words_of(&prompt) {
            let is_on = is_aimed(&patch, word);
            let colour = if is_on { theme::ACCENT } else { theme::TEXT };
            let chip = ui.add(Button::new(RichText::new(word).size(theme::BODY).color(colour)).corner_radius(9.0));
            chip.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, is_on, format!("word {word}")));
            let hint = "Click: aim the selected node “Words” at it, or add one. Alt-click: take the word away.";
            if !chip.on_hover_text(hint).clicked() {
                continue;
            }
            let place = place(workspace);
            let editor = &mut workspace.editor;
            if ui.input(|i| i.modifiers.alt) {
                if let Some(step) = silence(&patch, word, place) {
                    editor.apply(step);
                }
            } else {
                let selected = editor.selection.first().filter(|_| editor.selection.len() == 1).cloned();
                let (step, id) = aim(&patch, selected.as_deref(), word, place);
                if editor.apply(step) {
                    editor.selection = [id].into();
                }
            }
        }
    });
}
