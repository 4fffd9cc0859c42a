//! Scopes and number displays.

use std::collections::VecDeque;

use bendrack_nodes::node::def::{Input, Output, Scope};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::Port;
use eframe::egui::{Align2, Pos2, Rect, Shape, Stroke, Ui, pos2, vec2};

use crate::ui::canvas::note::empty_text;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// Range of a scope in value and time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    high: f64,
    secs: f64,
}

impl Range {
    /// The height of a value in a drawing, clamped to its edges.
    fn y(self, rect: Rect, value: f64) -> f32 {
        let share = (value - self.low) / (self.high - self.low);
        let share = if share.is_finite() { share.clamp(-0.02, 1.02) } else { 0.5 };
        rect.bottom() - share as f32 * rect.height()
    }
}

/// The value of an input of a scope, with its modulation.
fn input_value(workspace: &Workspace, id: &str, input: &Input) -> f64 {
    let base = workspace.editor.number(id, input.name, input);
    let port = Port { node: id.to_owned(), port: input.name.to_owned() };
    workspace.modulated(&port, input, base).unwrap_or(base)
}

/// The drawing of a scope: its trace over `window` seconds, between `low` and `high`.
pub fn scope_ui(ui: &Ui, workspace: &Workspace, id: &str, scope: Scope, rect: Rect) {
    let zoom = workspace.frame.zoom;
    ui.painter().rect_filled(rect, 3.0 * zoom, theme::well());
    let range = Range {
        low: input_value(workspace, id, scope.low),
        high: input_value(workspace, id, scope.high),
        secs: input_value(workspace, id, scope.window).max(0.05),
    };
    let inside = rect.shrink2(vec2(0.0, 6.0 * zoom));
    grid_lines(ui, inside, range);
    let port = Port { node: id.to_owned(), port: scope.out.name.to_owned() };
    match workspace.playback.live.trace(&port).filter(|trace| trace.len() > 1) {
        Some(trace) => {
            let clipped = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
            let points = points(trace, workspace.playback.live.dt_secs(), range, inside);
            let hue = theme::kind_colours(Kind::Number).0;
            let last = points.last().copied();
            clipped.add(Shape::line(points.clone(), Stroke::new(4.5 * zoom, hue.gamma_multiply(0.13))));
            clipped.add(Shape::line(points, Stroke::new(1.5 * zoom, hue)));
            if let Some(last) = last {
                clipped.circle_filled(last - vec2(2.0 * zoom, 0.0), 2.5 * zoom, hue);
            }
        }
        None if zoom >= theme::NO_TEXT_BELOW => empty_text(ui, rect, "no value yet", zoom),
        None => {}
    }
    if zoom >= theme::NO_TEXT_BELOW {
        let small = theme::monospace(theme::SMALL * 0.85 * zoom);
        let edge = vec2(14.0, 3.0) * zoom;
        let colour = theme::weak().gamma_multiply(0.8);
        // A dark background keeps the text legible.
        let text = |at: Pos2, align: Align2, text: String| {
            let galley = ui.painter().layout_no_wrap(text, small.clone(), colour);
            let place = align.anchor_size(at, galley.size());
            ui.painter().rect_filled(place.expand(1.5 * zoom), 2.0 * zoom, theme::well().gamma_multiply(0.75));
            ui.painter().galley(place.min, galley, colour);
        };
        text(rect.left_top() + edge, Align2::LEFT_TOP, short(range.high));
        text(rect.left_bottom() + vec2(edge.x, -edge.y), Align2::LEFT_BOTTOM, short(range.low));
        text(rect.right_bottom() - edge, Align2::RIGHT_BOTTOM, format!("{} s", short(range.secs)));
    }
}

/// The grid lines at the quarters of time and value, and a brighter one at 0.
fn grid_lines(ui: &Ui, rect: Rect, range: Range) {
    let faint = Stroke::new(1.0, theme::line().gamma_multiply(0.35));
    for i in 0..=4_u8 {
        let share = f32::from(i) / 4.0;
        ui.painter().hline(rect.x_range(), rect.top() + share * rect.height(), faint);
        if (1..4).contains(&i) {
            ui.painter().vline(rect.left() + share * rect.width(), rect.y_range(), faint);
        }
    }
    if range.low < 0.0 && range.high > 0.0 {
        ui.painter().hline(rect.x_range(), range.y(rect, 0.0), Stroke::new(1.0, theme::line()));
    }
}

