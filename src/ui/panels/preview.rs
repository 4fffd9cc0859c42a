//! The preview: the live picture, which keeps the last frame until the next.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind,
    TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2,
};

use crate::engine::{Estimate, Stage, Status};
use crate::ui::document::missing::Missing;
use crate::ui::panels::compare::{Arrangement, Compare, compare_ui};
use crate::ui::theme;
use crate::ui::widgets::mark::mark;
use crate::ui::workspace::images::Images;
use crate::ui::workspace::probes::Probe;
use crate::ui::workspace::{Playback, Workspace};

/// The part of the picture's sides that an estimate takes.
const INSET: f32 = 0.3;

/// The state of the preview.
#[derive(Default)]
pub struct Preview {
    /// The tap whose map covers the picture of the model.
    pub overlay: Option<Arc<str>>,
    /// The probe of the word of the prompt under the pointer, whose map covers the picture.
    pub word: Option<String>,
    /// The place from which the model looks; none hides what it sees.
    pub look: Option<Look>,
    /// The comparison with the video without bends.
    pub compare: Option<Compare>,
    /// True if the preview fills the window.
    pub large: bool,
    /// True if a double-click asks for the other size.
    pub toggled: bool,
    /// Words over a picture that is not the live one; black under them is a blackout.
    pub mark: Option<&'static str>,
    /// True during a blackout.
    pub is_black: bool,
}

/// The self-attention from a place of the picture, over the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// The place, 0 to 1 from the left and the top; none until a click chooses one.
    pub from: Option<[f64; 2]>,
}

impl Preview {
    /// Covers the picture with the map of the next tap, or of none after the last one.
    pub fn next_map(&mut self, images: &Images) {
        let mut ids = images.taps.keys();
        self.overlay = match &self.overlay {
            Some(shown) => ids.find(|id| *id > shown).cloned(),
            None => ids.next().cloned(),
        };
    }

    /// True if a map covers the picture of the model: of the word under the pointer, of the look, or of a tap.
    fn covers(&self) -> bool {
        self.word.is_some() || self.look.is_some() || self.overlay.is_some()
    }
}

/// The aspect ratio of the picture that the patch outputs. It stays while a map covers the picture of the model, so that nothing below it moves.
pub fn aspect(playback: &Playback) -> f32 {
    playback.images.screen.as_ref().map_or(theme::PREVIEW_ASPECT, TextureHandle::aspect_ratio)
}

/// Shows the picture in the available space. A double-click fills the window.
pub fn preview_ui(ui: &mut Ui, preview: &mut Preview, workspace: &mut Workspace, status: &Status) {
    let rect = ui.max_rect();
    let response = ui.interact(rect, Id::new("preview"), Sense::click_and_drag());
    ui.painter().rect_filled(rect, 0.0, theme::preview());
    if response.double_clicked() && preview.look.is_none() && preview.compare.is_none() {
        preview.toggled = true;
    }
    if preview.overlay.as_ref().is_some_and(|id| !workspace.playback.images.taps.contains_key(id)) {
        preview.overlay = None;
    }
    // A map covers the picture of the model, as the screen may show several pictures.
    if let Some(compare) = &mut preview.compare {
        response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Image, true, "comparison"));
        compare_ui(ui, compare, &response, rect);
        marks_ui(ui, preview, rect);
        return chips_ui(ui, preview, workspace, rect);
    }
    let (overlay, of) = overlay(ui, preview, workspace).unzip();
    let label = of.map_or_else(|| "preview".to_owned(), |of| format!("preview with the map of {of}"));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Image, true, &label));
    let images = &workspace.playback.images;
    let below = if preview.covers() { images.model.clone() } else { images.screen.clone() };
    match &below {
        Some(texture) => {
            let place = fitted(texture, rect);
            if let Some(look) = &mut preview.look {
                look_ui(ui, look, &response, place);
            }
            // Enlarged pixels stay sharp; a reduced picture is smoothed.
            let sharp = place.width() >= 2.0 * texture.size()[0] as f32;
            workspace.playback.images.filter = if sharp { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
            let missing = workspace.playback.missing;
            let is_held = missing == Some(Missing::Model);
            image(ui, texture, place, if is_held { Color32::from_gray(70) } else { Color32::WHITE });
            if let Some(map) = overlay.filter(|_| !is_held) {
                image(ui, &map, place, Color32::from_white_alpha(210));
            }
            if let Some(from) = preview.look.and_then(|look| look.from) {
                let at = place.min + vec2(from[0] as f32, from[1] as f32) * place.size();
                for (radius, colour) in [(6.0, Color32::BLACK), (5.0, theme::accent())] {
                    ui.painter().circle_stroke(at, radius, Stroke::new(1.5, colour));
                }
            }
            if let Some((title, text)) = missing.map(Missing::message) {
                message(ui, rect, title, text);
            }
        }
        None if status.estimate.is_none() => placeholder(ui, rect, status),
        None => {}
    }
    if let (Some(estimate), Some(texture)) = (&status.estimate, workspace.playback.images.estimate()) {
        estimate_ui(ui, estimate, texture, rect, below.is_some());
    }
    if let (Stage::Failed(why), true) = (&status.stage, below.is_some() || status.estimate.is_some()) {
        let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 32.0), rect.max);
        ui.painter().rect_filled(strip, 0.0, Color32::from_black_alpha(190));
        ui.painter().text(strip.center(), Align2::CENTER_CENTER, why, theme::proportional(theme::BODY), theme::error());
    }
    marks_ui(ui, preview, rect);
    chips_ui(ui, preview, workspace, rect);
}

