//! The measurements, as a table or as JSON.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use crate::quality::Verdict;
use crate::quality::overlap::{Overlap, best_cut};
use crate::quality::rollout::{WINDOW_SECS, Window};
use crate::quality::scores::{Property, Scores};
use crate::quality::speed::Cost;

/// Limit of the embedded files, in megabytes.
const MOST_MEGABYTES: f64 = 14.0;
/// Target speed, in pictures per second.
const FEWEST_FRAMES_PER_SEC: f64 = 60.0;
/// Longest acceptable wait for the first picture, in seconds.
const MOST_FIRST_PICTURE_SECS: f64 = 0.5;
/// Target of a rollout: score of things in the last seconds, as a share of that in the first.
const LEAST_KEPT: f64 = 0.9;
/// Note on the score of pointing.
const POINTING: &str = "training had a loss on these maps";
/// Note on the speed in a debug build.
const SPEED: &str = if cfg!(debug_assertions) { "a debug build; release builds are several times faster" } else { "" };

/// All measurements of a run.
pub(super) struct Report {
    /// Denoising steps of a chunk; none for the model's own number.
    pub(super) steps: Option<usize>,
    pub(super) cost: Cost,
    pub(super) quality: Option<Quality>,
    pub(super) rollout: Option<Rollout>,
}

/// Agreement of the model with prompts.
pub(super) struct Quality {
    pub(super) prompts: usize,
    pub(super) mini: Verdict,
    /// Scores of real clips by the same judge.
    pub(super) real: Scores,
}

/// Beginning and end of long videos.
pub(super) struct Rollout {
    pub(super) prompts: usize,
    pub(super) secs: f64,
    pub(super) first: Window,
    pub(super) last: Window,
}

/// A measured number with its target.
struct Figure {
    name: &'static str,
    json_name: &'static str,
    value: f64,
    decimals: usize,
    unit: &'static str,
    target: f64,
    is_upper_limit: bool,
    note: &'static str,
}

impl Figure {
    fn is_met(&self) -> bool {
        if self.is_upper_limit { self.value <= self.target } else { self.value >= self.target }
    }
}

impl Report {
    /// As JSON.
    pub(super) fn json(&self) -> Json {
        let cost: Map<String, Json> = (figures(&self.cost).iter())
            .map(|figure| {
                let json = json!({ "mini": figure.value, "target": figure.target, "met": figure.is_met(), "note": figure.note });
                (figure.json_name.to_owned(), json)
            })
            .collect();
        json!({
            "model": "mini",
            "steps": self.steps,
            "quality": self.quality.as_ref().map(Quality::json),
            "cost": cost,
            "rollout": self.rollout.as_ref().map(Rollout::json),
        })
    }

    /// As tables.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(steps) = self.steps {
            let _ =
                writeln!(text, "{steps} denoising steps of a chunk; the targets are those of the model's own number");
        }
        if let Some(quality) = &self.quality {
            text += &quality.text();
        }
        // Writing to a string does not fail.
        for figure in figures(&self.cost) {
            let Figure { name, value, decimals, unit, target, note, .. } = figure;
            let limit = if figure.is_upper_limit { "at most" } else { "at least" };
            let met = yes_no(figure.is_met());
            let line = format!("{name:<14} {value:>8.decimals$} {unit:<4} {limit:>8} {target:<4} {met:<3}  {note}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if let Some(rollout) = &self.rollout {
            text += &rollout.text();
        }
        text
    }
}

fn figures(cost: &Cost) -> [Figure; 3] {
    [
        Figure {
            name: "files",
            json_name: "megabytes",
            value: cost.bytes as f64 / 1e6,
            decimals: 1,
            unit: "MB",
            target: MOST_MEGABYTES,
            is_upper_limit: true,
            note: "",
        },
        Figure {
            name: "speed",
            json_name: "frames_per_second",
            value: cost.frames_per_sec,
            decimals: 0,
            unit: "fps",
            target: FEWEST_FRAMES_PER_SEC,
            is_upper_limit: false,
            note: SPEED,
        },
        Figure {
            name: "first picture",
            json_name: "first_picture_seconds",
            value: cost.first_picture_secs,
            decimals: 2,
            unit: "s",
            target: MOST_FIRST_PICTURE_SECS,
            is_upper_limit: true,
            note: "",
        },
    ]
}

impl Quality {
    fn json(&self) -> Json {
        let score = |property: Property| {
            let scores = &self.mini.scores;
            let (mini, target) = (scores.share(property)?, property.target());
            let note = (property == Property::Pointing).then_some(POINTING);
            let (real, interval) = (self.real.share(property), scores.interval(property));
            let json = json!({ "mini": mini, "interval": interval, "real": real, "target": target, "met": mini >= target, "note": note });
            Some((property.name().to_owned(), json))
        };
        let scores: Map<String, Json> = Property::ALL.into_iter().filter_map(score).collect();
        let overlap = self.overlap().map(|(cut, mean)| json!({ "cut": cut, "mean": mean }));
        json!({ "prompts": self.prompts, "scores": scores, "overlap": overlap })
    }

    /// Threshold with the largest mean IoU of the words' maps, as a fraction of their range, and this IoU.
    fn overlap(&self) -> Option<(f32, f64)> {
        best_cut(&self.mini.overlaps.iter().collect::<Vec<&Overlap>>())
    }

