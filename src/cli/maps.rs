//! `bendrack maps`: the maps of patches, in files of their own.

use std::path::PathBuf;

use bendrack_nodes::address::resolve_input;
use bendrack_nodes::patch::{MapSet, loaded};

use super::record::output;
use super::{Failure, print, read_patch};
use crate::disk;

#[derive(clap::Args)]
pub(super) struct Maps {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Writes the maps of a patch to a file.
    Save {
        /// Patch file, or a PNG or MP4 with an embedded patch.
        patch: PathBuf,
        /// File of the maps; another set of maps is replaced.
        #[arg(short, long, value_name = "MAPS.json")]
        output: PathBuf,
    },
    /// Replaces the maps of a patch with those of a file whose knobs the patch has.
    Load {
        /// File of the maps.
        maps: PathBuf,
        /// Patch file; it is rewritten.
        patch: PathBuf,
    },
}

impl Maps {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Save { patch, output: path } => {
                let set = MapSet::of(&read_patch(&patch)?);
                if set.maps.is_empty() {
                    let patch = patch.display();
                    return Err(Failure::Failed(format!("{patch}: the patch has no maps; learn one in the window")));
                }
                disk::save_maps(&path, &set).map_err(|error| output(&error))?;
                print(&format!("{}: {}\n", path.display(), loaded(set.maps.len(), &[])))
            }
            Command::Load { maps, patch: path } => {
                let set = disk::load_maps(&maps).map_err(|error| output(&error))?;
                let opened = disk::load(&path).map_err(|error| output(&error))?;
                let (Some(home), mut patch) = (opened.home, opened.patch) else {
                    let path = path.display();
                    return Err(Failure::Failed(format!(
                        "{path}: this is the record of a render; see bendrack extract"
                    )));
                };
                let (fit, missing) = set.split(|port| resolve_input(&patch, &port.node, &port.port).is_some());
                let sentence = loaded(fit.len(), &missing);
                patch.maps = fit;
                disk::save(&home, &patch).map_err(|error| output(&error))?;
                print(&format!("{}: {sentence}\n", path.display()))
            }
        }
    }
}
