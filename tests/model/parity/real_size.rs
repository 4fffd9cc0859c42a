//! The decoders at the widths of the real files, with random weights: slow, so they are ignored unless asked for.
//!
//! `cargo test --test model real_size -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use bendrack::wan::decode::{DecoderStream, FrameDecoder};
use bendrack::wan::{taehv, vae};
use candle_core::{DType, Device, Result, Tensor};

#[path = "../../../benches/common/decoders.rs"]
mod decoders;

use decoders::{random_weights, taehv_shapes, vae_shapes};

/// Decodes `count` latents `[height, width]` one by one and checks what comes out.
fn run(decoder: Arc<dyn FrameDecoder>, count: usize, height: usize, width: usize) -> Result<()> {
    let latents = Tensor::randn(0f32, 1.0, (count, 16, height, width), &Device::Cpu)?;
    let mut stream = DecoderStream::new(decoder);
    for i in 0..count {
        let start = Instant::now();
        let frames = stream.push(&latents.narrow(0, i, 1)?)?;
        println!("latent {i}: {:?} in {:.2} s", frames.dims(), start.elapsed().as_secs_f64());
        assert_eq!(frames.dims(), [if i == 0 { 1 } else { 4 }, 3, 8 * height, 8 * width]);
        let sum = frames.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
        assert!(sum.is_finite());
    }
    Ok(())
}

#[test]
#[ignore = "slow"]
fn taehv_decodes() -> Result<()> {
    let weights = random_weights(&taehv_shapes())?;
    taehv::Encoder::load(&weights)?;
    let decoder = taehv::Decoder::load(&weights, &taehv::TIME_UPSCALE)?;
    weights.finish()?;
    run(Arc::new(decoder), 3, 40, 72)
}

#[test]
#[ignore = "slow"]
fn vae_decodes() -> Result<()> {
    let weights = random_weights(&vae_shapes(96))?;
    let decoder = vae::Decoder::load(&weights)?;
    weights.finish()?;
    run(Arc::new(decoder), 2, 10, 18)
}
