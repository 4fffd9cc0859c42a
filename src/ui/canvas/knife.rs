//! The knife: with K held, a drag over cables cuts them.

use bendrack_nodes::input::ComputerKey;
use bendrack_nodes::library::control::key::keys_of;
use bendrack_nodes::patch::{LevelEdit, Port};
use eframe::egui::{Key, Pos2, Shape, Stroke, Ui};

use super::Canvas;
use super::cable::DrawnCable;
use crate::ui::document::Step;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The distance at which the knife cuts a cable.
const NEAR: f32 = 6.0;

/// The cut so far.
#[derive(Default)]
pub(in crate::ui) struct Knife {
    path: Vec<Pos2>,
    cut: Vec<Port>,
}

/// True while the knife is in the hand: a patch that reads the key has it for itself.
pub(in crate::ui) fn is_held(ui: &Ui, workspace: &Workspace) -> bool {
    let is_down = ui.input(|i| i.key_down(Key::K) && i.modifiers.is_none()) && !ui.ctx().text_edit_focused();
    let editor = &workspace.editor;
    is_down && editor.learn.is_none() && !keys_of(&editor.document.patch).contains(&ComputerKey::K)
}

/// Cuts the cables under the drag, in one step at its end.
pub(in crate::ui) fn knife_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, cables: &[DrawnCable]) {
    let (at, is_down, begins) =
        ui.input(|i| (i.pointer.interact_pos(), i.pointer.primary_down(), i.pointer.primary_pressed()));
    let is_free = canvas.palette.is_none() && canvas.chooser.is_none() && !canvas.has_menu();
    if is_down
        && (canvas.knife.is_some() || begins && is_free && is_held(ui, workspace))
        && let Some(at) = at.filter(|at| canvas.contains(*at))
    {
        let knife = canvas.knife.get_or_insert_default();
        // A fast drag jumps: the points between count too.
        let from = knife.path.last().copied().unwrap_or(at);
        let steps = (from.distance(at) / NEAR).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let point = from + (at - from) * (step as f32 / steps as f32);
            let new = cables.iter().filter(|cable| cable.distance(point) < NEAR).map(|cable| cable.to.clone());
            for port in new.collect::<Vec<_>>() {
                if !knife.cut.contains(&port) {
                    knife.cut.push(port);
                }
            }
        }
        knife.path.push(at);
    }
    let Some(knife) = &canvas.knife else { return };
    ui.painter().add(Shape::line(knife.path.clone(), Stroke::new(2.0, theme::error())));
    if !is_down {
        let edits: Vec<LevelEdit> = knife.cut.iter().map(|to| LevelEdit::Disconnect { to: to.clone() }).collect();
        canvas.knife = None;
        if !edits.is_empty() {
            let name = if edits.len() == 1 { "cut 1 cable".to_owned() } else { format!("cut {} cables", edits.len()) };
            workspace.editor.apply(Step::new(name, edits));
        }
    }
}
