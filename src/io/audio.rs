//! What is heard: an audio input, or a file in its place.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

#[cfg(feature = "audio")]
use super::capture;
use super::worker::Worker;
use super::{Desk, Kind};
use crate::sound::{self, Sound};

/// What is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    None,
    /// The system's audio input.
    Default,
    /// The audio input with this text in its name, in any case.
    Named(String),
    /// A file, by the time of the video.
    File(PathBuf),
}

impl FromStr for Heard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        match text.trim() {
            "none" => Ok(Self::None),
            "" => Err("write none, default, a part of an input's name, or a file".into()),
            _ if !cfg!(feature = "audio") => Err(sound::NOT_BUILT.into()),
            "default" => Ok(Self::Default),
            _ if path.is_file() || sound::is_named_as_sound(path) => Ok(Self::File(path.into())),
            name => Ok(Self::Named(name.to_lowercase())),
        }
    }
}

impl Heard {
    /// The sound in the file, if it is one. The error is a sentence that names it.
    pub fn sound(&self) -> Result<Option<Arc<Sound>>, String> {
        match self {
            Self::File(path) => Sound::open(path).map(|sound| Some(Arc::new(sound))),
            _ => Ok(None),
        }
    }
}

/// The names of the audio inputs. The error is a sentence: why there can be none, and what to do.
pub fn inputs() -> Result<Vec<String>, String> {
    #[cfg(feature = "audio")]
    return capture::inputs();
    #[cfg(not(feature = "audio"))]
    Err(sound::NOT_BUILT.into())
}

/// Keeps an audio input open.
pub(super) fn follow(heard: &Heard, desk: &Desk) -> Option<Worker> {
    let (wanted, name) = match heard {
        Heard::None | Heard::File(_) => return None,
        Heard::Default => (String::new(), "audio input".to_owned()),
        Heard::Named(text) => (text.to_lowercase(), format!("audio input with {text:?} in its name")),
    };
    let lamp = desk.lamp(Kind::Audio, &name);
    #[cfg(feature = "audio")]
    return Some(capture::follow(wanted, desk, &lamp));
    #[cfg(not(feature = "audio"))]
    {
        let _ = wanted;
        lamp.set(super::State::Failed(sound::NOT_BUILT.into()));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Result<Heard, String> {
        text.parse()
    }

    #[test]
    fn none_and_nothing_are_told_apart() {
        assert_eq!(heard("none"), Ok(Heard::None));
        assert!(heard("").is_err() && heard("  ").is_err());
        assert_eq!(Heard::None.sound(), Ok(None));
    }

    #[cfg(feature = "audio")]
    #[test]
    fn a_file_is_one_that_is_there_or_has_the_name_of_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("without an ending");
        let text = path.to_str().expect("text");
        assert!(matches!(heard(text), Ok(Heard::Named(_))));
        std::fs::write(&path, "").expect("a file");
        assert_eq!(heard(text), Ok(Heard::File(path.clone())));
        assert_eq!(heard("no/such/song.mp3"), Ok(Heard::File("no/such/song.mp3".into())));
        assert_eq!(heard("default"), Ok(Heard::Default));
        assert_eq!(heard("USB Audio"), Ok(Heard::Named("usb audio".into())));
        let problem = Heard::File("no/such/song.mp3".into()).sound().expect_err("there is none");
        assert!(problem.starts_with("no/such/song.mp3: "), "{problem}");
    }

    #[cfg(not(feature = "audio"))]
    #[test]
    fn without_the_feature_it_is_said_how_to_build_it() {
        for text in ["default", "USB", "song.wav"] {
            assert_eq!(heard(text), Err(sound::NOT_BUILT.into()));
        }
        assert!(inputs().is_err());
    }
}
