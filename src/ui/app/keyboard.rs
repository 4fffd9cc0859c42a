//! Keys of the computer's keyboard that the patch reads.

use std::collections::BTreeSet;

use bendrack_nodes::choice::Choice as _;
use bendrack_nodes::input::ComputerKey;
use bendrack_nodes::library::control::key::keys_of;
use eframe::egui::{Event, Key, Ui};

use super::App;

/// The keys that the patch has, as of the window's last frame.
#[derive(Default)]
pub(super) struct HeldKeys(BTreeSet<ComputerKey>);

impl App {
    /// Gives the patch the keys that it reads, or all of them while a control is learned. They are no shortcuts then. A text
    /// field has all keys for itself.
    pub(super) fn send_keys(&mut self, ui: &Ui) {
        let is_free = !ui.ctx().text_edit_focused() && self.canvas.palette.is_none();
        let learns = self.workspace.editor.learn.is_some();
        let read = if learns {
            ComputerKey::ALL.iter().copied().collect()
        } else {
            keys_of(&self.workspace.editor.document.patch)
        };
        if is_free {
            ui.input_mut(|input| {
                input.events.retain(|event| {
                    let Event::Key { key, pressed, modifiers, .. } = event else { return true };
                    let Some(key) = named(*key).filter(|key| read.contains(key)) else { return true };
                    if *pressed && (modifiers.command || modifiers.ctrl || modifiers.alt) {
                        return true;
                    }
                    self.devices.set_key(key, *pressed);
                    if *pressed {
                        self.held_keys.0.insert(key);
                    } else {
                        self.held_keys.0.remove(&key);
                    }
                    false
                });
            });
        }
        // A window that loses the keyboard sees no release.
        let down: BTreeSet<ComputerKey> =
            ui.input(|input| input.keys_down.iter().filter_map(|key| named(*key)).collect());
        for key in self.held_keys.0.extract_if(.., |key| !down.contains(key)) {
            self.devices.set_key(key, false);
        }
    }
}

/// The key of this name.
fn named(key: Key) -> Option<ComputerKey> {
    ComputerKey::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(key.name()))
}
