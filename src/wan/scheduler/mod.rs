//! Noise schedules, and the samplers that follow them.
//!
//! Everything is rectified flow: `x_t = (1 − σ) x0 + σ noise`. The model predicts `flow = noise − x0`; the timestep is
//! `t = 1000 σ`. The causal models jump from clean estimate to clean estimate along a short list ([`FewStep`]). The
//! bidirectional model is sampled step by step ([`Sampler`]: [`UniPc`], [`FlowMatchEuler`], [`DpmPp`]).
//!
//! Scalars are computed in the precision of the implementation they come from, f32 nearly everywhere. Schedules thus
//! agree to the last bit.

use bendrack_nodes::program::Scheduler;
use candle_core::{Result, Tensor, bail};

mod dpm_pp;
mod euler;
mod few_step;
mod unipc;

pub use dpm_pp::DpmPp;
pub use euler::FlowMatchEuler;
pub use few_step::FewStep;
pub use unipc::{UniPc, UniPcSchedule};

/// The number of steps into which training divides the noise: timesteps run from 0 to this.
pub const TRAIN_STEPS: usize = 1000;

/// Walks a sample from noise to a clean latent, one model call per step.
pub trait Sampler: Send {
    /// The timestep of each step, 0 to 1000, in order.
    fn timesteps(&self) -> &[f32];

    /// The noise level before each step, and after the last one, 0.
    fn sigmas(&self) -> &[f32];

    /// Takes the model's `flow` at the current step's `sample`, both of one shape; returns the next step's sample in f32.
    ///
    /// # Errors
    ///
    /// Fails once every step has been taken; [`reset`](Self::reset) starts over. Fails if a shape does not fit, or if the device fails.
    fn step(&mut self, flow: &Tensor, sample: &Tensor) -> Result<Tensor>;

    /// Begins again at the first step.
    fn reset(&mut self);
}

/// Classifier-free guidance: `negative + scale · (positive − negative)`. The scale broadcasts to the flows.
///
/// # Errors
///
/// Fails if a shape does not fit, or if the device fails.
pub fn guide(positive: &Tensor, negative: &Tensor, scale: &Tensor) -> Result<Tensor> {
    negative + (positive - negative)?.broadcast_mul(scale)?
}

/// The denoising steps of a chunk or of a clip.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Those of a chunk.
    FewStep(FewStep),
    /// Those of a clip.
    Sampling(Sampling),
}

impl Schedule {
    /// The timestep of each step, 0 to 1000, in order.
    ///
    /// # Errors
    ///
    /// Fails for settings out of range.
    pub fn timesteps(&self) -> Result<Vec<f32>> {
        Ok(match self {
            Self::FewStep(schedule) => schedule.timesteps().to_vec(),
            Self::Sampling(sampling) => sampling.sampler()?.timesteps().to_vec(),
        })
    }
}

/// The settings by which a clip is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The scheduler.
    pub scheduler: Scheduler,
    /// The number of denoising steps, 1 to 1000.
    pub steps: usize,
    /// The timestep shift: above 1, more steps at high noise.
    pub shift: f64,
    /// The guidance scale: 1 is the prompt alone.
    pub guidance: f64,
}

impl Sampling {
    /// Wan's own: 50 steps of UniPC, shift 5, guidance scale 5.
    pub const WAN: Self = Self { scheduler: Scheduler::UniPc, steps: 50, shift: 5.0, guidance: 5.0 };

    /// The sampler, before its first step.
    ///
    /// # Errors
    ///
    /// Fails for a number of steps or a shift out of range.
    pub fn sampler(&self) -> Result<Box<dyn Sampler>> {
        let (steps, shift) = (self.steps, self.shift);
        Ok(match self.scheduler {
            Scheduler::UniPc => Box::new(UniPc::new(steps, shift, UniPcSchedule::Original)?),
            Scheduler::Euler => Box::new(FlowMatchEuler::new(steps, shift)?),
            Scheduler::DpmPp => Box::new(DpmPp::new(steps, shift)?),
        })
    }
}

