//! The command `bendrack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bendrack::cli::main()
}