/// The estimate of the clip under way, with its step: in a corner of the picture, or in its place before the first one.
fn estimate_ui(ui: &Ui, estimate: &Estimate, texture: &TextureHandle, rect: Rect, is_inset: bool) {
    let place = if is_inset {
        let corner = rect.max - Vec2::splat(theme::UNIT);
        fitted(texture, Rect::from_min_max(corner - rect.size() * INSET, corner))
    } else {
        fitted(texture, rect)
    };
    image(ui, texture, place, Color32::WHITE);
    if is_inset {
        ui.painter().rect_stroke(place, 0.0, Stroke::new(1.0, theme::ON_PICTURE_WEAK), StrokeKind::Outside);
    }
    let step = format!("step {} of {}", estimate.steps, estimate.of);
    let text = ui.painter().layout_no_wrap(step, theme::proportional(theme::SMALL), theme::ON_PICTURE);
    let at = place.left_bottom() + vec2(theme::UNIT / 2.0, -text.size().y - theme::UNIT / 2.0);
    let ground = Rect::from_min_size(at, text.size()).expand(2.0);
    ui.painter().rect_filled(ground, 2.0, Color32::from_black_alpha(150));
    ui.painter().galley(at, text, theme::ON_PICTURE);
}

/// A blackout, and the words over a picture that is not the live one.
fn marks_ui(ui: &Ui, preview: &Preview, rect: Rect) {
    if preview.is_black {
        ui.painter().rect_filled(rect, 0.0, Color32::BLACK);
    }
    if let Some(mark) = preview.mark {
        let at = rect.center_bottom() - vec2(0.0, 20.0);
        ui.painter().text(at, Align2::CENTER_CENTER, mark, theme::proportional(theme::BODY), theme::warning());
    }
}

/// The map over the picture of the model, and its name.
fn overlay(ui: &Ui, preview: &Preview, workspace: &mut Workspace) -> Option<(TextureHandle, String)> {
    let Playback { images, probes, .. } = &mut workspace.playback;
    let look = preview.look.and_then(|look| look.from).map(Probe::Look);
    if let Some(look) = &look {
        probes.want(look.clone());
    }
    let probe = preview.word.clone().or_else(|| look.map(|look| look.to_string()));
    if let Some(name) = probe {
        let texture = images.probe(ui.ctx(), &name, probes.map(&name)?)?.clone();
        return Some((texture, name));
    }
    let id = preview.overlay.as_ref()?;
    Some((images.taps.get(id)?.clone(), id.to_string()))
}

