//! Studies: one patch along axes, on several samples, with measurements of each video against that without bends.
//!
//! A [`Study`] is plain JSON. It expands to the same runs on every machine, so that parts of a study from several machines
//! fit together. `docs/studies.md` has the format.

mod axis;
pub mod compare;
pub mod measure;
pub mod player;
mod reference;
pub mod report;
pub mod runs;
mod setting;
pub mod statistics;
pub mod store;
pub mod sweep;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use bendrack_nodes::patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use axis::{Axis, MOST_POINTS, Point};
pub use setting::Setting;

use crate::disk;
use crate::engine::model::{FRAME_RATE, LATENT_FRAMES};
use crate::files;

/// The value of the `format` key.
pub const FORMAT: &str = "bendrack-study";
/// The present version of the format.
pub const VERSION: u64 = 1;
/// Longest video of a run, in seconds.
const LONGEST: f64 = 3600.0;

/// A result of reading or running a study.
pub type Result<T> = std::result::Result<T, Error>;

/// A problem of a study: its place, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// An error at a place of the study.
    fn at(place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self(format!("{place}: {message}"))
    }

    /// An error about a file.
    pub fn in_file(path: &Path, message: impl fmt::Display) -> Self {
        Self::at(path.display(), message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<files::Error> for Error {
    fn from(error: files::Error) -> Self {
        Self(error.to_string())
    }
}

/// The file of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<PatchSource>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    axes: Vec<axis::Written>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<WrittenPart>,
    samples: Samples,
    #[serde(default = "seconds")]
    seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<PatchSource>,
    #[serde(default)]
    axes: Vec<axis::Written>,
}

/// A patch: the path of its file, or the patch itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum PatchSource {
    Path(PathBuf),
    Patch(Json),
}

/// The samples: every point of the axes runs on each of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Samples {
    /// The patch with these seeds.
    Seeds(Vec<u64>),
    /// This number of held-out scenes of the small model's world: each replaces prompt and seed of the patch.
    Scenes(u64),
}

/// Default length of a run, in seconds.
const fn seconds() -> f64 {
    2.0
}

/// A part of a study: a patch along axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The patch.
    pub patch: Patch,
    /// The axes. The points of all of them are combined.
    pub axes: Vec<Axis>,
}

/// A study with its patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// The samples.
    pub samples: Samples,
    /// Length of a video, in seconds.
    pub seconds: f64,
    /// The study as JSON, with its patches inside: the identity of the study.
    pub whole: Json,
}

impl Study {
    /// Reads a study, with the patches that it names.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read, or if the study has a mistake: the message names its place.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path).map_err(|error| files::Error::new(path, error))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::read(&bytes, folder).map_err(|error| Error::at(path.display(), error))
    }

    /// Reads the study that a folder of results keeps.
    ///
    /// # Errors
    ///
    /// Fails if the text is no study.
    pub fn from_whole(whole: &Json) -> Result<Self> {
        Self::read(whole.to_string().as_bytes(), Path::new(""))
    }

    fn read(bytes: &[u8], folder: &Path) -> Result<Self> {
        let mut file: File = serde_json::from_slice(bytes).map_err(|error| Error(error.to_string()))?;
        if file.format != FORMAT {
            return Err(Error::at("format", format!("{:?} is not {FORMAT:?}; give the file of a study", file.format)));
        }
        if file.version != VERSION {
            let message = format!("{} is not {VERSION}, the version that this program reads", file.version);
            return Err(Error::at("version", message));
        }
        if !(file.seconds > 0.0 && file.seconds <= LONGEST) {
            return Err(Error::at("seconds", format!("give a number above 0, at most {LONGEST}")));
        }
        file.samples.check()?;
        if file.parts.is_empty() {
            let (name, axes, patch) = (file.title.clone(), std::mem::take(&mut file.axes), file.patch.take());
            file.parts.push(WrittenPart { name, description: String::new(), patch, axes });
        } else if !file.axes.is_empty() {
            return Err(Error::at("axes", "a study with parts has its axes in them; move these into a part"));
        }
        let shared = file.patch.take();
        let parts = file.parts.iter_mut().enumerate().map(|(index, part)| {
            let place = format!("parts.{index}");
            part.patch = part.patch.take().or_else(|| shared.clone());
            part.read(folder).map_err(|error| Error::at(place, error))
        });
        let parts = parts.collect::<Result<Vec<Part>>>()?;
        if let Some(twice) = repeated(&parts.iter().map(|part| &*part.name).collect::<Vec<_>>()) {
            return Err(Error::at("parts", format!("the name {twice:?} stands twice; each part needs its own")));
        }
        let whole = serde_json::to_value(&file).map_err(|error| Error(error.to_string()))?;
        let File { title, description, samples, seconds, .. } = file;
        Ok(Self { title, description, parts, samples, seconds, whole })
    }

    /// The number of pictures of a run: whole latent frames.
    pub fn pictures(&self) -> usize {
        let pictures = (self.seconds * FRAME_RATE).round().max(1.0) as usize;
        // The first latent frame is one picture, each later one is four.
        1 + (pictures - 1).next_multiple_of(LATENT_FRAMES)
    }
}

impl Samples {
    fn check(&self) -> Result<()> {
        match self {
            Self::Seeds(seeds) if seeds.is_empty() => Err(Error::at("samples.seeds", "give at least one seed")),
            Self::Seeds(seeds) if (1..seeds.len()).any(|index| seeds[..index].contains(&seeds[index])) => {
                Err(Error::at("samples.seeds", "a seed stands twice; a sample counts once"))
            }
            Self::Scenes(0) => Err(Error::at("samples.scenes", "give at least one scene")),
            _ => Ok(()),
        }
    }
}

impl WrittenPart {
    /// The part with its patch, which from then on stands in the study itself.
    fn read(&mut self, folder: &Path) -> Result<Part> {
        let patch = match &self.patch {
            None => return Err(Error::at("patch", "a part needs a patch; give the path of one, here or in the study")),
            Some(PatchSource::Path(path)) => disk::load(&folder.join(path))?.patch,
            Some(PatchSource::Patch(json)) => {
                Patch::from_json(&json.to_string()).map_err(|problem| Error::at("patch", problem))?
            }
        };
        let as_json = serde_json::from_str(&patch.to_json()).map_err(|error| Error::at("patch", error))?;
        self.patch = Some(PatchSource::Patch(as_json));
        let axes = self.axes.iter().map(|axis| axis.read(&patch)).collect::<Result<Vec<Axis>>>()?;
        let names: Vec<&str> = axes.iter().map(|axis| &*axis.name).collect();
        if let Some(twice) = repeated(&names) {
            return Err(Error::at("axes", format!("the name {twice:?} stands twice; each axis needs its own")));
        }
        Ok(Part { name: self.name.clone(), description: self.description.clone(), patch, axes })
    }
}

/// The first name that stands twice.
fn repeated<'n>(names: &[&'n str]) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(**name)).copied()
}
