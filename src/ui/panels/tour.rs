//! The tour: a strip below the canvas with the present step, and an outline around the thing that it is about.

use bendrack_nodes::patch::Port;
use eframe::egui::epaint::CubicBezierShape;
use eframe::egui::{
    Align, Button, Color32, Context, CornerRadius, Id, Label, LayerId, Layout, Order, Painter, Pos2, Rect, RichText,
    Stroke, StrokeKind, Ui, Vec2, WidgetInfo, WidgetType, vec2,
};

use crate::ui::document::tour::{Thing, Tour, TourStep};
use crate::ui::theme;
use crate::ui::widgets::mark::marked;
use crate::ui::widgets::{help, small_button};
use crate::ui::workspace::CanvasFrame;

/// The width from which a line of the tour is not broken.
const WIDE: f32 = 720.0;

/// The answer of the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourAnswer {
    /// Start the tour.
    Start,
    /// No tour now.
    Decline,
    /// Leave out the present step.
    Skip,
    /// End the tour.
    End,
    /// Open the first bend again.
    Reopen,
}

/// The contents of the strip.
pub struct TourView<'a> {
    /// The tour.
    pub tour: &'a Tour,
    /// True if the patch lacks the thing of the step.
    pub is_lost: bool,
    /// A remark on a step that is half done, in place of the keys.
    pub remark: Option<&'a str>,
    /// The result of the last recording.
    pub recorded: Option<&'a str>,
}

/// The height of the strip at this width.
pub fn height(width: f32) -> f32 {
    if width < WIDE { 148.0 } else { 104.0 }
}

/// The offer of the tour.
pub fn offer_ui(ui: &mut Ui) -> Option<TourAnswer> {
    let mut answer = None;
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("New here? A tour of five steps, a few minutes, on this patch.").color(theme::text()));
        if ui.add(button("Start the tour")).clicked() {
            answer = Some(TourAnswer::Start);
        }
        if small_button(ui, "not now", "no tour now", "“Tour” in the menu “View” starts it at any time.") {
            answer = Some(TourAnswer::Decline);
        }
    });
    answer
}

fn button(text: &str) -> Button<'_> {
    Button::new(RichText::new(text).color(theme::canvas())).fill(theme::accent())
}

/// The strip of the tour.
pub fn tour_ui(ui: &mut Ui, view: &TourView<'_>) -> Option<TourAnswer> {
    let mut answer = None;
    ui.spacing_mut().item_spacing.y = theme::UNIT / 2.0;
    ui.horizontal(|ui| {
        steps_ui(ui, view.tour);
        let title = view.tour.step().map_or("The tour is done", TourStep::title);
        ui.label(RichText::new(title).size(theme::LARGE).color(theme::bright()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if view.tour.step().is_none() {
                if ui.add(button("Close the tour")).clicked() {
                    answer = Some(TourAnswer::End);
                }
            } else {
                let hint = "“Tour” in the menu “View” starts it again.";
                if small_button(ui, "end the tour", "end the tour", hint) {
                    answer = Some(TourAnswer::End);
                }
                if small_button(ui, "skip this step", "skip this step", "Goes on to the next step.") {
                    answer = Some(TourAnswer::Skip);
                }
            }
        });
    });
    let Some(step) = view.tour.step() else {
        end_ui(ui, view);
        return answer;
    };
    if view.is_lost {
        ui.horizontal_wrapped(|ui| {
            line_ui(ui, "This patch lacks the nodes of the step.", theme::warning());
            if small_button(ui, "open the first bend", "open the first bend", "Asks about unsaved changes first.") {
                answer = Some(TourAnswer::Reopen);
            }
        });
    } else {
        ui.add(Label::new(help(step.text(), theme::BODY, theme::bright())).wrap());
    }
    match view.remark {
        Some(remark) => line_ui(ui, remark, theme::warning()),
        None => line_ui(ui, step.keys(), theme::weak()),
    }
    if let Some(done) = view.tour.done() {
        line_ui(ui, &format!("✔ {}", done.result()), theme::good());
    }
    answer
}

/// The end: the place of the video, and what is next.
fn end_ui(ui: &mut Ui, view: &TourView<'_>) {
    if view.tour.done() == Some(TourStep::Record) {
        line_ui(ui, &format!("✔ {}", view.recorded.unwrap_or_default()), theme::good());
        line_ui(ui, TourStep::Record.result(), theme::text());
    }
    line_ui(ui, END, theme::text());
}

