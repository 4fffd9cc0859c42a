//! The command line. Exit codes: 0 done, 1 failed with one message on stderr, 2 wrong usage or a patch that does not run.

mod check;
mod nodes;
mod program;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bendrack_nodes::patch::Patch;
use clap::{Parser, Subcommand};

/// A modular patching rack for the inside of a video model.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the nodes, or explains one.
    Nodes(nodes::Nodes),
    /// Says everything that is wrong with patches, and what to do.
    Check(check::Check),
    /// Prints what a patch asks of the model at a frame: bends, targets, taps, prompt.
    Program(program::Program),
}

/// How a command ended, other than well.
enum Failure {
    /// It could not be done.
    Failed(String),
    /// The patch does not run; why was printed.
    InvalidPatch,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Nodes(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Program(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::InvalidPatch) => ExitCode::from(2),
        Err(Failure::Failed(message)) => {
            eprintln!("bendrack: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Reads a patch; says on stderr what is wrong if it is none.
fn read_patch(path: &Path) -> Result<Patch, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Failed(format!("{}: {error}; give the path of a patch", path.display())))?;
    Patch::from_json(&text).map_err(|problem| {
        eprintln!("{}: {problem}", path.display());
        Failure::InvalidPatch
    })
}

/// The patches that a command is given.
#[derive(clap::Args)]
struct Patches {
    /// Patch files.
    #[arg(required = true, value_name = "PATCH")]
    patches: Vec<PathBuf>,
}
