//! The list of snapshots: recall, rename, replace, delete, store.

use std::sync::Arc;

use bendrack_nodes::choice::Choice;
use bendrack_nodes::patch::{Edit, LONGEST_MORPH, Snapshot};
use eframe::egui::{
    Button, ComboBox, DragValue, Frame, Id, RichText, Slider, TextEdit, Ui, Vec2, WidgetInfo, WidgetType,
};

use crate::ui::document::Step;
use crate::ui::document::snapshots::{is_recalled, settings, store};
use crate::ui::theme;
use crate::ui::widgets::small_button;
use crate::ui::workspace::Editor;

/// The width of a field beside the pads, in points.
const FIELD: f32 = 56.0;

/// The snapshots 1 to 9 as pads in so many columns. A click recalls one, or stores a new one on the next empty pad.
pub fn pads_ui(ui: &mut Ui, editor: &mut Editor, columns: usize, size: Vec2) {
    let patch = Arc::clone(&editor.document.patch);
    let waiting = editor.waiting_snapshot();
    for row in (0..9).step_by(columns) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for index in row..(row + columns).min(9) {
                let snapshot = patch.snapshots.get(index);
                let is_on = snapshot.is_some_and(|snapshot| is_recalled(&patch, snapshot));
                let is_next = index == patch.snapshots.len();
                let number = if is_next { "+".to_owned() } else { (index + 1).to_string() };
                // Large pads have room for the name.
                let name = snapshot.filter(|_| size.y > 40.0).map(|snapshot| format!("\n{}", snapshot.name));
                let text = RichText::new(number + &name.unwrap_or_default()).monospace();
                let text = if waiting == Some(index) { text.color(theme::warning()) } else { text };
                let pad = Button::new(text).selected(is_on).min_size(size).wrap();
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
        });
    }
}

/// The time and the curve of a glide to a snapshot, and the beat that a recall waits for.
pub fn morph_ui(ui: &mut Ui, editor: &mut Editor) {
    let stage = editor.document.patch.stage.clone();
    let mut secs = stage.morph;
    // A file with another time stays as it is until a hand changes it.
    let field = DragValue::new(&mut secs).range(0.0..=LONGEST_MORPH).speed(0.05).suffix(" s");
    let field = field.clamp_existing_to_range(false);
    let shown = ui.add_sized([FIELD, 22.0], field.max_decimals(1));
    shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, "morph time"));
    if shown.on_hover_text("The seconds in which knobs glide to a snapshot. 0 recalls at once.").changed() {
        editor.set_stage("morph time", |stage| stage.morph = secs);
    }
    if let Some(curve) = choice_ui(ui, "curve of a glide", stage.curve) {
        editor.set_stage("curve of a glide", |stage| stage.curve = curve);
    }
    if let Some(quantise) = choice_ui(ui, "beat of a recall", stage.quantise) {
        editor.set_stage("beat of a recall", |stage| stage.quantise = quantise);
    }
}

/// A choice from a list. Returns the new one.
fn choice_ui<C: Choice + PartialEq>(ui: &mut Ui, label: &str, now: C) -> Option<C> {
    let mut chosen = None;
    let text = |choice: C| choice.name().replace('_', " ");
    let list = ComboBox::from_id_salt(label).width(64.0).selected_text(text(now));
    let shown = list.show_ui(ui, |ui| {
        for choice in C::ALL.iter().copied() {
            if ui.selectable_label(choice == now, text(choice)).clicked() {
                chosen = Some(choice);
            }
        }
    });
    shown.response.widget_info(|| WidgetInfo::labeled(WidgetType::ComboBox, true, label));
    shown.response.on_hover_text(label);
    chosen
}

/// The crossfader between two snapshots; nothing with fewer.
pub fn fade_ui(ui: &mut Ui, editor: &mut Editor) {
    let patch = Arc::clone(&editor.document.patch);
    let count = patch.snapshots.len();
    if count < 2 {
        return;
    }
    ui.horizontal(|ui| {
        let mut fade = patch.stage.fade;
        let mut end = |ui: &mut Ui, index: usize, label: &str| {
            let field = DragValue::new(&mut fade[index]).range(1..=count).speed(0.05).clamp_existing_to_range(false);
            let shown = ui.add_sized([28.0, 22.0], field);
            shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label));
            shown.on_hover_text("The snapshot at this end of the crossfader, by its number.").changed()
        };
        let mut is_changed = end(ui, 0, "first snapshot of the crossfader");
        let mut part = editor.fade;
        ui.spacing_mut().slider_width = (ui.available_width() - 28.0 - 2.0 * theme::UNIT).max(60.0);
        let slider = ui.add(Slider::new(&mut part, 0.0..=1.0).show_value(false));
        slider.widget_info(|| WidgetInfo::labeled(WidgetType::Slider, true, "crossfader"));
        is_changed |= end(ui, 1, "second snapshot of the crossfader");
        if is_changed {
            editor.set_stage("snapshots of the crossfader", |stage| stage.fade = fade);
        }
        if slider.on_hover_text("Crossfades all knobs between two snapshots. OSC: /bendrack/fade").changed() {
            editor.crossfade(part);
        }
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
    if button
        .on_hover_text(
            "Stores knobs, choices, switches and texts; not depths, mutes, bypasses or maps. Keys 1 to 9 recall.",
        )
        .clicked()
    {
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
