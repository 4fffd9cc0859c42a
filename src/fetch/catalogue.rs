//! Models with a name, and the files that each one consists of.

use super::published::{APACHE_WAN, MIT_TAEHV, MODELS, TAE, TOKENIZER, VAE};

/// The place where a file is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// A repository of the hub, `owner/name`, on its main branch.
    Hub(&'static str),
    /// A repository of GitHub at a commit, which publishes no sums.
    GitHub {
        /// `owner/name`.
        repo: &'static str,
        /// The commit in hexadecimal.
        commit: &'static str,
    },
}

/// A published file and its place in a model's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The repository.
    pub home: Home,
    /// The path in the repository.
    pub path: &'static str,
    /// The path in the model's folder.
    pub to: &'static str,
    /// The size, where somebody wrote it down.
    pub bytes: Option<u64>,
    /// The SHA-256, where somebody wrote it down; it serves a plan without the hub.
    pub sha256: Option<&'static str>,
}

/// A licence of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licence {
    /// The parts it covers.
    pub of: &'static str,
    /// The identifier in the SPDX list.
    pub id: &'static str,
    /// The page that states it.
    pub page: &'static str,
    /// The repository whose card states it, if it is on the hub.
    pub repo: Option<&'static str>,
}

/// A model that `bendrack models get` knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name in the command, and of the folder.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// The family that runs it.
    pub family: &'static str,
    /// The licence of the transformer.
    pub licence: Licence,
    /// The files of the transformer.
    pub transformer: &'static [Source],
}

/// The precision of the text encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextEncoder {
    /// The original: bfloat16, 11.4 GB.
    #[default]
    Bf16,
    /// Half precision, 11.4 GB.
    Fp16,
    /// Eight-bit floats with scales, 6.7 GB.
    Fp8,
    /// Eight-bit integers, 6 GB.
    Q8,
    /// Five-bit integers, 4.2 GB.
    Q5,
    /// Four-bit integers, 3.7 GB.
    Q4,
}

impl Model {
    /// The model with a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.name.eq_ignore_ascii_case(name))
    }

    /// Every file of the model's folder.
    pub fn sources(&self, encoder: TextEncoder) -> Vec<Source> {
        let shared = [encoder.source(), TOKENIZER, VAE, TAE];
        self.transformer.iter().copied().chain(shared).collect()
    }

    /// The licences of those files.
    pub fn licences(&self) -> Vec<Licence> {
        let shared = Licence { of: "the VAE, the text encoder and its tokenizer", ..APACHE_WAN };
        let shared = (!self.licence.of.starts_with("Wan")).then_some(shared);
        [self.licence].into_iter().chain(shared).chain([MIT_TAEHV]).collect()
    }
}

impl TextEncoder {
    /// Every precision.
    pub const ALL: [Self; 6] = [Self::Bf16, Self::Fp16, Self::Fp8, Self::Q8, Self::Q5, Self::Q4];

    /// The name in the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Fp8 => "fp8",
            Self::Q8 => "q8",
            Self::Q5 => "q5",
            Self::Q4 => "q4",
        }
    }

    /// The precision with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoder| encoder.name().eq_ignore_ascii_case(name))
    }
}
