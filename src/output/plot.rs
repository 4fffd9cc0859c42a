//! Line charts as SVG.

use std::cmp::Ordering;
use std::fmt::Write;

/// A chart of lines.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// Title.
    pub title: String,
    /// Label of the horizontal axis.
    pub x: String,
    /// Label of the vertical axis.
    pub y: String,
    /// Horizontal marks: a value and its text.
    pub marks: Vec<(f64, String)>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The name, written at the end of the line.
    pub name: String,
    /// The points, x and y.
    pub points: Vec<(f64, f64)>,
}

/// Width and height of a chart.
const SIZE: (f64, f64) = (720.0, 400.0);
/// The room for labels: left, right, top, bottom.
const ROOM: (f64, f64, f64, f64) = (64.0, 96.0, 44.0, 52.0);
/// The colours of lines (Okabe and Ito), which colour-blind readers tell apart.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444"];
/// The most ticks of an axis.
const MOST_TICKS: f64 = 8.0;
/// The least distance of two names at the ends of lines, in points.
const NAME_DISTANCE: f64 = 15.0;

impl Chart {
    /// The chart as an SVG file.
    pub fn svg(&self) -> String {
        let finite = || self.lines.iter().flat_map(|line| &line.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let (x, y) = (Axis::of(finite().map(|point| point.0)), Axis::of(finite().map(|point| point.1).chain([0.0])));
        let (left, right, top, bottom) = ROOM;
        let at_x = |value: f64| left + x.place(value) * (SIZE.0 - left - right);
        let at_y = |value: f64| SIZE.1 - bottom - y.place(value) * (SIZE.1 - top - bottom);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{left}\" y=\"26\" font-size=\"16\">{}</text>\n",
            SIZE.0,
            SIZE.1,
            escaped(&self.title)
        );
        let (end_x, end_y) = (SIZE.0 - right, SIZE.1 - bottom);
        // Writing to a string does not fail.
        for tick in y.ticks() {
            let (at, label) = (at_y(tick), number(tick));
            let _ =
                writeln!(svg, "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{end_x}\" y2=\"{at:.1}\" stroke=\"#dddddd\"/>");
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 8.0, at + 4.0);
        }
        for tick in x.ticks() {
            let (at, label) = (at_x(tick), number(tick));
            let _ = writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", end_y + 20.0);
        }
        let _ = writeln!(svg, "<line x1=\"{left}\" y1=\"{end_y}\" x2=\"{end_x}\" y2=\"{end_y}\" stroke=\"#444444\"/>");
        let (middle_x, middle_y) = (f64::midpoint(left, end_x), f64::midpoint(top, end_y));
        let label = escaped(&self.x);
        let _ = writeln!(svg, "<text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", SIZE.1 - 10.0);
        let _ = writeln!(
            svg,
            "<text transform=\"translate(18 {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            escaped(&self.y)
        );
        for (value, text) in &self.marks {
            let (at, text) = (at_y(*value), escaped(text));
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{end_x}\" y2=\"{at:.1}\" stroke=\"#888888\" stroke-dasharray=\"5 4\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" fill=\"#666666\">{text}</text>",
                left + 4.0,
                at - 4.0
            );
        }
        let mut names: Vec<(f64, &str, &str)> = Vec::new();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<String> = (line.points.iter())
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y)))
                .collect();
            let points = points.join(" ");
            let _ =
                writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            if let Some((_, last)) = line.points.iter().rfind(|(x, y)| x.is_finite() && y.is_finite()) {
                names.push((at_y(*last), line.name.as_str(), *colour));
            }
        }
        // Names that would cover one another move apart.
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = top;
        for (at, name, colour) in names {
            let at = at.max(free);
            free = at + NAME_DISTANCE;
            let name = escaped(name);
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>", end_x + 8.0, at + 4.0);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The range of an axis.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// The axis of some values, which ends at ticks.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match low.total_cmp(&high) {
            Ordering::Less => (low, high),
            Ordering::Equal => (low - 0.5, high + 0.5),
            // No values.
            Ordering::Greater => (0.0, 1.0),
        };
        let rough = (high - low) / MOST_TICKS;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// The place of a value on the axis, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(|tick| self.low + tick as f64 * self.step)
    }
}

/// A number without needless digits.
fn number(value: f64) -> String {
    let text = format!("{:.4}", if value.abs() < 5e-5 { 0.0 } else { value });
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// A text in XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_ticks_around_its_values() {
        for values in [vec![0.0, 1.0], vec![-3.2, 7.9], vec![5.0], vec![], vec![1e-6, 3e-6], vec![-1e9, 1e9]] {
            let axis = Axis::of(values.iter().copied());
            let ticks: Vec<f64> = axis.ticks().collect();
            assert!((2..=11).contains(&ticks.len()), "{values:?}: {ticks:?}");
            assert!(values.iter().all(|value| (-1e-9..=1.0 + 1e-9).contains(&axis.place(*value))), "{values:?}");
        }
    }

    #[test]
    fn a_chart_has_its_lines_and_names_apart() {
        let line = |name: &str, end: f64| Line { name: name.to_owned(), points: vec![(1.0, 0.0), (2.0, end)] };
        let lines = vec![line("a < b", 1.0), line("c", 1.0), line("d", f64::NAN)];
        let chart = Chart { title: "T".into(), lines, marks: vec![(0.9, "90 %".into())], ..Chart::default() };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN,") && svg.contains("90 %"));
        let at = |name: &str| {
            let line = svg.lines().find(|line| line.ends_with(&format!(">{name}</text>"))).expect("a name");
            line.split("y=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse::<f64>().ok()).expect("a place")
        };
        assert!((at("a &lt; b") - at("c")).abs() >= NAME_DISTANCE - 0.2);
    }
}
