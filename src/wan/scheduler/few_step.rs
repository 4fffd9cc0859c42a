//! The short lists of the distilled causal models: a clean estimate at every step, noised again for the next.

use candle_core::{DType, Result, Shape, Tensor, bail};

use super::{TRAIN_STEPS, check, linspace_f32, shifted_f32};

/// A list of denoising timesteps and the table that gives each its noise level.
///
/// Source: Self-Forcing `utils/scheduler.py` and `pipeline/causal_inference.py`; LongLive, CausVid and Krea derive from it.
#[derive(Clone, Debug, PartialEq)]
pub struct FewStep {
    steps: Vec<f32>,
    table: Table,
}

/// 1000 timesteps, falling, and their noise levels: `timestep = 1000 σ`.
#[derive(Clone, Debug, PartialEq)]
struct Table {
    timesteps: Vec<f32>,
    sigmas: Vec<f32>,
}

impl Table {
    fn new(shift: f64) -> Self {
        let even = linspace_f32(1.0, 0.0, TRAIN_STEPS + 1);
        let sigmas: Vec<f32> = even[..TRAIN_STEPS].iter().map(|&s| shifted_f32(s, shift as f32)).collect();
        Self { timesteps: sigmas.iter().map(|sigma| sigma * TRAIN_STEPS as f32).collect(), sigmas }
    }

    /// The timestep that stands `from_end` entries before the end of the table; 0 is the end itself.
    fn warped(&self, from_end: usize) -> Result<f32> {
        match TRAIN_STEPS.checked_sub(from_end) {
            None => bail!("denoising step {from_end}: use 0 to {TRAIN_STEPS}"),
            Some(i) => Ok(self.timesteps.get(i).copied().unwrap_or(0.0)),
        }
    }
}

impl FewStep {
    /// Timesteps that even steps 0 to 1000 become under `shift`, as the releases of LongLive and Self-Forcing use them.
    ///
    /// # Errors
    ///
    /// Fails for a step or a shift out of range, and if the timesteps do not fall.
    pub fn warped(even: &[usize], shift: f64) -> Result<Self> {
        check(even.len(), shift)?;
        let table = Table::new(shift);
        let steps = even.iter().map(|&step| table.warped(step)).collect::<Result<_>>()?;
        Self { steps, table }.falling()
    }

    /// `count` even steps from 1000 down, warped with `shift`.
    ///
    /// # Errors
    ///
    /// Fails for a count or a shift out of range.
    pub fn even(count: usize, shift: f64) -> Result<Self> {
        Self::warped(&(0..count).map(|step| TRAIN_STEPS * (count - step) / count).collect::<Vec<_>>(), shift)
    }

    /// These timesteps as they stand, 0 to 1000, with the table of `shift` for their noise levels.
    ///
    /// # Errors
    ///
    /// Fails for a step or a shift out of range, and if the timesteps do not fall.
    pub fn raw(steps: &[f32], shift: f64) -> Result<Self> {
        check(steps.len(), shift)?;
        if let Some(step) = steps.iter().find(|step| !(0.0..=TRAIN_STEPS as f32).contains(*step)) {
            bail!("denoising step {step}: use 0 to {TRAIN_STEPS}")
        }
        Self { steps: steps.to_vec(), table: Table::new(shift) }.falling()
    }

    /// LongLive 1.x and Self-Forcing: 1000, 750, 500, 250 warped with shift 5.
    ///
    /// # Errors
    ///
    /// Never: these steps are a schedule.
    pub fn long_live() -> Result<Self> {
        Self::even(4, 5.0)
    }

    /// Self-Forcing as its configuration files run it, the same list as LongLive's. (Its demo uses shift 8.)
    ///
    /// # Errors
    ///
    /// Never: these steps are a schedule.
    pub fn self_forcing() -> Result<Self> {
        Self::long_live()
    }

    /// CausVid: the raw timesteps 1000, 757, 522 with shift 8.
    ///
    /// # Errors
    ///
    /// Never: these steps are a schedule.
    pub fn caus_vid() -> Result<Self> {
        Self::raw(&[1000.0, 757.0, 522.0], 8.0)
    }

    /// CausVid's four-step checkpoint: 1000, 750, 500, 250 warped with shift 8.
    ///
    /// # Errors
    ///
    /// Never: these steps are a schedule.
    pub fn caus_vid_four_step() -> Result<Self> {
        Self::even(4, 8.0)
    }

