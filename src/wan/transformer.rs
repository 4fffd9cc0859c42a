//! The diffusion transformer: latents, timesteps and a prompt to a flow.
//!
//! The bidirectional and the causal models share weights and layers. They differ in the keys of self-attention
//! ([`KeySource`]) and in whether every latent frame has its own timestep. Source: `WanModel` of Wan2.1
//! `wan/modules/model.py`, `CausalWanModel` of Self-Forcing `wan/modules/causal_model.py`.

use candle_core::{DType, Device, Module, Result, Tensor, bail};
use serde_json::Value;

use super::attention::{KeySource, PromptKeys};
use super::config::{Config, PATCH};
use super::hooks::Hooks;
use super::kv_cache::{Frames, KvCache};
use super::layer::{self, Layer};
use super::linear::Linear;
use super::ops;
use super::rope::Rope;
use super::weights::Weights;

/// The Wan diffusion transformer.
///
/// ```
/// use bendrack::wan::hooks::Hooks;
/// use candle_core::{DType, Device, Tensor};
///
/// let mut mini = bendrack::wan::mini::load()?;
/// let prompt = mini.text.encode("a red tulip")?;
/// let context = mini.transformer.context(&prompt.embedding)?;
/// let noise = Tensor::randn(0f32, 1.0, (1, mini.transformer.config().in_channels, 1, 4, 4), &Device::Cpu)?;
/// let timesteps = Tensor::new(&[[1000f32]], &Device::Cpu)?;
/// let flow = mini.transformer.forward(&noise, &timesteps, &context, Hooks::NONE)?;
/// assert_eq!(flow.dims(), noise.dims());
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Transformer {
    config: Config,
    dtype: DType,
    device: Device,
    patch_embedding: (Tensor, Tensor),
    time_embedding: (Linear, Linear),
    time_projection: Linear,
    text_embedding: (Linear, Linear),
    blocks: Vec<Layer>,
    head: Head,
}

/// A prompt as input of the transformer: the keys and values of every layer, computed once.
#[derive(Debug, Clone)]
pub struct Context {
    /// One per layer.
    pub layers: Vec<PromptKeys>,
}

/// A time embedding: `embedding` `[batch, frames, 1, dim]` for the head, `projection` `[batch, frames, 6, dim]` for the
/// layers. `frames` is 1 when the whole call is at one timestep.
#[derive(Debug, Clone)]
pub struct Time {
    /// Before the projection.
    pub embedding: Tensor,
    /// After it.
    pub projection: Tensor,
}

impl Transformer {
    /// Builds the transformer from weights in original names; `config` is the checkpoint's `config.json`, if it has one.
    ///
    /// # Errors
    ///
    /// Fails when a tensor is missing, has another shape or is left over; the message names it and the file.
    pub fn load(weights: &Weights, config: Option<&Value>) -> Result<Self> {
        let config = Config::read(weights, config)?;
        let dim = config.dim;
        let patch = config.in_channels * PATCH * PATCH;
        let patch_weight = weights.get("patch_embedding.weight", (dim, config.in_channels, 1, PATCH, PATCH))?;
        let pair = |name: &str, inner| -> Result<_> {
            let at = weights.pp(name);
            Ok((Linear::load(&at, "0", inner, dim)?, Linear::load(&at, "2", dim, dim)?))
        };
        let blocks = (0..config.layers)
            .map(|i| Layer::load(&weights.pp("blocks").pp(i), &config, i))
            .collect::<Result<Vec<_>>>()?;
        let model = Self {
            dtype: weights.dtype(),
            device: weights.device().clone(),
            patch_embedding: (patch_weight.reshape((dim, patch))?, weights.get("patch_embedding.bias", dim)?),
            time_embedding: pair("time_embedding", config.freq_dim)?,
            time_projection: Linear::load(weights, "time_projection.1", dim, 6 * dim)?,
            text_embedding: pair("text_embedding", config.text_dim)?,
            head: Head::load(&weights.pp("head"), &config)?,
            blocks,
            config,
        };
        weights.finish()?;
        Ok(model)
    }

    /// The sizes of the model.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The dtype the model computes in.
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device of the model.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The layers, in order.
    pub fn blocks(&self) -> &[Layer] {
        &self.blocks
    }

    /// Prepares text embeddings `[batch, rows, text_dim]` (at most `text_len` rows; zero rows are added up to it) for
    /// cross-attention. The padding passes the text MLP and is attended to: the model was trained so.
    ///
    /// # Errors
    ///
    /// Fails if the embeddings have another shape than the model reads, or if the device fails.
    pub fn context(&self, embeddings: &Tensor) -> Result<Context> {
        let text = self.embed_text(embeddings)?;
        Ok(Context { layers: self.blocks.iter().map(|layer| layer.prompt_keys(&text)).collect::<Result<_>>()? })
    }

