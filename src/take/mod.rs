//! Takes: everything that came from outside while a video was played, in a file, so that the video can be made again.
//!
//! A take begins with patch, seed, model and size. Events, edits and the decisions of the clock follow, one line each. The format is
//! documented in docs/takes.md.

pub mod folder;
pub mod keep;
mod line;
pub mod lock;
mod performance;
pub mod read;
mod summary;
#[cfg(test)]
mod tests;
pub mod write;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::engine::Timeline;
use crate::sound::Channels;

pub use performance::{Left, Performance};
pub use read::Take;
pub use summary::Summary;
pub use write::{TakeState, TakeWriter};

/// The largest scale of the screen.
const MOST_ZOOM: usize = 16;

/// The version of the format. Version 1 has no failed model calls. Versions 1 and 2 have neither devices of controls, nor
/// MIDI messages other than controllers and notes.
pub const VERSION: u64 = 3;
/// The oldest version that is read.
const OLDEST: u64 = 1;

/// The beginning of a take: what the video is made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    #[serde(rename = "bendrack-take")]
    pub version: u64,
    /// The version of bendrack.
    pub bendrack: String,
    /// The model: `mini`, a name, or the path of a folder.
    pub model: String,
    /// The family that the model is run as.
    pub family: String,
    /// The SHA-256 fingerprint of its weights, in hexadecimal.
    pub model_sha256: String,
    /// Width and height of the model's picture, in pixels.
    pub size: [usize; 2],
    /// Scale of the screen, times that size.
    pub zoom: usize,
    /// True if every bent map was computed explicitly.
    #[serde(default)]
    pub exact: bool,
    /// The latent frames of a clip, for a video of clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<usize>,
    /// The sound file that played into the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<SoundFile>,
    /// The kind of processor.
    pub processor: String,
    /// The patch.
    pub patch: serde_json::Value,
}

impl Header {
    /// The pictures of so many latent frames.
    pub(crate) fn pictures(&self, latent_frames: usize) -> u64 {
        Timeline::new(self.clip).pictures_before(latent_frames) as u64
    }

    /// Scale of the screen, within the limits of renders: a file may hold any number.
    pub fn zoom(&self) -> usize {
        self.zoom.clamp(1, MOST_ZOOM)
    }
}

/// A sound file of a take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundFile {
    /// Its path when the take was played.
    pub path: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its channels that the node audio.in analyses.
    #[serde(default, skip_serializing_if = "Channels::is_mean")]
    pub channels: Channels,
}

/// The failure to read or write a take. The message names the file, the line and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeError(String);

impl TakeError {
    fn new(path: &Path, why: impl fmt::Display) -> Self {
        Self(format!("{}: {why}", path.display()))
    }

    fn at(path: &Path, line: usize, why: impl fmt::Display) -> Self {
        Self(format!("{}, line {line}: {why}", path.display()))
    }
}

impl fmt::Display for TakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TakeError {}

/// The kind of this processor. Pictures agree bit for bit on processors of one kind.
pub fn processor() -> String {
    let mut name = std::env::consts::ARCH.to_owned();
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        name.push_str("-avx512");
    } else if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        name.push_str("-avx2");
    }
    name
}
