//! The banner over the preview while a take is played back.

use eframe::egui::{Align, Button, Label, Layout, RichText, Ui, WidgetInfo, WidgetType};

use crate::engine::Playing;
use crate::engine::model::FRAME_RATE;
use crate::ui::theme;
use crate::ui::widgets::clock;

/// Shows the name and the time of the take. True if Stop is clicked.
pub fn playing_ui(ui: &mut Ui, playing: &Playing, frame: Option<u64>) -> bool {
    let secs = |pictures: u64| clock(pictures as f64 / FRAME_RATE);
    let time = format!("{} / {}", secs(frame.unwrap_or_default().min(playing.pictures)), secs(playing.pictures));
    let row = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let stop = ui.add(Button::new("Stop"));
        stop.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, "stop the take"));
        ui.label(RichText::new(time).size(theme::SMALL).monospace().color(theme::text()));
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            ui.label(RichText::new("Take").color(theme::accent()));
            ui.add(Label::new(RichText::new(&playing.name).color(theme::text())).truncate());
        });
        stop.on_hover_text("Ends the playback. The live video begins again.").clicked()
    });
    row.inner
}
