//! The memory of this machine.

use std::fs;

/// The memory that this program can still take, in bytes: that of the machine, or of the container. None where the system does not
/// report it.
pub(super) fn room() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let machine = line.split_whitespace().next()?.parse::<u64>().ok()? << 10;
    let number = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?.trim().parse::<u64>().ok();
    let container = number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or(0)));
    Some(machine.min(container.unwrap_or(machine)))
}
