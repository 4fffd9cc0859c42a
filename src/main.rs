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
    keep_memory();
    bendrack::cli::main()
}

/// Keeps freed memory for the next model call. By default, glibc returns each large tensor to the system, which then clears the
/// same pages again for the next one: a tenth of a call of the small model.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_memory() {
    // SAFETY: `mallopt` sets numbers of the allocator, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Other allocators have no such setting.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}
