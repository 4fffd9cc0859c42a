//! The large live picture. It is never black unasked: what was shown last stays until something else comes.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, Id, Pos2, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui,
    pos2, vec2,
};

use crate::engine::{Stage as Doing, Status};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// What the stage remembers.
#[derive(Default)]
pub struct Stage {
    /// The tap whose map lies over the model's picture.
    pub overlay: Option<Arc<str>>,
    /// It fills the window.
    pub large: bool,
}

impl Stage {
    /// The width of what is shown, as a multiple of its height.
    pub fn aspect(&self, desk: &Desk) -> f32 {
        let shown = if self.overlay.is_some() { &desk.images.model } else { &desk.images.screen };
        shown.as_ref().map_or(theme::STAGE_ASPECT, TextureHandle::aspect_ratio)
    }
}

/// Shows the picture in all the room there is; a double-click lets it fill the window.
pub fn stage_ui(ui: &mut Ui, stage: &mut Stage, desk: &mut Desk, status: &Status) {
    let rect = ui.max_rect();
    let response = ui.interact(rect, Id::new("stage"), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Image, true, "live picture"));
    ui.painter().rect_filled(rect, 0.0, theme::STAGE);
    if response.double_clicked() {
        stage.large = !stage.large;
    }
    if stage.overlay.as_ref().is_some_and(|id| !desk.images.taps.contains_key(id)) {
        stage.overlay = None;
    }
    // A map is laid over what the model made: the screen may show several pictures beside one another.
    let overlay = stage.overlay.as_ref().and_then(|id| desk.images.taps.get(id));
    let below = if overlay.is_some() { desk.images.model.as_ref() } else { desk.images.screen.as_ref() };
    match below {
        Some(texture) => {
            let place = fitted(texture, rect);
            // Large pixels are shown as they are; a picture that is made smaller is smoothed.
            let sharp = place.width() >= 2.0 * texture.size()[0] as f32;
            desk.images.filter = if sharp { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
            image(ui, texture, place, Color32::WHITE);
            if let Some(map) = overlay {
                image(ui, map, place, Color32::from_white_alpha(210));
            }
        }
        None => placeholder(ui, rect, status),
    }
    if let (Doing::Failed(why), true) = (&status.stage, below.is_some()) {
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 32.0), rect.max);
        ui.painter().rect_filled(strip, 0.0, Color32::from_black_alpha(190));
        ui.painter().text(strip.center(), Align2::CENTER_CENTER, why, theme::words(theme::BODY), theme::ERROR);
    }
    chips_ui(ui, stage, desk, rect);
}

/// The largest place for a texture in `rect` that keeps its shape.
fn fitted(texture: &TextureHandle, rect: Rect) -> Rect {
    let size = texture.size_vec2();
    let scale = (rect.width() / size.x).min(rect.height() / size.y);
    Rect::from_center_size(rect.center(), size * scale)
}

fn image(ui: &Ui, texture: &TextureHandle, rect: Rect, tint: Color32) {
    ui.painter().image(texture.id(), rect, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), tint);
}

fn placeholder(ui: &Ui, rect: Rect, status: &Status) {
    let (title, text) = match &status.stage {
        Doing::Loading => ("Loading the model", "The patch can be edited meanwhile."),
        Doing::Running => ("The first frame is being made", "Turn something."),
        Doing::Failed(why) => ("The engine stopped", why.as_str()),
    };
    let middle = rect.center();
    ui.painter().text(middle - vec2(0.0, 12.0), Align2::CENTER_CENTER, title, theme::words(theme::LARGE), theme::TEXT);
    let text =
        ui.painter().layout(text.to_owned(), theme::words(theme::BODY), theme::WEAK, rect.width() - 6.0 * theme::UNIT);
    ui.painter().galley(pos2(middle.x - text.size().x / 2.0, middle.y + 6.0), text, theme::WEAK);
}

/// One chip for each tap: a click lays its map over the picture.
fn chips_ui(ui: &mut Ui, stage: &mut Stage, desk: &Desk, rect: Rect) {
    let mut x = rect.left() + theme::UNIT;
    for id in desk.images.taps.keys() {
        let on = stage.overlay.as_ref() == Some(id);
        let colour = if on { theme::CANVAS } else { theme::TEXT };
        let text = ui.painter().layout_no_wrap(id.to_string(), theme::words(theme::SMALL), colour);
        let chip = Rect::from_min_size(pos2(x, rect.top() + theme::UNIT), text.size() + vec2(16.0, 6.0));
        x = chip.right() + theme::UNIT / 2.0;
        let response = ui.interact(chip, Id::new(("chip", id)), Sense::click());
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Checkbox, true, on, format!("overlay {id}")));
        let hue = theme::kind_colours(bendrack_nodes::value::Kind::Map).0;
        let fill = if on { hue } else { Color32::from_black_alpha(if response.hovered() { 200 } else { 140 }) };
        let edge = Stroke::new(1.0, hue.gamma_multiply(if on || response.hovered() { 1.0 } else { 0.5 }));
        ui.painter().rect(chip, CornerRadius::same(9), fill, edge, StrokeKind::Inside);
        ui.painter().galley(chip.center() - text.size() / 2.0, text, colour);
        if response.on_hover_text("Lay this map over the model's picture.").clicked() {
            stage.overlay = (!on).then(|| Arc::clone(id));
        }
    }
}
