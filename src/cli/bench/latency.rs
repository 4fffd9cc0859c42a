//! `bendrack bench latency`: time from a touch (MIDI, edit, prompt) to the first picture that it changes.

use std::fmt::Write;

use serde_json::json;

use crate::cli::model::ModelFlags;
use crate::cli::{Failure, bar, print, print_json, size};
use crate::quality::latency::{Latencies, Touch, measure};
use crate::wan::error::message;

#[derive(clap::Args)]
pub(super) struct Latency {
    /// Kind of touch: a MIDI controller, a knob in the window, or another prompt.
    #[arg(long, value_enum, default_value = "midi")]
    touch: Touch,
    /// Touches for each limit of makes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    touches: u64,
    /// Limit of makes per chunk to measure [default: 1, 2, 3, and as many as time allows].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=64))]
    makes: Option<u64>,
    #[command(flatten)]
    model: ModelFlags,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Latency {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let size = match self.size {
            Some(size) => size,
            None => self.model.open().map_err(failed)?.size,
        };
        let limits = match self.makes {
            Some(makes) => vec![Some(makes as usize)],
            None => vec![Some(1), Some(2), Some(3), None],
        };
        let touches = self.touches as usize;
        let bar = bar(touches * limits.len(), "touches");
        let flags = self.model.clone();
        let measured = measure(move || flags.open(), size, self.touch, touches, &limits, || bar.inc(1));
        bar.finish_and_clear();
        let measured = measured.map_err(failed)?;
        if self.json { print_json(&format!("{:#}\n", json(&measured))) } else { print(&table(&measured)) }
    }
}

fn table(measured: &[Latencies]) -> String {
    let mut text =
        String::from("| most makes | used | median | p95 | p99 | late pictures |\n|---|---|---|---|---|---|\n");
    for latencies in measured {
        let limit = latencies.most_makes.map_or_else(|| "as time allows".to_owned(), |makes| makes.to_string());
        let [median, p95, p99] = [0.5, 0.95, 0.99].map(|quantile| latencies.at(quantile));
        let (makes, late) = (latencies.makes, latencies.late);
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {limit} | {makes} | {median:.3} s | {p95:.3} s | {p99:.3} s | {late} |");
    }
    text
}

fn json(measured: &[Latencies]) -> serde_json::Value {
    let row = |latencies: &Latencies| {
        json!({
            "most_makes": latencies.most_makes,
            "makes": latencies.makes,
            "touches": latencies.secs.len(),
            "median_seconds": latencies.at(0.5),
            "p95_seconds": latencies.at(0.95),
            "p99_seconds": latencies.at(0.99),
            "late_pictures": latencies.late,
        })
    };
    measured.iter().map(row).collect()
}
