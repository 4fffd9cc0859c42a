//! `bendrack bench`: quality and cost of a model, on this machine.

mod cache;
mod latency;
mod report;

use std::path::{Path, PathBuf};

use bendrack_nodes::compile::plan::DENOISING_STEPS;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::files::{Content, Files};
use super::record::output;
use super::{Failure, bar, print, print_json};
use crate::engine::Frame;
use crate::media::Picture;
use crate::output::sheet::sheet;
use crate::output::video::part::Part;
use crate::quality::rollout::WINDOW_SECS;
use crate::quality::scene::{Prompt, prompts};
use crate::quality::{judge_model, judge_real, rollout, speed};
use crate::terminal;
use crate::wan::error::message;
use report::{Quality, Report, Rollout};

/// Number of prompts of a rollout.
const ROLLOUT_PROMPTS: usize = 4;
/// Largest number of rows on a sheet, one per prompt.
const SHEET_ROWS: usize = 16;

#[derive(clap::Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Measures the small model: size, speed, time to the first picture, agreement with prompts.
    Mini(Mini),
    /// Measures cache policies: how soon the video answers to a step of a bend, and how much it breaks.
    Cache(cache::Cache),
    /// Measures the latency of live play: from a touch to the first picture that it changes.
    Latency(latency::Latency),
}

#[derive(clap::Args)]
struct Mini {
    /// Judge videos of held-out prompts, too.
    #[arg(long)]
    quality: bool,
    /// Number of judged prompts [default: all 256].
    #[arg(long, requires = "quality", value_parser = clap::value_parser!(u64).range(1..))]
    prompts: Option<u64>,
    /// Write frames of the first 16 prompts' videos to this picture, a row for each.
    #[arg(long, requires = "quality", value_name = "FILE.png", value_parser = png)]
    sheet: Option<PathBuf>,
    /// Play four prompts for this many seconds, such as 60, and compare the end with the beginning.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    rollout: Option<f64>,
    /// Denoising steps of a chunk, instead of the model's four. The targets apply to four.
    #[arg(long, value_parser = clap::value_parser!(u64).range(DENOISING_STEPS.0..=DENOISING_STEPS.1))]
    steps: Option<u64>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Mini(mini) => mini.run(),
            What::Latency(latency) => latency.run(),
            What::Cache(cache) => cache.run(),
        }
    }
}

impl Mini {
    fn run(self) -> Result<(), Failure> {
        if let Some(path) = &self.sheet {
            Files::default().output("--sheet", path, Content::Png).check()?;
        }
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let prompts = prompts().map_err(failed)?;
        let Some(first) = prompts.first() else {
            return Err(Failure::Failed("mini's quality/prompts.json has no prompts".to_owned()));
        };
        let steps = self.steps.map(|steps| steps as usize);
        let cost = speed::measure(first, steps).map_err(failed)?;
        let count = self.prompts.map_or(prompts.len(), |count| prompts.len().min(count as usize));
        let quality = if self.quality { Some(self.judge(&prompts[..count], steps)?) } else { None };
        let rollout = self.rollout.map(|secs| roll_out(&prompts[..prompts.len().min(ROLLOUT_PROMPTS)], steps, secs));
        let report = Report { steps, cost, quality, rollout: rollout.transpose().map_err(failed)? };
        if self.json { print_json(&format!("{:#}\n", report.json())) } else { print(&report.text()) }
    }

    fn judge(&self, prompts: &[Prompt], steps: Option<usize>) -> Result<Quality, Failure> {
        let bar = bar(prompts.len(), "prompts");
        let mut rows: Vec<Vec<Frame>> = Vec::new();
        let mini = judge_model(prompts, steps, |frames| {
            if self.sheet.is_some() && rows.len() < SHEET_ROWS {
                rows.push(frames);
            }
            bar.inc(1);
        });
        bar.finish_and_clear();
        let mini = mini.map_err(|error| Failure::Failed(message(&error)))?;
        if let Some(path) = &self.sheet {
            write_sheet(path, &rows)?;
            for (row, prompt) in prompts.iter().take(rows.len()).enumerate() {
                terminal::print_error(format_args!("row {:>2}: {}", row + 1, prompt.caption));
            }
        }
        let real = judge_real(prompts).map_err(|error| Failure::Failed(message(&error)))?;
        Ok(Quality { prompts: prompts.len(), mini, real })
    }
}

fn roll_out(prompts: &[Prompt], steps: Option<usize>, secs: f64) -> candle_core::Result<Rollout> {
    let bar = bar(prompts.len(), "videos");
    let measured = rollout::measure(prompts, steps, secs, || bar.inc(1));
    bar.finish_and_clear();
    let (first, last) = measured?;
    Ok(Rollout { prompts: prompts.len(), secs, first, last })
}

fn write_sheet(path: &Path, rows: &[Vec<Frame>]) -> Result<(), Failure> {
    let rows: Vec<Vec<&Picture>> = rows.iter().map(|row| row.iter().map(|frame| &*frame.picture).collect()).collect();
    let Some(Picture { width, height, rgb }) = sheet(&rows, [0; 3]) else { return Ok(()) };
    let mut part = Part::create(path).map_err(|error| output(&error))?;
    PngEncoder::new(&mut part)
        .write_image(&rgb, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| Failure::Failed(format!("{}: {error}; give a path that can be written", path.display())))?;
    part.keep().map_err(|error| output(&error))
}

fn png(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if is_png { Ok(path) } else { Err("a sheet is a picture: give a name that ends in .png".to_owned()) }
}

/// Length of a rollout: at least two windows, so that beginning and end do not overlap.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (2.0 * WINDOW_SECS..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err(format!("give a number of seconds, {} or more", 2.0 * WINDOW_SECS)),
    }
}
