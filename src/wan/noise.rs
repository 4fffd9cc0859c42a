//! The noise of a generation.

use candle_core::{Device, Result, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// The frame and step of a draw of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The first latent frame, counted from the beginning of the video.
    pub first_frame: usize,
    /// 0 for the noise a chunk starts from, `k` for the noise added before step k.
    pub step: usize,
}

/// A source of standard normal noise.
pub trait Noise {
    /// Noise `[1, channels, frames, height, width]` in f32 on the CPU.
    ///
    /// # Errors
    ///
    /// Fails if the memory does not suffice.
    fn draw(&mut self, draw: Draw, shape: (usize, usize, usize, usize)) -> Result<Tensor>;
}

/// Noise that depends on the seed, the latent frame and the step alone. A video that begins again at any frame, on any
/// machine, has the same noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededNoise {
    /// The video's seed.
    pub seed: u64,
}

impl Noise for SeededNoise {
    fn draw(&mut self, draw: Draw, (channels, frames, height, width): (usize, usize, usize, usize)) -> Result<Tensor> {
        let frame = |f: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&self.seed.to_le_bytes());
            key[8..16].copy_from_slice(&((draw.first_frame + f) as u64).to_le_bytes());
            key[16..24].copy_from_slice(&(draw.step as u64).to_le_bytes());
            let rng = ChaCha8Rng::from_seed(key);
            let values: Vec<f32> = StandardNormal.sample_iter(rng).take(channels * height * width).collect();
            Tensor::from_vec(values, (1, channels, 1, height, width), &Device::Cpu)
        };
        Tensor::cat(&(0..frames).map(frame).collect::<Result<Vec<_>>>()?, 2)
    }
}

/// The first noise of a chunk at every step, instead of fresh noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameNoise<N>(pub N);

impl<N: Noise> Noise for SameNoise<N> {
    fn draw(&mut self, draw: Draw, shape: (usize, usize, usize, usize)) -> Result<Tensor> {
        self.0.draw(Draw { step: 0, ..draw }, shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(seed: u64, first_frame: usize, step: usize, frames: usize) -> Vec<f32> {
        let noise = SeededNoise { seed }.draw(Draw { first_frame, step }, (4, frames, 6, 8)).expect("noise");
        noise.transpose(1, 2).and_then(|x| x.flatten_all()?.to_vec1()).expect("values")
    }

    #[test]
    fn a_frame_has_its_noise_wherever_a_chunk_begins() {
        let frame = 4 * 6 * 8;
        assert_eq!(values(7, 3, 1, 3)[frame..2 * frame], values(7, 4, 1, 1));
    }

    #[test]
    fn seeds_frames_and_steps_differ() {
        let base = values(7, 3, 1, 1);
        for other in [values(8, 3, 1, 1), values(7, 4, 1, 1), values(7, 3, 2, 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn the_same_noise_is_the_same_at_every_step_of_a_chunk() -> Result<()> {
        let mut noise = SameNoise(SeededNoise { seed: 7 });
        let mut values = |first_frame, step| -> Result<Vec<f32>> {
            noise.draw(Draw { first_frame, step }, (4, 3, 6, 8))?.flatten_all()?.to_vec1()
        };
        assert_eq!(values(3, 0)?, values(3, 2)?);
        assert_ne!(values(3, 0)?, values(6, 0)?);
        Ok(())
    }

    #[test]
    fn noise_is_standard_normal() {
        let values: Vec<f64> = values(1, 0, 0, 200).into_iter().map(f64::from).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let within_one = values.iter().filter(|x| x.abs() < 1.0).count() as f64 / n;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "mean {mean}, variance {variance}");
        assert!((within_one - 0.6827).abs() < 0.01, "{within_one} within one deviation");
    }
}
