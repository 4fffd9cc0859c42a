//! Sound, of a file or an audio input: as hops, spectra of a hundredth of a second, and as samples for videos.
//!
//! [`analyse`] turns samples into hops, [`file`] a whole file. Without the feature `audio` both are absent, and
//! [`Sound::open`] fails. [`Samples`] reads a file for a video, [`SoundQueue`] carries the sound of an input to a recording.
//! [`Channels`] is the choice of channels that are analysed.

#[cfg(feature = "audio")]
pub mod analyse;
pub mod channels;
#[cfg(feature = "audio")]
mod container;
mod error;
#[cfg(feature = "audio")]
mod file;
#[cfg(all(test, feature = "audio"))]
mod file_tests;
#[cfg(feature = "audio")]
mod opus;
pub mod queue;
pub mod resample;
pub mod samples;

use std::ops::Range;
use std::path::Path;

use bendrack_nodes::node::sound::{HOPS_PER_SEC, Hop};

pub use channels::Channels;
pub use error::SoundError;
pub use queue::SoundQueue;
pub use samples::Samples;

/// Samples per second of sound in videos.
pub const RATE: u32 = 48_000;

/// Sound of an instant: left and right, 1 at full scale.
pub type Stereo = [f32; 2];

/// Extensions of audio files.
pub const EXTENSIONS: [&str; 24] = [
    "aac", "aif", "aifc", "aiff", "bwf", "caf", "flac", "m4a", "m4b", "mka", "mkv", "mov", "mp1", "mp2", "mp3", "mp4",
    "oga", "ogg", "opus", "rf64", "w64", "wav", "wave", "webm",
];
/// The error of a build without the feature `audio`.
pub const NOT_BUILT: &str =
    "this bendrack has no sound; build it with the feature audio (cargo build --release --features audio)";

/// Sound of a whole file, as hops.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    hops: Vec<Hop>,
    /// True if the mean of the channels is much softer than one of them.
    is_cancelled: bool,
}

impl Sound {
    /// The sound of a list of hops.
    pub fn new(hops: Vec<Hop>) -> Self {
        Self { hops, is_cancelled: false }
    }

    /// The sound of channels of a file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read; the message names it and the next step.
    #[cfg(feature = "audio")]
    pub fn open(path: &Path, channels: Channels) -> Result<Self, SoundError> {
        file::sound(path, channels).map_err(SoundError)
    }

    /// The sound of channels of a file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read; the message names it and the next step.
    #[cfg(not(feature = "audio"))]
    pub fn open(path: &Path, _: Channels) -> Result<Self, SoundError> {
        Err(SoundError(format!("{}: {NOT_BUILT}", path.display())))
    }

    /// The warning for a sound whose channels cancel out: their mean is 12 dB below one of them, or more.
    pub fn warning(&self, path: &Path) -> Option<String> {
        self.is_cancelled.then(|| {
            format!(
                "{}: the mean of the channels is at least 12 dB below one of them; add --audio-channels loudest for the full level",
                path.display()
            )
        })
    }

    /// The length in seconds.
    pub fn secs(&self) -> f64 {
        self.hops.len() as f64 / HOPS_PER_SEC as f64
    }

    /// Hops of a time span, counted from the beginning; silence before the beginning and after the end.
    pub fn span(&self, hops: Range<i64>) -> impl Iterator<Item = Hop> {
        let hop = |index: i64| usize::try_from(index).ok().and_then(|index| self.hops.get(index));
        hops.map(move |index| hop(index).copied().unwrap_or_default())
    }
}

/// True if a path has the extension of an audio file.
pub fn is_named_as_sound(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| EXTENSIONS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_silent_before_and_after() {
        let hop = |amplitude| Hop { bands: [amplitude; _] };
        let sound = Sound::new(vec![hop(0.25), hop(0.5)]);
        let hops: Vec<Hop> = sound.span(-2..4).collect();
        assert_eq!(hops, [hop(0.0), hop(0.0), hop(0.25), hop(0.5), hop(0.0), hop(0.0)]);
        assert!((sound.secs() - 0.02).abs() < 1e-12);
        assert_eq!(sound.span(i64::MAX - 1..i64::MAX).collect::<Vec<_>>(), [hop(0.0)]);
    }

    #[test]
    fn files_of_sound_are_known_by_their_ends() {
        assert!(is_named_as_sound(Path::new("a/b.wav")) && is_named_as_sound(Path::new("B.FLAC")));
        assert!(!is_named_as_sound(Path::new("wav")) && !is_named_as_sound(Path::new("USB Audio.2")));
    }
}
