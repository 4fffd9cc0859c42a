//! The canvas by keyboard alone: arrows select the next node, or move the selection.

use std::collections::BTreeSet;

use bendrack_nodes::node::def::{DefaultValue, Input};
use bendrack_nodes::patch::{LevelEdit, Patch};
use eframe::egui::{FocusDirection, Id, Key, Modifiers, Ui, Vec2, vec2};

use super::Canvas;
use super::chooser::Chooser;
use crate::ui::document::{Gesture, Step};
use crate::ui::theme;
use crate::ui::widgets::select_all;
use crate::ui::workspace::Workspace;

/// The arrows and their ways.
const ARROWS: [(Key, Vec2); 4] = [
    (Key::ArrowLeft, vec2(-1.0, 0.0)),
    (Key::ArrowRight, vec2(1.0, 0.0)),
    (Key::ArrowUp, vec2(0.0, -1.0)),
    (Key::ArrowDown, vec2(0.0, 1.0)),
];

/// Takes the keys of the canvas, while no widget has the keyboard.
pub(in crate::ui) fn keyboard_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    let is_free = ui.memory(|memory| memory.focused().is_none());
    if !is_free || canvas.palette.is_some() || canvas.chooser.is_some() || canvas.has_menu() {
        return;
    }
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    for (key, way) in ARROWS {
        if pressed(Modifiers::COMMAND, key) {
            move_selection(workspace, way * theme::UNIT);
        } else if pressed(Modifiers::NONE, key)
            && let Some(next) = next_node(workspace.editor.patch(), &workspace.editor.selection, way)
        {
            workspace.editor.selection = BTreeSet::from([next]);
        }
    }
    let editor = &workspace.editor;
    if pressed(Modifiers::NONE, Key::C)
        && let Some(id) = editor.selection.first().filter(|_| editor.selection.len() == 1)
    {
        canvas.chooser = Some(Chooser::cables(editor.patch(), editor.kinds(), id));
    }
    if pressed(Modifiers::NONE, Key::Slash) {
        canvas.chooser = Some(Chooser::nodes(editor.patch()));
    }
    if canvas.chooser.is_some() {
        // The letter is not part of the query.
        ui.input_mut(|i| i.events.retain(|event| !matches!(event, eframe::egui::Event::Text(_))));
    }
}

/// Gives the keyboard to the first knob of the selected node, or to its first text, which is then selected.
pub(in crate::ui) fn focus_first(ui: &Ui, workspace: &Workspace) {
    let editor = &workspace.editor;
    let Some(node) = editor.selection.first() else { return };
    let knob = workspace.frame.knobs.iter().find(|(_, port)| port.node == *node);
    let field = knob.map(|(_, port)| Id::new(("knob", node.as_str(), port.port.as_str()))).or_else(|| {
        let is_text = |input: &&Input| matches!(input.default, DefaultValue::Text(_));
        let input = editor.def(node)?.inputs.iter().find(is_text)?;
        let field = Id::new(("text of node", node.as_str(), input.name));
        let text = editor.param(node, input.name).and_then(|value| value.as_str()).unwrap_or_default();
        select_all(ui, field, text);
        Some(field)
    });
    if let Some(field) = field {
        ui.memory_mut(|memory| {
            memory.request_focus(field);
            // Tab itself would go on to the widget behind it.
            memory.move_focus(FocusDirection::None);
        });
    }
}

/// The nearest node in a direction from the selection, or the first node.
fn next_node(patch: &Patch, selection: &BTreeSet<String>, way: Vec2) -> Option<String> {
    let place = |id: &String| patch.layout.get(id).map(|place| vec2(place.pos[0] as f32, place.pos[1] as f32));
    let nodes = || patch.nodes.keys().filter_map(|id| Some((id, place(id)?)));
    let Some(from) = selection.first().and_then(place) else {
        let first = nodes().min_by(|a, b| (a.1.x + a.1.y).total_cmp(&(b.1.x + b.1.y)));
        return first.map(|(id, _)| id.clone());
    };
    let cost = |to: Vec2| {
        let along = (to - from).dot(way);
        let aside = (to - from - way * along).length();
        (along > 1.0).then_some(along + 2.0 * aside)
    };
    let costs = nodes().filter(|(id, _)| !selection.contains(*id)).filter_map(|(id, to)| Some((cost(to)?, id)));
    costs.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id.clone())
}

fn move_selection(workspace: &mut Workspace, by: Vec2) {
    let patch = workspace.editor.patch();
    let moved = workspace.editor.selection.iter().filter_map(|id| {
        let [x, y] = patch.layout.get(id)?.pos;
        Some(LevelEdit::Move { id: id.clone(), pos: [x + f64::from(by.x), y + f64::from(by.y)] })
    });
    let edits: Vec<LevelEdit> = moved.collect();
    workspace.editor.apply(Step { gesture: Some(Gesture::Hand("move".into())), ..Step::new("move", edits) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_reach_every_node() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let mut seen = BTreeSet::new();
        let mut next: Vec<String> = next_node(&patch, &BTreeSet::new(), Vec2::ZERO).into_iter().collect();
        while let Some(id) = next.pop() {
            if seen.insert(id.clone()) {
                let from = BTreeSet::from([id]);
                next.extend(ARROWS.iter().filter_map(|(_, way)| next_node(&patch, &from, *way)));
            }
        }
        assert_eq!(seen.len(), patch.nodes.len(), "{seen:?}");
    }
}
