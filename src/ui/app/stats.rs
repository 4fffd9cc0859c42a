//! Frame times of the window, for `--ui-stats`.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::disk::replace;

/// The most frames that are counted: a day at 60 frames per second.
const MOST: usize = 60 * 60 * 60 * 24;
/// The bounds of the histogram, in milliseconds.
const BOUNDS: [f32; 11] = [1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.7, 25.0, 33.0, 50.0, 100.0];

/// Frame times, written to a file at the end.
pub struct UiStats {
    file: PathBuf,
    /// CPU time of each frame, in milliseconds: interface, tessellation and painting, without the wait for the screen.
    cpu: Vec<f32>,
    /// Milliseconds from one frame to the next.
    intervals: Vec<f32>,
    last: Option<Instant>,
}

impl UiStats {
    /// Frame times for a file.
    pub const fn new(file: PathBuf) -> Self {
        Self { file, cpu: Vec::new(), intervals: Vec::new(), last: None }
    }

    /// Adds a frame, with the CPU time of the one before in seconds.
    pub(super) fn add(&mut self, cpu_secs: Option<f32>) {
        let now = Instant::now();
        if self.cpu.len() < MOST {
            self.cpu.extend(cpu_secs.map(|secs| 1000.0 * secs));
            self.intervals.extend(self.last.map(|last| 1000.0 * (now - last).as_secs_f32()));
        }
        self.last = Some(now);
    }

    fn write(&self) -> io::Result<()> {
        let stats = json!({ "cpu_ms": summary(&self.cpu), "interval_ms": summary(&self.intervals) });
        replace(&self.file, &serde_json::to_vec_pretty(&stats).map_err(io::Error::other)?)
    }
}

impl Drop for UiStats {
    fn drop(&mut self) {
        if let Err(error) = self.write() {
            crate::terminal::print_error(format_args!("{}: {error}", self.file.display()));
        }
    }
}

/// Count, median, 99th percentile, largest, and the number of times up to each bound.
fn summary(times: &[f32]) -> Json {
    let mut sorted = times.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at =
        |part: f64| sorted.get(((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1))).copied();
    let upto = |bound: f32| sorted.partition_point(|time| *time <= bound);
    let histogram: serde_json::Map<String, Json> =
        BOUNDS.iter().map(|bound| (format!("up_to_{bound}"), json!(upto(*bound)))).collect();
    json!({ "count": sorted.len(), "median": at(0.5), "p99": at(0.99), "max": at(1.0), "histogram": histogram })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_times_are_summed_up_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stats.json");
        let mut stats = UiStats::new(file.clone());
        for frame in 0..100_u8 {
            stats.add((frame > 0).then_some(0.002 + if frame > 97 { 0.05 } else { 0.0 }));
        }
        drop(stats);
        let read: Json = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!((&read["cpu_ms"]["count"], &read["interval_ms"]["count"]), (&json!(99), &json!(99)));
        assert!((read["cpu_ms"]["median"].as_f64().unwrap() - 2.0).abs() < 1e-3);
        assert!(read["cpu_ms"]["p99"].as_f64().unwrap() > 50.0);
        assert_eq!(read["cpu_ms"]["histogram"]["up_to_4"], json!(97));
    }
}
