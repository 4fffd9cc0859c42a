//! The priority of a render beside a live video: the system gives it the time that the video leaves.

use std::process::Command;

/// The niceness that a render adds to that of the window, as the command `nice` does by default.
#[cfg(unix)]
const NICENESS: libc::c_int = 10;

/// Starts a program at a lower priority than this one.
#[cfg(unix)]
pub(super) fn lower(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let lower = || {
        // SAFETY: `nice` takes a number and has no other condition.
        unsafe { libc::nice(NICENESS) };
        // A system that refuses renders at the same priority.
        Ok(())
    };
    // SAFETY: between fork and exec only `nice` runs, a system call that neither allocates nor locks.
    unsafe { command.pre_exec(lower) };
}

/// Starts a program at a lower priority than this one.
#[cfg(windows)]
pub(super) fn lower(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    /// `BELOW_NORMAL_PRIORITY_CLASS`
    const BELOW_NORMAL: u32 = 0x4000;
    command.creation_flags(BELOW_NORMAL);
}

/// This system has no priorities that bendrack knows.
#[cfg(not(any(unix, windows)))]
pub(super) fn lower(_: &mut Command) {}
