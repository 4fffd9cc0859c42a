//! Checkpoints of a render: all that it needs to go on after any end, with the same bits.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::View;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::job::Repeated;
use crate::cli::Failure;
use crate::cli::record::Reached;
use crate::cli::replay::StoredPlayer;
use crate::engine::StoredSession;
use crate::files::Error;
use crate::output::video::part::unwritable;
use crate::output::video::{Format, Position};
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
    /// The paths of the videos, as they were given.
    pub(super) outputs: Vec<PathBuf>,
    /// True if an older video was at the place of one of them.
    pub(super) is_replacing: bool,
    /// The session and the rest of what it plays; none before the first picture.
    pub(super) session: Option<(StoredSession, StoredPlayer)>,
    /// The hash of the programs so far.
    pub(super) programs: [u8; 32],
    /// All warnings so far.
    pub(super) warned: BTreeMap<String, Repeated>,
}

/// The path of the checkpoint of a video: `film.mp4.checkpoint`, or `frames/pictures.checkpoint`.
pub(super) fn path(video: &Path) -> PathBuf {
    if let Ok(Format::Pictures { folder, prefix }) = Format::of(video)
        && prefix.is_empty()
    {
        return folder.join("pictures.checkpoint");
    }
    let mut name = video.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

/// The path of a checkpoint that is being written.
pub(super) fn new_path(path: &Path) -> PathBuf {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    new.into()
}

/// Writes tensors as safetensors, one after the other.
fn write_tensors(file: &File, tensors: &[(&str, &Tensor)]) -> io::Result<()> {
    let mut header = serde_json::Map::new();
    let mut start = 0;
    for &(name, tensor) in tensors {
        let end = start + View::data_len(&tensor);
        let dtype = format!("{:?}", View::dtype(&tensor));
        header.insert(name.to_owned(), json!({ "dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, end] }));
        start = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut out = BufWriter::new(file);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for (_, tensor) in tensors {
        out.write_all(&View::data(tensor))?;
    }
    out.flush()?;
    drop(out);
    file.sync_all()
}

impl Checkpoint {
    /// Writes the checkpoint, in place of the one before.
    pub(super) fn write(&self, path: &Path, tensors: &Tensors) -> Result<(), Failure> {
        let version = env!("CARGO_PKG_VERSION");
        let state = postcard::to_stdvec(&(version, self)).map_err(|error| failed(path, error))?;
        let length = state.len();
        let state = Tensor::from_vec(state, length, &Device::Cpu).map_err(|error| failed(path, error))?;
        let new = new_path(path);
        let all: Vec<(&str, &Tensor)> = tensors.iter().chain([(STATE, &state)]).collect();
        let written = File::create(&new).and_then(|file| write_tensors(&file, &all));
        if written.is_err() {
            // It is of no use.
            let _ = fs::remove_file(&new);
        }
        let kept = written.and_then(|()| fs::rename(&new, path));
        kept.map_err(|error| Failure::Failed(unwritable(path, &error).to_string()))
    }

    /// Reads a checkpoint.
    pub(super) fn read(path: &Path) -> Result<(Self, Tensors), Failure> {
        let unreadable = |why: &dyn std::fmt::Display| {
            failed(
                path,
                format!(
                    "the checkpoint cannot be read: {why}; copy the unfinished video to keep it, then begin again with --again"
                ),
            )
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
