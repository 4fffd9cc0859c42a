//! The number of workers that fit into the memory of this machine.

use crate::cli::memory;
use crate::engine::Model;
use crate::engine::model::TOKEN_PIXELS;

/// Memory of a worker beside its KV cache and its activations, in bytes.
const LEAST: u64 = 256 << 20;
/// Latent frames in the KV cache of the largest models.
const FRAMES: u64 = 24;
/// Bytes of a pixel of a video and of its features.
const VIDEO: u64 = 8;
/// Bytes of a number on the CPU.
const NUMBER: u64 = 4;
/// Share of the available memory that workers may take.
const SHARE: f64 = 0.8;

/// As many workers as the processor has cores and the memory has room for. One on a GPU.
pub(super) fn fitting(model: &Model, size: (usize, usize), pictures: usize) -> usize {
    if !model.transformer.device().is_cpu() {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = model.transformer.config();
    let tokens = (size.0 / TOKEN_PIXELS * (size.1 / TOKEN_PIXELS)) as u64;
    let cache = (2 * config.layers * config.dim) as u64 * tokens * FRAMES * NUMBER;
    let video = (pictures * size.0 * size.1) as u64 * VIDEO;
    // Activations and the decoder need about as much as the cache.
    fit(cores, memory::room(), LEAST + 2 * cache + video)
}

/// Workers that fit into memory, at most one for each core. Without a known amount of memory, one for each core.
fn fit(cores: usize, room: Option<u64>, each: u64) -> usize {
    let most = room.map_or(cores, |bytes| (bytes as f64 * SHARE / each as f64) as usize);
    cores.min(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_fit_into_cores_and_memory() {
        let gib = 1 << 30;
        assert_eq!([fit(8, Some(100 * gib), gib), fit(8, Some(4 * gib), gib), fit(8, Some(gib / 2), gib)], [8, 3, 1]);
        assert_eq!(fit(8, None, gib), 8);
    }
}
