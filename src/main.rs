//! The command `bendrack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // An error for users has no backtrace. If this variable or RUST_BACKTRACE is set, candle's errors capture one.
    // Panics follow RUST_BACKTRACE alone.
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    bendrack::cli::main()
}
