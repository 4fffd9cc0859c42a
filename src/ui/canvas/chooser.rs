//! A list with a search field over the canvas, for hands on the keyboard: cables of the selected node, and nodes to find.

use std::collections::BTreeSet;

use bendrack_nodes::patch::{Cable, LevelEdit, Patch, Port};
use eframe::egui::{
    Align2, Area, Frame, Id, Key, Modifiers, Order, RichText, ScrollArea, TextEdit, Ui, WidgetInfo, WidgetType, vec2,
};

use super::Canvas;
use super::view::frame_nodes;
use crate::ui::document::Step;
use crate::ui::document::ports::PortKinds;
use crate::ui::document::subpatch::title;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The width of the list, and its largest height.
const SIZE: [f32; 2] = [360.0, 280.0];
/// The most rows.
const MOST: usize = 60;

/// The effect of a chosen row.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Connects a cable.
    Connect(Cable),
    /// Selects a node and shows it.
    Find(String),
}

/// An open list.
pub struct Chooser {
    hint: &'static str,
    rows: Vec<(String, Choice)>,
    query: String,
    chosen: usize,
}

impl Chooser {
    /// The possible cables of a node: free ends first.
    pub fn cables(patch: &Patch, kinds: &PortKinds, id: &str) -> Self {
        let mut rows: Vec<(bool, String, Choice)> = connections(patch, kinds, id)
            .into_iter()
            .map(|cable| {
                let text = format!("{} → {}", cable.from, cable.to);
                (patch.cable_to(&cable.to).is_some(), text, Choice::Connect(cable))
            })
            .collect();
        rows.sort_by_key(|row| row.0);
        let rows = rows.into_iter().map(|(_, text, choice)| (text, choice)).collect();
        Self { hint: "Connect: type a port, such as “rotate angle”", rows, query: String::new(), chosen: 0 }
    }

    /// The nodes of a patch.
    pub fn nodes(patch: &Patch) -> Self {
        let row = |id: &String| (format!("{}   {id}", title(patch, id)), Choice::Find(id.clone()));
        Self { hint: "Find a node", rows: patch.nodes.keys().map(row).collect(), query: String::new(), chosen: 0 }
    }

    /// The rows that have every word of the query.
    fn found(&self) -> Vec<&(String, Choice)> {
        let query = self.query.to_lowercase();
        let fits = |row: &&(String, Choice)| query.split_whitespace().all(|word| row.0.to_lowercase().contains(word));
        self.rows.iter().filter(fits).take(MOST).collect()
    }
}

/// The cables that could connect a node to others.
fn connections(patch: &Patch, kinds: &PortKinds, id: &str) -> Vec<Cable> {
    let port = |node: &str, port: &str| Port { node: node.to_owned(), port: port.to_owned() };
    let others = || patch.nodes.keys().filter(|other| *other != id);
    let mut cables = Vec::new();
    for (output, of) in kinds.outputs(id) {
        for other in others() {
            let fits = kinds.inputs(other).iter().filter(|(_, kind)| kind.accepts(*of));
            cables.extend(fits.map(|(input, _)| Cable::new(port(id, output), port(other, input))));
        }
    }
    for (input, kind) in kinds.inputs(id) {
        for other in others() {
            let fits = kinds.outputs(other).iter().filter(|(_, of)| kind.accepts(*of));
            cables.extend(fits.map(|(output, _)| Cable::new(port(other, output), port(id, input))));
        }
    }
    cables.retain(|cable| !patch.cables.iter().any(|known| (&known.from, &known.to) == (&cable.from, &cable.to)));
    cables
}