    /// Text embeddings `[batch, rows, text_dim]` to `[batch, text_len, dim]`.
    ///
    /// # Errors
    ///
    /// Fails if the embeddings have another shape than the model reads, or if the device fails.
    pub fn embed_text(&self, embeddings: &Tensor) -> Result<Tensor> {
        let (_, rows, width) = embeddings.dims3()?;
        let Config { text_len, text_dim, .. } = self.config;
        if rows > text_len || width != text_dim {
            bail!("the text embeddings are {rows}×{width}, the model reads at most {text_len}×{text_dim}")
        }
        let padded = embeddings.to_device(&self.device)?.to_dtype(self.dtype)?.pad_with_zeros(1, 0, text_len - rows)?;
        self.text_embedding.1.forward(&ops::gelu_tanh(&self.text_embedding.0.forward(&padded)?)?)
    }

    /// Timesteps `[batch, frames]`, 0…1000 and not rounded, to the time embedding.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn embed_time(&self, timesteps: &Tensor) -> Result<Time> {
        let (batch, frames) = timesteps.dims2()?;
        let timesteps = timesteps.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        self.project_time(&sinusoid(&timesteps, self.config.freq_dim, &self.device)?, (batch, frames))
    }

    /// Sinusoids of timesteps `[batch · frames, freq_dim]` to the time embedding.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn project_time(&self, sinusoid: &Tensor, (batch, frames): (usize, usize)) -> Result<Time> {
        let (first, second) = &self.time_embedding;
        let embedding = second.forward(&ops::silu(&first.forward(&sinusoid.to_dtype(self.dtype)?)?)?)?;
        let projection = self.time_projection.forward(&ops::silu(&embedding)?)?;
        Ok(Time {
            embedding: embedding.reshape((batch, frames, 1, self.config.dim))?,
            projection: projection.reshape((batch, frames, 6, self.config.dim))?,
        })
    }

    /// Latents `[batch, channels, frames, height, width]` to tokens `[batch, frames·rows·columns, dim]`.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn patchify(&self, latents: &Tensor) -> Result<Tensor> {
        let (weight, bias) = &self.patch_embedding;
        let latents = latents.to_device(&self.device)?.to_dtype(self.dtype)?;
        ops::linear(&patches(&latents)?, weight, Some(bias))
    }

    /// The residual stream `[batch, tokens, dim]` after the last layer to the input of [`unpatchify`].
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn head(&self, x: &Tensor, time: &Time) -> Result<Tensor> {
        self.head.forward(x, &time.embedding)
    }

    /// The token grid of latents `[batch, channels, frames, height, width]`: frames, rows, columns.
    ///
    /// # Errors
    ///
    /// Fails if the latents have another number of channels, no frames, or an odd height or width.
    pub fn grid(&self, latents: &Tensor) -> Result<(usize, usize, usize)> {
        let (_, channels, frames, height, width) = latents.dims5()?;
        let whole = |side: usize| side > 0 && side.is_multiple_of(PATCH);
        if channels != self.config.in_channels || !whole(height) || !whole(width) || frames == 0 {
            bail!(
                "the latents have {channels} channels, {frames} frames and {height}×{width} pixels; the model reads {} channels, \
                 one frame or more, and an even height and width",
                self.config.in_channels
            )
        }
        Ok((frames, height / PATCH, width / PATCH))
    }

    /// Predicts the flow of a whole clip, every frame attending to every other.
    ///
    /// Latents `[batch, channels, frames, height, width]`, timesteps `[batch, 1]` or one per frame `[batch, frames]`.
    /// The flow has the shape of the latents.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, or if the device fails.
    pub fn forward(&self, latents: &Tensor, timesteps: &Tensor, context: &Context, hooks: Hooks<'_>) -> Result<Tensor> {
        let (frames, rows, columns) = self.grid(latents)?;
        let positions: Vec<f64> = (0..frames).map(|f| f as f64).collect();
        let rope = Rope::new(self.config.head_dim(), &positions, (rows, columns), &self.device)?;
        // Without a pipeline, the frames are those of a video that begins here.
        let numbers = if hooks.frames().len() == frames { hooks.frames().into() } else { (0..frames).collect() };
        let source = KeySource::Current(&rope, numbers);
        self.run(latents, timesteps, context, source, hooks)
    }

    /// Predicts the flow of one chunk, attending to it and to the frames in `cache`, and stores the chunk there.
    ///
    /// `frames` are the chunk's; shapes as in [`Self::forward`]. After a failure, repeat the same call or reset the cache.
    ///
    /// # Errors
    ///
    /// Fails if a shape does not fit, if the cache has no room, or if the device fails.
    pub fn forward_cached(
        &self,
        latents: &Tensor,
        timesteps: &Tensor,
        context: &Context,
        cache: &mut KvCache,
        frames: Frames,
        hooks: Hooks<'_>,
    ) -> Result<Tensor> {
        let (count, rows, columns) = self.grid(latents)?;
        if frames.numbers.len() != count || cache.layers() != self.blocks.len() {
            bail!(
                "the latents have {count} frames and the call names {:?}; the model has {} layers and the KV cache {}",
                frames.numbers,
                self.blocks.len(),
                cache.layers()
            )
        }
        cache.begin(frames, (rows, columns))?;
        let flow = self.run(latents, timesteps, context, KeySource::Cache(cache), hooks)?;
        cache.commit();
        Ok(flow)
    }

    fn run(
        &self,
        latents: &Tensor,
        timesteps: &Tensor,
        context: &Context,
        mut source: KeySource<'_>,
        hooks: Hooks<'_>,
    ) -> Result<Tensor> {
        let grid = self.grid(latents)?;
        let (batch, steps) = timesteps.dims2()?;
        if batch != latents.dim(0)? || (steps != 1 && steps != grid.0) {
            bail!(
                "the timesteps have shape {:?} and the latents {:?}; pass one timestep per frame, or one for all",
                timesteps.dims(),
                latents.dims()
            )
        }
        if context.layers.len() != self.blocks.len() {
            bail!(
                "the prompt was prepared for {} layers, the model has {}; prepare it with this model",
                context.layers.len(),
                self.blocks.len()
            )
        }
        let time = self.embed_time(timesteps)?;
        let mut x = self.patchify(latents)?;
        for (i, (layer, prompt)) in self.blocks.iter().zip(&context.layers).enumerate() {
            x = layer.forward(&x, &time.projection, prompt, &mut source, &hooks.grid(grid).layer(i))?;
        }
        unpatchify(&self.head(&x, &time)?, grid)
    }
}