/// Moves a noise level towards 1: `shift · σ / (1 + (shift − 1) · σ)`; shift 1 changes nothing.
fn shifted(sigma: f64, shift: f64) -> f64 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}

/// [`shifted`] rounded to f32 after each operation, as tensor code does it.
fn shifted_f32(sigma: f32, shift: f32) -> f32 {
    shift * sigma / (1.0 + (shift - 1.0) * sigma)
}

/// `count` evenly spaced values from `start` to `end`, both included.
fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| if i > 0 && i + 1 == count { end } else { start + i as f64 * step }).collect()
}

/// [`linspace`] in f32, counted from the nearer end and rounded once, as PyTorch does it.
fn linspace_f32(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / count.saturating_sub(1).max(1) as f32;
    let from_start = |i: usize| step.mul_add(i as f32, start);
    let from_end = |i: usize| (-step).mul_add((count - 1 - i) as f32, end);
    (0..count).map(|i| if i == 0 || i < count / 2 { from_start(i) } else { from_end(i) }).collect()
}

/// Refuses step counts and shifts from which no schedule follows.
fn check(steps: usize, shift: f64) -> Result<()> {
    if steps == 0 || steps > TRAIN_STEPS {
        bail!("{steps} sampling steps: use 1 to {TRAIN_STEPS}")
    }
    if !(0.01..=100.0).contains(&shift) {
        bail!("timestep shift {shift}: use 0.01 to 100 (Wan: 3 to 12)")
    }
    Ok(())
}

