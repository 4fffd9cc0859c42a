//! Coloured tables as SVG: a number and a colour in each cell.

use std::fmt::Write;

use super::plot::escaped;

/// Tables beside one another, with one scale of colours.
#[derive(Clone, Debug, Default)]
pub struct ColourTables {
    /// Title.
    pub title: String,
    /// Unit of the values.
    pub unit: String,
    /// The scale of the colours.
    pub scale: ColourScale,
    /// The names of rows and columns: axis, items.
    pub rows: (String, Vec<String>),
    /// The names of the columns.
    pub columns: (String, Vec<String>),
    /// The tables, each with its title.
    pub tables: Vec<(String, Vec<Vec<Option<Cell>>>)>,
}

/// A value, and its mark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The value.
    pub value: f64,
    /// True for a bar under the value.
    pub is_marked: bool,
}

/// Colours of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScale {
    /// From 0 up.
    #[default]
    Distance,
    /// Below and above 0.
    Change,
}

/// From paper to ink.
const DISTANCE: [[u8; 3]; 6] =
    [[246, 241, 231], [243, 207, 132], [229, 135, 75], [178, 58, 85], [91, 26, 90], [32, 12, 51]];
/// Two hues around paper.
const CHANGE: [[u8; 3]; 7] =
    [[20, 80, 143], [90, 155, 208], [189, 219, 234], [245, 242, 236], [244, 195, 162], [220, 107, 74], [147, 26, 55]];
/// Width and height of a cell, with the gap.
const CELL: (f64, f64) = (50.0, 30.0);
/// Gap between cells.
const GAP: f64 = 2.0;
/// Width of a character of a label.
const CHARACTER: f64 = 7.2;
/// Distance of two tables.
const APART: f64 = 24.0;
/// Room around.
const MARGIN: f64 = 16.0;
/// Brightness of a colour beyond which text on it is dark.
const BRIGHT: f64 = 140.0;

impl ColourTables {
    /// The tables as an SVG file.
    pub fn svg(&self) -> String {
        let widest = |names: &[String]| names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64;
        let heads = widest(&self.columns.1) * CHARACTER;
        let is_turned = heads > CELL.0 - GAP;
        let head = if is_turned { heads + 8.0 } else { 20.0 };
        let left = MARGIN + widest(&self.rows.1).max(widest(std::slice::from_ref(&self.rows.0))) * CHARACTER + 10.0;
        let table = self.columns.1.len() as f64 * CELL.0;
        let count = self.tables.len().max(1) as f64;
        let width = left + count * table + (count - 1.0) * APART + MARGIN;
        let width = width.max(MARGIN * 2.0 + self.title.chars().count() as f64 * 9.0);
        let has_titles = self.tables.iter().any(|(title, _)| !title.is_empty());
        let top = 58.0 + if has_titles { 20.0 } else { 0.0 } + head;
        let height = top + self.rows.1.len() as f64 * CELL.1 + MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{MARGIN}\" y=\"28\" font-size=\"16\">{}</text>\n\
             <text x=\"{MARGIN}\" y=\"46\" fill=\"#6a6570\">{}; rows: {}, columns: {}</text>\n",
            escaped(&self.title),
            escaped(&self.unit),
            escaped(&self.rows.0),
            escaped(&self.columns.0),
        );
        let largest = self.largest();
        for (index, (title, cells)) in self.tables.iter().enumerate() {
            let start = left + index as f64 * (table + APART);
            // Writing to a string does not fail.
            let _ = writeln!(
                svg,
                "<text x=\"{start:.0}\" y=\"{:.0}\" font-weight=\"bold\">{}</text>",
                72.0,
                escaped(title)
            );
            for (column, name) in self.columns.1.iter().enumerate() {
                let x = start + (column as f64 + 0.5) * CELL.0;
                let name = escaped(name);
                let _ = if is_turned {
                    let (x, y) = (x + 4.0, top - 6.0);
                    writeln!(svg, "<text transform=\"translate({x:.0} {y:.0}) rotate(-90)\">{name}</text>")
                } else {
                    writeln!(svg, "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{name}</text>", top - 6.0)
                };
            }
            for (row, cells) in cells.iter().enumerate() {
                let y = top + row as f64 * CELL.1;
                for (column, cell) in cells.iter().enumerate() {
                    let x = start + column as f64 * CELL.0;
                    self.draw(&mut svg, (x, y), *cell, largest);
                }
            }
        }
        for (row, name) in self.rows.1.iter().enumerate() {
            let y = top + row as f64 * CELL.1 + 19.0;
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{y:.0}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                escaped(name)
            );
        }
        svg + "</svg>\n"
    }

    fn draw(&self, svg: &mut String, (x, y): (f64, f64), cell: Option<Cell>, largest: f64) {
        let (width, height) = (CELL.0 - GAP, CELL.1 - GAP);
        let Some(Cell { value, is_marked }) = cell else {
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"#eeeae3\"/>"
            );
            return;
        };
        let colour = match self.scale {
            ColourScale::Distance => mixed(&DISTANCE, value / largest),
            ColourScale::Change => mixed(&CHANGE, f64::midpoint(value / largest, 1.0)),
        };
        let [r, g, b] = colour;
        let is_bright = 0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b) > BRIGHT;
        let ink = if is_bright { "#1d1b20" } else { "#ffffff" };
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{ink}\" text-anchor=\"middle\">{}</text>",
            x + width / 2.0,
            y + 18.0,
            number(value, self.scale)
        );
        if is_marked {
            let _ = writeln!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"2.5\" fill=\"{ink}\"/>",
                x + 8.0,
                y + height - 5.0,
                width - 16.0
            );
        }
    }

    /// The largest value without its sign.
    fn largest(&self) -> f64 {
        let cells = self.tables.iter().flat_map(|(_, cells)| cells.iter().flatten()).flatten();
        cells.map(|cell| cell.value.abs()).fold(1e-12, f64::max)
    }
}

