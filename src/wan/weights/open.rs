//! Finds the files of a checkpoint and their format.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{Result, bail};
use serde_json::Value;

use super::bytes::Bytes;
use super::entry::Entry;
use super::section::Section;
use super::vocabulary;
use super::{gguf, safetensors, torch};
use crate::files;
use crate::wan::error::About;

/// The tensors of a checkpoint under the names they have in it.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) entries: BTreeMap<String, Entry>,
    /// Texts beside the tensors.
    pub(super) metadata: BTreeMap<String, String>,
    /// The tokenizer in the metadata of a GGUF text encoder.
    pub(super) vocabulary: Option<vocabulary::Stored>,
    /// The section of a training checkpoint that they are.
    pub(super) section: Option<Section>,
}

const INDEX: &str = ".index.json";
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// The ends of the names of checkpoints, in the order of preference within a folder.
const ENDINGS: [&[&str]; 2] = [&["safetensors"], &["gguf", "pt", "pth", "bin", "ckpt"]];

/// Lists the tensors of a file or folder, or of a `section` of it; errors name it.
pub(super) fn list(path: &Path, section: Option<&str>) -> Result<Listing> {
    let list = || match Files::of(path)? {
        Files::One(file) => read(&Bytes::open(&file)?, section),
        Files::Shards(files) => shards(&files),
        Files::Index(index) => indexed(&index),
    };
    list().about(path.display())
}

/// The files of a checkpoint.
enum Files {
    /// One file.
    One(PathBuf),
    /// All shards of one checkpoint, in order.
    Shards(Vec<PathBuf>),
    /// The index of shards beside it.
    Index(PathBuf),
}

impl Files {
    /// The files of the checkpoint that a path names: a file, an index, any shard, or a folder with one checkpoint.
    fn of(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::of(&only_checkpoint(path)?);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(INDEX) {
            return Ok(Self::Index(path.to_owned()));
        }
        let Some(shard) = Shard::of(&name) else { return Ok(Self::One(path.to_owned())) };
        let index = path.with_file_name(shard.index());
        if index.is_file() {
            return Ok(Self::Index(index));
        }
        let shards: Vec<PathBuf> = (1..=shard.count).map(|number| path.with_file_name(shard.name(number))).collect();
        present(&shards)?;
        Ok(Self::Shards(shards))
    }
}

/// Refuses shards that are not all there.
fn present(shards: &[PathBuf]) -> Result<()> {
    let missing: Vec<_> = shards.iter().filter(|shard| !shard.is_file()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    let more = if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
    let (count, there) = (shards.len(), shards.len() - missing.len());
    bail!("{name}{more} is missing: {there} of {count} shards are there; download the rest")
}

/// The files of the checkpoint that a path names, in order.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let files = || match Files::of(path)? {
        Files::One(file) => Ok(vec![file]),
        Files::Shards(files) => Ok(files),
        Files::Index(index) => Ok(Index::read(&index)?.files),
    };
    files().about(path.display())
}

/// The path that stands for the whole checkpoint of a file: for a shard, that of the index or of the first shard.
/// `None` if the file is no checkpoint by its name.
pub(super) fn head(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    if name.starts_with('.') {
        return None;
    }
    let is_checkpoint = |name: &str| ENDINGS.iter().any(|endings| has_ending(name, endings));
    if let Some(rest) = name.strip_suffix(INDEX) {
        return is_checkpoint(rest).then(|| path.to_owned());
    }
    if !is_checkpoint(name) {
        return None;
    }
    let Some(shard) = Shard::of(name) else { return Some(path.to_owned()) };
    let index = path.with_file_name(shard.index());
    Some(if index.is_file() { index } else { path.with_file_name(shard.name(1)) })
}

/// The name of one of several files: `<stem>-<number>-of-<count>.<ending>`.
struct Shard<'a> {
    stem: &'a str,
    count: usize,
    digits: usize,
    count_text: &'a str,
    ending: &'a str,
}

impl<'a> Shard<'a> {
    /// The most shards of a checkpoint.
    const MOST: usize = 10_000;

    fn of(name: &'a str) -> Option<Self> {
        let (rest, ending) = name.rsplit_once('.')?;
        let (rest, count_text) = rest.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let count = count_text.parse().ok().filter(|count| (1..=Self::MOST).contains(count))?;
        let fits = is_number(number) && number.parse::<usize>().is_ok_and(|number| (1..=count).contains(&number));
        fits.then_some(Self { stem, count, digits: number.len(), count_text, ending })
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{number:0digits$}-of-{}.{}", self.stem, self.count_text, self.ending, digits = self.digits)
    }

    fn index(&self) -> String {
        format!("{}.{}{INDEX}", self.stem, self.ending)
    }
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.contains(&ending))
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

/// The only checkpoint in a folder: safetensors files go before those of other formats.
fn only_checkpoint(folder: &Path) -> Result<PathBuf> {
    let mut heads = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            heads.extend(head(&path));
        }
    }
    let name_of = |head: &PathBuf| head.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for endings in ENDINGS {
        let is_of = |head: &&PathBuf| {
            let name = name_of(head);
            has_ending(name.strip_suffix(INDEX).unwrap_or(&name), endings)
        };
        let heads: Vec<&PathBuf> = heads.iter().filter(is_of).collect();
        match heads[..] {
            [] => {}
            [head] => return Ok(head.clone()),
            _ => {
                let names: Vec<String> = heads.into_iter().map(name_of).collect();
                bail!("there are several checkpoints in this folder; name one of {}", names.join(", "))
            }
        }
    }
    bail!("there is no checkpoint in this folder")
}

/// The index of the shards of a checkpoint.
struct Index {
    /// The shards, in the order of their names.
    files: Vec<PathBuf>,
    /// The tensors in them.
    tensors: Vec<String>,
}

impl Index {
    fn read(path: &Path) -> Result<Self> {
        if std::fs::metadata(path)?.len() > MAX_INDEX_BYTES {
            bail!("the index is too long")
        }
        let json: Value = serde_json::from_slice(&files::read(path)?).or_else(|error| bail!("the index: {error}"))?;
        let Some(map) = json["weight_map"].as_object() else { bail!("the index has no weight_map") };
        let mut files = BTreeSet::new();
        for name in map.values() {
            match name.as_str() {
                Some(name) if Path::new(name).file_name().is_some_and(|file| file == name) => _ = files.insert(name),
                _ => bail!("the index names {name}, which is not a file beside it"),
            }
        }
        let files: Vec<PathBuf> = files.into_iter().map(|name| path.with_file_name(name)).collect();
        present(&files)?;
        Ok(Self { files, tensors: map.keys().cloned().collect() })
    }
}

/// The shards in an index, which must contain the tensors that it lists.
fn indexed(path: &Path) -> Result<Listing> {
    let index = Index::read(path)?;
    let listing = shards(&index.files)?;
    match index.tensors.iter().find(|name| !listing.entries.contains_key(*name)) {
        Some(name) => bail!("the shards lack {name}, which the index names"),
        None => Ok(listing),
    }
}

fn shards(files: &[PathBuf]) -> Result<Listing> {
    let mut all = Listing::default();
    for path in files {
        let name = path.display();
        let shard = Bytes::open(path).and_then(|bytes| read(&bytes, None)).about(&name)?;
        for (key, entry) in shard.entries {
            if all.entries.insert(key.clone(), entry).is_some() {
                bail!("{name}: {key} is in another shard too")
            }
        }
        all.metadata.extend(shard.metadata);
        all.vocabulary = all.vocabulary.or(shard.vocabulary);
    }
    Ok(all)
}
