//! The words of the prompt under the picture, as chips with the live attention to each.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, Color32, CornerRadius, CursorIcon, DragAndDrop, Rect, Response, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, WidgetType, pos2, vec2,
};

use crate::media::Map;
use crate::ui::document::words::{DraggedWord, aim, is_aimed, silence, words_of};
use crate::ui::panels::preview::image;
use crate::ui::theme;
use crate::ui::widgets::mark::mark;
use crate::ui::workspace::Workspace;
use crate::ui::workspace::probes::Probe;

/// The height of a chip.
const HEIGHT: f32 = 26.0;
/// The space between chips, and between their lines.
const GAP: f32 = 4.0;
/// The lines of chips in sight. Their height is fixed, so that another prompt moves no pad; a longer prompt scrolls.
const LINES: f32 = 2.0;
/// The most words with a live map.
const MOST_MAPS: usize = 32;

/// Shows a chip for each word of the prompt. A click targets it, an Alt-click mutes it, a drag brings it to the canvas. `place` is the
/// place for a new node; without `can_edit`, the words only show their maps. Returns the name of the probe of the word under the pointer.
pub fn words_ui(
    ui: &mut Ui,
    workspace: &mut Workspace,
    place: impl Fn(&Workspace) -> [f64; 2],
    can_edit: bool,
) -> Option<String> {
    let height = LINES * (HEIGHT + GAP);
    ui.set_min_height(height);
    let area = ScrollArea::vertical().id_salt("words").max_height(height).min_scrolled_height(height);
    area.auto_shrink(false).show(ui, |ui| chips_ui(ui, workspace, place, can_edit)).inner
}

/// The chips of [`words_ui`].
fn chips_ui(
    ui: &mut Ui,
    workspace: &mut Workspace,
    place: impl Fn(&Workspace) -> [f64; 2],
    can_edit: bool,
) -> Option<String> {
    let prompt = workspace.playback.live.prompt();
    // Nodes of the words of a subpatch would aim beside the model, which is outside.
    if prompt.is_empty() || !workspace.editor.location.path.is_empty() {
        return None;
    }
    let patch = Arc::clone(workspace.editor.patch());
    let words = words_of(&prompt);
    let probes = &mut workspace.playback.probes;
    let mut means: Vec<Option<f64>> =
        words.iter().take(MOST_MAPS).map(|word| probes.want(Probe::Word((*word).to_owned())).map(mean)).collect();
    means.resize(words.len(), None);
    let most = means.iter().flatten().copied().fold(1e-9, f64::max);
    let mut hovered = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = [GAP, GAP].into();
        for (word, mean) in words.into_iter().zip(means) {
            let name = Probe::Word(word.to_owned()).to_string();
            let is_on = is_aimed(&patch, word);
            let chip = chip_ui(ui, workspace, word, is_on, mean.map(|mean| (name.as_str(), mean / most)));
            if chip.hovered() {
                hovered = Some(name);
            }
            let share = mean.map_or_else(String::new, |mean| format!("{:.1} % of the attention to the prompt. ", 100.0 * mean));
            let hint = if can_edit {
                format!(
                    "{share}Click: the selected Words node targets it, or a new one. Alt-click: mute it. Drag it onto a node: the node \
                     targets it."
                )
            } else {
                share
            };
            if !chip.on_hover_text(hint).clicked() || !can_edit {
                continue;
            }
            let place = place(workspace);
            let editor = &mut workspace.editor;
            if ui.input(|i| i.modifiers.alt) {
                if let Some(step) = silence(&patch, word, place) {
                    editor.apply(step);
                }
            } else {
                let selected = editor.selection.first().filter(|_| editor.selection.len() == 1).cloned();
                let (step, id) = aim(&patch, selected.as_deref(), word, place);
                if editor.apply(step) {
                    editor.selection = [id].into();
                }
            }
        }
    });
    hovered
}

/// The mean of a map: the word's share of the attention.
fn mean(map: &Map) -> f64 {
    let sum: f64 = map.values.iter().map(|value| f64::from(*value)).sum();
    sum / map.values.len().max(1) as f64
}

/// A chip: the map, the word, and a bar of its share. `measured` is the name of the probe, and the share of the largest one.
fn chip_ui(ui: &mut Ui, workspace: &mut Workspace, word: &str, is_on: bool, measured: Option<(&str, f64)>) -> Response {
    let colour = if is_on { theme::accent() } else { theme::text() };
    let text = ui.painter().layout_no_wrap(word.to_owned(), theme::proportional(theme::BODY), colour);
    let map = measured.and_then(|(name, _)| {
        let Workspace { playback, .. } = workspace;
        let texture = playback.images.probe(ui.ctx(), name, playback.probes.map(name)?)?;
        let wide = (HEIGHT - 4.0) * texture.aspect_ratio().clamp(0.5, 2.0);
        Some((texture.clone(), wide))
    });
    let left = map.as_ref().map_or(theme::UNIT, |(_, wide)| wide + 8.0);
    let size = vec2((left + text.size().x + theme::UNIT).min(ui.available_width().max(60.0)), HEIGHT);
    let (rect, chip) = ui.allocate_exact_size(size, Sense::click_and_drag());
    chip.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, is_on, format!("word {word}")));
    mark(ui, &format!("word {word}"), rect);
    let fill = if chip.hovered() { theme::title() } else { theme::well() };
    let edge = Stroke::new(1.0, if is_on { theme::accent() } else { theme::line() });
    ui.painter().rect(rect, CornerRadius::same(5), fill, edge, StrokeKind::Inside);
    if let Some((texture, wide)) = map {
        let place = Rect::from_min_size(rect.min + vec2(2.0, 2.0), vec2(wide, HEIGHT - 4.0));
        ui.painter().rect_filled(place, 3.0, theme::preview());
        image(ui, &texture, place, Color32::WHITE);
    }
    let clip = ui.painter().with_clip_rect(rect);
    clip.galley(pos2(rect.left() + left, rect.center().y - text.size().y / 2.0 - 1.0), text.clone(), colour);
    if let Some((_, share)) = measured {
        let from = pos2(rect.left() + left, rect.bottom() - 5.0);
        let whole = Rect::from_min_size(from, vec2(rect.right() - theme::UNIT - from.x, 2.0));
        ui.painter().rect_filled(whole, 1.0, theme::line());
        let part = Rect::from_min_size(from, vec2(whole.width() * share as f32, 2.0));
        ui.painter().rect_filled(part, 1.0, theme::kind_colours(bendrack_nodes::node::value::Kind::Map).0);
    }
    if chip.drag_started() {
        DragAndDrop::set_payload(ui.ctx(), DraggedWord(word.to_owned()));
    }
    if chip.dragged()
        && let Some(at) = ui.input(|i| i.pointer.interact_pos())
    {
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        let painter = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Tooltip, ui.id().with("dragged word")));
        let text = painter.layout_no_wrap(word.to_owned(), theme::proportional(theme::BODY), theme::canvas());
        let ground = Align2::LEFT_BOTTOM.anchor_size(at, text.size() + vec2(12.0, 6.0));
        painter.rect_filled(ground, 5.0, theme::accent());
        painter.galley(ground.min + vec2(6.0, 3.0), text, theme::canvas());
    }
    chip
}
