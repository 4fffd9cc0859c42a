//! `bendrack completions`: what a shell completes.

use clap_complete::{Shell, generate};

use super::{Failure, definition, print};

/// Prints the completions of commands and flags for a shell.
#[derive(clap::Args)]
pub(super) struct Completions {
    /// Shell: bash, elvish, fish, powershell or zsh.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut definition(), "bendrack", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
