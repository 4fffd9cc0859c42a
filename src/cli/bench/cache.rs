//! `bendrack bench cache`: cache policies after a step of a bend.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::json;

use crate::cli::files::{Content, Files};
use crate::cli::{Failure, bar, print, print_json};
use crate::disk;
use crate::output::plot::{Chart, Line};
use crate::quality::cache::{AFTER, Answer, Policy, REACHED, Stepped, measure, suitable};
use crate::quality::scene::prompts;
use crate::terminal;
use crate::wan::error::message;

#[derive(clap::Args)]
pub(super) struct Cache {
    /// Number of prompts; each is played once for each policy and bend.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=64))]
    prompts: u64,
    /// Draw the progress of each policy to this file.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Cache {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(path) = &self.plot {
            Files::default().output("--plot", path, Content::Svg).check()?;
        }
        let failed = |error: candle_core::Error| Failure::Failed(message(&error));
        let all = prompts().map_err(failed)?;
        let prompts: Vec<_> = suitable(&all).take(self.prompts as usize).collect();
        let videos = prompts.len() * Stepped::ALL.len() * Policy::ALL.len();
        let bar = bar(videos, "videos");
        let measured = measure(&prompts, || bar.inc(1));
        bar.finish_and_clear();
        let answers = measured.map_err(failed)?;
        if let Some(path) = &self.plot {
            disk::replace(path, chart(&answers).svg().as_bytes()).map_err(|error| {
                Failure::Failed(format!("{}: {error}; give a path that can be written", path.display()))
            })?;
        }
        if (prompts.len() as u64) < self.prompts {
            terminal::print_error(format_args!("warning: only {} prompts suit the measurement", prompts.len()));
        }
        if self.json { print_json(&format!("{:#}\n", json(&answers))) } else { print(&table(&answers)) }
    }
}

fn chart(answers: &[Answer]) -> Chart {
    let line = |answer: &Answer| Line {
        name: answer.policy.name().to_owned(),
        points: answer.progress.iter().enumerate().map(|(chunk, &share)| ((chunk + 1) as f64, share)).collect(),
    };
    Chart {
        title: "The way to the new steady state after a step of a bend".to_owned(),
        x: "chunk after the step".to_owned(),
        y: "share of the way".to_owned(),
        marks: vec![(REACHED, format!("{:.0} %", 100.0 * REACHED))],
        lines: answers.iter().map(line).collect(),
    }
}

fn table(answers: &[Answer]) -> String {
    let mut text = format!(
        "| policy | chunks to {:.0} % | in the first chunk | jump | flicker | drift |\n|---|---|---|---|---|---|\n",
        100.0 * REACHED
    );
    for answer in answers {
        let (policy, first) = (answer.policy.name(), 100.0 * answer.progress.first().copied().unwrap_or(0.0));
        let chunks = match answer.chunks() {
            chunks if chunks > AFTER => format!("more than {AFTER}"),
            chunks => chunks.to_string(),
        };
        let Answer { jump, flicker, drift, .. } = answer;
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {policy} | {chunks} | {first:.0} % | {jump:.1} | {flicker:.1} | {drift:.1} |");
    }
    text
}

fn json(answers: &[Answer]) -> serde_json::Value {
    let row = |answer: &Answer| {
        json!({
            "policy": answer.policy.name(),
            "chunks": Some(answer.chunks()).filter(|chunks| *chunks <= AFTER),
            "progress": answer.progress,
            "jump": answer.jump,
            "flicker": answer.flicker,
            "drift": answer.drift,
        })
    };
    answers.iter().map(row).collect()
}
