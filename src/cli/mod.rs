//! The command line. Exit codes: 0 for success, 1 for a failure with one message on standard error, 2 for wrong usage
//! or a patch with errors.

mod attend;
mod bench;
mod check;
mod completions;
mod cost;
mod device_outputs;
mod devices;
mod doctor;
mod extract;
mod files;
mod format;
mod interrupt;
mod manual;
mod maps;
mod memory;
mod model;
mod models;
mod monitor;
mod nodes;
mod play;
mod program;
mod record;
#[cfg(feature = "ui")]
mod recording;
#[cfg(feature = "ui")]
mod render;
mod replay;
mod schema;
mod shares;
mod sound;
mod sweep;
#[cfg(feature = "ui")]
mod takes;
mod wanted;
mod window;

use std::io::{self, ErrorKind, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use bendrack_nodes::patch::Patch;
use clap::{CommandFactory, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::provenance::{self, Opened};
use crate::terminal;

/// A modular patching rack for the inside of a video model.
#[derive(Parser)]
#[command(version, propagate_version = true, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: window::Window,
    /// Prints the licences of bendrack and of its parts.
    #[arg(long, exclusive = true)]
    licences: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the nodes, or describes one.
    Nodes(nodes::Nodes),
    /// Lists the problems of patches, with the place of each and the next step.
    Check(check::Check),
    /// Rewrites patches in canonical form, with the layout inside or in a file of its own.
    Format(format::Format),
    /// Prints the JSON Schema of patches, for text editors.
    Schema(schema::Schema),
    /// Prints the program of a patch at a latent frame: bends, targets, taps, prompt.
    Program(program::Program),
    /// Renders a patch to a video file.
    Render(Box<render::Render>),
    /// Writes the attention maps of words as arrays for numpy: per step, layer, head and latent frame.
    Attend(Box<attend::Attend>),
    /// Runs a study: a patch along axes, measured against the video without bends, with a report.
    Sweep(Box<sweep::Sweep>),
    /// Plays a patch live without a window, with devices.
    Play(Box<play::Play>),
    /// Prints the patch embedded in a PNG or MP4.
    Extract(extract::Extract),
    /// Saves the maps of a patch to a file, or loads them from one.
    Maps(maps::Maps),
    /// Lists the models.
    Models(models::Models),
    /// Measures a model on this machine.
    Bench(bench::Bench),
    /// Lists MIDI, audio and serial devices, with advice for missing ones; --monitor prints what they send.
    Devices(Box<devices::Devices>),
    /// Checks this system: graphics, sound, MIDI, boards, ports, disk, models; each problem with the next step.
    Doctor(doctor::Doctor),
    /// Prints the completions of commands and flags for a shell.
    Completions(completions::Completions),
    /// Writes the manual pages of all commands.
    Manual(manual::Manual),
}

/// The licences of bendrack and of its parts.
const LICENCES: [&str; 4] = [
    "bendrack is licensed under the MIT licence or the Apache licence, version 2.0, at your choice.\n",
    include_str!("../../LICENSE-MIT"),
    include_str!("../../LICENSE-APACHE"),
    include_str!("../../docs/third-party.txt"),
];

/// The failure of a command.
enum Failure {
    /// The command failed; the message is still to be printed.
    Failed(String),
    /// The command line is wrong; the message is still to be printed.
    Usage(String),
    /// The patch does not run; its problems are printed.
    InvalidPatch,
    /// The command failed; its message is printed.
    Reported,
}

/// The definition of the command line.
fn definition() -> clap::Command {
    Cli::command().name("bendrack")
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    terminal::install_panic_hook();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return print_answer(&answer),
    };
    if cli.licences {
        return exit(print(&LICENCES.join("\n")));
    }
    let Some(command) = cli.command else { return exit(cli.window.run()) };
    exit(match command {
        Command::Nodes(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Format(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Program(command) => command.run(),
        Command::Render(command) => command.run(),
        Command::Attend(command) => command.run(),
        Command::Sweep(command) => command.run(),
        Command::Play(command) => command.run(),
        Command::Extract(command) => command.run(),
        Command::Maps(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Manual(command) => command.run(),
    })
}

/// Prints the help, the version, or the error in the arguments.
fn print_answer(answer: &clap::Error) -> ExitCode {
    let (text, is_wrong) = (answer.render(), answer.use_stderr());
    let is_terminal = if is_wrong { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match (is_wrong, has_colours) {
        (true, true) => terminal::print_error_coloured(&text.ansi().to_string()),
        (true, false) => terminal::print_error(text.to_string().trim_end()),
        (false, true) => return exit(printed(terminal::print_coloured(&text.ansi().to_string()))),
        (false, false) => return exit(print(&text.to_string())),
    }
    ExitCode::from(2)
}

/// Exit code of a command. Prints its error.
fn exit(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::InvalidPatch) => ExitCode::from(2),
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(Failure::Usage(message)) => {
            terminal::print_error(format_args!("bendrack: {message}"));
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            terminal::print_error(format_args!("bendrack: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A closed pipe is no error.
fn print(text: &str) -> Result<(), Failure> {
    printed(terminal::print(text))
}

/// [`print`] for JSON.
fn print_json(json: &str) -> Result<(), Failure> {
    printed(terminal::print_json(json))
}

fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Reads the patch in a file, which may be a PNG or MP4. Prints a problem of its text.
fn read_patch(path: &Path) -> Result<Patch, Failure> {
    open_patch(path).map(|opened| opened.patch)
}

/// [`read_patch`], with the render record and the path to save to.
fn open_patch(path: &Path) -> Result<Opened, Failure> {
    let found = provenance::read(path).map_err(|error| Failure::Failed(error.to_string()))?;
    found.open(path).map_err(|problem| {
        terminal::print_error(format_args!("{}: {problem}", path.display()));
        Failure::InvalidPatch
    })
}

/// A progress bar over a number of things, such as runs.
fn bar(length: usize, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left"));
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Parses the width and height of a picture, `832x480`.
fn size(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=4096).contains(side) && side % 16 == 0);
    let sides = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "a size is WIDTHxHEIGHT, both multiples of 16 up to 4096, such as 832x480".to_owned())
}
