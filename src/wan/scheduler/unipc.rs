//! UniPC of order 2: predicts the next sample, and corrects it after the model call on it.

use candle_core::{DType, Result, Tensor};

use super::{Sampler, TRAIN_STEPS, check, exhausted, linspace, shifted};

/// The source of the noise levels of [`UniPc`]; at equal shift they differ by about 3e-4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UniPcSchedule {
    /// Wan's own `fm_solvers_unipc.py`: from 0.999 to 0 before the shift.
    #[default]
    Original,
    /// diffusers' `UniPCMultistepScheduler` with flow sigmas: from 1 to 0.001 before the shift.
    Diffusers,
}

/// The unified predictor-corrector, order 2, `B(h) = e^h − 1` ("bh2"), on clean predictions.
///
/// Source: Zhao et al. 2023, in the form both implementations share. Let α = 1 − σ, λ = ln(α / σ) and h = λ_t − λ_s.
/// The clean predictions are m. A step from s to t is `x_t = (σ_t / σ_s) x_s − α_t (e^−h − 1) (m_s + correction)`.
#[derive(Clone, Debug)]
pub struct UniPc {
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
    step: usize,
    /// The last two steps, the latest last; the first step has none, and is of order 1.
    past: [Option<Past>; 2],
}

#[derive(Clone, Debug)]
struct Past {
    /// The clean prediction there.
    x0: Tensor,
    /// The corrected sample there.
    sample: Tensor,
}

impl UniPc {
    /// A walk of `steps` steps, 1 to 1000, with this timestep shift.
    ///
    /// # Errors
    ///
    /// Fails for a number of steps or a shift out of range.
    pub fn new(steps: usize, shift: f64, schedule: UniPcSchedule) -> Result<Self> {
        check(steps, shift)?;
        let least = 1.0 / TRAIN_STEPS as f64;
        let (highest, lowest) = match schedule {
            UniPcSchedule::Original => (f64::from((1.0 - least) as f32), 0.0),
            UniPcSchedule::Diffusers => (1.0, least),
        };
        let mut sigmas = linspace(highest, lowest, steps + 1);
        sigmas.truncate(steps);
        for sigma in &mut sigmas {
            // σ = 1 exactly has no λ.
            *sigma = shifted(*sigma, shift).min(1.0 - 1e-6);
        }
        let timesteps = sigmas.iter().map(|sigma| (sigma * TRAIN_STEPS as f64).trunc() as f32).collect();
        let sigmas = sigmas.into_iter().map(|sigma| sigma as f32).chain([0.0]).collect();
        Ok(Self { timesteps, sigmas, step: 0, past: [None, None] })
    }

    /// ln(α / σ) before step `i`; infinite at the end.
    fn lambda(&self, i: usize) -> f32 {
        (1.0 - self.sigmas[i]).ln() - self.sigmas[i].ln()
    }

    /// The step from `s` to `s + 1`: h, and the ratio of the step before to it.
    fn stride(&self, s: usize) -> Stride {
        let h = self.lambda(s + 1) - self.lambda(s);
        let before = if s > 0 { self.lambda(s - 1) - self.lambda(s) } else { f32::NAN };
        Stride {
            ratio: self.sigmas[s + 1] / self.sigmas[s],
            gain: -(1.0 - self.sigmas[s + 1]) * (-h).exp_m1(),
            h,
            before: before / h,
        }
    }

    /// The sample before this step, corrected by the clean prediction `x0` made there.
    fn correct(&self, sample: Tensor, x0: &Tensor) -> Result<Tensor> {
        let [before, Some(last)] = &self.past else { return Ok(sample) };
        let stride = self.stride(self.step - 1);
        let news = (x0 - &last.x0)?;
        let change = match before {
            Some(before) => {
                let (slope, latest) = stride.corrector();
                (((&before.x0 - &last.x0)? * (slope / f64::from(stride.before)))? + (news * latest)?)?
            }
            None => (news * 0.5)?,
        };
        stride.take(&last.sample, &(&last.x0 + change)?)
    }

    /// The sample after this step, from the corrected `sample` before it. The last step ends on its clean prediction.
    fn predict(&self, sample: &Tensor, x0: &Tensor) -> Result<Tensor> {
        if self.sigmas[self.step + 1] == 0.0 {
            return Ok(x0.clone());
        }
        let stride = self.stride(self.step);
        match &self.past[1] {
            Some(last) => {
                let slope = ((&last.x0 - x0)? * (0.5 / f64::from(stride.before)))?;
                stride.take(sample, &(x0 + slope)?)
            }
            None => stride.take(sample, x0),
        }
    }
}

/// The numbers of one step from s to t.
struct Stride {
    /// σ_t / σ_s.
    ratio: f32,
    /// −α_t (e^−h − 1).
    gain: f32,
    /// λ_t − λ_s.
    h: f32,
    /// (λ_before − λ_s) / h, negative.
    before: f32,
}

impl Stride {
    /// `ratio · sample + gain · x0`.
    fn take(&self, sample: &Tensor, x0: &Tensor) -> Result<Tensor> {
        (sample * f64::from(self.ratio))? + (x0 * f64::from(self.gain))?
    }

    /// The weights of the past slope and of the news in a second-order correction. They are the ρ of
    /// `[[1, 1], [before, 1]] ρ = b`, b the bh2 moments.
    fn corrector(&self) -> (f64, f64) {
        let hh = -self.h;
        let b = hh.exp_m1();
        let first = b / hh - 1.0;
        let (b1, b2) = (first / b, (first / hh - 0.5) * 2.0 / b);
        let slope = (b2 - b1) / (self.before - 1.0);
        (f64::from(slope), f64::from(b1 - slope))
    }
}

impl Sampler for UniPc {
    fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    fn step(&mut self, flow: &Tensor, sample: &Tensor) -> Result<Tensor> {
        if self.step >= self.timesteps.len() {
            return exhausted(self.timesteps.len());
        }
        let sample = sample.to_dtype(DType::F32)?;
        let x0 = (&sample - (flow.to_dtype(DType::F32)? * f64::from(self.sigmas[self.step]))?)?;
        let sample = self.correct(sample, &x0)?;
        let next = self.predict(&sample, &x0)?;
        let [_, last] = std::mem::take(&mut self.past);
        self.past = [last, Some(Past { x0, sample })];
        self.step += 1;
        Ok(next)
    }

    fn reset(&mut self) {
        (self.step, self.past) = (0, [None, None]);
    }
}