/// The error of a sampler that is asked for more steps than it has.
fn exhausted<T>(steps: usize) -> Result<T> {
    bail!("all {steps} sampling steps are taken; reset the sampler before the next video")
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    /// Every sampler, by the same recipe.
    fn samplers(steps: usize, shift: f64) -> Vec<Box<dyn Sampler>> {
        vec![
            Box::new(FlowMatchEuler::new(steps, shift).expect("a schedule")),
            Box::new(UniPc::new(steps, shift, UniPcSchedule::Original).expect("a schedule")),
            Box::new(UniPc::new(steps, shift, UniPcSchedule::Diffusers).expect("a schedule")),
            Box::new(DpmPp::new(steps, shift).expect("a schedule")),
        ]
    }

    fn scalar(x: f32) -> Tensor {
        Tensor::new(&[x], &Device::Cpu).expect("a tensor")
    }

    fn value(x: &Tensor) -> f32 {
        x.to_vec1().expect("a vector")[0]
    }

    proptest! {
        #[test]
        fn sigmas_fall_to_zero(steps in 1usize..=1000, shift in 0.5f64..16.0) {
            for sampler in samplers(steps, shift) {
                let sigmas = sampler.sigmas();
                prop_assert_eq!(sigmas.len(), steps + 1);
                prop_assert_eq!(sampler.timesteps().len(), steps);
                prop_assert!(sigmas[steps].abs() < f32::MIN_POSITIVE);
                prop_assert!(sigmas[0] <= 1.0);
                prop_assert!(sigmas.windows(2).all(|pair| pair[0] > pair[1]), "{:?}", sigmas);
            }
        }

        /// A flow that points straight from the noise to one clean value is followed exactly, whatever the steps.
        #[test]
        fn straight_flow_is_followed(steps in 1usize..40, shift in 1.0f64..12.0, clean in -2.0f32..2.0, noise in -2.0f32..2.0) {
            for mut sampler in samplers(steps, shift) {
                let start = sampler.sigmas()[0];
                let mut x = scalar((1.0 - start) * clean + start * noise);
                for _ in 0..steps {
                    x = sampler.step(&scalar(noise - clean), &x).expect("a step");
                }
                prop_assert!((value(&x) - clean).abs() < 1e-4, "{} is not {}", value(&x), clean);
            }
        }

        #[test]
        fn shift_keeps_the_ends(shift in 0.1f64..20.0, sigma in 0.0f64..1.0) {
            prop_assert!(shifted(0.0, shift).abs() < f64::MIN_POSITIVE);
            prop_assert!((shifted(1.0, shift) - 1.0).abs() < 1e-12);
            prop_assert!((shifted(shifted(sigma, shift), 1.0 / shift) - sigma).abs() < 1e-9);
        }
    }

    /// The flow of data N(mean, s²) is `v = (σ − s²(1−σ)) / ((1−σ)² s² + σ²) · (x − (1−σ) mean) − mean`. The map from
    /// noise to data is known: `mean + s · noise`. UniPC's second order shows against Euler.
    #[test]
    fn more_steps_come_closer_to_the_solution() {
        let (mean, s, noise) = (0.7f64, 0.5f64, 1.3f64);
        let error = |sampler: &mut dyn Sampler| {
            let first = f64::from(sampler.sigmas()[0]);
            let spread = ((1.0 - first).powi(2) * s * s + first * first).sqrt();
            let mut x = scalar(((1.0 - first) * mean + spread * noise) as f32);
            for i in 0..sampler.timesteps().len() {
                let sigma = f64::from(sampler.sigmas()[i]);
                let variance = (1.0 - sigma).powi(2) * s * s + sigma * sigma;
                let gain = (sigma - s * s * (1.0 - sigma)) / variance;
                let flow = gain * (f64::from(value(&x)) - (1.0 - sigma) * mean) - mean;
                x = sampler.step(&scalar(flow as f32), &x).expect("a step");
            }
            (f64::from(value(&x)) - (mean + s * noise)).abs()
        };
        for schedule in [UniPcSchedule::Original, UniPcSchedule::Diffusers] {
            let unipc = |steps| error(&mut UniPc::new(steps, 3.0, schedule).expect("a schedule"));
            assert!(unipc(40) < unipc(10) / 4.0, "{schedule:?}: {} then {}", unipc(10), unipc(40));
            assert!(unipc(40) < 5e-3, "{schedule:?}: {}", unipc(40));
            let euler = error(&mut FlowMatchEuler::new(40, 3.0).expect("a schedule"));
            assert!(unipc(40) < euler, "{schedule:?}: {} is not below Euler's {euler}", unipc(40));
        }
    }

    #[test]
    fn a_finished_walk_fails_and_starts_over() {
        for mut sampler in samplers(2, 5.0) {
            let walk = |sampler: &mut dyn Sampler| {
                let first = sampler.step(&scalar(0.3), &scalar(1.0)).expect("a step");
                value(&sampler.step(&scalar(0.2), &first).expect("a step"))
            };
            let end = walk(sampler.as_mut());
            let error = sampler.step(&scalar(0.0), &scalar(0.0)).expect_err("nothing is left");
            assert!(error.to_string().contains("reset"), "{error}");
            sampler.reset();
            assert_eq!(end.to_bits(), walk(sampler.as_mut()).to_bits());
        }
    }

    #[test]
    fn impossible_schedules_are_refused() {
        for (steps, shift) in [(0, 5.0), (1001, 5.0), (4, 0.0), (4, -1.0), (4, f64::NAN), (4, f64::INFINITY)] {
            assert!(FlowMatchEuler::new(steps, shift).is_err());
            assert!(UniPc::new(steps, shift, UniPcSchedule::Original).is_err());
            assert!(UniPc::new(steps, shift, UniPcSchedule::Diffusers).is_err());
            assert!(DpmPp::new(steps, shift).is_err());
            assert!(FewStep::krea(steps, 1.0, shift).is_err());
        }
    }

    #[test]
    fn guidance_mixes() {
        let (positive, negative) = (scalar(2.0), scalar(0.5));
        for (scale, wanted) in [(5.0, 8.0), (1.0, 2.0), (0.0, 0.5), (-1.0, -1.0)] {
            let guided = guide(&positive, &negative, &scalar(scale)).expect("a tensor");
            assert!((value(&guided) - wanted).abs() < 1e-6, "{scale}");
        }
    }
}
