//! The parts of a model, loaded and ready.

use std::path::Path;
use std::sync::Arc;

use bendrack_nodes::compile::plan::Denoising;
use candle_core::{DType, Device, Result, bail};

use crate::wan::checkpoint::Checkpoint;
use crate::wan::config::PATCH;
use crate::wan::decode::FrameDecoder;
pub use crate::wan::decode::LATENT_PIXELS;
use crate::wan::family::Family;
use crate::wan::mini;
use crate::wan::parts::Choice;
use crate::wan::scheduler::{Sampling, Schedule};
use crate::wan::text::TextEncoder;
use crate::wan::transformer::Transformer;
use crate::wan::vae::Encoder;

/// A model that generates videos, chunk after chunk or clip after clip. Clones share its weights.
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
    /// Pictures to latents, for a model that sees its own pictures again.
    pub encoder: Option<Arc<Encoder>>,
    /// The files it was loaded from; none for the small model.
    pub checkpoint: Option<Checkpoint>,
    /// The problems of its files that do not stop it.
    pub warnings: Vec<String>,
    /// The settings of denoising; those without a value are the family's.
    pub denoising: Denoising,
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
/// Latent frames of a clip, unless the patch sets its length: 81 pictures, the length that Wan was trained for.
const CLIP_FRAMES: usize = 21;
/// The width and height of pictures that Wan was trained for.
pub const WAN_SIZE: (usize, usize) = (832, 480);
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
            encoder: None,
            warnings: Vec::new(),
            checkpoint: None,
            denoising: Denoising::default(),
            size: (mini::SIDE, mini::SIDE),
        })
    }

    /// The model in a folder, with some parts chosen: in bf16 on a GPU, in f32 on the CPU.
    ///
    /// # Errors
    ///
    /// Fails if a part of the model is missing, doubled or damaged. The message names the file.
    pub fn open(folder: &Path, choice: &Choice) -> Result<Self> {
        let device = device()?;
        let dtype = if device.is_cpu() { DType::F32 } else { DType::BF16 };
        let checkpoint = Checkpoint::find_with(folder, choice)?;
        let family = checkpoint.family;
        Ok(Self {
            name: folder.display().to_string(),
            family,
            text: checkpoint.text_encoder(dtype, &device)?,
            transformer: Arc::new(checkpoint.transformer(dtype, &device)?),
            decoder: checkpoint.decoder(dtype, &device)?,
            encoder: checkpoint.encoder(dtype, &device)?.map(Arc::new),
            warnings: checkpoint.warnings()?,
            checkpoint: Some(checkpoint),
            denoising: Denoising::default(),
            size: if family == Family::Mini { (mini::SIDE, mini::SIDE) } else { WAN_SIZE },
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

    /// The latent frames of a clip; none if the model makes chunk after chunk.
    pub fn clip(&self) -> Option<usize> {
        self.denoising.clip.or_else(|| self.family.streaming().is_none().then_some(CLIP_FRAMES))
    }

    /// The denoising steps of a chunk or of a clip.
    ///
    /// # Errors
    ///
    /// Fails if a setting is out of range.
    pub fn schedule(&self) -> Result<Schedule> {
        let Denoising { steps, scheduler, shift, guidance, .. } = self.denoising;
        if self.clip().is_some() {
            let own = self.family.sampling()?;
            return Ok(Schedule::Sampling(Sampling {
                scheduler: scheduler.unwrap_or(own.scheduler),
                steps: steps.unwrap_or(own.steps),
                shift: shift.unwrap_or(own.shift),
                guidance: guidance.unwrap_or(own.guidance),
            }));
        }
        let schedule = match steps {
            None => self.family.schedule()?,
            Some(steps) => self.family.schedule_of(steps)?,
        };
        match schedule {
            Some(schedule) => Ok(Schedule::FewStep(schedule)),
            None => bail!("{} makes whole clips", self.family),
        }
    }

    /// The counts of its parts; none if a setting of denoising is out of range.
    pub fn shape(&self) -> Option<ModelShape> {
        let config = self.transformer.config();
        let steps = self.schedule().and_then(|schedule| schedule.timesteps()).ok()?.len();
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
