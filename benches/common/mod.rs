//! Real-size pieces of the model with random weights, for measuring.

pub mod decoders;

use bendrack::wan::attention::{KeySource, PromptKeys};
use bendrack::wan::config::Config;
use bendrack::wan::hooks::Hooks;
use bendrack::wan::kv_cache::{CachePolicy, Frames, KvCache, Positions};
use bendrack::wan::layer::Layer;
use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

/// Wan 1.3B with as many layers as are measured.
pub fn wan_1_3b() -> Config {
    Config {
        dim: 1536,
        ffn_dim: 8960,
        heads: 12,
        layers: 1,
        in_channels: 16,
        out_channels: 16,
        text_dim: 4096,
        text_len: 512,
        freq_dim: 256,
    }
}

/// Standard normal values, scaled.
pub fn random(shape: &[usize], scale: f64) -> Tensor {
    Tensor::randn(0f32, scale as f32, shape, &Device::Cpu).expect("a tensor")
}

/// Weights of one layer in original names, of a size that keeps activations near 1.
pub fn layer_weights(config: &Config) -> Vec<(String, Tensor)> {
    let (dim, ffn) = (config.dim, config.ffn_dim);
    let mut tensors = vec![
        ("modulation".to_owned(), random(&[1, 6, dim], 0.1)),
        ("norm3.weight".to_owned(), random(&[dim], 1.0)),
        ("norm3.bias".to_owned(), random(&[dim], 0.1)),
    ];
    let mut linear = |name: String, inner: usize, out: usize| {
        tensors.push((format!("{name}.weight"), random(&[out, inner], 1.0 / (inner as f64).sqrt())));
        tensors.push((format!("{name}.bias"), random(&[out], 0.1)));
    };
    linear("ffn.0".to_owned(), dim, ffn);
    linear("ffn.2".to_owned(), ffn, dim);
    for attention in ["self_attn", "cross_attn"] {
        for projection in ["q", "k", "v", "o"] {
            linear(format!("{attention}.{projection}"), dim, dim);
        }
    }
    for attention in ["self_attn", "cross_attn"] {
        for norm in ["norm_q", "norm_k"] {
            tensors.push((format!("{attention}.{norm}.weight"), random(&[dim], 1.0)));
        }
    }
    tensors
}

/// LongLive's layer at 320×576, in a chunk of 3 latent frames of 20×36 tokens. Its 2160 queries attend to 8640 keys, a
/// full window of 12 frames, and to 512 prompt tokens.
pub struct CausalLayer {
    pub layer: Layer,
    pub weights: Vec<(String, Tensor)>,
    pub x: Tensor,
    pub time: Tensor,
    pub text: Tensor,
    pub prompt: PromptKeys,
    pub cache: KvCache,
    /// Position of the chunk's first frame.
    pub first_frame: usize,
    /// Latent frames of the chunk, rows and columns of tokens.
    pub grid: (usize, usize, usize),
}

pub const GRID: (usize, usize, usize) = (3, 20, 36);
pub const WINDOW: usize = 12;

impl CausalLayer {
    pub fn new() -> Result<Self> {
        Self::of(&wan_1_3b(), GRID)
    }

    /// A layer of these sizes in a chunk of this grid, with a full window.
    pub fn of(config: &Config, grid: (usize, usize, usize)) -> Result<Self> {
        let tensors = layer_weights(config);
        let weights = Weights::from_tensors(tensors.iter().cloned(), DType::F32, &Device::Cpu);
        let layer = Layer::load(&weights, config, 0)?;
        let tokens = grid.0 * grid.1 * grid.2;
        let text = random(&[1, config.text_len, config.dim], 1.0);
        let policy =
            CachePolicy { window: WINDOW, sink: 3, rolls: true, sink_is_final: true, positions: Positions::Absolute };
        let cache = KvCache::new(config, policy, 1, (grid.1, grid.2), DType::F32, &Device::Cpu)?;
        let mut this = Self {
            prompt: layer.prompt_keys(&text)?,
            layer,
            weights: tensors,
            x: random(&[1, tokens, config.dim], 1.0),
            time: random(&[1, grid.0, 6, config.dim], 0.1),
            text,
            cache,
            first_frame: 0,
            grid,
        };
        for chunk in 0..WINDOW / grid.0 {
            this.first_frame = chunk * grid.0;
            this.forward(Hooks::NONE)?;
        }
        Ok(this)
    }

    /// One pass over the chunk in place, as a denoising step makes it.
    pub fn forward(&mut self, hooks: Hooks<'_>) -> Result<Tensor> {
        let (frames, rows, columns) = self.grid;
        self.cache.begin(Frames::run(self.first_frame, frames), (rows, columns))?;
        let mut source = KeySource::Cache(&mut self.cache);
        let y = self.layer.forward(&self.x, &self.time, &self.prompt, &mut source, &hooks)?;
        self.cache.commit();
        Ok(y)
    }

    /// Floating-point operations of [`Self::forward`]: matrix products and attention.
    pub fn flops() -> u64 {
        let Config { dim, ffn_dim, text_len, .. } = wan_1_3b();
        let queries = GRID.0 * GRID.1 * GRID.2;
        let keys = WINDOW * GRID.1 * GRID.2;
        let projections = 6 * dim * dim + 2 * dim * ffn_dim;
        (2 * queries * projections + 4 * queries * (keys + text_len) * dim) as u64
    }
}
