//! The command `bendrack`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // An error for users has no backtrace. If this variable or RUST_BACKTRACE is set, candle's errors capture one.
    // Panics follow RUST_BACKTRACE alone.
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    // candle's own threads spin while they wait for one another. On the small tensors of a small model, and beside a window that draws on
    // the same cores, they cost half of the speed. The large operations are ours and have threads of their own.
    if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
        // SAFETY: as above.
        unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    }
    bendrack::cli::main()
}
