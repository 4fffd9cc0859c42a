//! The search for a model's files: what each one is, and which of several counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Result, bail};

use crate::files;
use crate::wan::error::message;
use crate::wan::parts::{MODEL_FILE, Part};
use crate::wan::weights::{Kind, Weights};

/// The depth of folders that are searched for a checkpoint.
pub(super) const DEPTH: usize = 3;
/// The names of tokenizers, the best one first.
const TOKENIZERS: [&str; 4] = ["tokenizer.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model"];
/// The folder itself, or the snapshot that it stands for in the hub's cache.
pub(super) fn snapshot(folder: &Path) -> PathBuf {
    let snapshots = folder.join("snapshots");
    if !snapshots.is_dir() {
        return folder.to_owned();
    }
    let main = std::fs::read_to_string(folder.join("refs/main")).ok();
    let main = main.map(|hash| snapshots.join(hash.trim())).filter(|path| path.is_dir());
    let changed = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    let last = || {
        let entries = std::fs::read_dir(&snapshots).ok()?;
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).max_by_key(changed)
    };
    main.or_else(last).unwrap_or_else(|| folder.to_owned())
}

/// Files that may belong to a model.
#[derive(Default)]
pub(super) struct Found {
    weights: BTreeSet<PathBuf>,
    pub(super) tokenizers: Vec<PathBuf>,
}

impl Found {
    pub(super) fn look(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let mut entries = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
            .or_else(|error| bail!("{}: {error}", folder.display()))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // Systems and downloaders leave hidden files beside the real ones.
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                if depth > 1 {
                    self.look(&path, depth - 1)?;
                }
            } else if TOKENIZERS.contains(&name.as_str()) {
                self.tokenizers.push(path);
            } else {
                self.weights.extend(Weights::head(&path));
            }
        }
        Ok(())
    }

    /// The files by the parts that they can be.
    pub(super) fn sorted(self) -> Sorted {
        let mut sorted = Sorted { tokenizers: self.tokenizers, ..Sorted::default() };
        for path in self.weights {
            match Weights::open(&path, DType::F32, &Device::Cpu).map(|weights| weights.kind()) {
                Ok(Kind::Lora { .. }) => sorted.loras.push(path),
                Ok(kind) => {
                    if let Some(part) = Part::ALL.into_iter().find(|part| part.is_of(kind)) {
                        sorted.parts.entry(part).or_default().push(path);
                    }
                }
                Err(error) => sorted.unreadable.push(message(&error)),
            }
        }
        sorted
    }
}

/// Files by their kinds.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) parts: BTreeMap<Part, Vec<PathBuf>>,
    loras: Vec<PathBuf>,
    pub(super) tokenizers: Vec<PathBuf>,
    /// The faults of those that cannot be read.
    pub(super) unreadable: Vec<String>,
}

impl Sorted {
    /// The only LoRA, if any.
    pub(super) fn lora(&self) -> Result<Option<PathBuf>> {
        match &self.loras[..] {
            [] => Ok(None),
            [lora] => Ok(Some(lora.clone())),
            loras => bail!(
                "there is more than one LoRA: {}; name those to use with --lora FILE:STRENGTH, or as \"loras\" in a {MODEL_FILE} in the folder",
                listed(loras)
            ),
        }
    }

    /// The only file for a part, if any.
    pub(super) fn only(&self, part: Part) -> Result<Option<PathBuf>> {
        only(&self.parts, part)
    }
}

/// The only file for a part of a model, if any.
pub(super) fn only(parts: &BTreeMap<Part, Vec<PathBuf>>, part: Part) -> Result<Option<PathBuf>> {
    match parts.get(&part).map_or(&[][..], Vec::as_slice) {
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        paths => bail!(
            "there is more than one {}: {}; choose one with --part {part}=FILE, or under \"parts\" in a {MODEL_FILE} in the folder",
            part.name().replace('_', " "),
            listed(paths)
        ),
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The tokenizer of the text encoder. Of several, those in the better format count, then those whose path names UMT5, then those beside the
/// text encoder. Equal files count as one.
pub(super) fn tokenizer_of(mut paths: Vec<PathBuf>, encoder: Option<&Path>) -> Result<Option<PathBuf>> {
    let format = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        TOKENIZERS.iter().position(|known| name == *known).unwrap_or(TOKENIZERS.len())
    };
    if let Some(best) = paths.iter().map(format).min() {
        paths.retain(|path| format(path) == best);
    }
    let is_umt5 = |path: &PathBuf| path.to_string_lossy().to_lowercase().contains("umt5");
    let is_beside = |path: &PathBuf| encoder.and_then(Path::parent).is_some_and(|folder| path.starts_with(folder));
    for is_better in [&is_umt5 as &dyn Fn(&PathBuf) -> bool, &is_beside] {
        if paths.iter().any(is_better) {
            paths.retain(is_better);
        }
    }
    let mut contents = paths.iter().map(|path| files::read(path).ok());
    let first = contents.next();
    if contents.all(|other| Some(other) == first) {
        paths.truncate(1);
    }
    only(&BTreeMap::from([(Part::Tokenizer, paths)]), Part::Tokenizer)
}
