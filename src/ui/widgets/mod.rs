//! Widgets that the canvas and the panels share: knobs, switches, number fields, ranges, cells, buttons, icons, the shapes
//! of kinds.

pub mod cells;
pub mod icon;
pub mod knob;
pub mod mark;
pub mod number;
pub mod range;

use bendrack_nodes::node::value::Kind;
use eframe::egui::epaint::{CircleShape, RectShape};
use eframe::egui::text::{CCursor, CCursorRange, LayoutJob, TextFormat};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{
    Button, Color32, Id, Pos2, Rect, RichText, Shape, Stroke, StrokeKind, Ui, WidgetInfo, WidgetType, vec2,
};

use super::theme;

/// A button without a frame until the pointer is over it.
pub fn flat_button(text: &str) -> Button<'_> {
    Button::new(text).frame_when_inactive(false)
}

/// A small button in a row of a list. True if it is clicked.
pub fn small_button(ui: &mut Ui, text: &str, label: &str, hint: &str) -> bool {
    let button = Button::new(RichText::new(text).size(theme::SMALL).color(theme::weak())).frame_when_inactive(false);
    let button = ui.add(button);
    button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, label));
    button.on_hover_text(hint).clicked()
}

/// Selects all of a text field, so that the first letter replaces its text.
pub fn select_all(ui: &Ui, field: Id, text: &str) {
    let mut state = TextEditState::load(ui.ctx(), field).unwrap_or_default();
    let all = CCursorRange::two(CCursor::new(0), CCursor::new(text.chars().count()));
    state.cursor.set_char_range(Some(all));
    state.store(ui.ctx(), field);
}

/// Minutes and seconds.
pub fn clock(secs: f64) -> String {
    let secs = secs as u64;
    format!("{}:{:02}", secs / 60, secs % 60)
}

/// A help text of this size and colour; names between backticks are in monospace.
pub fn help(text: &str, size: f32, colour: Color32) -> LayoutJob {
    let mut job = LayoutJob::default();
    for (i, part) in text.split('`').enumerate() {
        let font = if i % 2 == 0 { theme::proportional(size) } else { theme::monospace(size) };
        job.append(part, 0.0, TextFormat::simple(font, colour));
    }
    job
}

/// [`help`] as a tooltip.
pub fn tooltip(text: &str) -> LayoutJob {
    help(text, theme::BODY, theme::text())
}

/// The shape of a port of this kind. No two kinds differ by colour alone.
pub fn kind_shape(kind: Kind, at: Pos2, radius: f32, fill: Color32, edge: Stroke) -> Shape {
    let polygon = |corners: usize, turn: f32, radius: f32| {
        let corner = |i: usize| {
            let angle = (i as f32 / corners as f32 + turn) * std::f32::consts::TAU;
            at + vec2(angle.cos(), angle.sin()) * radius
        };
        Shape::convex_polygon((0..corners).map(corner).collect(), fill, edge)
    };
    let boxed = |width: f32, height: f32, round: f32| {
        let rect = Rect::from_center_size(at, vec2(width, height) * radius);
        Shape::Rect(RectShape::new(rect, round * radius, fill, edge, StrokeKind::Middle))
    };
    match kind {
        Kind::Number => Shape::Circle(CircleShape { center: at, radius, fill, stroke: edge }),
        Kind::Gate => boxed(1.8, 1.8, 0.0),
        Kind::Text => boxed(2.4, 1.3, 0.6),
        Kind::Target => polygon(3, 0.0, radius * 1.25),
        Kind::Bend => polygon(4, 0.0, radius * 1.2),
        Kind::Map => polygon(6, 0.0, radius * 1.1),
        Kind::Picture => boxed(2.4, 1.8, 0.25),
        Kind::Any => boxed(1.8, 1.8, 0.6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_help_text_lose_their_backticks() {
        let job = help("free uses `rate` alone", 11.0, Color32::RED);
        assert_eq!(job.text, "free uses rate alone");
        let fonts: Vec<_> = job.sections.iter().map(|part| part.format.font_id.clone()).collect();
        assert_eq!(fonts, [theme::proportional(11.0), theme::monospace(11.0), theme::proportional(11.0)]);
    }

    #[test]
    fn no_two_kinds_have_the_same_shape() {
        let shape = |kind| format!("{:?}", kind_shape(kind, Pos2::ZERO, 5.0, Color32::RED, Stroke::NONE));
        for (i, a) in Kind::ALL.iter().enumerate() {
            for b in &Kind::ALL[..i] {
                assert_ne!(shape(*a), shape(*b), "{a} and {b}");
            }
        }
    }
}
