//! The memory that a model needs on the CPU, before it is loaded.

use candle_core::{DType, Device, Result};

use super::checkpoint::Checkpoint;
use super::config::{Config, PATCH};
use super::decode::LATENT_PIXELS;
use super::family::Family;
use super::weights::Weights;

/// Bytes of a number.
const NUMBER: u64 = 4;
/// Latent frames of a clip of Wan's own length.
const CLIP_FRAMES: u64 = 21;
/// Vectors of a token's width that a call holds at its peak, beside the neurons of a layer.
const VECTORS: u64 = 12;
/// Channels of full-size pictures that a decoder holds at its peak.
const VAE_CHANNELS: u64 = 600;
const TAEHV_CHANNELS: u64 = 300;
/// Memory of the program itself, in bytes.
const PROGRAM: u64 = 200 << 20;

/// A part of a model and its memory, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The part.
    pub part: &'static str,
    /// Bytes that the program allocates.
    pub held: u64,
    /// Bytes of files that stay where they are. The system keeps as much of them in memory as there is room for.
    pub mapped: u64,
}

/// The memory of each part of a model at a size of picture, on the CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The parts, in the order of their use.
    pub parts: Vec<Need>,
}

impl Needs {
    /// The needs of a checkpoint at this width and height. Its files are opened, not read.
    ///
    /// # Errors
    ///
    /// Fails if a file is missing or damaged.
    pub fn of(checkpoint: &Checkpoint, (width, height): (usize, usize)) -> Result<Self> {
        let config = checkpoint.sizes()?;
        let merged = checkpoint.open_merged(DType::F32, &Device::Cpu)?;
        let open = |path| Weights::open(path, DType::F32, &Device::Cpu);
        let text = checkpoint.text_encoder.as_deref().map(open).transpose()?;
        let decoder = checkpoint.decoder_file().map(|file| open(file.path())).transpose()?;
        let part = |part, weights: Option<&Weights>| {
            let (held, mapped) = weights.map_or((0, 0), Weights::memory);
            Need { part, held, mapped }
        };
        let held = |part, held| Need { part, held, mapped: 0 };
        let pixels = (width * height) as u64;
        let tokens = pixels / (PATCH * LATENT_PIXELS).pow(2) as u64;
        let channels = if checkpoint.taehv.is_some() { TAEHV_CHANNELS } else { VAE_CHANNELS };
        let mut parts = vec![
            held("program", PROGRAM),
            part("text encoder", text.as_ref()),
            part("transformer", Some(&merged)),
            held("KV cache", kv_cache(checkpoint.family, &config, tokens)),
            held("model call", call(checkpoint.family, &config, tokens)),
            part("decoder", decoder.as_ref()),
            held("decoding", pixels * channels * NUMBER),
        ];
        // A VAE that decodes is counted whole.
        if checkpoint.needs_encoder() && checkpoint.taehv.is_some() {
            let encoder = checkpoint.open_encoder(DType::F32, &Device::Cpu)?;
            parts.extend(encoder.map(|weights| part("picture encoder", Some(&weights))));
        }
        Ok(Self { parts })
    }

    /// The bytes that the program allocates.
    pub fn held(&self) -> u64 {
        self.parts.iter().map(|need| need.held).sum()
    }

    /// The bytes of files that every model call reads: those of the transformer and the decoder.
    pub fn mapped(&self) -> u64 {
        self.parts.iter().filter(|need| need.part != "text encoder").map(|need| need.mapped).sum()
    }
}

/// The keys and values of all layers.
fn kv_cache(family: Family, config: &Config, tokens: u64) -> u64 {
    let frames = family.streaming().map_or(0, |streaming| streaming.cache.window as u64);
    2 * (config.layers * config.dim) as u64 * tokens * frames * NUMBER
}

/// The tensors of a call at their peak: tokens, and the neurons of one layer.
fn call(family: Family, config: &Config, tokens: u64) -> u64 {
    let frames = family.streaming().map_or(CLIP_FRAMES, |streaming| streaming.chunk.get() as u64);
    tokens * frames * (VECTORS * config.dim as u64 + 2 * config.ffn_dim as u64) * NUMBER
}
