//! Finds the files of a checkpoint and their format.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{Result, bail};
use serde_json::Value;

use super::bytes::Bytes;
use super::entry::Entry;
use super::section::Section;
use super::{gguf, safetensors, torch};
use crate::files;
use crate::wan::error::About;

/// The tensors of a checkpoint under the names they have in it.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) entries: BTreeMap<String, Entry>,
    /// Texts beside the tensors.
    pub(super) metadata: BTreeMap<String, String>,
    /// The section of a training checkpoint that they are.
    pub(super) section: Option<Section>,
}

const INDEX: &str = ".safetensors.index.json";
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Lists the tensors of a file or folder, or of a `section` of it; errors name it.
pub(super) fn list(path: &Path, section: Option<&str>) -> Result<Listing> {
    let listing = if path.is_dir() { folder(path, section) } else { file(path, section) };
    listing.about(path.display())
}

fn file(path: &Path, section: Option<&str>) -> Result<Listing> {
    if path.to_str().is_some_and(|name| name.ends_with(INDEX)) {
        return indexed(path);
    }
    read(&Bytes::open(path)?, section)
}

/// Lists the tensors in the bytes of a file, or in a `section` of it.
pub(super) fn read(bytes: &Bytes, section: Option<&str>) -> Result<Listing> {
    match bytes.as_slice() {
        [b'P', b'K', 3, 4, ..] => torch::read(bytes, section),
        [b'G', b'G', b'U', b'F', ..] => gguf::read(bytes),
        [_, _, _, _, _, _, _, _, b'{', ..] => safetensors::read(bytes),
        [0x80, 2..=5, ..] => bail!("PyTorch's old format before 1.6 cannot be read; load it and `torch.save` it again"),
        start if start.starts_with(b"version https://git-lfs") => {
            bail!("this is a Git LFS pointer; the checkpoint itself has not been downloaded")
        }
        [b'<', ..] => bail!("this is a web page; the checkpoint itself has not been downloaded"),
        _ => bail!("this is no checkpoint in safetensors, PyTorch (.pt, .pth) or GGUF format"),
    }
}

/// The checkpoint of a folder: the shards of an index, else its only safetensors file or all numbered shards. Otherwise
/// it is its only file of another format.
fn folder(path: &Path, section: Option<&str>) -> Result<Listing> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(path)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.insert(name);
        }
    }
    let ending = |endings: &[&str]| -> Vec<&String> {
        names.iter().filter(|name| endings.iter().any(|ending| name.ends_with(ending))).collect()
    };
    let only = |names: &[&String]| match names {
        [name] => Ok(path.join(name)),
        [] => bail!("there is no checkpoint in this folder"),
        _ => bail!("there are several checkpoints in this folder; name one of {}", join(names)),
    };
    let indices = ending(&[INDEX]);
    if !indices.is_empty() {
        return indexed(&only(&indices)?);
    }
    let tensors = ending(&[".safetensors"]);
    if tensors.len() > 1
        && let Some(count) = tensors.iter().map(|name| shard_count(name)).reduce(same).flatten()
    {
        if count != tensors.len() {
            bail!("there are {} of {count} shards in this folder", tensors.len())
        }
        return shards(tensors.iter().map(|name| path.join(name)));
    }
    if !tensors.is_empty() {
        return file(&only(&tensors)?, section);
    }
    file(&only(&ending(&[".gguf", ".pt", ".pth", ".bin", ".ckpt"]))?, section)
}

/// The count in `<name>-<number>-of-<count>.safetensors`.
fn shard_count(name: &str) -> Option<usize> {
    let (rest, count) = name.strip_suffix(".safetensors")?.rsplit_once("-of-")?;
    rest.rsplit_once('-')?.1.parse::<usize>().ok()?;
    count.parse().ok()
}

fn same(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    a.filter(|_| a == b)
}

fn join(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The shards in an index, which must contain the tensors that it lists.
fn indexed(index: &Path) -> Result<Listing> {
    if std::fs::metadata(index)?.len() > MAX_INDEX_BYTES {
        bail!("the index is too long")
    }
    let json: Value = serde_json::from_slice(&files::read(index)?).or_else(|error| bail!("the index: {error}"))?;
    let Some(map) = json["weight_map"].as_object() else { bail!("the index has no weight_map") };
    let mut files = BTreeSet::new();
    for name in map.values() {
        match name.as_str() {
            Some(name) if Path::new(name).file_name().is_some_and(|file| file == name) => _ = files.insert(name),
            _ => bail!("the index names {name}, which is not a file beside it"),
        }
    }
    let folder = index.parent().unwrap_or(Path::new(""));
    let listing = shards(files.into_iter().map(|name| folder.join(name)))?;
    match map.keys().find(|name| !listing.entries.contains_key(*name)) {
        Some(name) => bail!("the shards lack {name}, which the index names"),
        None => Ok(listing),
    }
}

fn shards(files: impl Iterator<Item = PathBuf>) -> Result<Listing> {
    let mut all = Listing::default();
    for path in files {
        let name = path.display();
        let shard = file(&path, None).about(&name)?;
        for (key, entry) in shard.entries {
            if all.entries.insert(key.clone(), entry).is_some() {
                bail!("{name}: {key} is in another shard too")
            }
        }
        all.metadata.extend(shard.metadata);
    }
    Ok(all)
}
