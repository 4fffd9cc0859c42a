//! The Wan VAE: latents to pictures and back, chunk after chunk.
//!
//! The sizes (base width, multipliers, blocks per level, which levels change the frame rate) are read from the weights.
//! Pictures are RGB in −1..1 here; [`FrameDecoder`](super::decode::FrameDecoder) gives 0..1 as every decoder does.
//! Source: Wan2.1 `wan/modules/vae.py`; diffusers `autoencoder_kl_wan.py` computes the same.

mod blocks;
mod decoder;
mod encoder;
mod resample;

pub use blocks::{AttentionBlock, Block, Direction, NormConv, ResidualBlock, RmsNorm};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use resample::{Downsample, Upsample};

use candle_core::{DType, Device, Result, Tensor};

use super::decode::LATENT_CHANNELS;

/// Mean of each latent channel over the training videos.
pub const LATENTS_MEAN: [f32; LATENT_CHANNELS] = [
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922,
    -0.9497, 0.2503, -0.2921,
];

/// Standard deviation of each latent channel over the training videos.
pub const LATENTS_STD: [f32; LATENT_CHANNELS] = [
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253,
    2.8251, 1.9160,
];

/// The VAE's latents from the transformer's: `z · std + mean`, both `[frames, 16, h, w]`; computed in f32.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn denormalize(latents: &Tensor) -> Result<Tensor> {
    let dtype = latents.dtype();
    let latents = latents.to_dtype(DType::F32)?;
    latents
        .broadcast_mul(&per_channel(LATENTS_STD, latents.device())?)?
        .broadcast_add(&per_channel(LATENTS_MEAN, latents.device())?)?
        .to_dtype(dtype)
}

/// The transformer's latents from the VAE's: `(z − mean) / std`, both `[frames, 16, h, w]`; computed in f32.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn normalize(latents: &Tensor) -> Result<Tensor> {
    let dtype = latents.dtype();
    let latents = latents.to_dtype(DType::F32)?;
    latents
        .broadcast_sub(&per_channel(LATENTS_MEAN, latents.device())?)?
        .broadcast_div(&per_channel(LATENTS_STD, latents.device())?)?
        .to_dtype(dtype)
}

fn per_channel(values: [f32; LATENT_CHANNELS], device: &Device) -> Result<Tensor> {
    Tensor::new(&values, device)?.reshape((1, LATENT_CHANNELS, 1, 1))
}
