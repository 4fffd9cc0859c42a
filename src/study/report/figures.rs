//! Figures of a report: a coloured table for each part and measurement.

use super::Report;
use crate::output::colour_table::{Cell, ColourScale, ColourTables};
use crate::study::measure::{Kind, Measure};

/// Most axes of a figure: rows, columns, tables.
pub const MOST_AXES: usize = 3;

impl Report {
    /// The figure of a part and a measurement, as SVG. None without values, and for more than three axes.
    pub fn figure(&self, part: usize, measure: Measure) -> Option<String> {
        let (about, cells) = (measure.about(), self.parts.get(part)?);
        let part = &self.study.parts[part];
        let axis = |index: usize| part.axes.get(index);
        if part.axes.len() > MOST_AXES || !cells.iter().any(|cell| cell.findings.contains_key(&measure)) {
            return None;
        }
        let names = |index: usize| -> (String, Vec<String>) {
            axis(index).map_or_else(
                || (String::new(), vec![String::new()]),
                |axis| (axis.name.clone(), axis.points.iter().map(|point| point.name.clone()).collect()),
            )
        };
        let (rows, columns, tables) = (names(0), names(1), names(2));
        let cell = |row: usize, column: usize, table: usize| {
            let at =
                |cell: &[usize]| [0, 1, 2].map(|index| cell.get(index).copied().unwrap_or(0)) == [row, column, table];
            let finding = cells.iter().find(|cell| at(&cell.at))?.findings.get(&measure)?;
            Some(Cell { value: finding.mean.mean, is_marked: finding.is_found() })
        };
        let table = |(index, name): (usize, &String)| {
            let row = |row| (0..columns.1.len()).map(|column| cell(row, column, index)).collect();
            let title = if name.is_empty() { String::new() } else { format!("{}: {name}", tables.0) };
            (title, (0..rows.1.len()).map(row).collect())
        };
        let tables = tables.1.iter().enumerate().map(table).collect();
        let yardstick = match (about.kind, self.yardstick.get(&measure)) {
            (Kind::Distance, Some(yardstick)) => format!("; another seed: {yardstick:.2}"),
            (Kind::Change, _) => "; a bar marks a change that the test found".to_owned(),
            _ => String::new(),
        };
        let scale = if about.kind == Kind::Change { ColourScale::Change } else { ColourScale::Distance };
        let title = format!("{}: {}", part.name, about.title);
        Some(ColourTables { title, unit: format!("{}{yardstick}", about.unit), scale, rows, columns, tables }.svg())
    }
}