    fn text(&self) -> String {
        let mut text =
            format!("{:<14} {:>6}  {:<11} {:>6} {:>7}  met\n", "score", "mini", "interval", "real", "target");
        for property in Property::ALL {
            let (name, target) = (property.name(), property.target());
            let number = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"));
            let scores = &self.mini.scores;
            let (mini, real) = (number(scores.share(property)), number(self.real.share(property)));
            let interval = scores.interval(property).map_or(String::new(), |(low, high)| format!("{low:.2}–{high:.2}"));
            let met = scores.share(property).map_or("-", |share| yes_no(share >= target));
            let note = if property == Property::Pointing { POINTING } else { "" };
            let line = format!("{name:<14} {mini:>6}  {interval:<11} {real:>6} {target:>7.2}  {met:<3}  {note}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if let Some((cut, mean)) = self.overlap() {
            let _ = writeln!(
                text,
                "{:<14} {mean:>6.2}  IoU of a word's map, cut at {cut:.2} of its range, and the thing",
                "overlap"
            );
        }
        let _ =
            writeln!(text, "{} held-out prompts, 95 % intervals; real: clips as training drew them\n", self.prompts);
        text
    }
}

impl Rollout {
    /// Rows of the table: name, value at the beginning, value at the end.
    fn rows(&self) -> Vec<(&'static str, f64, f64)> {
        let score = |property: Property| {
            Some((property.name(), self.first.scores.share(property)?, self.last.scores.share(property)?))
        };
        let mut rows: Vec<_> = Property::ALL.into_iter().filter_map(score).collect();
        rows.push(("saturation", self.first.saturation, self.last.saturation));
        rows.push(("contrast", self.first.contrast, self.last.contrast));
        rows
    }

    fn json(&self) -> Json {
        let rows = self.rows().into_iter();
        let rows: Map<String, Json> =
            rows.map(|(name, first, last)| (name.to_owned(), json!({ "first": first, "last": last }))).collect();
        json!({ "prompts": self.prompts, "seconds": self.secs, "window_seconds": WINDOW_SECS, "figures": rows })
    }

    fn text(&self) -> String {
        let mut text = format!("\n{} s of {} prompts\n", self.secs, self.prompts);
        let _ =
            writeln!(text, "{:<14} {:>9} {:>9}", "", format!("first {WINDOW_SECS} s"), format!("last {WINDOW_SECS} s"));
        for (name, first, last) in self.rows() {
            let is_thing = name == Property::Thing.name();
            let met = if is_thing { yes_no(last >= LEAST_KEPT * first) } else { "" };
            let limit = if is_thing { format!("  at least {LEAST_KEPT} of the first  {met}") } else { String::new() };
            let _ = writeln!(text, "{name:<14} {first:>9.2} {last:>9.2}{limit}");
        }
        text
    }
}

const fn yes_no(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores with a number of correct verdicts of 100.
    fn scores(property: Property, right: usize) -> Scores {
        let mut scores = Scores::default();
        for i in 0..100 {
            scores.count(property, i < right);
        }
        scores
    }

    fn report(right: usize, cost: Cost) -> Report {
        let mini = Verdict { scores: scores(Property::Thing, right), overlaps: Vec::new() };
        let quality = Quality { prompts: 7, mini, real: scores(Property::Thing, 100) };
        let window = |right| Window { scores: scores(Property::Thing, right), saturation: 0.3, contrast: 0.2 };
        let rollout = Rollout { prompts: 4, secs: 60.0, first: window(90), last: window(10) };
        Report { steps: None, cost, quality: Some(quality), rollout: Some(rollout) }
    }

    #[test]
    fn reached_targets_differ_from_missed_ones() {
        let good = Cost { bytes: 14_000_000, first_picture_secs: 0.5, frames_per_sec: 60.0 };
        let bad = Cost { bytes: 14_100_000, first_picture_secs: 0.6, frames_per_sec: 59.9 };
        for (report, met) in [(report(85, good), "yes"), (report(84, bad), "no")] {
            let (text, json) = (report.text(), report.json());
            for name in ["thing", "files", "speed", "first picture"] {
                let line = text.lines().find(|line| line.starts_with(name)).expect(name);
                assert!(line.split_whitespace().any(|word| word == met), "{line}");
            }
            let figures =
                json["cost"].as_object().expect("figures").values().chain([&json["quality"]["scores"]["thing"]]);
            for figure in figures {
                assert_eq!(figure["met"], met == "yes", "{figure}");
            }
        }
    }

    #[test]
    fn what_nobody_asked_for_has_no_score_and_a_collapse_shows() {
        let cost = Cost { bytes: 1, first_picture_secs: 1.0, frames_per_sec: 100.0 };
        let report = report(80, cost);
        let text = report.text();
        assert!(text.lines().any(|line| line.starts_with("binding") && line.ends_with('-')), "{text}");
        assert!(report.json()["quality"]["scores"]["binding"].is_null());
        let row = text.lines().rfind(|line| line.starts_with("thing")).expect("a row");
        assert!(row.contains("0.90      0.10") && row.ends_with("no"), "{row}");
        assert_eq!(report.json()["rollout"]["figures"]["thing"]["last"], 0.1);
        let bare = Report { steps: Some(2), cost, quality: None, rollout: None };
        assert_eq!(bare.text().lines().count(), 4);
        assert!(bare.text().starts_with("2 denoising steps") && bare.json()["steps"] == 2);
        assert!(bare.json()["quality"].is_null() && bare.json()["rollout"].is_null());
    }
}
