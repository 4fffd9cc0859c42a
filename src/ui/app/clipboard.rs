//! Copy, cut and paste of nodes, as the text of a patch.

use bendrack_nodes::patch::Patch;
use eframe::egui::{Event, Ui};

use super::App;
use crate::ui::document::commands::copy;

impl App {
    /// Carries out copy, cut and paste, unless a text field has the keyboard.
    pub(super) fn use_clipboard(&mut self, ui: &Ui) {
        if ui.ctx().text_edit_focused() || self.canvas.palette.is_some() || self.files.is_browsing() {
            return;
        }
        let is_own = |event: &Event| matches!(event, Event::Copy | Event::Cut | Event::Paste(_));
        let events: Vec<Event> = ui.input_mut(|i| i.events.extract_if(.., |event| is_own(event)).collect());
        for event in events {
            match event {
                Event::Copy => drop(self.copy(ui)),
                Event::Cut if self.copy(ui) => self.workspace.editor.delete_selected(),
                Event::Paste(text) => self.paste(ui, &text),
                _ => {}
            }
        }
    }

    /// Copies the selected nodes. False if none is selected.
    fn copy(&mut self, ui: &Ui) -> bool {
        let editor = &self.workspace.editor;
        let Some(text) = copy(editor.patch(), &editor.selection) else { return false };
        let count = editor.selection.len();
        ui.ctx().copy_text(text);
        let nodes = if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
        self.message.show(ui, format!("Copied {nodes} as text: Ctrl+V pastes here, in another window, or in a forum."));
        true
    }

    /// Pastes the nodes of a patch at the pointer, or in the middle of the canvas.
    fn paste(&mut self, ui: &Ui, text: &str) {
        let (patch, problems) = Patch::read(text.as_bytes());
        let Some(patch) = patch else {
            let why = problems.first().map_or_else(String::new, |problem| format!(": {problem}"));
            return self.message.show(ui, format!("The clipboard has no patch{why}"));
        };
        let at = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.canvas.contains(*at));
        let Some(at) = at.or(self.canvas.rect.map(|rect| rect.center())) else { return };
        let place = self.canvas.place(at, self.workspace.frame.zoom);
        if !self.workspace.editor.paste(&patch, place) {
            self.message.show(ui, "The clipboard has a patch without nodes.".to_owned());
        }
    }
}
