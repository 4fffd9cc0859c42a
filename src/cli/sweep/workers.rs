//! The number of workers that fit into the memory of this machine.

use std::fs;

use crate::engine::Model;
use crate::engine::model::TOKEN_PIXELS;

/// Memory of a worker beside its KV cache and its activations, in bytes.
const LEAST: u64 = 256 << 20;
/// Latent frames in the KV cache of the largest models.
const FRAMES: u64 = 24;
/// Bytes of a number on the CPU.
const NUMBER: u64 = 4;
/// Share of the available memory that workers may take.
const SHARE: f64 = 0.8;

/// As many workers as the processor has cores and the memory has room for. One on a GPU.
pub(super) fn fitting(model: &Model, size: (usize, usize)) -> usize {
    if !model.transformer.device().is_cpu() {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = model.transformer.config();
    let tokens = (size.0 / TOKEN_PIXELS * (size.1 / TOKEN_PIXELS)) as u64;
    let cache = (2 * config.layers * config.dim) as u64 * tokens * FRAMES * NUMBER;
    // Activations and the decoder need about as much again.
    let each = LEAST + 2 * cache;
    let room = available_memory().map_or(1, |bytes| (bytes as f64 * SHARE / each as f64) as usize);
    cores.min(room).max(1)
}

/// The memory that programs can still take, in bytes; none where the system does not report it.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_have_fewer_workers() -> candle_core::Result<()> {
        let model = Model::mini()?;
        let (small, large) = (fitting(&model, (128, 128)), fitting(&model, (4096, 4096)));
        assert!(small >= 1 && large >= 1 && large <= small);
        Ok(())
    }
}
