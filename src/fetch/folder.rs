//! Files from a folder instead of the network: a USB disk, another folder of models, or a cache of the hub.

use std::fs;
use std::path::{Path, PathBuf};

use super::hub::Entry;
use super::marker::Marker;
use super::paths::name;
use super::repo::Repo;
use super::sums::Sum;

const DEPTH: usize = 8;

/// A file of a model, as it could lie in a folder.
pub(super) struct Wanted<'a> {
    /// The model's name.
    pub(super) model: &'a str,
    /// `owner/name` of its repository.
    pub(super) repo: &'a str,
    /// The path in the repository.
    pub(super) path: &'a str,
    /// The path in the model's folder.
    pub(super) to: &'a str,
}

/// Searches a folder for a file: as a folder of models, as a clone of a repository, and as a cache of the hub.
pub(super) fn find(from: &Path, wanted: &Wanted<'_>) -> Option<PathBuf> {
    let own = [from.join(wanted.model), from.to_owned()];
    let own = own.into_iter().map(|folder| folder.join(wanted.to));
    let clones = roots(from, wanted.repo).into_iter().map(|root| root.join(wanted.path));
    let flat = [from.join(name(wanted.path))].into_iter();
    let others = folders(from).into_iter().map(|folder| folder.join(wanted.to));
    // Other models have a config.json of their own; only shared files may come from them.
    let shared = others.filter(|_| wanted.to != "config.json");
    own.chain(clones).chain(flat).chain(shared).find(|path| path.is_file())
}

/// The sum of a found file, if its folder has one: in the notes of a download, or in the name of the cache's blob.
pub(super) fn sum(path: &Path, to: &str) -> Option<Sum> {
    let mut folder = path.to_owned();
    for _ in to.split('/') {
        folder.pop();
    }
    Marker::read(&folder).sum(to).or_else(|| blob_sum(path))
}

/// The files of a repository in a folder.
pub(super) fn list(from: &Path, repo: &Repo) -> Vec<(Entry, PathBuf)> {
    let mut own = roots(from, &repo.name);
    own.push(from.to_owned());
    let Some(root) = own.into_iter().find(|root| root.is_dir()) else { return Vec::new() };
    let mut files = Vec::new();
    walk(&root, "", DEPTH, &mut files);
    files
}

fn walk(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<(Entry, PathBuf)>) {
    for path in sorted(folder) {
        let Some(own) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let inner = if prefix.is_empty() { own.to_owned() } else { format!("{prefix}/{own}") };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let sum = sum(&path, &inner).unwrap_or(Sum::Unknown);
                files.push((Entry { path: inner, size: metadata.len(), sum }, path));
            }
            Ok(metadata) if metadata.is_dir() && depth > 0 && !own.starts_with('.') => {
                walk(&path, &inner, depth - 1, files);
            }
            _ => {}
        }
    }
}

/// The folders in which a repository's files could lie.
fn roots(from: &Path, repo: &str) -> Vec<PathBuf> {
    let cache = format!("models--{}", repo.replace('/', "--"));
    let caches = [from.join(&cache), from.join("hub").join(&cache), from.to_owned()];
    let mut roots: Vec<PathBuf> = caches.iter().flat_map(|cache| snapshots(cache)).collect();
    roots.extend([from.join(repo), from.join(name(repo)), from.to_owned()]);
    roots.retain(|root| root.is_dir());
    roots
}

/// The snapshots in a cache, the main branch's first.
fn snapshots(cache: &Path) -> Vec<PathBuf> {
    let all = cache.join("snapshots");
    let main = fs::read_to_string(cache.join("refs").join("main")).ok();
    // A hub's commit is a plain name.
    let main = main.filter(|main| main.trim().chars().all(|c| c.is_ascii_alphanumeric()) && !main.trim().is_empty());
    main.map(|main| all.join(main.trim())).into_iter().chain(folders(&all)).collect()
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    sorted(folder).into_iter().filter(|path| path.is_dir()).collect()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The sum in the name of a cache's blob, to which its snapshot's file is a link.
fn blob_sum(path: &Path) -> Option<Sum> {
    let blob = fs::read_link(path).ok()?;
    let name = blob.file_name()?.to_str()?.to_ascii_lowercase();
    let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.len() {
        64 if is_hex => Some(Sum::Sha256(name)),
        40 if is_hex => Some(Sum::GitBlob(name)),
        _ => None,
    }
}
