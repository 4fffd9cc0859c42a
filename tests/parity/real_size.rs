//! The decoders at the widths of the real files, with random weights: slow, so they are ignored unless asked for.
//!
//! `cargo test --test parity real_size -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use bendrack::wan::decode::{DecoderStream, FrameDecoder};
use bendrack::wan::weights::Weights;
use bendrack::wan::{taehv, vae};
use candle_core::{DType, Device, Result, Tensor};

use crate::fixture;

/// Random weights of these names and shapes, small enough that numbers stay in range.
fn random(shapes: impl IntoIterator<Item = (String, Vec<usize>)>) -> Result<Weights> {
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let tensor = Tensor::randn(0f32, 1.0, shape, &Device::Cpu)?;
        Ok((name, (tensor / (inputs as f64).sqrt())?))
    };
    let tensors = shapes.into_iter().map(tensor).collect::<Result<Vec<_>>>()?;
    Ok(Weights::from_tensors(tensors, DType::F32, &Device::Cpu))
}

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
    let shapes = fixture::json("taehv_real_shapes.json");
    let shapes: std::collections::BTreeMap<String, Vec<usize>> = serde_json::from_value(shapes).expect("shapes");
    let weights = random(shapes)?;
    taehv::Encoder::load(&weights)?;
    let decoder = taehv::Decoder::load(&weights, &taehv::TIME_UPSCALE)?;
    weights.finish()?;
    run(Arc::new(decoder), 3, 40, 72)
}

#[test]
#[ignore = "slow"]
fn vae_decodes() -> Result<()> {
    let weights = random(vae_decoder_shapes(96))?;
    let decoder = vae::Decoder::load(&weights)?;
    weights.finish()?;
    run(Arc::new(decoder), 2, 10, 18)
}

/// The decoder of Wan2.1_VAE: widths of 1, 2, 4, 4 times `base`, two residual blocks to a level and one more.
fn vae_decoder_shapes(base: usize) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Shapes::default();
    let top = 4 * base;
    shapes.conv("conv2", 16, 16, &[1, 1, 1]);
    shapes.conv("decoder.conv1", 16, top, &[3, 3, 3]);
    shapes.residual("decoder.middle.0", top, top);
    shapes.norm("decoder.middle.1.norm", top, 2);
    shapes.conv("decoder.middle.1.to_qkv", top, 3 * top, &[1, 1]);
    shapes.conv("decoder.middle.1.proj", top, top, &[1, 1]);
    shapes.residual("decoder.middle.2", top, top);
    let levels = [(top, top, true), (top / 2, top, true), (top / 2, top / 2, false), (base, base, false)];
    for (level, (input, width, time)) in levels.into_iter().enumerate() {
        let name = |block: usize| format!("decoder.upsamples.{}", 4 * level + block);
        for block in 0..3 {
            shapes.residual(&name(block), if block == 0 { input } else { width }, width);
        }
        if level < 3 {
            shapes.conv(&format!("{}.resample.1", name(3)), width, width / 2, &[3, 3]);
        }
        if time {
            shapes.conv(&format!("{}.time_conv", name(3)), width, 2 * width, &[3, 1, 1]);
        }
    }
    shapes.norm("decoder.head.0", base, 3);
    shapes.conv("decoder.head.2", base, 3, &[3, 3, 3]);
    shapes.0
}

#[derive(Default)]
struct Shapes(Vec<(String, Vec<usize>)>);

impl Shapes {
    fn norm(&mut self, name: &str, dim: usize, ones: usize) {
        self.0.push((format!("{name}.gamma"), [vec![dim], vec![1; ones]].concat()));
    }

    fn conv(&mut self, name: &str, input: usize, output: usize, kernel: &[usize]) {
        self.0.push((format!("{name}.weight"), [&[output, input], kernel].concat()));
        self.0.push((format!("{name}.bias"), vec![output]));
    }

    fn residual(&mut self, name: &str, input: usize, output: usize) {
        self.norm(&format!("{name}.residual.0"), input, 3);
        self.conv(&format!("{name}.residual.2"), input, output, &[3, 3, 3]);
        self.norm(&format!("{name}.residual.3"), output, 3);
        self.conv(&format!("{name}.residual.6"), output, output, &[3, 3, 3]);
        if input != output {
            self.conv(&format!("{name}.shortcut"), input, output, &[1, 1, 1]);
        }
    }
}
