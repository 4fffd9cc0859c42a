//! The summary of a take: its beginning and its length, without its events.

use std::path::Path;

use super::line::Line;
use super::lock::is_recording;
use super::read::{MAX_CALLS, MAX_ENTRIES, open};
use super::{Header, TakeError};
use crate::engine::model::FRAME_RATE;

/// The beginning of the line of frames that are shown.
const SHOW: &str = "[\"show\",";

/// A take as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The title of its patch; empty without one.
    pub title: String,
    /// The model: `mini`, a name, or the path of a folder.
    pub model: String,
    /// Width and height of the model's picture, in pixels.
    pub size: [usize; 2],
    /// Its length in seconds.
    pub secs: f64,
    /// True if the file breaks off.
    pub is_cut: bool,
    /// True if it breaks off because a bendrack records it at this moment.
    pub is_recording: bool,
}

impl Summary {
    /// Reads the summary of a take. Its patch is not compiled, and its events are not read.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, if it is no take, or one of a later version.
    pub fn read(path: &Path) -> Result<Self, TakeError> {
        // First: the recording may end while the file is read.
        let is_recording = is_recording(path);
        let (header, mut lines) = open(path)?;
        let title =
            header.patch.pointer("/meta/title").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let (mut frames, mut number) = (0, 1);
        while let Some(text) = lines.next_line().map_err(|error| TakeError::at(path, number + 1, error))? {
            number += 1;
            if number > MAX_ENTRIES {
                return Err(TakeError::at(path, number, format_args!("more than {MAX_ENTRIES} lines")));
            }
            if text.starts_with(SHOW)
                && let Ok(Line::Show(shown)) = Line::read(&text)
            {
                frames += shown.min(MAX_CALLS);
            }
        }
        let (secs, is_cut) = (header.pictures(frames) as f64 / FRAME_RATE, lines.is_cut);
        let Header { model, size, .. } = header;
        Ok(Self { title, model, size, secs, is_cut, is_recording: is_recording && is_cut })
    }
}
