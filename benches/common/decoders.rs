//! The decoders at the widths of the real files, with random weights.

use bendrack::wan::weights::Weights;
use candle_core::{DType, Device, Result, Tensor};

/// Random weights of these names and shapes, small enough that numbers stay in range.
pub fn random_weights(shapes: &[(String, Vec<usize>)]) -> Result<Weights> {
    let tensor = |(name, shape): &(String, Vec<usize>)| {
        let inputs: usize = shape.iter().skip(1).product();
        let tensor = Tensor::randn(0f32, 1.0, shape.as_slice(), &Device::Cpu)?;
        Ok((name.clone(), (tensor / (inputs as f64).sqrt())?))
    };
    let tensors = shapes.iter().map(tensor).collect::<Result<Vec<_>>>()?;
    Ok(Weights::from_tensors(tensors, DType::F32, &Device::Cpu))
}

/// Floating-point operations of the convolutions, each applied at `positions(name)` pixels of all frames.
#[allow(dead_code, reason = "only the benches count")]
pub fn flops(shapes: &[(String, Vec<usize>)], positions: impl Fn(&str) -> usize) -> u64 {
    let weights = shapes.iter().filter(|(name, _)| name.ends_with(".weight"));
    weights.map(|(name, shape)| 2 * (shape.iter().product::<usize>() * positions(name)) as u64).sum()
}

/// The weights of taew2_1, as the recordings list them.
pub fn taehv_shapes() -> Vec<(String, Vec<usize>)> {
    let json = include_str!("../../tests/fixtures/taehv_real_shapes.json");
    let shapes: std::collections::BTreeMap<String, Vec<usize>> = serde_json::from_str(json).expect("shapes by name");
    shapes.into_iter().collect()
}

/// Pixels of all frames at which TAEHV's decoder applies a layer, per latent of this many pixels. None in the encoder.
#[allow(dead_code, reason = "only the benches count")]
pub fn taehv_positions(name: &str, latent: usize) -> usize {
    let index = name.strip_prefix("decoder.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    match index {
        None => 0,
        Some(0..=7) => latent,
        Some(8..=13) => 4 * latent,
        Some(14..=19) => 2 * 16 * latent,
        Some(_) => 4 * 64 * latent,
    }
}

/// Pixels of all frames at which the VAE's decoder applies a layer, per latent of this many pixels. The first latent
/// has fewer frames.
#[allow(dead_code, reason = "only the benches count")]
pub fn vae_positions(name: &str, latent: usize) -> usize {
    // Frames and pixels at the beginning of each level, and at its end.
    const LEVELS: [usize; 5] = [1, 2 * 4, 4 * 16, 4 * 64, 4 * 64];
    let entry = name.strip_prefix("decoder.upsamples.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
    let scale = match entry {
        Some(entry) if name.contains("resample") => LEVELS[entry / 4 + 1],
        Some(entry) => LEVELS[entry / 4],
        None if name.starts_with("decoder.head") => LEVELS[4],
        None => 1,
    };
    scale * latent
}

/// The decoder of Wan2.1_VAE: widths of 1, 2, 4, 4 times `base`, and three residual blocks per level.
pub fn vae_shapes(base: usize) -> Vec<(String, Vec<usize>)> {
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
