//! `bendrack format`: patches in their canonical form.

use std::path::{Path, PathBuf};

use bendrack_nodes::patch::Patch;
use clap::ValueEnum;

use super::record::output;
use super::{Failure, print};
use crate::disk;
use crate::files::{self, Error, Result};

#[derive(clap::Args)]
pub(super) struct Format {
    /// Patch files; they are rewritten.
    #[arg(required = true, value_name = "PATCH")]
    patches: Vec<PathBuf>,
    /// Write nothing; list the files that would change, and fail if there are any.
    #[arg(long)]
    check: bool,
    /// Place of the layout: unchanged, in NAME.layout.json beside the patch, or in the patch.
    #[arg(long, value_name = "WHERE", value_enum, default_value = "keep", conflicts_with = "check")]
    layout: Layout,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Layout {
    /// In its present place.
    Keep,
    /// In a file beside the patch, so that moves of nodes do not hide other changes.
    Separate,
    /// In the patch.
    Together,
}

impl Format {
    pub(super) fn run(self) -> std::result::Result<(), Failure> {
        let mut is_changed = false;
        for path in &self.patches {
            let opened = disk::load(path).map_err(|error| output(&error))?;
            let Some(home) = opened.home else {
                let path = path.display();
                return Err(Failure::Failed(format!("{path}: this is the record of a render; see bendrack extract")));
            };
            if self.check {
                let is_canonical = is_canonical(&home).map_err(|error| output(&error))?;
                if !is_canonical {
                    print(&format!("{}\n", path.display()))?;
                }
                is_changed |= !is_canonical;
            } else {
                self.write(&home, &opened.patch).map_err(|error| output(&error))?;
            }
        }
        if is_changed { Err(Failure::Reported) } else { Ok(()) }
    }

    fn write(&self, path: &Path, patch: &Patch) -> Result<()> {
        match self.layout {
            // A canonical file keeps its modification time.
            Layout::Keep if is_canonical(path)? => Ok(()),
            Layout::Keep => disk::save(path, patch),
            Layout::Separate => disk::save_apart(path, patch),
            Layout::Together => disk::save_together(path, patch),
        }
    }
}

/// True if a file, and the file of its layout if any, is in canonical form.
fn is_canonical(path: &Path) -> Result<bool> {
    let beside = disk::layout_path(path);
    let is_same = |path: &Path| -> Result<bool> {
        let text = files::read(path).map_err(|error| Error::new(path, error))?;
        let patch = Patch::from_slice(&text).map_err(|problem| Error::new(path, problem))?;
        Ok(patch.to_json().as_bytes() == text)
    };
    Ok(is_same(path)? && (!beside.is_file() || is_same(&beside)?))
}