/// The last norm and projection, modulated by the time embedding before its projection.
#[derive(Debug, Clone)]
struct Head {
    modulation: Tensor,
    head: Linear,
}

impl Head {
    fn load(weights: &Weights, config: &Config) -> Result<Self> {
        Ok(Self {
            modulation: weights.get("modulation", (1, 2, config.dim))?.unsqueeze(0)?,
            head: Linear::load(weights, "head", config.dim, config.out_channels * PATCH * PATCH)?,
        })
    }

    /// x `[batch, tokens, dim]` to `[batch, tokens, 4 · channels]`.
    fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<Tensor> {
        let rows = self.modulation.broadcast_add(embedding)?;
        let (shift, scale) = (rows.narrow(2, 0, 1)?.contiguous()?, rows.narrow(2, 1, 1)?.contiguous()?);
        self.head.forward(&layer::modulated_norm(x, &shift, &scale)?)
    }
}

/// `[cos | sin]` of `t · 10000^(−j/half)`, `[timesteps, width]` in f32, computed in f64 as the original does.
///
/// # Errors
///
/// Fails if the device fails.
pub fn sinusoid(timesteps: &[f64], width: usize, device: &Device) -> Result<Tensor> {
    let half = width / 2;
    let angle = |t: f64, j: usize| t * 10000f64.powf(-(j as f64) / half as f64);
    let row = |&t: &f64| {
        let cos = (0..half).map(move |j| angle(t, j).cos() as f32);
        cos.chain((0..half).map(move |j| angle(t, j).sin() as f32))
    };
    let rows: Vec<f32> = timesteps.iter().flat_map(row).collect();
    Tensor::from_vec(rows, (timesteps.len(), 2 * half), device)
}

/// Latents `[batch, channels, frames, height, width]` to the pixels of each token `[batch, tokens, channels · 4]`, channel
/// slowest.
///
/// # Errors
///
/// Fails if the shape does not fit.
pub fn patches(latents: &Tensor) -> Result<Tensor> {
    let (batch, channels, frames, height, width) = latents.dims5()?;
    let (rows, columns) = (height / PATCH, width / PATCH);
    latents
        .reshape(&[batch, channels, frames, rows, PATCH, columns, PATCH][..])?
        .permute([0, 2, 3, 5, 1, 4, 6])?
        .reshape((batch, frames * rows * columns, channels * PATCH * PATCH))
}

/// Pixels of each token `[batch, tokens, 4 · channels]`, channel *fastest*, to latents of this grid.
///
/// # Errors
///
/// Fails if the shape does not fit.
pub fn unpatchify(tokens: &Tensor, (frames, rows, columns): (usize, usize, usize)) -> Result<Tensor> {
    let (batch, _, pixels) = tokens.dims3()?;
    let channels = pixels / (PATCH * PATCH);
    tokens
        .reshape(&[batch, frames, rows, columns, PATCH, PATCH, channels][..])?
        .permute([0, 6, 1, 2, 4, 3, 5])?
        .reshape((batch, channels, frames, rows * PATCH, columns * PATCH))
}
