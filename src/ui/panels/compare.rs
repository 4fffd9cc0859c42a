//! Bent against unbent: the same picture of the same video with and without bends.

use eframe::egui::{
    Align2, Color32, ColorImage, CursorIcon, Rect, Response, Stroke, TextureHandle, TextureOptions, Ui, pos2, vec2,
};

use crate::engine::Pair;
use crate::media::Picture;
use crate::ui::panels::preview::{fitted, image};
use crate::ui::theme;
use crate::ui::workspace::images::picture;

/// The time of each picture while they flicker, in seconds.
const FLICKER_SECS: f64 = 0.5;
/// The factor of a difference.
const DIFFERENCE_GAIN: u16 = 3;

/// The arrangement of both pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrangement {
    /// Bent on the left, unbent on the right.
    #[default]
    Beside,
    /// One picture, bent up to a line that a drag moves.
    Wipe,
    /// One after the other.
    Flicker,
    /// The difference of both, black where they are equal.
    Difference,
}

impl Arrangement {
    /// All of them, with their names and hints.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Beside, "beside", "Bent on the left, unbent on the right."),
        (Self::Wipe, "wipe", "Bent left of the line, unbent right of it. Drag the line."),
        (Self::Flicker, "flicker", "One after the other, each for half a second."),
        (Self::Difference, "difference", "The difference of both, three times as bright."),
    ];
}

/// The comparison on the preview.
pub struct Compare {
    /// The arrangement.
    pub arrangement: Arrangement,
    /// The pair for now; none before the first. Or the reason for which there is none.
    pub pair: Result<Option<Pair>, String>,
    /// The place of the line of a wipe, 0 to 1.
    line: f32,
    /// The numbers of the pictures in the textures.
    numbers: Option<(u64, u64)>,
    /// Bent, unbent, difference.
    textures: Option<[TextureHandle; 3]>,
}

impl Default for Compare {
    fn default() -> Self {
        Self { arrangement: Arrangement::default(), pair: Ok(None), line: 0.5, numbers: None, textures: None }
    }
}

/// Shows the pair in a rectangle.
pub fn compare_ui(ui: &Ui, compare: &mut Compare, response: &Response, rect: Rect) {
    let pair = match &compare.pair {
        Ok(Some(pair)) => pair.clone(),
        Ok(None) => return note_ui(ui, rect, "Unbent video: not there yet"),
        Err(why) => return note_ui(ui, rect, &format!("Unbent video unavailable: {why}")),
    };
    upload(ui, compare, &pair);
    let Some([bent, unbent, difference]) = &compare.textures else { return };
    let place = fitted(bent, rect);
    let label = |place: Rect, name: &str| {
        let at = place.left_bottom() + vec2(theme::UNIT, -theme::UNIT);
        let font = theme::proportional(theme::SMALL);
        ui.painter().text(at + vec2(1.0, 1.0), Align2::LEFT_BOTTOM, name, font.clone(), Color32::BLACK);
        ui.painter().text(at, Align2::LEFT_BOTTOM, name, font, theme::ON_PICTURE);
    };
    match compare.arrangement {
        Arrangement::Beside => {
            let (left, right) = rect.split_left_right_at_fraction(0.5);
            for (texture, half, name) in [(bent, left.shrink(1.0), "bent"), (unbent, right.shrink(1.0), "unbent")] {
                let place = fitted(texture, half);
                image(ui, texture, place, Color32::WHITE);
                label(place, name);
            }
        }
        Arrangement::Wipe => {
            if response.hovered() {
                ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
            }
            if let Some(at) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
                compare.line = ((at.x - place.left()) / place.width()).clamp(0.0, 1.0);
            }
            let x = place.left() + place.width() * compare.line;
            part(ui, bent, place, 0.0..=compare.line);
            part(ui, unbent, place, compare.line..=1.0);
            ui.painter().vline(x, place.y_range(), Stroke::new(1.5, theme::accent()));
            label(place, "bent");
            let at = place.right_bottom() - vec2(theme::UNIT, theme::UNIT);
            ui.painter().text(at, Align2::RIGHT_BOTTOM, "unbent", theme::proportional(theme::SMALL), theme::ON_PICTURE);
        }
        Arrangement::Flicker => {
            let time = ui.input(|i| i.time);
            let is_bent = ((time / FLICKER_SECS) as u64).is_multiple_of(2);
            image(ui, if is_bent { bent } else { unbent }, place, Color32::WHITE);
            label(place, if is_bent { "bent" } else { "unbent" });
            ui.ctx().request_repaint_after_secs((FLICKER_SECS - time % FLICKER_SECS) as f32);
        }
        Arrangement::Difference => {
            image(ui, difference, place, Color32::WHITE);
            label(place, "difference");
        }
    }
    let cost = format!("unbent: {:.0} fps, delay {:.1} s", pair.speed, pair.behind);
    let at = rect.right_top() + vec2(-theme::UNIT, theme::UNIT + 2.0);
    ui.painter().text(at, Align2::RIGHT_TOP, cost, theme::proportional(theme::SMALL), theme::ON_PICTURE_WEAK);
}

