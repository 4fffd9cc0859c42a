//! The command `bendrack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // An error that is shown to people must not have a backtrace in it: those of candle's errors are captured if this or
    // RUST_BACKTRACE says so. Panics look at RUST_BACKTRACE alone.
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    bendrack::cli::main()
}
