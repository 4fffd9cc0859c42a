//! The render of a take: its part, its file, its progress.

use std::path::PathBuf;

use eframe::egui::{Align, DragValue, Id, Label, Layout, ProgressBar, RichText, TextEdit, Ui, WidgetInfo, WidgetType};

use super::{RenderRequest, RenderState, TakeRow, TakesAnswer, TakesPanel, TakesView, action, small};
use crate::ui::theme;
use crate::ui::widgets::range::range_ui;

/// Shows the part, the choices, the file and the progress.
pub fn render_ui(
    ui: &mut Ui,
    panel: &mut TakesPanel,
    row: &TakeRow,
    secs: f64,
    view: &TakesView<'_>,
) -> Option<TakesAnswer> {
    ui.add_space(theme::UNIT / 2.0);
    ui.separator();
    if secs <= 0.0 {
        ui.label(small("The take has no pictures to render.", theme::weak()));
        return progress_ui(ui, view.render);
    }
    part_ui(ui, panel, secs);
    let mut answer = None;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if action(
                ui,
                "Choose…",
                "choose the file of the video",
                "Chooses the folder and the name of the video.",
                true,
            ) {
                answer = Some(TakesAnswer::ChooseVideo(PathBuf::from(&panel.output)));
            }
            let id = Id::new("file of the video");
            let field = TextEdit::singleline(&mut panel.output).id(id).desired_width(ui.available_width());
            let field = ui.add(field);
            field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "file of the video"));
            field.on_hover_text("The video: .mp4, .gif, .apng, or .png for numbered pictures. No file is replaced.");
        });
    });
    if matches!(view.render, RenderState::Running { .. }) {
        let cancelled = progress_ui(ui, view.render);
        return answer.or(cancelled);
    }
    ui.horizontal(|ui| {
        let hint = "Renders this part to a video in the background. It goes on when the window is closed.";
        if action(ui, "Render", "render the take", hint, !panel.output.trim().is_empty()) {
            let range = panel.range(secs);
            answer = Some(TakesAnswer::Render(RenderRequest {
                take: row.path.clone(),
                output: PathBuf::from(panel.output.trim()),
                start: range.start,
                secs: panel.end.map(|_| range.end - range.start),
                is_final: panel.is_final,
                anyway: panel.anyway,
            }));
        }
        ui.checkbox(&mut panel.is_final, "One make per chunk").on_hover_text(
            "Makes each chunk once, with all its events. Changes come slightly earlier than they were seen (--final).",
        );
        ui.checkbox(&mut panel.anyway, "Ignore differences").on_hover_text(
            "Renders although the model, the sound or the pictures differ from those that were played (--anyway).",
        );
    });
    progress_ui(ui, view.render);
    answer
}

/// The start and the end: on a bar, and as numbers.
fn part_ui(ui: &mut Ui, panel: &mut TakesPanel, secs: f64) {
    let mut range = panel.range(secs);
    let before = range;
    range_ui(ui, Id::new("part of the take"), &mut range);
    ui.horizontal(|ui| {
        let number = |ui: &mut Ui, prefix: &str, label: &str, value: f64| {
            let mut changed = value;
            let field = DragValue::new(&mut changed).prefix(prefix).suffix(" s").speed(0.1).fixed_decimals(1);
            let shown = ui.add(field.range(0.0..=secs));
            shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, label));
            shown.changed().then_some(changed)
        };
        if let Some(start) = number(ui, "from ", "start of the part", range.start) {
            range = range.with_start(start);
        }
        if let Some(end) = number(ui, "to ", "end of the part", range.end) {
            range = range.with_end(end);
        }
        let length = format!("{:.1} s of {secs:.1} s", range.end - range.start);
        ui.label(RichText::new(length).size(theme::SMALL).monospace().color(theme::weak()));
    });
    if range != before {
        panel.set_range(range);
    }
}

/// The progress of a render, with a button that ends it; or the result of the last one.
pub fn progress_ui(ui: &mut Ui, state: &RenderState) -> Option<TakesAnswer> {
    let mut answer = None;
    match state {
        RenderState::Off => {}
        RenderState::Running { output, pictures, of } => {
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if action(
                        ui,
                        "Cancel",
                        "cancel the render",
                        "Ends the render. An unfinished MP4 or GIF is deleted; numbered pictures stay.",
                        true,
                    ) {
                        answer = Some(TakesAnswer::CancelRender);
                    }
                    let share = if *of > 0 { *pictures as f32 / *of as f32 } else { 0.0 };
                    let bar = ProgressBar::new(share).fill(theme::accent().gamma_multiply(0.6)).corner_radius(3.0);
                    let text = if *of > 0 { format!("{pictures} of {of} pictures") } else { "loading".to_owned() };
                    let bar = ui.add(bar.text(small(&text, theme::text())).desired_width(ui.available_width()));
                    bar.widget_info(|| WidgetInfo::labeled(WidgetType::ProgressIndicator, true, &text));
                    bar.on_hover_text(output.display().to_string());
                });
            });
        }
        RenderState::Ended(Ok(result)) => _ = ui.add(Label::new(small(result, theme::text())).wrap()),
        RenderState::Ended(Err(why)) => {
            // The whole message, which can be copied.
            _ = ui.add(Label::new(small(why, theme::error())).wrap().selectable(true));
        }
    }
    answer
}
