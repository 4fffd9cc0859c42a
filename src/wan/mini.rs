//! The small model inside the program, read by the loaders of the large ones.

use std::sync::Arc;

use candle_core::{DType, Device, Result, bail};

use super::decode::FrameDecoder;
use super::fingerprint::Fingerprint;
use super::taehv::{self, TIME_UPSCALE};
use super::text::{TextEncoder, Tokenizer, Umt5};
use super::transformer::Transformer;
use super::weights::Weights;

/// Width and height of its pictures.
pub const SIDE: usize = 128;

const TRANSFORMER: &[u8] = include_bytes!("../../assets/mini/transformer.safetensors");
const TEXT_ENCODER: &[u8] = include_bytes!("../../assets/mini/text_encoder.safetensors");
const DECODER: &[u8] = include_bytes!("../../assets/mini/decoder.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../../assets/mini/tokenizer.json");
const CONFIG: &[u8] = include_bytes!("../../assets/mini/config.json");

/// The parts of the small model.
pub struct Mini {
    /// The diffusion transformer.
    pub transformer: Transformer,
    /// The text encoder and its tokenizer.
    pub text: TextEncoder,
    /// The decoder, TAEHV at a small width.
    pub decoder: Arc<dyn FrameDecoder>,
}

/// The fingerprint of its weights; the same as that of a folder with its files.
///
/// # Errors
///
/// Fails only with the memory of the machine: the files are part of the program.
pub fn fingerprint() -> Result<Fingerprint> {
    let mut fingerprint = Fingerprint::default();
    for (part, bytes) in [
        ("transformer", TRANSFORMER),
        ("config", CONFIG),
        ("text encoder", TEXT_ENCODER),
        ("tokenizer", TOKENIZER),
        ("decoder", DECODER),
    ] {
        fingerprint.add_bytes(part, bytes)?;
    }
    Ok(fingerprint)
}

/// Loads the small model on the CPU, in f32.
///
/// ```
/// let mut mini = bendrack::wan::mini::load()?;
/// let prompt = mini.text.encode("a red tulip")?;
/// assert!(!prompt.tokens.positions("red").is_empty());
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
///
/// Fails if the files inside the program do not fit this version of it.
pub fn load() -> Result<Mini> {
    let open = |file, part: &str| Weights::from_bytes(file, &format!("mini's {part}"), DType::F32, &Device::Cpu);
    let config = serde_json::from_slice(CONFIG).or_else(|error| bail!("mini's config.json: {error}"))?;
    let transformer = Transformer::load(&open(TRANSFORMER, "transformer")?, Some(&config))?;
    let tokenizer = Tokenizer::from_json(TOKENIZER)?;
    let model = Umt5::load(&open(TEXT_ENCODER, "text encoder")?)?;
    let text = TextEncoder::new(tokenizer, model, transformer.config().text_len)?;
    let decoder = Arc::new(taehv::Decoder::load(&open(DECODER, "decoder")?, &TIME_UPSCALE)?);
    Ok(Mini { transformer, text, decoder })
}
