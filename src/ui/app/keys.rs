//! The keys of the window and their commands.

use eframe::egui::{Event, Key, Modifiers, Ui};

use super::command::Command;

/// The keys of the snapshots.
const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

/// The state of the window that decides which keys are commands.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the window")]
pub struct KeyContext {
    /// The palette is open.
    pub palette: bool,
    /// A menu is open, which Esc closes.
    pub menu: bool,
    /// The preview fills the window.
    pub large_preview: bool,
    /// A widget had the keyboard focus in the previous frame.
    pub had_focus: bool,
    /// The pointer is over the canvas.
    pub over_canvas: bool,
    /// One node is selected.
    pub node: bool,
    /// One instance of a subpatch is selected.
    pub instance: bool,
}

/// Commands of the pressed keys. Consumes these keys.
pub fn commands(ui: &Ui, context: &KeyContext) -> Vec<Command> {
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    let (ctrl, shift) = (Modifiers::COMMAND, Modifiers::COMMAND | Modifiers::SHIFT);
    let mut commands = Vec::new();
    let mut take = |modifiers, key, command| {
        if pressed(modifiers, key) {
            commands.push(command);
        }
    };
    // Shift first: a shortcut without Shift also matches with it.
    take(shift, Key::S, Command::SaveAs);
    take(ctrl, Key::S, Command::Save);
    take(ctrl, Key::O, Command::Open);
    take(ctrl, Key::Q, Command::Quit);
    take(ctrl, Key::R, Command::ToggleRecording);
    take(ctrl, Key::T, Command::ToggleTakes);
    take(ctrl, Key::K, Command::KeepTake);
    take(ctrl, Key::M, Command::ToggleLearningMaps);
    take(ctrl, Key::U, Command::ToggleOutput);
    take(ctrl, Key::E, Command::TogglePerform);
    take(ctrl, Key::F, Command::ToggleFreeze);
    take(ctrl, Key::B, Command::ToggleBlackout);
    take(ctrl, Key::P, Command::Panic);
    take(Modifiers::NONE, Key::F11, Command::TogglePreview);
    take(Modifiers::NONE, Key::F1, Command::Help);
    if !context.palette && !context.menu {
        take(Modifiers::NONE, Key::Escape, Command::Cancel);
    }
    // A text field has its own undo and takes letters.
    if ui.ctx().text_edit_focused() || context.palette {
        return commands;
    }
    for (modifiers, key, command) in [
        (shift, Key::Z, Command::Redo),
        (ctrl, Key::Y, Command::Redo),
        (ctrl, Key::Z, Command::Undo),
        (shift, Key::D, Command::Duplicate { incoming: true }),
        (ctrl, Key::D, Command::Duplicate { incoming: false }),
        (shift, Key::G, Command::Ungroup),
        (ctrl, Key::G, Command::Group),
        (ctrl, Key::A, Command::SelectAll),
        (ctrl, Key::N, Command::New),
        (Modifiers::NONE, Key::L, Command::ToggleBrowser),
        (Modifiers::NONE, Key::B, Command::Bypass),
        (Modifiers::NONE, Key::G, Command::Frame),
        (Modifiers::NONE, Key::T, Command::Tap),
        (Modifiers::NONE, Key::H, Command::NextMap),
        (Modifiers::NONE, Key::U, Command::Leave),
        (Modifiers::NONE, Key::F, Command::ZoomSelection),
        (Modifiers::NONE, Key::Home, Command::ZoomAll),
        (ctrl, Key::Num0, Command::ZoomReset),
    ] {
        take(modifiers, key, command);
    }
    if context.instance {
        take(Modifiers::NONE, Key::Enter, Command::Enter);
    }
    for (index, key) in NUMBERS.into_iter().enumerate() {
        take(Modifiers::NONE, key, Command::Recall(index));
    }
    // Tab moves between knobs once one has the focus.
    let tab = !context.had_focus && ui.input(|i| i.key_pressed(Key::Tab));
    if tab && context.node {
        commands.push(Command::FocusKnob);
        return commands;
    }
    let tab = tab && context.over_canvas;
    let letter = pressed(Modifiers::NONE, Key::N);
    if (tab || letter) && !context.large_preview {
        // The letter is not part of the query.
        ui.input_mut(|i| i.events.retain(|event| !matches!(event, Event::Text(_))));
        commands.push(Command::AddNode);
    }
    commands
}
