//! The parts of a model, loaded and ready.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Result, bail};

use crate::wan::checkpoint::Checkpoint;
use crate::wan::config::PATCH;
use crate::wan::decode::FrameDecoder;
pub use crate::wan::decode::LATENT_PIXELS;
use crate::wan::family::Family;
use crate::wan::mini;
use crate::wan::scheduler::FewStep;
use crate::wan::text::TextEncoder;
use crate::wan::transformer::Transformer;

/// A model that generates videos chunk after chunk. Clones share its weights.
#[derive(Clone)]
pub struct Model {
    /// The name of the model or the path of its folder.
    pub name: String,
    /// The family, which decides how the model runs.
    pub family: Family,
    /// The diffusion transformer.
    pub transformer: Arc<Transformer>,
    /// Prompts to embeddings.
    pub text: TextEncoder,
    /// Latents to pictures.
    pub decoder: Arc<dyn FrameDecoder>,
    /// The files it was loaded from; none for the small model.
    pub checkpoint: Option<Checkpoint>,
    /// The denoising steps of a chunk; none for those of the family.
    pub steps: Option<usize>,
    /// The default width and height of a picture.
    pub size: (usize, usize),
}

/// The counts of a model's parts, along the axes of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Layers.
    pub layers: usize,
    /// Denoising steps of a chunk.
    pub steps: usize,
    /// Attention heads of a layer.
    pub heads: usize,
    /// Feed-forward neurons of a layer.
    pub neurons: usize,
}

/// Pictures per second of every Wan 2.1 model.
pub const FRAME_RATE: f64 = 16.0;
/// Seconds from one latent to the next.
pub const LATENT_SECS: f64 = LATENT_FRAMES as f64 / FRAME_RATE;
/// Frames per latent; the first latent of a video stands for one frame.
pub const LATENT_FRAMES: usize = 4;
/// Pixels per token, along each side.
pub const TOKEN_PIXELS: usize = PATCH * LATENT_PIXELS;

impl Model {
    /// The small model inside the program.
    ///
    /// # Errors
    ///
    /// Fails if the device runs out of memory.
    pub fn mini() -> Result<Self> {
        let mini = mini::load()?;
        Ok(Self {
            name: Family::Mini.name().to_owned(),
            family: Family::Mini,
            transformer: Arc::new(mini.transformer),
            text: mini.text,
            decoder: mini.decoder,
            checkpoint: None,
            steps: None,
            size: (mini::SIDE, mini::SIDE),
        })
    }

    /// The model in a folder: in bf16 on a GPU, in f32 on the CPU.
    ///
    /// # Errors
    ///
    /// Fails if a part of the model is missing, doubled or damaged, or if the model does not stream. The message names
    /// the file.
    pub fn open(folder: &Path) -> Result<Self> {
        let device = device()?;
        let dtype = if device.is_cpu() { DType::F32 } else { DType::BF16 };
        let checkpoint = Checkpoint::find(folder)?;
        let family = checkpoint.family;
        if family.streaming().is_none() {
            bail!(
                "{}: the weights are those of Wan itself, which makes whole clips. The rack streams chunk by chunk; use one of {}. \
                 If it is one of these, put its name into the name of the folder",
                folder.display(),
                Family::names(|family| family.streaming().is_some())
            )
        }
        Ok(Self {
            name: folder.display().to_string(),
            family,
            text: checkpoint.text_encoder(dtype, &device)?,
            transformer: Arc::new(checkpoint.transformer(dtype, &device)?),
            decoder: checkpoint.decoder(dtype, &device)?,
            checkpoint: Some(checkpoint),
            steps: None,
            size: if family == Family::Mini { (mini::SIDE, mini::SIDE) } else { (832, 480) },
        })
    }

    /// The [`fingerprint`](crate::wan::fingerprint) of its weights, in hexadecimal. It reads at most 4 MiB of each file.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let fingerprint = match &self.checkpoint {
            Some(checkpoint) => checkpoint.fingerprint()?,
            None => mini::fingerprint()?,
        };
        Ok(fingerprint.finish())
    }

    /// The timesteps of a chunk; none for a model of whole clips.
    ///
    /// # Errors
    ///
    /// Fails if the number of steps is out of range.
    pub fn schedule(&self) -> Result<Option<FewStep>> {
        match self.steps {
            None => self.family.schedule(),
            Some(steps) => self.family.schedule_of(steps),
        }
    }

    /// The counts of its parts; none for a model of whole clips.
    pub fn shape(&self) -> Option<ModelShape> {
        let config = self.transformer.config();
        let steps = self.schedule().ok().flatten()?.timesteps().len();
        Some(ModelShape { layers: config.layers, steps, heads: config.heads, neurons: config.ffn_dim })
    }

    /// Its name without the path to its folder, as videos carry it.
    pub fn short_name(&self) -> String {
        let name = Path::new(&self.name).file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| self.family.name().to_owned())
    }
}

/// The first GPU that this build can use, else the CPU.
///
/// # Errors
///
/// Fails if the GPU does not start.
pub fn device() -> Result<Device> {
    match Device::cuda_if_available(0)? {
        Device::Cpu if candle_core::utils::metal_is_available() => Device::new_metal(0),
        device => Ok(device),
    }
}
