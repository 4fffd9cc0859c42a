//! Resampling of sound to the sample rate of videos.

use std::collections::VecDeque;
use std::f64::consts::PI;

use super::{RATE, Stereo};

/// Zero crossings of the filter on each side.
const CROSSINGS: usize = 16;
/// End of the pass band, as a fraction of the lower Nyquist frequency of the two rates.
const PASS: f64 = 0.92;
/// Number of filters between two samples; every position takes the nearest.
const PHASES: usize = 512;

/// Resamples stereo sound to [`RATE`] by a windowed sinc filter. Sound at that rate passes unchanged.
pub struct Resampler {
    rate: u32,
    /// Taps of the filter on each side.
    reach: usize,
    /// The filter for each phase, `2 · reach` taps each.
    filters: Vec<f32>,
    /// The latest samples, from `reach` before the next position on.
    recent: VecDeque<Stereo>,
    /// The next position after the sample at `reach − 1`, in units of `1 / RATE` of a sample.
    position: u64,
}

impl Resampler {
    /// A resampler from a sample rate in Hz, at least 1.
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(1);
        // Upsampling keeps the band of the source; downsampling removes the band above that of videos.
        let cutoff = PASS * (f64::from(RATE) / f64::from(rate)).min(1.0);
        let reach = (CROSSINGS as f64 / cutoff).ceil() as usize;
        let filters = if rate == RATE { Vec::new() } else { filters(cutoff, reach) };
        Self { rate, reach, filters, recent: VecDeque::from(vec![[0.0; 2]; reach - 1]), position: 0 }
    }

    /// Sample rate of the input, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Adds samples, and appends the resampled ones that they complete.
    pub fn push(&mut self, samples: impl IntoIterator<Item = Stereo>, made: &mut Vec<Stereo>) {
        if self.rate == RATE {
            made.extend(samples);
            return;
        }
        for sample in samples {
            self.recent.push_back(sample);
            while self.recent.len() >= 2 * self.reach {
                if self.position >= u64::from(RATE) {
                    self.position -= u64::from(RATE);
                    self.recent.pop_front();
                    continue;
                }
                made.push(self.sample());
                self.position += u64::from(self.rate);
            }
        }
    }

    /// Ends the sound: appends the samples that the filter's delay holds back.
    pub fn finish(&mut self, made: &mut Vec<Stereo>) {
        let held = if self.rate == RATE { 0 } else { self.reach };
        self.push(vec![[0.0; 2]; held], made);
    }

    /// The sound at the present position.
    fn sample(&self) -> Stereo {
        let phase = (self.position * PHASES as u64 / u64::from(RATE)) as usize;
        let filter = &self.filters[phase * 2 * self.reach..][..2 * self.reach];
        self.recent.iter().zip(filter).fold([0.0; 2], |[left, right], (sample, weight)| {
            [sample[0].mul_add(*weight, left), sample[1].mul_add(*weight, right)]
        })
    }
}

/// A sinc with a Hann window for each phase, of sum 1. A cutoff of 1 is the Nyquist frequency of the input.
fn filters(cutoff: f64, reach: usize) -> Vec<f32> {
    let filter = |phase: usize| {
        let middle = (reach - 1) as f64 + (phase as f64 + 0.5) / PHASES as f64;
        let tap = |index: usize| {
            let distance = index as f64 - middle;
            let angle = PI * distance * cutoff;
            let sinc = if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
            let window = (PI * distance / (2.0 * reach as f64)).cos().powi(2);
            sinc * window
        };
        let taps: Vec<f64> = (0..2 * reach).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        taps.into_iter().map(move |tap| (tap / sum) as f32)
    };
    (0..PHASES).flat_map(filter).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A second of a sine in the left channel, silence in the right.
    fn resampled(rate: u32, hz: f64) -> Vec<Stereo> {
        let mut resampler = Resampler::new(rate);
        let sine = |n: u32| [(TAU * hz * f64::from(n) / f64::from(rate)).sin() as f32, 0.0];
        let mut made = Vec::new();
        for n in 0..rate {
            resampler.push([sine(n)], &mut made);
        }
        resampler.finish(&mut made);
        made
    }

    #[test]
    fn a_sine_keeps_its_time_and_its_level_at_every_rate() {
        for rate in [8_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000] {
            for hz in [100.0, 1000.0, 3000.0] {
                let made = resampled(rate, hz);
                assert!(made.len().abs_diff(RATE as usize) <= 2, "{rate}: {}", made.len());
                let off = (1000..47_000).map(|n| {
                    let wanted = (TAU * hz * n as f64 / f64::from(RATE)).sin() as f32;
                    (made[n][0] - wanted).abs()
                });
                let off = off.fold(0.0, f32::max);
                assert!(off < 0.01, "{rate} Hz, a sine of {hz} Hz: {off}");
                assert!(made.iter().all(|sample| sample[1] == 0.0), "the channels stay apart");
            }
        }
    }

    #[test]
    fn sound_above_the_band_is_removed() {
        for (rate, hz) in [(96_000, 30_000.0), (192_000, 60_000.0)] {
            let made = resampled(rate, hz);
            let loudest = made[1000..47_000].iter().map(|sample| sample[0].abs()).fold(0.0, f32::max);
            assert!(loudest < 0.01, "{rate}: {loudest}");
        }
    }
}
