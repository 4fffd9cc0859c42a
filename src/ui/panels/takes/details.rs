//! The selected take: its name, its playback, its end.

use eframe::egui::{Align, Button, Id, Label, Layout, RichText, ScrollArea, TextEdit, Ui, WidgetInfo, WidgetType};

use super::render::render_ui;
use super::table::model_name;
use super::{TakeRow, TakesAnswer, TakesPanel, TakesView, action, secs_of, small};
use crate::take::Summary;
use crate::ui::theme;
use crate::ui::widgets::clock;

/// Shows the selected take.
pub fn details_ui(ui: &mut Ui, panel: &mut TakesPanel, view: &TakesView<'_>) -> Option<TakesAnswer> {
    let row = view.rows.iter().find(|row| panel.selected.as_deref() == Some(&*row.path));
    let scroll = ScrollArea::vertical().id_salt("take").auto_shrink([false, false]);
    let shown = scroll.show(ui, |ui| match row {
        Some(row) => take_ui(ui, panel, row, view),
        None => nothing_ui(ui, view),
    });
    shown.inner
}

fn nothing_ui(ui: &mut Ui, view: &TakesView<'_>) -> Option<TakesAnswer> {
    let text = "Select a take to play it back, to keep it or to render it.";
    ui.add(Label::new(small(text, theme::weak())).wrap());
    // A render may go on while its take is not selected.
    super::render::progress_ui(ui, view.render)
}

fn take_ui(ui: &mut Ui, panel: &mut TakesPanel, row: &TakeRow, view: &TakesView<'_>) -> Option<TakesAnswer> {
    let mut answer = None;
    ui.horizontal(|ui| {
        let is_read = matches!(row.summary, Some(Ok(_))) && !row.is_running;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let hint = if row.is_running {
                "This take is being written. Restart begins another video; then this take can be played back."
            } else {
                "Ends the live video and its take, and plays this take in the preview, also at F11. Afterwards the live video begins from its first \
                 picture."
            };
            if action(ui, "Play", "play the take", hint, is_read) {
                answer = Some(TakesAnswer::Play(row.path.clone()));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(row.title()).color(theme::text())).truncate());
            });
        });
    });
    match &row.summary {
        Some(Ok(summary)) => {
            let [width, height] = summary.size;
            let secs = secs_of(row, view).unwrap_or_default();
            let model = model_name(&summary.model);
            let state = match summary {
                _ if row.is_running => "",
                _ if row.is_recorded_elsewhere() => ", being recorded by another bendrack",
                Summary { is_cut: true, .. } => ", incomplete",
                Summary { is_cut: false, .. } => "",
            };
            ui.label(small(format!("{}, {model}, {width}×{height}{state}", clock(secs)), theme::weak()));
        }
        Some(Err(problem)) => _ = ui.add(Label::new(small(problem, theme::warning())).wrap()),
        None => _ = ui.label(small("Reading the take…", theme::weak())),
    }
    ui.add_space(theme::UNIT / 2.0);
    let named = name_ui(ui, panel, row);
    answer = answer.or(named);
    if let (Some(Ok(_)), Some(secs)) = (&row.summary, secs_of(row, view)) {
        let rendered = render_ui(ui, panel, row, secs, view);
        answer = answer.or(rendered);
    }
    answer
}

/// The name, and the buttons that keep and delete.
fn name_ui(ui: &mut Ui, panel: &mut TakesPanel, row: &TakeRow) -> Option<TakesAnswer> {
    let mut answer = None;
    if row.is_running {
        ui.horizontal(|ui| {
            let hint =
                "Copies what was played so far under the title of the patch. bendrack never deletes the copy. Ctrl+K";
            if action(ui, "Keep", "keep the take", hint, true) {
                answer = Some(TakesAnswer::Keep);
            }
            ui.add(Label::new(small("bendrack may delete it later. Keep prevents that.", theme::weak())).truncate());
        });
        return answer;
    }
    if row.is_recorded_elsewhere() {
        let text = "Another bendrack records this take. Once its video ends, the take can be renamed and deleted here.";
        ui.add(Label::new(small(text, theme::weak())).wrap());
        return answer;
    }
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            answer = delete_ui(ui, panel, row);
            let (text, hint) = if row.is_kept {
                ("Rename", "Gives the file this name.")
            } else {
                ("Keep", "Gives the file this name. bendrack then never deletes it.")
            };
            let is_new = !row.is_kept || panel.name.trim() != row.stem();
            let is_named = action(ui, text, &format!("{} the take", text.to_lowercase()), hint, is_new);
            let id = Id::new("name of the take");
            let field = TextEdit::singleline(&mut panel.name).id(id).desired_width(ui.available_width());
            let field = ui.add(field);
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "name of the take"));
            if is_named {
                answer = Some(TakesAnswer::Rename(row.path.clone(), panel.name.trim().to_owned()));
            }
        });
    });
    answer
}

/// The button that deletes: a second click confirms.
fn delete_ui(ui: &mut Ui, panel: &mut TakesPanel, row: &TakeRow) -> Option<TakesAnswer> {
    let now = ui.input(|i| i.time);
    panel.asked = panel.asked.filter(|asked| now - asked < theme::MESSAGE_SECS);
    let is_asked = panel.asked.is_some();
    let (text, colour, label) = if is_asked {
        ("Delete for good", theme::error(), "delete the take for good")
    } else {
        ("Delete", theme::text(), "delete the take")
    };
    let button = ui.add(Button::new(RichText::new(text).color(colour)));
    button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, label));
    if !button.on_hover_text("Deletes the file, after a second click.").clicked() {
        return None;
    }
    panel.asked = if is_asked { None } else { Some(now) };
    is_asked.then(|| TakesAnswer::Delete(row.path.clone()))
}
