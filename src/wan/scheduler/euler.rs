//! Flow-match Euler, in diffusers' schedule.

use candle_core::{DType, Result, Tensor};

use super::{Sampler, TRAIN_STEPS, check, exhausted, linspace, shifted, shifted_f32};

/// First-order steps down the flow: `x ← x + (σ_next − σ) · flow`.
///
/// Source: diffusers `FlowMatchEulerDiscreteScheduler`. Its table of 1000 noise levels is shifted once. The levels
/// picked between the table's ends are shifted again, so the last step starts well above 0.
#[derive(Clone, Debug)]
pub struct FlowMatchEuler {
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
    step: usize,
}

impl FlowMatchEuler {
    /// A walk of `steps` steps, 1 to 1000, with this timestep shift.
    ///
    /// # Errors
    ///
    /// Fails for a number of steps or a shift out of range.
    pub fn new(steps: usize, shift: f64) -> Result<Self> {
        check(steps, shift)?;
        let base = TRAIN_STEPS as f32;
        let (lowest, highest) = (shifted_f32(1.0 / base, shift as f32), shifted_f32(1.0, shift as f32));
        let base = f64::from(base);
        let mut sigmas: Vec<f32> = linspace(f64::from(highest) * base, f64::from(lowest) * base, steps)
            .into_iter()
            .map(|t| shifted(t / base, shift) as f32)
            .collect();
        let timesteps = sigmas.iter().map(|sigma| sigma * TRAIN_STEPS as f32).collect();
        sigmas.push(0.0);
        Ok(Self { timesteps, sigmas, step: 0 })
    }
}

impl Sampler for FlowMatchEuler {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn step(&mut self, flow: &Tensor, sample: &Tensor) -> Result<Tensor> {
        let [sigma, next] = *self.sigmas.get(self.step..self.step + 2).unwrap_or_default() else {
            return exhausted(self.timesteps.len());
        };
        self.step += 1;
        sample.to_dtype(DType::F32)? + (flow.to_dtype(DType::F32)? * f64::from(next - sigma))?
    }

    fn reset(&mut self) {
        self.step = 0;
    }
}
