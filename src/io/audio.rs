//! The source of sound: an audio input, or a file in its place.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "audio")]
use super::capture;
use super::worker::Worker;
use super::{DeviceContext, DeviceError, Kind};
use crate::sound::{self, Channels, Sound, SoundError};

/// The source of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioSource {
    /// None.
    None,
    /// The system's audio input.
    Default,
    /// The audio input with this text in its name, in any case.
    Named(String),
    /// A file, played in the time of the video.
    File(PathBuf),
}

impl FromStr for AudioSource {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let path = Path::new(text);
        match text.trim() {
            "none" => Ok(Self::None),
            "" => Err("write none, default, a part of an input's name, or the path of a file".into()),
            _ if !cfg!(feature = "audio") => Err(sound::NOT_BUILT.into()),
            "default" => Ok(Self::Default),
            _ if path.is_file() || sound::is_named_as_sound(path) => Ok(Self::File(path.into())),
            name => Ok(Self::Named(name.to_lowercase())),
        }
    }
}

impl AudioSource {
    /// The sound of channels of a file; none for other sources.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read; the message names it.
    pub fn sound(&self, channels: Channels) -> Result<Option<Arc<Sound>>, SoundError> {
        match self {
            Self::File(path) => Sound::open(path, channels).map(|sound| Some(Arc::new(sound))),
            _ => Ok(None),
        }
    }
}

/// The names of the audio inputs.
///
/// # Errors
///
/// Fails if the system offers no audio; the message has the next step.
pub fn inputs() -> Result<Vec<String>, DeviceError> {
    #[cfg(feature = "audio")]
    return Ok(capture::inputs()?);
    #[cfg(not(feature = "audio"))]
    Err(sound::NOT_BUILT.into())
}

/// Keeps an audio input open, and analyses these channels of it.
pub(super) fn follow(source: &AudioSource, channels: Channels, context: &DeviceContext) -> Option<Worker> {
    let (wanted, name) = match source {
        AudioSource::None | AudioSource::File(_) => return None,
        AudioSource::Default => (String::new(), "audio input".to_owned()),
        AudioSource::Named(text) => (text.to_lowercase(), format!("audio input with {text:?} in its name")),
    };
    let light = context.light(Kind::Audio, &name);
    #[cfg(feature = "audio")]
    return Some(capture::follow(wanted, channels, context, &light));
    #[cfg(not(feature = "audio"))]
    {
        let _ = (wanted, channels);
        light.set(super::State::Failed(sound::NOT_BUILT.into()));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<AudioSource, DeviceError> {
        text.parse()
    }

    #[test]
    fn none_differs_from_nothing() {
        assert_eq!(source("none"), Ok(AudioSource::None));
        assert!(source("").is_err() && source("  ").is_err());
        assert_eq!(AudioSource::None.sound(Channels::Mean), Ok(None));
    }

    #[cfg(feature = "audio")]
    #[test]
    fn a_file_is_one_that_is_there_or_has_the_name_of_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("without an ending");
        let text = path.to_str().expect("text");
        assert!(matches!(source(text), Ok(AudioSource::Named(_))));
        std::fs::write(&path, "").expect("a file");
        assert_eq!(source(text), Ok(AudioSource::File(path.clone())));
        assert_eq!(source("no/such/song.mp3"), Ok(AudioSource::File("no/such/song.mp3".into())));
        assert_eq!(source("default"), Ok(AudioSource::Default));
        assert_eq!(source("USB Audio"), Ok(AudioSource::Named("usb audio".into())));
        let problem = AudioSource::File("no/such/song.mp3".into()).sound(Channels::Mean).expect_err("there is none");
        assert!(problem.to_string().starts_with("no/such/song.mp3: "), "{problem}");
    }

    #[cfg(not(feature = "audio"))]
    #[test]
    fn without_the_feature_the_error_names_the_build_flag() {
        for text in ["default", "USB", "song.wav"] {
            assert_eq!(source(text), Err(sound::NOT_BUILT.into()));
        }
        assert!(inputs().is_err());
    }
}