/// Paints a part of a picture in its place, from one share of its width to another.
fn part(ui: &Ui, texture: &TextureHandle, place: Rect, range: std::ops::RangeInclusive<f32>) {
    let x = |share: f32| place.left() + place.width() * share;
    let on = Rect::from_min_max(pos2(x(*range.start()), place.top()), pos2(x(*range.end()), place.bottom()));
    let of = Rect::from_min_max(pos2(*range.start(), 0.0), pos2(*range.end(), 1.0));
    ui.painter().image(texture.id(), on, of, Color32::WHITE);
}

fn note_ui(ui: &Ui, rect: Rect, text: &str) {
    let text = ui.painter().layout(
        text.to_owned(),
        theme::proportional(theme::BODY),
        theme::ON_PICTURE_WEAK,
        rect.width() - 4.0 * theme::UNIT,
    );
    ui.painter().galley(rect.center() - text.size() / 2.0, text, theme::ON_PICTURE_WEAK);
}

/// Uploads the pictures of a pair, if they are not there already.
fn upload(ui: &Ui, compare: &mut Compare, pair: &Pair) {
    let numbers = (pair.bent.number, pair.unbent.number);
    if compare.numbers == Some(numbers) {
        return;
    }
    let (bent, unbent) = (&pair.bent.picture, &pair.unbent.picture);
    let images = [picture(bent), picture(unbent), picture(&difference(bent, unbent))];
    let [Some(bent), Some(unbent), Some(difference)] = images else { return };
    compare.numbers = Some(numbers);
    let set = |texture: &mut TextureHandle, image: ColorImage| texture.set(image, TextureOptions::NEAREST);
    if let Some([a, b, c]) = &mut compare.textures {
        set(a, bent);
        set(b, unbent);
        set(c, difference);
    } else {
        let load = |name: &str, image| ui.ctx().load_texture(name, image, TextureOptions::NEAREST);
        compare.textures = Some([load("bent", bent), load("unbent", unbent), load("difference", difference)]);
    }
}

/// The difference of two pictures of one size, brightened.
fn difference(a: &Picture, b: &Picture) -> Picture {
    let differ = |(a, b): (&u8, &u8)| (u16::from(a.abs_diff(*b)) * DIFFERENCE_GAIN).min(255) as u8;
    Picture { width: a.width, height: a.height, rgb: a.rgb.iter().zip(&b.rgb).map(differ).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pictures_differ_by_black() {
        let (a, b) = (Picture::filled(2, 1, [10, 200, 30]), Picture::filled(2, 1, [20, 100, 30]));
        assert_eq!(difference(&a, &a).rgb, [0; 6]);
        assert_eq!(difference(&a, &b).rgb, [30, 255, 0, 30, 255, 0]);
    }
}