/// The line of a trace, with the newest value at the right. A dense trace shows the smallest and largest value of each
/// point of the screen.
fn points(trace: &VecDeque<f64>, dt_secs: f64, range: Range, rect: Rect) -> Vec<Pos2> {
    let dt_secs = if dt_secs > 0.0 { dt_secs } else { 0.25 };
    let most = (range.secs / dt_secs).ceil().max(1.0);
    let count = trace.len().min(most as usize + 1);
    let step = f64::from(rect.width()) / most;
    let x = |i: usize| rect.right() - ((count - 1 - i) as f64 * step) as f32;
    let values = trace.iter().skip(trace.len() - count);
    if step >= 1.0 {
        return values.enumerate().map(|(i, value)| pos2(x(i), range.y(rect, *value))).collect();
    }
    let group = (1.0 / step).ceil() as usize;
    let values: Vec<f64> = values.copied().collect();
    let ends = values.chunks(group).enumerate().flat_map(|(i, chunk)| {
        let least = chunk.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = chunk.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let at = x((i * group).min(count - 1));
        [pos2(at, range.y(rect, least)), pos2(at, range.y(rect, greatest))]
    });
    ends.collect()
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// A number as a sign and five characters, so that the digits do not move.
pub fn digits(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !size.is_finite() => "  —  ".to_owned(),
        _ if size < 9.9995 => format!("{size:.3}"),
        _ if size < 99.995 => format!("{size:.2}"),
        _ if size < 999.95 => format!("{size:.1}"),
        _ if size < 99_999.5 => format!("{size:5.0}"),
        _ => format!("{size:5.0e}"),
    };
    let sign = if value < 0.0 && size >= 0.0005 { '−' } else { ' ' };
    format!("{sign}{text}")
}

/// The drawing of a number display.
pub fn display_ui(ui: &Ui, workspace: &Workspace, id: &str, of: &Output, rect: Rect) {
    let zoom = workspace.frame.zoom;
    ui.painter().rect_filled(rect, 3.0 * zoom, theme::well());
    let port = Port { node: id.to_owned(), port: of.name.to_owned() };
    let (text, colour) = match workspace.playback.live.output(&port) {
        Some(value) => (digits(value), theme::kind_colours(Kind::Number).0),
        None => (" —.———".to_owned(), theme::weak().gamma_multiply(0.5)),
    };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::monospace(theme::DISPLAY * zoom), colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_do_not_move() {
        for value in
            [0.0, -0.5, 9.9999, -9.9999, 12.345, -99.999, 100.0, 999.99, -1234.5, 99_999.0, 1e6, -1e12, 1e300, f64::NAN]
        {
            assert_eq!(digits(value).chars().count(), 6, "{value}: {:?}", digits(value));
        }
        assert_eq!(digits(-0.5), "−0.500");
        assert_eq!(digits(-0.0), " 0.000");
    }

    #[test]
    fn a_scope_draws_its_window_and_a_bounded_number_of_points() {
        let rect = Rect::from_min_max(pos2(0.0, 0.0), pos2(160.0, 100.0));
        let trace: VecDeque<f64> = (0..4000).map(|i| f64::from(i % 2)).collect();
        let range = |secs| Range { low: 0.0, high: 1.0, secs };
        let few = points(&trace, 0.25, range(8.0), rect);
        assert_eq!((few.len(), few[0].x, few[32].x), (33, 0.0, 160.0));
        let many = points(&trace, 0.25, range(600.0), rect);
        assert!(many.len() <= 2 * 161, "{}", many.len());
        assert!(many.iter().all(|at| rect.expand(3.0).contains(*at)));
        let beyond = points(&trace, 0.25, Range { low: 5.0, high: 5.0, secs: 8.0 }, rect);
        assert!(beyond.iter().all(|at| at.y.is_finite()));
    }
}
