//! The parts of a model that lie in files, and a user's choice of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use candle_core::{Result, bail};
use serde::Deserialize;

use super::error::About;
use super::family::Family;
use super::weights::{Kind, Products};
use crate::files;

/// A part of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The diffusion transformer.
    Transformer,
    /// Its `config.json`.
    Config,
    /// The UMT5 text encoder.
    TextEncoder,
    /// The tokenizer of the text encoder.
    Tokenizer,
    /// The Wan VAE.
    Vae,
    /// TAEHV, the small decoder.
    Taehv,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Transformer, Self::Config, Self::TextEncoder, Self::Tokenizer, Self::Vae, Self::Taehv];

    /// Its name in commands and in `model.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transformer => "transformer",
            Self::Config => "config",
            Self::TextEncoder => "text_encoder",
            Self::Tokenizer => "tokenizer",
            Self::Vae => "vae",
            Self::Taehv => "taehv",
        }
    }

    /// The names of all parts, for a message.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// True if a checkpoint of this kind can be the part. Parts that are no checkpoints fit none.
    pub const fn is_of(self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Transformer, Kind::Transformer { .. })
                | (Self::TextEncoder, Kind::TextEncoder { .. })
                | (Self::Vae, Kind::Vae { .. })
                | (Self::Taehv, Kind::Taehv { .. })
        )
    }

    /// True if the part is a checkpoint.
    pub const fn is_checkpoint(self) -> bool {
        !matches!(self, Self::Config | Self::Tokenizer)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let name = text.replace('-', "_");
        let found = Self::ALL.into_iter().find(|part| part.name() == name);
        found.ok_or_else(|| format!("there is no part {text:?}; choose from {}", Self::names()))
    }
}

/// A LoRA and its strength.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Its file.
    pub file: PathBuf,
    /// The factor of its changes: 1 as trained.
    pub strength: f64,
}

impl Lora {
    /// A LoRA as it was trained.
    pub const fn new(file: PathBuf) -> Self {
        Self { file, strength: 1.0 }
    }
}

impl FromStr for Lora {
    type Err = String;

    /// Reads `FILE` or `FILE:STRENGTH`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let split = text.rsplit_once(':').filter(|_| !Path::new(text).exists());
        let lora = match split.and_then(|(file, number)| Some((file, number.trim().parse::<f64>().ok()?))) {
            Some((file, strength)) => Self { file: file.into(), strength },
            None => Self::new(text.into()),
        };
        if !lora.strength.is_finite() {
            return Err(format!("the strength of a LoRA is a finite number, not {}", lora.strength));
        }
        if lora.file.as_os_str().is_empty() {
            return Err("there is no file before the strength; write FILE:STRENGTH".to_owned());
        }
        Ok(lora)
    }
}

/// The files that a user chose for a model, before those found in its folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Files by their part.
    pub parts: BTreeMap<Part, PathBuf>,
    /// The LoRAs, in the order in which they are applied; none for those found.
    pub loras: Option<Vec<Lora>>,
    /// The family.
    pub family: Option<Family>,
    /// The numbers that the transformer's large matrices are multiplied in.
    pub products: Option<Products>,
}

/// The name of the file of a folder that chooses its parts.
pub const MODEL_FILE: &str = "model.json";
const MAX_BYTES: u64 = 1 << 20;

/// The form of a [`MODEL_FILE`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    family: Option<String>,
    #[serde(default)]
    parts: BTreeMap<String, PathBuf>,
    loras: Option<Vec<String>>,
    products: Option<String>,
}

impl Choice {
    /// The choice in the [`MODEL_FILE`] of a folder; nothing if there is none. Its paths begin at the folder.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or names what does not exist; the message names it.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let path = folder.join(MODEL_FILE);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let read = || -> Result<Self> {
            if std::fs::metadata(&path)?.len() > MAX_BYTES {
                bail!("the file is too long")
            }
            let file: ModelFile = serde_json::from_slice(&files::read(&path)?).or_else(|error| bail!("{error}"))?;
            let choice = Self::of_file(file).or_else(|error| bail!("{error}"))?;
            choice.found(&[folder])
        };
        read().about(path.display())
    }

    fn of_file(file: ModelFile) -> std::result::Result<Self, String> {
        let part = |(name, path): (String, PathBuf)| Ok((name.parse::<Part>()?, path));
        let family = |name: String| {
            let family = name.parse::<Family>();
            family.map_err(|_| format!("there is no family {name:?}; choose from {}", Family::names(|_| true)))
        };
        let loras =
            |loras: Vec<String>| loras.iter().map(|lora| lora.parse()).collect::<std::result::Result<_, String>>();
        Ok(Self {
            parts: file.parts.into_iter().map(part).collect::<std::result::Result<_, String>>()?,
            loras: file.loras.map(loras).transpose()?,
            family: file.family.map(family).transpose()?,
            products: file.products.map(|products| products.parse()).transpose()?,
        })
    }

    /// The same choice, with each file where it is: under the first of these folders that has it.
    ///
    /// # Errors
    ///
    /// Fails if a file is in none of them; the message names it.
    pub fn found(mut self, folders: &[&Path]) -> Result<Self> {
        let find = |path: &Path, name: &str| {
            let found = folders.iter().map(|folder| folder.join(path)).find(|path| path.exists());
            found.map_or_else(|| bail!("{name}: there is no file {}", path.display()), Ok)
        };
        for (part, path) in &mut self.parts {
            *path = find(path, part.name())?;
        }
        for lora in self.loras.iter_mut().flatten() {
            lora.file = find(&lora.file, "LoRA")?;
        }
        Ok(self)
    }

    /// This choice, and where it has none, that of `other`.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (part, path) in other.parts {
            self.parts.entry(part).or_insert(path);
        }
        Self {
            parts: self.parts,
            loras: self.loras.or(other.loras),
            family: self.family.or(other.family),
            products: self.products.or(other.products),
        }
    }
}