/// The last words of the tour.
pub const END: &str =
    "Ctrl+T lists the takes of what was played, Ctrl+K keeps one, L has more patches, F1 helps with a node.";

fn line_ui(ui: &mut Ui, text: &str, colour: Color32) {
    ui.add(Label::new(RichText::new(text).size(theme::BODY).color(colour)).wrap());
}

/// A dot for each step: filled once it is behind, a ring for the present one.
fn steps_ui(ui: &mut Ui, tour: &Tour) {
    let of = TourStep::ALL.len();
    let (rect, dots) = ui.allocate_exact_size(vec2(14.0 * of as f32, 16.0), eframe::egui::Sense::hover());
    let number = tour.number();
    let label = if number > of { "tour: done".to_owned() } else { format!("tour: step {number} of {of}") };
    dots.widget_info(|| WidgetInfo::labeled(WidgetType::ProgressIndicator, true, &label));
    for i in 1..=of {
        let at = rect.left_center() + vec2(14.0 * i as f32 - 8.0, 0.0);
        if i < number {
            ui.painter().circle_filled(at, 4.0, theme::accent());
        } else {
            let colour = if i == number { theme::accent() } else { theme::line() };
            ui.painter().circle_stroke(at, 3.5, Stroke::new(1.5, colour));
        }
    }
}

/// Outlines a thing, above the panels and below menus. No outline leaves the canvas.
pub fn outline_ui(ctx: &Context, thing: &Thing, frame: &CanvasFrame, canvas: Rect) {
    let painter = ctx.layer_painter(LayerId::new(Order::Middle, Id::new("tour")));
    let inside = painter.with_clip_rect(canvas);
    match thing {
        Thing::Knob(port) => {
            if let Some((rect, _)) = frame.knobs.iter().find(|(_, other)| other == port) {
                outline(&inside, rect.expand(3.0));
            }
        }
        Thing::Cable(from, to) => {
            let at =
                |port: &Port, output| frame.ports.iter().find(|drawn| drawn.output == output && drawn.port == *port);
            for port in [at(from, true), at(to, false)].into_iter().flatten() {
                outline(&inside, Rect::from_center_size(port.at, Vec2::splat(18.0)));
            }
            if let (Some(from), Some(to)) = (at(from, true), at(to, false)) {
                way(&inside, from.at, to.at);
            }
        }
        Thing::Node(id) => {
            if let Some(rect) = frame.rects.get(id) {
                let title = vec2(rect.width(), theme::TITLE_HEIGHT * frame.zoom);
                outline(&inside, Rect::from_min_size(rect.min, title).expand(2.0));
            }
        }
        Thing::Word(word) => outline_marked(&painter, &format!("word {word}")),
        Thing::Map(id) => outline_marked(&painter, &format!("overlay {id}")),
        Thing::Record => outline_marked(&painter, "record"),
    }
}

fn outline_marked(painter: &Painter, name: &str) {
    if let Some(rect) = marked(painter.ctx(), name) {
        outline(painter, rect.expand(2.0));
    }
}

fn outline(painter: &Painter, rect: Rect) {
    for (width, colour) in [(4.0, Color32::from_black_alpha(160)), (2.0, theme::accent())] {
        painter.rect_stroke(rect, CornerRadius::same(6), Stroke::new(width, colour), StrokeKind::Middle);
    }
}

/// A dashed way of a cable, with an arrow at its end.
fn way(painter: &Painter, from: Pos2, to: Pos2) {
    let bend = vec2(((to.x - from.x).abs() / 2.0).max(24.0), 0.0);
    let points = [from, from + bend, to - bend, to];
    let curve = CubicBezierShape::from_points_stroke(points, false, Color32::TRANSPARENT, Stroke::NONE);
    let stroke = Stroke::new(2.0, theme::accent());
    let line = curve.flatten(Some(0.5));
    painter.extend(eframe::egui::Shape::dashed_line(&line, stroke, theme::DASH.0, theme::DASH.1));
    painter.arrow(to - vec2(20.0, 0.0), vec2(11.0, 0.0), stroke);
}
