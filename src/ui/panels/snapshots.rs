//! The list of snapshots: recall, rename, replace, delete, store.

use std::sync::Arc;

use bendrack_nodes::patch::{Edit, Snapshot};
use eframe::egui::{Button, DragValue, Frame, Id, RichText, TextEdit, Ui, WidgetInfo, WidgetType};

use crate::ui::document::Step;
use crate::ui::document::snapshots::{is_recalled, settings, store};
use crate::ui::widgets::small_button;
use crate::ui::workspace::Editor;

/// The longest morph, in seconds.
const LONGEST_MORPH: f64 = 600.0;
/// The width of the field for the time of morphs, in points.
const MORPH_WIDTH: f32 = 56.0;

/// The snapshots 1 to 9 as pads, and the time of morphs. A click recalls one, or stores a new one on the next empty pad.
pub fn pads_ui(ui: &mut Ui, editor: &mut Editor) {
    let patch = Arc::clone(&editor.document.patch);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let width = ((ui.available_width() - MORPH_WIDTH - 9.0 * 4.0) / 9.0).clamp(20.0, 64.0);
        for index in 0..9 {
            let snapshot = patch.snapshots.get(index);
            let is_on = snapshot.is_some_and(|snapshot| is_recalled(&patch, snapshot));
            let is_next = index == patch.snapshots.len();
            let text = RichText::new(if is_next { "+".to_owned() } else { (index + 1).to_string() }).monospace();
            let pad = Button::new(text).selected(is_on).min_size([width, 30.0].into());
            let pad = ui.add_enabled(snapshot.is_some() || is_next, pad);
            let label =
                snapshot.map_or_else(|| format!("empty pad {}", index + 1), |found| format!("pad {}", found.name));
            pad.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, is_on, &label));
            let hint = match snapshot {
                Some(snapshot) => format!("Recall {}. Key {}", snapshot.name, index + 1),
                None => "Store a snapshot of all knobs here.".to_owned(),
            };
            if pad.on_hover_text(hint).clicked() {
                if snapshot.is_some() {
                    editor.recall_snapshot(index);
                } else {
                    editor.document.apply(store(&patch));
                }
            }
        }
        let secs = DragValue::new(&mut editor.morph_secs).range(0.0..=LONGEST_MORPH).speed(0.05).suffix(" s");
        let shown = ui.add_sized([MORPH_WIDTH, 30.0], secs.max_decimals(1));
        shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, "morph time"));
        shown.on_hover_text("The seconds in which knobs glide to a snapshot. 0 recalls at once.");
    });
}

/// Shows the list.
pub fn snapshots_ui(ui: &mut Ui, editor: &mut Editor) {
    let patch = Arc::clone(&editor.document.patch);
    for (index, snapshot) in patch.snapshots.iter().enumerate() {
        ui.horizontal(|ui| {
            let recalled = is_recalled(&patch, snapshot);
            let key = if index < 9 { (index + 1).to_string() } else { "·".to_owned() };
            let button = Button::selectable(recalled, RichText::new(key).monospace()).min_size([26.0, 22.0].into());
            let button = ui.add(button);
            let label = format!("recall {}", snapshot.name);
            button.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, recalled, &label));
            let hint = if index < 9 { format!("Recall this snapshot. Key {}", index + 1) } else { label.clone() };
            if button.on_hover_text(hint).clicked() {
                editor.recall_snapshot(index);
            }
            let mut name = snapshot.name.clone();
            let room = (ui.available_width() - 140.0).max(60.0);
            let field = TextEdit::singleline(&mut name).id(Id::new(("snapshot", index))).desired_width(room);
            let field = field.frame(Frame::NONE);
            let field = ui.add(field);
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, format!("name of {}", snapshot.name)));
            if field.changed() {
                change(editor, "rename a snapshot", Step::merging, |all| all[index].name = name);
            }
            if small_button(
                ui,
                "replace",
                &format!("replace {}", snapshot.name),
                "Replace this snapshot with the present values.",
            ) {
                let values = settings(&patch);
                change(editor, "replace a snapshot", Step::new, |all| all[index].values = values);
            }
            if small_button(ui, "delete", &format!("delete {}", snapshot.name), "Delete this snapshot.") {
                change(editor, "delete a snapshot", Step::new, |all| drop(all.remove(index)));
            }
        });
    }
    let button = ui.button("Store snapshot");
    if button.on_hover_text("Stores knobs, choices, switches and texts; not depths, mutes, bypasses or maps. Keys 1 to 9 recall at once.").clicked() {
        editor.document.apply(store(&patch));
    }
}

/// Changes the list by a step of this name.
fn change(
    editor: &mut Editor,
    name: &str,
    step: fn(String, Vec<Edit>) -> Step,
    change: impl FnOnce(&mut Vec<Snapshot>),
) {
    let mut snapshots = editor.document.patch.snapshots.clone();
    change(&mut snapshots);
    editor.document.apply(step(name.to_owned(), vec![Edit::SetSnapshots { snapshots }]));
}
