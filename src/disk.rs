//! Patches on the disk, in their canonical form. A write is whole or has no effect. The layout is inside or in a file beside the
//! patch.
//!
//! A layout beside its patch, `show.layout.json` beside `show.json`, keeps moves of nodes out of line-by-line comparisons. That file
//! is a patch without nodes, with a layout and frames. It is read and written as any other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bendrack_nodes::patch::{MapSet, Patch};

use crate::files::{self, Error, Result, resolved};
use crate::provenance::{self, Opened};

/// Reads the patch in a file: its own, or a PNG or MP4 that was rendered with it.
///
/// # Errors
///
/// If the file or the layout beside it cannot be read, or is no patch.
pub fn load(path: &Path) -> Result<Opened> {
    let mut opened = read(path)?;
    let beside = layout_path(path);
    if opened.home.is_some() && beside.is_file() {
        let layout = layout(&beside)?;
        opened.patch.layout.extend(layout.layout);
        opened.patch.frames.extend(layout.frames);
    }
    Ok(opened)
}

fn read(path: &Path) -> Result<Opened> {
    provenance::read(path)?.open(path).map_err(|problem| Error::new(path, problem))
}

/// Reads a layout beside a patch. A patch with nodes under the name of a layout is an error.
fn layout(path: &Path) -> Result<Patch> {
    let layout = read(path)?.patch;
    if layout.nodes.is_empty() {
        return Ok(layout);
    }
    Err(Error::new(path, "this patch has nodes, and the name of a layout: give it or the patch beside it another name"))
}

/// An error if a file with the name of a layout is something else, which must not be lost.
fn check_layout(path: &Path) -> Result<()> {
    if path.is_file() { layout(path).map(|_| ()) } else { Ok(()) }
}

/// Writes a patch, with its layout beside it if it was there before. After any failure, the file holds the old patch or
/// the new one.
///
/// # Errors
///
/// If a file cannot be written, or the one beside it is no layout.
pub fn save(path: &Path, patch: &Patch) -> Result<()> {
    if layout_path(path).is_file() { save_apart(path, patch) } else { write(path, patch) }
}

/// Writes a patch with its layout in a file beside it.
///
/// # Errors
///
/// If a file cannot be written, or the one beside it is no layout.
pub fn save_apart(path: &Path, patch: &Patch) -> Result<()> {
    check_layout(&layout_path(path))?;
    let (patch, layout) = apart(patch.clone());
    write(path, &patch)?;
    write(&layout_path(path), &layout)
}

/// Writes a patch with its layout, and deletes the layout file.
///
/// # Errors
///
/// If a file cannot be written or removed, or the one beside it is no layout.
pub fn save_together(path: &Path, patch: &Patch) -> Result<()> {
    check_layout(&layout_path(path))?;
    write(path, patch)?;
    match fs::remove_file(layout_path(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::new(&layout_path(path), error)),
        _ => Ok(()),
    }
}

fn write(path: &Path, patch: &Patch) -> Result<()> {
    replace(path, patch.to_json().as_bytes()).map_err(|error| Error::new(path, error))
}

/// Reads a set of maps.
///
/// # Errors
///
/// If the file cannot be read, or is no set of maps.
pub fn load_maps(path: &Path) -> Result<MapSet> {
    let bytes = files::read(path).map_err(|error| Error::new(path, error))?;
    MapSet::from_slice(&bytes).map_err(|why| Error::new(path, why))
}

/// Writes a set of maps. It replaces another set, and no other file.
///
/// # Errors
///
/// If the file cannot be written, or is something else.
pub fn save_maps(path: &Path, set: &MapSet) -> Result<()> {
    if path.exists() && load_maps(path).is_err() {
        return Err(Error::new(path, "this file is no set of maps, and stays; choose another name"));
    }
    replace(path, set.to_json().as_bytes()).map_err(|error| Error::new(path, error))
}

/// The place of a layout that is not in the file of its patch.
pub fn layout_path(path: &Path) -> PathBuf {
    path.with_extension("layout.json")
}

/// A patch without its layout, and its layout as a patch without nodes.
fn apart(mut patch: Patch) -> (Patch, Patch) {
    let (layout, frames) = (std::mem::take(&mut patch.layout), std::mem::take(&mut patch.frames));
    (patch, Patch { layout, frames, ..Patch::default() })
}

/// Number of files that this process has begun to replace.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Replaces a file atomically: a temporary file beside it, `fsync`, `rename`.
///
/// # Errors
///
/// If the new file cannot be written or moved. The old one is then unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays a link: what it leads to is replaced.
    let path = resolved(path);
    let name = path.file_name().ok_or_else(|| io::Error::other("this is no file name"))?.to_string_lossy();
    // Threads that replace one file at the same time have files of their own: the last rename counts.
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_file_name(format!(".{name}.{}-{number}.new", std::process::id()));
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if let Ok(old) = fs::metadata(&path) {
            fs::set_permissions(&beside, old.permissions())?;
        }
        fs::rename(&beside, &path)
    })();
    if written.is_err() {
        // The error above is the one that matters.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that is wrong stops")]
mod tests {
    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../patches/first_bend.json")).unwrap()
    }

    #[test]
    fn a_patch_is_written_and_read_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        save(&path, &Patch::default()).unwrap();
        save(&path, &first_bend()).unwrap();
        let opened = load(&path).unwrap();
        assert_eq!((opened.patch, opened.home), (first_bend(), Some(path)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_layout_beside_a_patch_is_read_with_it_and_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bend.json");
        let mut patch = first_bend();
        patch.layout.entry("wan".to_owned()).or_default().pos = [24.0, 48.0];
        save_apart(&path, &patch).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("layout"), "{text}");
        assert_eq!(load(&path).unwrap().patch, patch);
        patch.layout.entry("wan".to_owned()).or_default().pos = [0.0, 8.0];
        save(&path, &patch).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a move does not change the patch");
        assert_eq!(load(&path).unwrap().patch, patch);
        save_together(&path, &patch).unwrap();
        assert!(!layout_path(&path).exists());
        assert_eq!(load(&path).unwrap().patch, patch);
    }

    #[test]
    fn a_patch_with_the_name_of_a_layout_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (folder.path().join("a.json"), folder.path().join("a.layout.json"));
        save(&path, &Patch::default()).unwrap();
        fs::write(&beside, first_bend().to_json()).unwrap();
        for saved in [save(&path, &first_bend()), save_apart(&path, &first_bend()), save_together(&path, &first_bend())]
        {
            assert!(saved.unwrap_err().to_string().contains("a.layout.json: this patch has nodes"));
        }
        assert_eq!(fs::read_to_string(&beside).unwrap(), first_bend().to_json());
    }

    #[test]
    fn a_patch_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("folder");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(save(&taken, &first_bend()).unwrap_err().to_string().contains("folder"));
        assert!(taken.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_not_a_patch_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.json");
        fs::write(&path, "{\"format\": \"song\", \"version\": 1}").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("song.json") && error.contains("not a patch"), "{error}");
    }
}