    /// Krea realtime: `count` steps from `1000 · strength` down to 0, which is included, warped with `shift` (Krea: 5).
    ///
    /// Strength 1 begins with pure noise; less keeps something of an input video.
    ///
    /// # Errors
    ///
    /// Fails for a count, a strength or a shift out of range.
    pub fn krea(count: usize, strength: f64, shift: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&strength) {
            bail!("strength {strength}: use 0 to 1")
        }
        check(count, shift)?;
        let even = linspace_f32((TRAIN_STEPS as f64 * strength) as f32, 0.0, count);
        Self::warped(&even.iter().map(|&step| step as usize).collect::<Vec<_>>(), shift)
    }

    /// Daydream Scope's LongLive: 1000, 750, 500, 250 unwarped, with shift 5.
    ///
    /// # Errors
    ///
    /// Never: these steps are a schedule.
    pub fn scope() -> Result<Self> {
        Self::raw(&[1000.0, 750.0, 500.0, 250.0], 5.0)
    }

    /// The timesteps for the model, in order. They are not whole numbers.
    pub fn timesteps(&self) -> &[f32] {
        &self.steps
    }

    /// The noise level of the table entry nearest to timestep `t`, the first of two equally near ones.
    ///
    /// The table ends above 0, so `sigma(0)` is not 0.
    pub fn sigma(&self, t: f32) -> f32 {
        let distance = |i: &usize| (self.table.timesteps[*i] - t).abs();
        let nearest = (0..TRAIN_STEPS).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(0.0, |i| self.table.sigmas[i])
    }

    /// The clean latent that `flow` at `sample` points to, `sample − σ(t) · flow`, in the flow's dtype.
    ///
    /// flow and sample `[frames, ..]`; one timestep per frame, or one for all. Taken in f64 where the device has it.
    ///
    /// # Errors
    ///
    /// Fails for a wrong number of timesteps, if a shape does not fit, or if the device fails.
    pub fn x0_from_flow(&self, flow: &Tensor, sample: &Tensor, timesteps: &[f32]) -> Result<Tensor> {
        let wide = if flow.device().is_metal() { DType::F32 } else { DType::F64 };
        let sigma = self.sigma_per_frame(flow, timesteps)?.to_dtype(wide)?;
        (sample.to_dtype(wide)? - flow.to_dtype(wide)?.broadcast_mul(&sigma)?)?.to_dtype(flow.dtype())
    }

    /// The clean latent noised up to `timesteps`: `(1 − σ) x0 + σ noise`, in the noise's dtype.
    ///
    /// x0 and noise `[frames, ..]`; one timestep per frame, or one for all.
    ///
    /// # Errors
    ///
    /// Fails for a wrong number of timesteps, if a shape does not fit, or if the device fails.
    pub fn add_noise(&self, x0: &Tensor, noise: &Tensor, timesteps: &[f32]) -> Result<Tensor> {
        let sigma = self.sigma_per_frame(x0, timesteps)?;
        let kept = x0.to_dtype(DType::F32)?.broadcast_mul(&sigma.affine(-1.0, 1.0)?)?;
        (kept + noise.to_dtype(DType::F32)?.broadcast_mul(&sigma)?)?.to_dtype(noise.dtype())
    }

    /// σ of each timestep as f32 `[frames or 1, 1, ..]`, which broadcasts over `x`.
    fn sigma_per_frame(&self, x: &Tensor, timesteps: &[f32]) -> Result<Tensor> {
        let frames = x.dims().first().copied().unwrap_or(1);
        if timesteps.len() != 1 && timesteps.len() != frames {
            bail!("{} timesteps for {frames} frames: give one for each, or one for all", timesteps.len())
        }
        let sigmas: Vec<f32> = timesteps.iter().map(|&t| self.sigma(t)).collect();
        let mut dims = vec![1; x.rank().max(1)];
        dims[0] = sigmas.len();
        Tensor::from_vec(sigmas, Shape::from(dims), x.device())
    }

    /// Refuses lists on which noise would come back.
    fn falling(self) -> Result<Self> {
        if self.steps.windows(2).any(|pair| pair[0] <= pair[1]) {
            bail!("denoising steps {:?} do not fall; list them from most noise to least", self.steps)
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn assert_steps(list: &FewStep, expected: &[f32]) {
        assert_eq!(list.timesteps().len(), expected.len(), "{:?}", list.timesteps());
        for (a, b) in list.timesteps().iter().zip(expected) {
            assert!((a - b).abs() < 1e-3, "{:?} is not {expected:?}", list.timesteps());
        }
    }

    #[test]
    fn presets_are_the_releases_lists() -> Result<()> {
        assert_steps(&FewStep::long_live()?, &[1000.0, 937.5, 833.3333, 625.0]);
        assert_steps(&FewStep::self_forcing()?, &[1000.0, 937.5, 833.3333, 625.0]);
        assert_steps(&FewStep::caus_vid()?, &[1000.0, 757.0, 522.0]);
        assert_steps(&FewStep::caus_vid_four_step()?, &[1000.0, 960.0, 888.8889, 727.2728]);
        assert_steps(&FewStep::krea(5, 1.0, 5.0)?, &[1000.0, 937.5, 833.333, 625.0, 0.0]);
        assert_steps(&FewStep::krea(4, 1.0, 5.0)?, &[1000.0, 908.843, 713.979, 0.0]);
        assert_steps(&FewStep::krea(6, 1.0, 5.0)?, &[1000.0, 952.381, 882.353, 769.231, 555.556, 0.0]);
        assert_steps(&FewStep::scope()?, &[1000.0, 750.0, 500.0, 250.0]);
        Ok(())
    }

    #[test]
    fn timestep_zero_still_has_noise() -> Result<()> {
        let sigma = FewStep::long_live()?.sigma(0.0);
        assert!((sigma - 0.004_98).abs() < 1e-5, "{sigma}");
        Ok(())
    }

    #[test]
    fn the_first_of_two_nearest_entries_counts() -> Result<()> {
        let mut list = FewStep::raw(&[1000.0], 1.0)?;
        list.table.timesteps[..2].copy_from_slice(&[1000.0, 998.0]);
        assert_eq!(list.sigma(999.0).to_bits(), list.table.sigmas[0].to_bits());
        Ok(())
    }

    #[test]
    fn impossible_lists_are_refused() {
        assert!(FewStep::warped(&[], 5.0).is_err());
        assert!(FewStep::warped(&[1001], 5.0).is_err());
        assert!(FewStep::warped(&[500, 750], 5.0).is_err());
        assert!(FewStep::raw(&[f32::NAN], 5.0).is_err());
        assert!(FewStep::raw(&[-1.0], 5.0).is_err());
        assert!(FewStep::krea(5, 1.5, 5.0).is_err());
        assert!(FewStep::krea(5, 0.0, 5.0).is_err());
        assert!(FewStep::krea(usize::MAX, 1.0, 5.0).is_err());
        assert!(FewStep::krea(0, 1.0, 5.0).is_err());
        let error = FewStep::raw(&[250.0, 500.0], 5.0).expect_err("rising steps");
        assert!(error.to_string().contains("most noise"), "{error}");
    }

    #[test]
    fn one_timestep_per_frame_or_one_for_all() -> Result<()> {
        let list = FewStep::long_live()?;
        let x = Tensor::ones((3, 2, 2), DType::F32, &candle_core::Device::Cpu)?;
        assert!(list.add_noise(&x, &x, &[1.0, 2.0]).is_err());
        let (one, all) = (list.x0_from_flow(&x, &x, &[625.0])?, list.x0_from_flow(&x, &x, &[625.0; 3])?);
        assert_eq!(one.flatten_all()?.to_vec1::<f32>()?, all.flatten_all()?.to_vec1::<f32>()?);
        Ok(())
    }

    proptest! {
        /// Warping moves the even step as the shift moves its noise level, and shift 1 moves nothing.
        #[test]
        fn warp_is_the_shift(step in 1usize..=1000, shift in 1.0f64..12.0) {
            let warped = |shift| FewStep::warped(&[step], shift).expect("a list").timesteps()[0];
            let expected = 1000.0 * super::super::shifted(step as f64 / 1000.0, shift);
            prop_assert!((f64::from(warped(shift)) - expected).abs() < 1e-3);
            prop_assert!((warped(1.0) - step as f32).abs() < 1e-3);
        }

        /// The table's own timesteps find their own noise level.
        #[test]
        fn a_timestep_finds_its_sigma(i in 0usize..1000, shift in 1.0f64..12.0) {
            let list = FewStep::raw(&[1000.0], shift).expect("a list");
            prop_assert_eq!(list.sigma(list.table.timesteps[i]).to_bits(), list.table.sigmas[i].to_bits());
        }

        /// Noising a clean latent and following the true flow back returns it.
        #[test]
        fn noise_goes_and_comes(t in 0.0f32..=1000.0, clean in -3.0f32..3.0, noise in -3.0f32..3.0) {
            let list = FewStep::long_live().expect("a list");
            let tensor = |x: f32| Tensor::new(&[x], &candle_core::Device::Cpu).expect("a tensor");
            let x = list.add_noise(&tensor(clean), &tensor(noise), &[t]).expect("a tensor");
            let x0 = list.x0_from_flow(&tensor(noise - clean), &x, &[t]).expect("a tensor");
            prop_assert!((x0.to_vec1::<f32>().expect("a vector")[0] - clean).abs() < 1e-5);
        }
    }
}
