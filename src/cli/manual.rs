//! `bendrack manual`: the manual pages of all commands, for `man`.

use std::path::PathBuf;

use super::{Failure, definition, print};

/// Writes the manual pages of all commands.
#[derive(clap::Args)]
pub(super) struct Manual {
    /// Folder to write to, such as ~/.local/share/man/man1. Pages that are there are replaced.
    folder: PathBuf,
}

impl Manual {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error| Failure::Failed(format!("{}: {error}", self.folder.display()));
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(definition().disable_help_subcommand(true), &self.folder).map_err(failed)?;
        print(&format!("manual pages: {}; show the first one with man -l {0}/bendrack.1\n", self.folder.display()))
    }
}
