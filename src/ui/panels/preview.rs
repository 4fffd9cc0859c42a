//! The preview: the live picture, which keeps the last frame until the next.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, Id, Pos2, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui,
    pos2, vec2,
};

use crate::engine::{Stage, Status};
use crate::ui::document::missing::Missing;
use crate::ui::theme;
use crate::ui::workspace::{Playback, Workspace};

/// The state of the preview.
#[derive(Default)]
pub struct Preview {
    /// The tap whose map covers the picture of the model.
    pub overlay: Option<Arc<str>>,
    /// True if the preview fills the window.
    pub large: bool,
    /// True if a double-click asks for the other size.
    pub toggled: bool,
    /// Words over a picture that is not the live one; black under them is a blackout.
    pub mark: Option<&'static str>,
    /// True during a blackout.
    pub is_black: bool,
}

impl Preview {
    /// The aspect ratio of the picture.
    pub fn aspect(&self, playback: &Playback) -> f32 {
        let shown = if self.overlay.is_some() { &playback.images.model } else { &playback.images.screen };
        shown.as_ref().map_or(theme::PREVIEW_ASPECT, TextureHandle::aspect_ratio)
    }
}

/// Shows the picture in the available space. A double-click fills the window.
pub fn preview_ui(ui: &mut Ui, preview: &mut Preview, workspace: &mut Workspace, status: &Status) {
    let rect = ui.max_rect();
    let response = ui.interact(rect, Id::new("preview"), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Image, true, "preview"));
    ui.painter().rect_filled(rect, 0.0, theme::PREVIEW);
    if response.double_clicked() {
        preview.toggled = true;
    }
    if preview.overlay.as_ref().is_some_and(|id| !workspace.playback.images.taps.contains_key(id)) {
        preview.overlay = None;
    }
    // A map covers the picture of the model, as the screen may show several pictures.
    let overlay = preview.overlay.as_ref().and_then(|id| workspace.playback.images.taps.get(id));
    let below = if overlay.is_some() {
        workspace.playback.images.model.as_ref()
    } else {
        workspace.playback.images.screen.as_ref()
    };
    match below {
        Some(texture) => {
            let place = fitted(texture, rect);
            // Enlarged pixels stay sharp; a reduced picture is smoothed.
            let sharp = place.width() >= 2.0 * texture.size()[0] as f32;
            workspace.playback.images.filter = if sharp { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
            let missing = workspace.playback.missing;
            let is_held = missing == Some(Missing::Model);
            image(ui, texture, place, if is_held { Color32::from_gray(70) } else { Color32::WHITE });
            if let Some(map) = overlay.filter(|_| !is_held) {
                image(ui, map, place, Color32::from_white_alpha(210));
            }
            if let Some((title, text)) = missing.map(Missing::message) {
                message(ui, rect, title, text);
            }
        }
        None => placeholder(ui, rect, status),
    }
    if let (Stage::Failed(why), true) = (&status.stage, below.is_some()) {
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 32.0), rect.max);
        ui.painter().rect_filled(strip, 0.0, Color32::from_black_alpha(190));
        ui.painter().text(strip.center(), Align2::CENTER_CENTER, why, theme::proportional(theme::BODY), theme::ERROR);
    }
    if preview.is_black {
        ui.painter().rect_filled(rect, 0.0, Color32::BLACK);
    }
    if let Some(mark) = preview.mark {
        let at = rect.center_bottom() - vec2(0.0, 20.0);
        ui.painter().text(at, Align2::CENTER_CENTER, mark, theme::proportional(theme::BODY), theme::WARNING);
    }
    chips_ui(ui, preview, workspace, rect);
}

/// The largest rectangle in `rect` with the aspect ratio of a texture.
pub fn fitted(texture: &TextureHandle, rect: Rect) -> Rect {
    let size = texture.size_vec2();
    let scale = (rect.width() / size.x).min(rect.height() / size.y);
    Rect::from_center_size(rect.center(), size * scale)
}

/// Paints a texture.
pub fn image(ui: &Ui, texture: &TextureHandle, rect: Rect, tint: Color32) {
    ui.painter().image(texture.id(), rect, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), tint);
}

fn placeholder(ui: &Ui, rect: Rect, status: &Status) {
    let (title, text) = match &status.stage {
        Stage::Loading => ("Loading the model", "You can edit the patch now."),
        Stage::Running => ("Rendering the first picture", ""),
        Stage::Failed(why) => ("The engine has stopped", why.as_str()),
    };
    message(ui, rect, title, text);
}

/// A title and a sentence over the picture, on a dark ground.
fn message(ui: &Ui, rect: Rect, title: &str, text: &str) {
    let middle = rect.center();
    let ground = Rect::from_center_size(middle, vec2(rect.width().min(460.0), 72.0));
    ui.painter().rect_filled(ground, theme::UNIT, Color32::from_black_alpha(150));
    ui.painter().text(
        middle - vec2(0.0, 12.0),
        Align2::CENTER_CENTER,
        title,
        theme::proportional(theme::LARGE),
        theme::TEXT,
    );
    let text = ui.painter().layout(
        text.to_owned(),
        theme::proportional(theme::BODY),
        theme::WEAK,
        rect.width() - 6.0 * theme::UNIT,
    );
    ui.painter().galley(pos2(middle.x - text.size().x / 2.0, middle.y + 6.0), text, theme::WEAK);
}

/// One chip for each tap. A click overlays its map.
fn chips_ui(ui: &mut Ui, preview: &mut Preview, workspace: &Workspace, rect: Rect) {
    let mut x = rect.left() + theme::UNIT;
    for id in workspace.playback.images.taps.keys() {
        let on = preview.overlay.as_ref() == Some(id);
        let colour = if on { theme::CANVAS } else { theme::TEXT };
        let text = ui.painter().layout_no_wrap(id.to_string(), theme::proportional(theme::SMALL), colour);
        let chip = Rect::from_min_size(pos2(x, rect.top() + theme::UNIT), text.size() + vec2(16.0, 6.0));
        x = chip.right() + theme::UNIT / 2.0;
        let response = ui.interact(chip, Id::new(("chip", id)), Sense::click());
        response
            .widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Checkbox, true, on, format!("overlay {id}")));
        let hue = theme::kind_colours(bendrack_nodes::node::value::Kind::Map).0;
        let fill = if on { hue } else { Color32::from_black_alpha(if response.hovered() { 200 } else { 140 }) };
        let edge = Stroke::new(1.0, hue.gamma_multiply(if on || response.hovered() { 1.0 } else { 0.5 }));
        ui.painter().rect(chip, CornerRadius::same(9), fill, edge, StrokeKind::Inside);
        ui.painter().galley(chip.center() - text.size() / 2.0, text, colour);
        if response.on_hover_text("Overlay this map on the picture of the model.").clicked() {
            preview.overlay = (!on).then(|| Arc::clone(id));
        }
    }
}
