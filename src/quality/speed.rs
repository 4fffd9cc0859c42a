//! Size, speed and time to the first picture.

use std::time::Instant;

use candle_core::Result;

use crate::engine::model::LATENT_FRAMES;

use super::player::{CHUNK_LATENTS, Player, plain};
use super::scene::Prompt;

/// Duration of the measurement of speed, in seconds.
const SECS: f64 = 2.0;
/// Frames of a chunk.
const CHUNK: u64 = (LATENT_FRAMES * CHUNK_LATENTS) as u64;

/// Cost of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Bytes of its files within the program.
    pub bytes: usize,
    /// Seconds from the start of loading to the first picture.
    pub first_picture_secs: f64,
    /// Pictures per second, from the second chunk on.
    pub frames_per_sec: f64,
}

/// Size of the embedded files, in bytes; only their lengths enter the program here.
const BYTES: usize = include_bytes!("../../assets/mini/transformer.safetensors").len()
    + include_bytes!("../../assets/mini/text_encoder.safetensors").len()
    + include_bytes!("../../assets/mini/decoder.safetensors").len()
    + include_bytes!("../../assets/mini/tokenizer.json").len()
    + include_bytes!("../../assets/mini/config.json").len();

/// Loads the model and plays a prompt. `steps`: denoising steps of a chunk; none for the model's own number. Call it
/// before other measurements: a second load is faster.
///
/// # Errors
///
/// Fails if the model does not load, if a patch does not run, or if a model call fails.
pub fn measure(prompt: &Prompt, steps: Option<usize>) -> Result<Cost> {
    let start = Instant::now();
    let mut player = Player::new(steps)?;
    player.play(&plain(prompt), 1, |_| ())?;
    let first_picture_secs = start.elapsed().as_secs_f64();
    // The cache is full from the second chunk on.
    player.resume(1, |_| ())?;
    let start = Instant::now();
    let mut frames = 0;
    while start.elapsed().as_secs_f64() < SECS {
        player.resume(CHUNK, |_| frames += 1)?;
    }
    let frames_per_sec = f64::from(frames) / start.elapsed().as_secs_f64();
    Ok(Cost { bytes: BYTES, first_picture_secs, frames_per_sec })
}
