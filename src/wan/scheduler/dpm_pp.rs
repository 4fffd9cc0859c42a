//! DPM-Solver++ of order 2, multistep ("2M"): each step extrapolates from the last two clean predictions.

use candle_core::{DType, Result, Tensor};

use super::{Sampler, TRAIN_STEPS, check, exhausted, shifted};

/// DPM-Solver++ (2M) on clean predictions.
///
/// Source: Lu et al. 2022, as diffusers' `DPMSolverMultistepScheduler` with flow sigmas. Let α = 1 − σ, λ = ln(α / σ), h = λ_t − λ_s and
/// r = (λ_s − λ_before) / h. A step from s to t is `x_t = (σ_t / σ_s) x_s − α_t (e^−h − 1) (m_s + (m_s − m_before) / 2r)`. The first and the
/// last step leave the second difference out.
#[derive(Clone, Debug)]
pub struct DpmPp {
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
    step: usize,
    /// The clean prediction of the step before.
    before: Option<Tensor>,
}

impl DpmPp {
    /// A walk of `steps` steps, 1 to 1000, with this timestep shift.
    ///
    /// # Errors
    ///
    /// Fails for a number of steps or a shift out of range.
    pub fn new(steps: usize, shift: f64) -> Result<Self> {
        check(steps, shift)?;
        // Rounded as there: a timestep is cut to a whole number.
        let step = (1.0 / TRAIN_STEPS as f64 - 1.0) / steps as f64;
        let sigmas = (1..=steps).rev().map(|i| shifted(1.0 - (1.0 + i as f64 * step), shift));
        let sigmas: Vec<f64> = sigmas.collect();
        let timesteps = sigmas.iter().map(|sigma| (sigma * TRAIN_STEPS as f64).trunc() as f32).collect();
        let sigmas = sigmas.into_iter().map(|sigma| sigma as f32).chain([0.0]).collect();
        Ok(Self { timesteps, sigmas, step: 0, before: None })
    }

    /// ln(α / σ) before step `i`; infinite at the end.
    fn lambda(&self, i: usize) -> f32 {
        (1.0 - self.sigmas[i]).ln() - self.sigmas[i].ln()
    }
}

impl Sampler for DpmPp {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn step(&mut self, flow: &Tensor, sample: &Tensor) -> Result<Tensor> {
        let s = self.step;
        let [sigma, next] = *self.sigmas.get(s..s + 2).unwrap_or_default() else {
            return exhausted(self.timesteps.len());
        };
        let sample = sample.to_dtype(DType::F32)?;
        let clean = (&sample - (flow.to_dtype(DType::F32)? * f64::from(sigma))?)?;
        let walked = if next == 0.0 {
            clean.clone()
        } else {
            let h = self.lambda(s + 1) - self.lambda(s);
            let direction = match &self.before {
                Some(before) => {
                    let r = (self.lambda(s) - self.lambda(s - 1)) / h;
                    (&clean + ((&clean - before)? * f64::from(0.5 / r))?)?
                }
                None => clean.clone(),
            };
            let gain = -(1.0 - next) * (-h).exp_m1();
            ((sample * f64::from(next / sigma))? + (direction * f64::from(gain))?)?
        };
        (self.step, self.before) = (s + 1, Some(clean));
        Ok(walked)
    }

    fn reset(&mut self) {
        (self.step, self.before) = (0, None);
    }
}
