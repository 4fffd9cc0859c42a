//! The keys of the window.

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::ui::app::App;
use crate::ui::app::file_tasks::Next;
use crate::ui::canvas::view::{frame_nodes, zoom_about};

/// The keys that recall snapshots.
const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

impl App {
    /// Does what the keys say that nobody else wanted.
    pub(in crate::ui) fn keys(&mut self, ui: &mut Ui) {
        let typing = ui.ctx().text_edit_focused();
        let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
        let shift = Modifiers::COMMAND | Modifiers::SHIFT;
        if pressed(shift, Key::S) {
            self.save(ui, true);
        } else if pressed(Modifiers::COMMAND, Key::S) {
            self.save(ui, false);
        }
        if pressed(Modifiers::COMMAND, Key::O) {
            self.ask(ui, Next::Open(None));
        }
        if pressed(Modifiers::NONE, Key::F11) {
            self.stage.large = !self.stage.large;
        }
        if self.canvas.palette.is_none() && pressed(Modifiers::NONE, Key::Escape) {
            self.stage.large = false;
            self.asks = None;
            self.desk.learn = None;
        }
        // A field that is typed in has its own undo.
        if typing || self.canvas.palette.is_some() {
            return;
        }
        if pressed(shift, Key::Z) || pressed(Modifiers::COMMAND, Key::Y) {
            self.desk.document.redo();
        } else if pressed(Modifiers::COMMAND, Key::Z) {
            self.desk.document.undo();
        }
        if pressed(shift, Key::D) {
            self.desk.duplicate_selected(true);
        } else if pressed(Modifiers::COMMAND, Key::D) {
            self.desk.duplicate_selected(false);
        }
        if pressed(Modifiers::COMMAND, Key::A) {
            self.desk.selection = self.desk.patch().nodes.keys().cloned().collect();
        }
        if pressed(Modifiers::COMMAND, Key::N) {
            self.ask(ui, Next::New);
        }
        self.canvas_keys(ui);
    }

    fn canvas_keys(&mut self, ui: &mut Ui) {
        let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        if pressed(Key::B) {
            self.desk.bypass_selected();
        }
        if pressed(Key::G) {
            self.desk.frame_selected();
        }
        if pressed(Key::T) {
            self.tap(ui.input(|i| i.time));
        }
        if pressed(Key::U) {
            self.desk.leave();
        }
        if let Some(id) = self.desk.selected_instance()
            && pressed(Key::Enter)
        {
            self.desk.enter(&id);
        }
        for (index, key) in NUMBERS.into_iter().enumerate() {
            if pressed(key) {
                self.desk.recall_snapshot(index);
            }
        }
        if pressed(Key::F) {
            let ids = self.desk.selection.clone();
            frame_nodes(&mut self.canvas, &mut self.desk, &ids);
        }
        if pressed(Key::Home) {
            self.canvas.fit();
        }
        let over = ui.input(|i| i.pointer.hover_pos()).filter(|at| self.canvas.contains(*at));
        if let (true, Some(at)) = (ui.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Num0)), over) {
            let factor = 1.0 / self.desk.scene.zoom;
            zoom_about(&mut self.canvas, &mut self.desk, at, factor);
        }
        // Tab goes from knob to knob once one has the focus.
        let tab = !self.had_focus && over.is_some() && ui.input(|i| i.key_pressed(Key::Tab));
        let letter = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::N));
        if (tab || letter) && !self.stage.large {
            // The letter must not be the first of the query.
            ui.input_mut(|i| i.events.retain(|event| !matches!(event, egui::Event::Text(_))));
            self.canvas.open_palette(ui);
        }
    }
}
