//! Statistics of samples: intervals, tests without assumptions about their distribution, and the correction for many tests.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Level of the intervals.
pub const LEVEL: f64 = 0.95;
/// Most samples for which all signs are tried; beyond it, random ones are.
const MOST_EXACT: usize = 16;
/// Number of random signs.
const DRAWS: u64 = 20_000;
/// Relative difference below which two sums are equal.
const TIE: f64 = 1e-12;

/// The mean of samples with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// The interval of the mean at [`LEVEL`], by Student's t distribution; none for one sample.
    pub interval: Option<(f64, f64)>,
}

impl Mean {
    /// The mean of samples; none without samples.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let count = samples.len() as f64;
        if samples.is_empty() {
            return None;
        }
        let mean = samples.iter().sum::<f64>() / count;
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        // One sample has no degrees of freedom.
        let interval = StudentsT::new(0.0, 1.0, count - 1.0).ok().map(|t| {
            let half = t.inverse_cdf(f64::midpoint(1.0, LEVEL)) * (squares / (count - 1.0) / count).sqrt();
            (mean - half, mean + half)
        });
        Some(Self { mean, interval })
    }
}

/// The probability of a mean at least as far from 0 if each sample had either sign with equal probability. All signs are tried
/// for few samples. Many have random ones, the same on every machine.
pub fn sign_flip_test(samples: &[f64]) -> f64 {
    let scale: f64 = samples.iter().map(|sample| sample.abs()).sum();
    let least = samples.iter().sum::<f64>().abs() - TIE * scale;
    if samples.is_empty() || least <= 0.0 {
        return 1.0;
    }
    if samples.len() <= MOST_EXACT {
        let count = 1_u64 << samples.len();
        let sum = |signs: u64| -> f64 {
            samples.iter().enumerate().map(|(at, sample)| if signs >> at & 1 == 0 { *sample } else { -sample }).sum()
        };
        // The signs of one sample can stay: the opposite signs have the opposite sum.
        let far = (0..count / 2).filter(|&signs| sum(signs).abs() >= least).count();
        return far as f64 / (count / 2) as f64;
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut far = 0;
    for _ in 0..DRAWS {
        let (mut signs, mut left, mut sum) = (0_u64, 0, 0.0);
        for sample in samples {
            if left == 0 {
                (signs, left) = (random.next_u64(), u64::BITS);
            }
            sum += if signs & 1 == 0 { *sample } else { -sample };
            (signs, left) = (signs >> 1, left - 1);
        }
        far += u64::from(sum.abs() >= least);
    }
    // The observed signs are one of the draws.
    (far + 1) as f64 / (DRAWS + 1) as f64
}

/// Probabilities corrected for the number of tests: the share of false findings among all findings up to each of them
/// (Benjamini and Hochberg 1995).
pub fn corrected(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let count = probabilities.len() as f64;
    let (mut corrected, mut least) = (vec![1.0; probabilities.len()], 1.0_f64);
    for (rank, &at) in order.iter().enumerate().rev() {
        least = least.min(probabilities[at] * count / (rank + 1) as f64);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_students_t() {
        let mean = Mean::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("a mean");
        // The quantile for four degrees of freedom is 2.776, the standard error is 0.7071.
        assert!((mean.mean - 3.0).abs() < 1e-12, "{mean:?}");
        assert!(mean.interval.is_some_and(|(low, high)| (low - 1.0368).abs() < 1e-3 && (high - 4.9632).abs() < 1e-3));
        assert_eq!(Mean::of(&[2.0]), Some(Mean { mean: 2.0, interval: None }));
        assert_eq!(Mean::of(&[]), None);
    }

    #[test]
    fn the_test_counts_signs() {
        // Only the signs as they are and all opposite ones reach the sum.
        assert!((sign_flip_test(&[1.0, 2.0, 3.0]) - 0.25).abs() < 1e-12);
        // 1 + 1 − 1 = 1 is reached by every choice of signs.
        assert!((sign_flip_test(&[1.0, 1.0, -1.0]) - 1.0).abs() < 1e-12);
        assert!(sign_flip_test(&[]) >= 1.0 && sign_flip_test(&[0.0; 5]) >= 1.0);
        assert!(sign_flip_test(&[1.0; 40]) <= 1.0 / f64::from(20_001_u32));
    }

    /// Samples without an effect are found by chance alone.
    #[test]
    fn the_test_has_its_level_for_few_and_for_many_samples() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for count in [8, 20] {
            let mut found = 0;
            for _ in 0..400 {
                let samples: Vec<f64> =
                    (0..count).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5).collect();
                found += u32::from(sign_flip_test(&samples) <= 0.05);
            }
            assert!((8..=36).contains(&found), "{found} of 400 at a level of 0.05, with {count} samples");
        }
    }

    #[test]
    fn correction_is_that_of_benjamini_and_hochberg() {
        let corrected = corrected(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.02, 0.04, 0.04, 0.02];
        assert!(corrected.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{corrected:?}");
    }
}
