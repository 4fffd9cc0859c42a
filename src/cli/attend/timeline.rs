//! The timeline: a video of maps from the first denoising step to the last.

use std::path::Path;

use bendrack_nodes::program::source::ColourMap;

use super::subject::{Axes, Cell, Subject, probe_name};
use crate::cli::Failure;
use crate::cli::record::output;
use crate::engine::model::FRAME_RATE;
use crate::engine::{Frame, Taps};
use crate::media::{Map, Picture};
use crate::output::heatmap::{self, Shown};
use crate::output::scale::scaled;
use crate::output::sheet::sheet;
use crate::output::video::{self, End, VideoWriter};

/// Largest width of the video, in pixels.
const WIDEST: usize = 3840;
/// Largest height.
const HIGHEST: usize = 2160;
/// Cover of the picture by the map of the first column.
const COVER: f32 = 0.7;

/// A video with a row for each subject: the picture under the mean of its map, then its map at each denoising step.
pub(super) struct Timeline(Box<dyn VideoWriter>);

impl Timeline {
    /// A timeline in a file.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        video::open(path, FRAME_RATE).map(Self).map_err(|error| output(&error))
    }

    /// Adds a picture with the maps of its latent frame.
    pub(super) fn push(&mut self, frame: &Frame, subjects: &[Subject], axes: Axes) -> crate::output::Result<()> {
        let picture = fitting(&frame.picture, axes.steps + 1, subjects.len());
        let subjects = subjects.iter().enumerate().filter(|(_, subject)| **subject != Subject::Neurons);
        let rows: Vec<Vec<Picture>> = subjects
            .map(|(number, subject)| {
                let maps: Vec<Map> =
                    (0..axes.steps).map(|step| step_map(number, subject, step, axes, &frame.probes)).collect();
                row(&picture, &maps)
            })
            .collect();
        let rows: Vec<Vec<&Picture>> = rows.iter().map(|row| row.iter().collect()).collect();
        match sheet(&rows, [0; 3]) {
            Some(sheet) => self.0.push(&sheet),
            None => Ok(()),
        }
    }

    /// Ends the video.
    pub(super) fn finish(self) -> Result<(), String> {
        self.0.finish(End::Whole).map_err(|error| error.to_string())
    }
}

/// The picture in a size of which as many fit into a video.
fn fitting(picture: &Picture, columns: usize, rows: usize) -> Picture {
    let most = |largest: usize, count: usize| largest / count.max(1) - 2;
    let (width, height) = (most(WIDEST, columns), most(HIGHEST, rows));
    let part = (width as f64 / picture.width as f64).min(height as f64 / picture.height as f64).min(1.0);
    let side = |length: usize| ((length as f64 * part) as usize).max(8);
    scaled(picture, side(picture.width), side(picture.height)).into_owned()
}

/// The map of a subject at a denoising step: the mean over layers and heads.
fn step_map(number: usize, subject: &Subject, step: usize, axes: Axes, probes: &Taps) -> Map {
    let cells = subject.cells(axes).filter(|cell: &Cell| cell.step == step);
    let maps: Vec<&Map> = cells.filter_map(|cell| probes.get(&*probe_name(number, cell))).collect();
    mean(&maps)
}

/// The mean of maps of one size; empty without maps.
fn mean(maps: &[&Map]) -> Map {
    let Some(first) = maps.first() else { return Map::default() };
    let value =
        |at: usize| maps.iter().map(|map| map.values.get(at).copied().unwrap_or(0.0)).sum::<f32>() / maps.len() as f32;
    Map { values: (0..first.values.len()).map(value).collect(), ..**first }
}

/// The pictures of a row: maps share the range from 0 to the largest value, so that a form appears as it gains weight.
fn row(picture: &Picture, maps: &[Map]) -> Vec<Picture> {
    let largest = maps.iter().flat_map(|map| &map.values).fold(0.0_f32, |most, value| most.max(*value));
    let shown = Shown { range: Some((0.0, f64::from(largest))), ..ColourMap::default().into() };
    let whole = mean(&maps.iter().filter(|map| map.is_whole()).collect::<Vec<_>>());
    let begin = heatmap::over(picture, &whole, COVER, &ColourMap::default().into());
    let steps = maps.iter().map(|map| heatmap::alone(map, picture.width, picture.height, &shown));
    std::iter::once(begin).chain(steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_the_weight_of_each_step() {
        let map = |value: f32| Map { width: 2, height: 2, values: vec![0.0, 0.0, 0.0, value] };
        let row = row(&Picture::filled(16, 16, [80; 3]), &[map(0.1), map(0.5), map(1.0)]);
        assert_eq!(row.len(), 4);
        let light =
            |picture: &Picture| picture.rgb[3 * (16 * 15 + 15)..].iter().map(|&level| u32::from(level)).sum::<u32>();
        assert!(
            light(&row[1]) < light(&row[2]) && light(&row[2]) < light(&row[3]),
            "{:?}",
            row.iter().map(light).collect::<Vec<_>>()
        );
    }

    #[test]
    fn fifty_steps_fit_into_a_video() {
        let small = fitting(&Picture::black(128, 128), 51, 2);
        assert!(small.width == small.height && 51 * (small.width + 2) <= WIDEST, "{} pixels", small.width);
        assert_eq!(fitting(&Picture::black(128, 128), 5, 2).width, 128);
    }
}