/// Shows the open list. Arrows choose, Enter takes, Esc closes.
pub(in crate::ui) fn chooser_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) {
    let (Some(chooser), Some(rect)) = (&mut canvas.chooser, canvas.rect) else { return };
    let key = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    if key(Key::Escape) {
        canvas.chooser = None;
        return;
    }
    let (up, down, takes) = (key(Key::ArrowUp), key(Key::ArrowDown), key(Key::Enter));
    let area = Area::new(Id::new("chooser")).order(Order::Foreground).pivot(Align2::CENTER_TOP);
    let area = area.fixed_pos(rect.center_top() + vec2(0.0, 6.0 * theme::UNIT));
    let shown = area.show(ui.ctx(), |ui| {
        Frame::menu(ui.style()).show(ui, |ui| {
            ui.set_width(SIZE[0]);
            let field = TextEdit::singleline(&mut chooser.query).hint_text(chooser.hint).desired_width(f32::INFINITY);
            let field = ui.add(field);
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "choose"));
            field.request_focus();
            if field.changed() {
                chooser.chosen = 0;
            }
            let found = chooser.found();
            let last = found.len().saturating_sub(1);
            let chosen = (chooser.chosen + usize::from(down)).saturating_sub(usize::from(up)).min(last);
            let mut taken = found.get(chosen).filter(|_| takes).map(|(_, choice)| choice.clone());
            if found.is_empty() {
                ui.label(RichText::new("No match").color(theme::weak()));
            }
            let list =
                ScrollArea::vertical().max_height(SIZE[1]).min_scrolled_height(SIZE[1]).auto_shrink([false, true]);
            list.show(ui, |ui| {
                for (index, (text, choice)) in found.iter().enumerate() {
                    let row = ui.selectable_label(index == chosen, RichText::new(text).monospace());
                    if index == chosen && (up || down) {
                        row.scroll_to_me(None);
                    }
                    if row.clicked() {
                        taken = Some(choice.clone());
                    }
                }
            });
            (taken, chosen)
        })
    });
    let (taken, chosen) = shown.inner.inner;
    chooser.chosen = chosen;
    let pressed = ui.input(|i| i.pointer.any_pressed().then(|| i.pointer.interact_pos()).flatten());
    if taken.is_some() || pressed.is_some_and(|at| !shown.response.rect.contains(at)) {
        canvas.chooser = None;
    }
    match taken {
        Some(Choice::Connect(cable)) => {
            let name = format!("connect {} to {}", cable.from, cable.to);
            workspace.editor.apply(Step::new(name, vec![LevelEdit::Connect { cable }]));
        }
        Some(Choice::Find(id)) => {
            workspace.editor.selection = BTreeSet::from([id]);
            let ids = workspace.editor.selection.clone();
            frame_nodes(canvas, workspace, &ids);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;

    use super::*;

    #[test]
    fn every_possible_cable_of_a_node_fits_and_is_new() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let (_, _, resolved) = Plan::compile_resolved(&patch, LIBRARY);
        let kinds = PortKinds::new(&patch, "", &resolved);
        let chooser = Chooser::cables(&patch, &kinds, "lfo");
        let texts: Vec<&str> = chooser.rows.iter().map(|(text, _)| text.as_str()).collect();
        assert!(texts.contains(&"lfo.out → heat.amount") && texts.contains(&"map.mean → lfo.rate"), "{texts:?}");
        assert!(!texts.contains(&"lfo.out → rotate.angle"), "it is there");
        assert!(!texts.iter().any(|text| text.contains("prompt")), "a number is no text");
        for (_, choice) in &chooser.rows {
            let Choice::Connect(cable) = choice else { panic!("{choice:?}") };
            let mut patch = patch.clone();
            patch.apply(LevelEdit::Connect { cable: cable.clone() }).unwrap();
            let (plan, problems) = Plan::compile(&patch, LIBRARY);
            // A loop without a delay is refused by the compiler, with a reason.
            assert!(plan.is_some() || problems.iter().any(|problem| problem.message.contains("loop")), "{problems:?}");
        }
        let mut found = Chooser::nodes(&patch);
        found.query = "heat".to_owned();
        assert_eq!(found.found().iter().map(|row| &row.1).collect::<Vec<_>>(), [&Choice::Find("heat".to_owned())]);
    }
}
