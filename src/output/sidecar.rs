//! Writes sidecars.

use std::io::Write;
use std::path::Path;

use bendrack_nodes::patch::Patch;
use bendrack_nodes::patch::read::MAX_BYTES;

use super::video::part::{Part, unwritable};
use super::{Error, Result};
use crate::provenance::{Provenance, read, split};

/// Writes the sidecar at `path`, over one of an earlier video.
///
/// # Errors
///
/// Fails if the file at the path is not a sidecar and would be lost. Fails if the file cannot be written.
pub fn write(path: &Path, provenance: &Provenance) -> Result<()> {
    if path.exists() && !is_sidecar(path) {
        let message =
            "this is no record of a render, so it is left as it is; give the video another name to have a record";
        return Err(Error::new(path, message));
    }
    let line = provenance.text().map_err(|problem| Error::new(path, problem.message))?;
    // Indented for people, unless that makes it longer than the longest patch.
    let text = Some(provenance.record().to_json()).filter(|text| text.len() <= MAX_BYTES).unwrap_or(line);
    let mut part = Part::create(path)?;
    part.write_all(text.as_bytes()).map_err(|error| unwritable(path, &error))?;
    part.keep()
}

/// True if a file is a patch with the record of a render.
pub fn is_sidecar(path: &Path) -> bool {
    // Reading a pipe would block.
    if !path.is_file() {
        return false;
    }
    let patch = read(path).ok().and_then(|found| Patch::from_slice(&found.text).ok());
    patch.is_some_and(|mut patch| split(&mut patch).is_some())
}
