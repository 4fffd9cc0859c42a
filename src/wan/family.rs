//! The published models that share Wan's transformer, and their settings.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use candle_core::Result;

use super::noise::{Noise, SameNoise, SeededNoise};
use super::scheduler::FewStep;
use super::streaming::Streaming;

/// A published way to train and run a Wan transformer. File names identify it; the weights do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Wan 2.1 itself: whole clips, many steps, classifier-free guidance.
    Wan,
    /// Self-Forcing: chunks, four steps.
    SelfForcing,
    /// LongLive 1.x.
    LongLive,
    /// LongLive 1.x trained for positions relative to the window.
    LongLiveInfinite,
    /// CausVid.
    CausVid,
    /// Krea realtime 14B.
    Krea,
    /// The small model inside the program.
    Mini,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 7] =
        [Self::Wan, Self::SelfForcing, Self::LongLive, Self::LongLiveInfinite, Self::CausVid, Self::Krea, Self::Mini];

    /// The name in commands and folders.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wan => "wan",
            Self::SelfForcing => "self-forcing",
            Self::LongLive => "longlive",
            Self::LongLiveInfinite => "longlive-infinite",
            Self::CausVid => "causvid",
            Self::Krea => "krea",
            Self::Mini => "mini",
        }
    }

    /// The family named in a path, in whole words, the last name first; [`Self::Wan`] by default.
    pub fn guess(path: &Path) -> Self {
        // More words first: longlive-infinite is not longlive.
        let families =
            [Self::LongLiveInfinite, Self::LongLive, Self::SelfForcing, Self::CausVid, Self::Krea, Self::Mini];
        let mut spoken = path.iter().rev().filter_map(|part| {
            let part = part.to_string_lossy().to_lowercase();
            let words: Vec<&str> = part.split(|c: char| !c.is_alphanumeric()).collect();
            families.into_iter().find(|family| speaks_of(&words, &family.name().replace('-', "")))
        });
        spoken.next().unwrap_or(Self::Wan)
    }

    /// Its streaming; `None` if it makes whole clips.
    pub const fn streaming(self) -> Option<Streaming> {
        match self {
            Self::Wan => None,
            Self::SelfForcing => Some(Streaming::self_forcing()),
            Self::LongLive => Some(Streaming::long_live()),
            Self::LongLiveInfinite => Some(Streaming::long_live_infinite()),
            Self::CausVid => Some(Streaming::caus_vid()),
            Self::Krea => Some(Streaming::krea()),
            Self::Mini => Some(Streaming::mini()),
        }
    }

    /// The noise of a video with this seed.
    pub fn noise(self, seed: u64) -> Box<dyn Noise + Send> {
        match self {
            Self::Mini => Box::new(SameNoise(SeededNoise { seed })),
            _ => Box::new(SeededNoise { seed }),
        }
    }

    /// The section of a training checkpoint for the family, if it is not the averaged one: LongLive's LoRA was
    /// trained on `generator`.
    pub const fn section(self) -> Option<&'static str> {
        match self {
            Self::LongLive | Self::LongLiveInfinite => Some("generator"),
            _ => None,
        }
    }

    /// The denoising steps of a streaming family, as released; `None` if it makes whole clips.
    pub fn schedule(self) -> Result<Option<FewStep>> {
        match self {
            Self::Wan => Ok(None),
            Self::SelfForcing => FewStep::self_forcing().map(Some),
            Self::LongLive | Self::LongLiveInfinite | Self::Mini => FewStep::long_live().map(Some),
            Self::CausVid => FewStep::caus_vid().map(Some),
            Self::Krea => FewStep::krea(5, 1.0, 5.0).map(Some),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        Self::ALL.into_iter().find(|family| family.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|family| family.name()).collect();
            format!("there is no model family {name}; the families are {}", names.join(", "))
        })
    }
}

/// True if a run of words, joined, equals `name`.
fn speaks_of(words: &[&str], name: &str) -> bool {
    (0..words.len()).any(|first| (first..words.len()).any(|last| words[first..=last].concat() == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for family in Family::ALL {
            assert_eq!(family.name().parse(), Ok(family));
            assert_eq!(family.streaming().is_some(), family.schedule().expect("a schedule").is_some());
        }
        assert!("wan3".parse::<Family>().expect_err("unknown").contains("self-forcing"));
    }

    #[test]
    fn published_file_names_are_recognised() {
        for (path, family) in [
            ("Wan2.1-T2V-1.3B/diffusion_pytorch_model.safetensors", Family::Wan),
            ("checkpoints/self_forcing_dmd.pt", Family::SelfForcing),
            ("LongLive-1.3B/models/longlive_base.pt", Family::LongLive),
            ("longlive_infinite/model.pt", Family::LongLiveInfinite),
            ("krea-realtime-video-14b.safetensors", Family::Krea),
            ("CausVid/autoregressive_checkpoint/model.pt", Family::CausVid),
            ("krea/longlive_base.pt", Family::LongLive),
            ("/home/ada/creative/wan/model.safetensors", Family::Wan),
            ("assets/mini/transformer.safetensors", Family::Mini),
        ] {
            assert_eq!(Family::guess(Path::new(path)), family, "{path}");
        }
    }
}
