//! Checkpoints of a render: all that it needs to go on after any end, with the same bits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf, is_separator};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::job::Repeated;
use crate::cli::Failure;
use crate::cli::record::Reached;
use crate::engine::StoredSession;
use crate::files::Error;
use crate::output::video::Position;
use crate::output::video::part::unwritable;
use crate::wan::stored::Tensors;

/// The name of the tensor that contains everything but the tensors.
const STATE: &str = "bendrack-checkpoint";

/// All that a render needs to go on, apart from its tensors.
#[derive(Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The settings that decide the pictures, by name. They must be the same when the render goes on.
    pub(super) settings: BTreeMap<String, String>,
    /// The progress of the videos.
    pub(super) reached: Reached,
    /// The points that the videos have reached.
    pub(super) videos: Vec<Position>,
    /// The session; none before the first picture.
    pub(super) session: Option<StoredSession>,
    /// The hash of the programs so far.
    pub(super) programs: [u8; 32],
    /// All warnings so far.
    pub(super) warned: BTreeMap<String, Repeated>,
}

/// The path of the checkpoint of a video: `film.mp4.checkpoint`.
pub(super) fn path(video: &Path) -> PathBuf {
    let text = video.as_os_str().to_string_lossy();
    let mut name = PathBuf::from(text.trim_end_matches(is_separator)).into_os_string();
    name.push(".checkpoint");
    name.into()
}

impl Checkpoint {
    /// Writes the checkpoint, in place of the one before.
    pub(super) fn write(&self, path: &Path, tensors: &Tensors) -> Result<(), Failure> {
        let version = env!("CARGO_PKG_VERSION");
        let state = postcard::to_stdvec(&(version, self)).map_err(|error| failed(path, error))?;
        let length = state.len();
        let state = Tensor::from_vec(state, length, &Device::Cpu).map_err(|error| failed(path, error))?;
        let mut new = path.to_owned().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let all = tensors.iter().chain([(STATE, &state)]);
        safetensors::serialize_to_file(all, None::<HashMap<String, String>>, &new).map_err(|error| match error {
            safetensors::SafeTensorError::IoError(error) => Failure::Failed(unwritable(path, &error).to_string()),
            other => failed(path, other),
        })?;
        let kept = File::open(&new).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&new, path));
        kept.map_err(|error| Failure::Failed(unwritable(path, &error).to_string()))
    }

    /// Reads a checkpoint.
    pub(super) fn read(path: &Path) -> Result<(Self, Tensors), Failure> {
        let unreadable = |why: &dyn std::fmt::Display| {
            failed(path, format!("the checkpoint cannot be read: {why}; begin again with --again"))
        };
        if !path.is_file() {
            return Err(unreadable(&"this is no ordinary file"));
        }
        let loaded = candle_core::safetensors::load(path, &Device::Cpu);
        let mut tensors = loaded.map_err(|error| unreadable(&crate::wan::error::message(&error)))?;
        let state = tensors.remove(STATE).and_then(|state| state.to_vec1::<u8>().ok());
        let state = state.ok_or_else(|| unreadable(&"this is no checkpoint of a render"))?;
        let version: Result<(String, _), _> = postcard::take_from_bytes(&state);
        match version {
            Ok((version, _)) if version != env!("CARGO_PKG_VERSION") => {
                return Err(unreadable(&format!("it is that of bendrack {version}")));
            }
            _ => {}
        }
        let (_, checkpoint): (String, Self) = postcard::from_bytes(&state).map_err(|error| unreadable(&error))?;
        Ok((checkpoint, tensors.into_iter().collect()))
    }

    /// An error if a setting differs from that of the render that goes on.
    pub(super) fn check(&self, path: &Path, settings: &BTreeMap<String, String>) -> Result<(), Failure> {
        let names = settings.keys().chain(self.settings.keys()).collect::<BTreeSet<_>>();
        let differs = names.into_iter().find(|name| settings.get(*name) != self.settings.get(*name));
        match differs {
            None => Ok(()),
            Some(name) => Err(failed(
                path,
                format!(
                    "{name} differs from that of the unfinished render; give the same, or begin again with --again"
                ),
            )),
        }
    }
}

fn failed(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::Failed(Error::new(path, why).to_string())
}
