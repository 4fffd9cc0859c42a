//! The published models that share Wan's transformer, and their settings.

use std::cmp::Reverse;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use candle_core::Result;

use super::noise::{Noise, SameNoise, SeededNoise};
use super::scheduler::{FewStep, Sampling};
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

    /// The names of the families that `filter` accepts, for a message.
    pub fn names(filter: impl Fn(Self) -> bool) -> String {
        let families = Self::ALL.into_iter().filter(|family| filter(*family));
        families.map(Self::name).collect::<Vec<_>>().join(", ")
    }

    /// The family that a path names in whole words. The last name counts, and the longest in a part of the path.
    ///
    /// Many files also name Wan, of which every family is made. Wan therefore counts only where no other family is
    /// named.
    pub fn from_path(path: &Path) -> Option<Self> {
        let named: Vec<Self> = path.iter().rev().filter_map(|part| Self::in_words(&part.to_string_lossy())).collect();
        let other = named.iter().find(|family| **family != Self::Wan);
        other.or(named.first()).copied()
    }

    /// The family with the longest name in a text. Digits, as in Wan2.1, separate words.
    fn in_words(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        let mut families = Self::ALL;
        families.sort_by_key(|family| Reverse(family.name().len()));
        families.into_iter().find(|family| has_run(&words, &family.name().replace('-', "")))
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
            Self::Wan | Self::SelfForcing | Self::LongLive | Self::LongLiveInfinite | Self::CausVid | Self::Krea => {
                Box::new(SeededNoise { seed })
            }
        }
    }

    /// The section of a training checkpoint for the family, if it is not the averaged one. LongLive's LoRA was trained
    /// on `generator`.
    pub const fn section(self) -> Option<&'static str> {
        match self {
            Self::LongLive | Self::LongLiveInfinite => Some("generator"),
            Self::Wan | Self::SelfForcing | Self::CausVid | Self::Krea | Self::Mini => None,
        }
    }

    /// The denoising steps of a streaming family, as released; `None` if it makes whole clips.
    ///
    /// # Errors
    ///
    /// Never: the steps of every family are a schedule.
    pub fn schedule(self) -> Result<Option<FewStep>> {
        match self {
            Self::Wan => Ok(None),
            Self::SelfForcing => FewStep::self_forcing().map(Some),
            Self::LongLive | Self::LongLiveInfinite | Self::Mini => FewStep::long_live().map(Some),
            Self::CausVid => FewStep::caus_vid().map(Some),
            Self::Krea => FewStep::krea(5, 1.0, 5.0).map(Some),
        }
    }

    /// The denoising of clips, as released for Wan. Other families take their steps and the shift that they were trained with, and no
    /// guidance.
    ///
    /// # Errors
    ///
    /// Never: the steps of every family are a schedule.
    pub fn sampling(self) -> Result<Sampling> {
        let Some(schedule) = self.schedule()? else { return Ok(Sampling::WAN) };
        let shift = if self == Self::CausVid { 8.0 } else { 5.0 };
        Ok(Sampling { steps: schedule.timesteps().len(), shift, guidance: 1.0, ..Sampling::WAN })
    }

    /// Denoising in another number of steps, evenly spaced before the warp; none for a model of whole clips.
    ///
    /// # Errors
    ///
    /// Fails for a number of steps out of range.
    pub fn schedule_of(self, count: usize) -> Result<Option<FewStep>> {
        match self {
            Self::Wan => Ok(None),
            Self::SelfForcing | Self::LongLive | Self::LongLiveInfinite | Self::Mini => {
                FewStep::even(count, 5.0).map(Some)
            }
            Self::CausVid => FewStep::even(count, 8.0).map(Some),
            Self::Krea => FewStep::krea(count, 1.0, 5.0).map(Some),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = UnknownFamily;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownFamily> {
        let family = Self::ALL.into_iter().find(|family| family.name() == name);
        family.ok_or_else(|| UnknownFamily(name.to_owned()))
    }
}

/// A name that is not one of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFamily(String);

impl fmt::Display for UnknownFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not one of the model families {}; use one of them", self.0, Family::names(|_| true))
    }
}

impl std::error::Error for UnknownFamily {}

/// True if a run of words, joined, equals `name`.
fn has_run(words: &[&str], name: &str) -> bool {
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
        assert!("wan3".parse::<Family>().expect_err("unknown").to_string().contains("self-forcing"));
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
            ("Wan2.1-T2V-14B/dit.safetensors", Family::Wan),
            ("creative/wan/model.safetensors", Family::Wan),
            ("longlive/wan2.1_1.3b.safetensors", Family::LongLive),
            ("self-forcing/wan/model.pt", Family::SelfForcing),
            ("assets/mini/transformer.safetensors", Family::Mini),
        ] {
            assert_eq!(Family::from_path(Path::new(path)), Some(family), "{path}");
        }
    }

    #[test]
    fn a_path_without_a_name_has_no_family() {
        for path in
            ["", "model.safetensors", "creative/taiwan/model.pt", "checkpoints/minimal.gguf", "long/live/model.pt"]
        {
            assert_eq!(Family::from_path(Path::new(path)), None, "{path}");
        }
    }
}
