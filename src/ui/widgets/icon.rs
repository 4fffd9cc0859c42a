//! Icons that are found in the dark: shapes, drawn at any size.

use eframe::egui::{
    Color32, CornerRadius, Pos2, Rect, Response, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, WidgetType, vec2,
};

use crate::ui::theme;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Two bars: the picture is held.
    Freeze,
    /// A picture that is crossed out: black.
    Blackout,
    /// A triangle with a mark.
    Panic,
    /// A screen on a foot.
    Output,
    /// Four corners.
    Perform,
}

impl Icon {
    /// All icons.
    pub const ALL: [Self; 5] = [Self::Freeze, Self::Blackout, Self::Panic, Self::Output, Self::Perform];

    /// The shapes of the icon in a square.
    pub fn shapes(self, rect: Rect, colour: Color32) -> Vec<Shape> {
        let at = |x: f32, y: f32| -> Pos2 { rect.min + vec2(x, y) * rect.size() };
        let stroke = Stroke::new((rect.width() / 9.0).max(1.2), colour);
        let boxed = |a: Pos2, b: Pos2| Rect::from_min_max(a, b);
        match self {
            Self::Freeze => [0.2, 0.6]
                .map(|x| Shape::rect_filled(boxed(at(x, 0.12), at(x + 0.22, 0.88)), CornerRadius::same(1), colour))
                .into(),
            Self::Blackout => vec![
                Shape::rect_stroke(
                    boxed(at(0.05, 0.16), at(0.95, 0.84)),
                    CornerRadius::same(2),
                    stroke,
                    StrokeKind::Middle,
                ),
                Shape::line_segment([at(0.08, 0.94), at(0.92, 0.06)], stroke),
            ],
            Self::Panic => vec![
                Shape::convex_polygon(
                    vec![at(0.5, 0.06), at(0.98, 0.92), at(0.02, 0.92)],
                    Color32::TRANSPARENT,
                    stroke,
                ),
                Shape::line_segment([at(0.5, 0.36), at(0.5, 0.62)], stroke),
                Shape::circle_filled(at(0.5, 0.77), stroke.width * 0.65, colour),
            ],
            Self::Output => vec![
                Shape::rect_stroke(
                    boxed(at(0.05, 0.12), at(0.95, 0.7)),
                    CornerRadius::same(2),
                    stroke,
                    StrokeKind::Middle,
                ),
                Shape::line_segment([at(0.3, 0.92), at(0.7, 0.92)], stroke),
                Shape::line_segment([at(0.5, 0.7), at(0.5, 0.92)], stroke),
            ],
            Self::Perform => {
                let corner = |x: f32, y: f32| {
                    let (dx, dy) = (0.3 * (0.5 - x).signum(), 0.3 * (0.5 - y).signum());
                    Shape::line(vec![at(x + dx, y), at(x, y), at(x, y + dy)], stroke)
                };
                [(0.08, 0.08), (0.92, 0.08), (0.92, 0.92), (0.08, 0.92)].map(|(x, y)| corner(x, y)).into()
            }
        }
    }
}

/// A button with an icon, lit while it is on.
pub fn icon_button(ui: &mut Ui, icon: Icon, is_on: bool, label: &str, hint: &str) -> Response {
    let side = ui.spacing().interact_size.y + 8.0;
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
    response.widget_info(|| WidgetInfo::selected(WidgetType::Button, true, is_on, label));
    let (fill, colour) = match (is_on, response.hovered()) {
        (true, _) => (theme::warning(), theme::canvas()),
        (false, true) => (theme::title(), theme::text()),
        (false, false) => (Color32::TRANSPARENT, theme::text()),
    };
    ui.painter().rect_filled(rect, 4.0, fill);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 4.0, Stroke::new(1.0, theme::accent()), StrokeKind::Inside);
    }
    ui.painter().extend(icon.shapes(rect.shrink(side * 0.24), colour));
    response.on_hover_text(hint)
}

#[cfg(test)]
mod tests {
    use eframe::egui::pos2;

    use super::*;

    #[test]
    fn icons_stay_in_their_square_and_differ() {
        let square = Rect::from_min_size(pos2(3.0, 5.0), vec2(20.0, 20.0));
        let texts: Vec<String> =
            Icon::ALL.iter().map(|icon| format!("{:?}", icon.shapes(square, Color32::RED))).collect();
        for (index, icon) in Icon::ALL.iter().enumerate() {
            for shape in icon.shapes(square, Color32::RED) {
                let within = shape.visual_bounding_rect();
                assert!(square.expand(2.5).contains_rect(within), "{icon:?}: {within:?}");
            }
            assert!(!texts[..index].contains(&texts[index]), "{icon:?}");
        }
    }
}