/// The colour at a place from 0 to 1.
fn mixed(stops: &[[u8; 3]], place: f64) -> [u8; 3] {
    let at = place.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let index = (at as usize).min(stops.len() - 2);
    let part = at - index as f64;
    let (from, to) = (stops[index], stops[index + 1]);
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(from[channel]), f64::from(to[channel]));
        (from + (to - from) * part).round() as u8
    })
}

/// A number of three digits.
fn number(value: f64, scale: ColourScale) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{size:.digits$}");
    let is_nothing = text.chars().all(|digit| "0.".contains(digit));
    match (is_nothing, scale) {
        (true, _) => "0".to_owned(),
        _ if value < 0.0 => format!("−{text}"),
        (false, ColourScale::Change) => format!("+{text}"),
        (false, ColourScale::Distance) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_colour_and_its_number() {
        let cell = |value, is_marked| Some(Cell { value, is_marked });
        let tables = ColourTables {
            title: "Motion <1>".into(),
            unit: "levels".into(),
            scale: ColourScale::Change,
            rows: ("layer".into(), vec!["first".into(), "last".into()]),
            columns: ("site".into(), vec!["ffn.out".into(), "b".into()]),
            tables: vec![(String::new(), vec![vec![cell(-2.0, false), cell(2.0, true)], vec![cell(0.0, false), None]])],
        };
        let svg = tables.svg();
        for part in ["Motion &lt;1&gt;", "#14508f", ">−2.00<", "#931a37", ">+2.00<", "#f5f2ec", ">0<", "#eeeae3"] {
            assert_eq!(svg.matches(part).count(), 1, "{part}\n{svg}");
        }
        assert_eq!(svg.matches("height=\"2.5\"").count(), 1, "one mark");
        assert_eq!(svg.matches("rotate(-90)").count(), 2, "long names are turned");
    }

    #[test]
    fn numbers_have_three_digits() {
        let of = |value| number(value, ColourScale::Distance);
        assert_eq!([of(0.001), of(0.126), of(12.34), of(250.4)], ["0", "0.13", "12.3", "250"]);
    }
}