/// Moves the place from which the model looks, by click or drag.
fn look_ui(ui: &Ui, look: &mut Look, response: &Response, place: Rect) {
    if response.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    let is_pressed = response.is_pointer_button_down_on() || response.clicked();
    if let Some(at) = response.interact_pointer_pos().filter(|at| is_pressed && place.contains(*at)) {
        let at = (at - place.min) / place.size();
        look.from = Some([f64::from(at.x), f64::from(at.y)]);
    }
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
        theme::ON_PICTURE,
    );
    let text = ui.painter().layout(
        text.to_owned(),
        theme::proportional(theme::BODY),
        theme::ON_PICTURE_WEAK,
        rect.width() - 6.0 * theme::UNIT,
    );
    ui.painter().galley(pos2(middle.x - text.size().x / 2.0, middle.y + 6.0), text, theme::ON_PICTURE_WEAK);
}

/// The chips of the comparison, or one chip for each tap, of which a click overlays the map, and the chip of the look.
///
/// Over the large picture, they and the pointer vanish while the pointer rests.
fn chips_ui(ui: &mut Ui, preview: &mut Preview, workspace: &Workspace, rect: Rect) {
    if preview.large {
        let rest = ui.input(|i| i.pointer.time_since_last_movement());
        if rest > theme::REST_SECS {
            ui.ctx().set_cursor_icon(CursorIcon::None);
            return;
        }
        ui.ctx().request_repaint_after_secs(theme::REST_SECS - rest);
    }
    let mut at = rect.min + vec2(theme::UNIT, theme::UNIT);
    let on = preview.compare.is_some();
    let hint = "Compare with the video without bends, at the same seed. Both begin again.";
    if chip_ui(ui, &mut at, ("bent | unbent", "bent | unbent", hint), on) {
        preview.compare = (!on).then(Compare::default);
    }
    if let Some(compare) = &mut preview.compare {
        for (arrangement, name, hint) in Arrangement::ALL {
            if chip_ui(ui, &mut at, (name, name, hint), compare.arrangement == arrangement) {
                compare.arrangement = arrangement;
            }
        }
        return;
    }
    for id in workspace.playback.images.taps.keys() {
        let on = preview.overlay.as_ref() == Some(id);
        let hint = "Overlay this map on the picture of the model.";
        if chip_ui(ui, &mut at, (id, &format!("overlay {id}"), hint), on) {
            preview.overlay = (!on).then(|| Arc::clone(id));
        }
    }
    let on = preview.look.is_some();
    let hint = "Click or drag on the picture: the map is the self-attention from that place.";
    if chip_ui(ui, &mut at, ("look from here", "look from here", hint), on) {
        preview.look = (!on).then(Look::default);
    }
}

/// A chip on the picture, with its label and hint. Moves `at` beyond it. True if it is clicked.
fn chip_ui(ui: &Ui, at: &mut Pos2, (name, label, hint): (&str, &str, &str), on: bool) -> bool {
    let colour = if on { theme::canvas() } else { theme::ON_PICTURE };
    let text = ui.painter().layout_no_wrap(name.to_owned(), theme::proportional(theme::SMALL), colour);
    let chip = Rect::from_min_size(*at, text.size() + vec2(16.0, 6.0));
    at.x = chip.right() + theme::UNIT / 2.0;
    let response = ui.interact(chip, Id::new(("chip", label)), Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::WidgetType::Checkbox, true, on, label));
    mark(ui, label, chip);
    let hue = theme::kind_colours(bendrack_nodes::node::value::Kind::Map).0;
    let fill = if on { hue } else { Color32::from_black_alpha(if response.hovered() { 200 } else { 140 }) };
    let edge = Stroke::new(1.0, hue.gamma_multiply(if on || response.hovered() { 1.0 } else { 0.5 }));
    ui.painter().rect(chip, CornerRadius::same(9), fill, edge, StrokeKind::Inside);
    ui.painter().galley(chip.center() - text.size() / 2.0, text, colour);
    response.on_hover_text(hint).clicked()
}
