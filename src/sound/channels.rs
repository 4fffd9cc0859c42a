//! Sound of several channels: the choice that is analysed, and two sides for videos.

use serde::{Deserialize, Serialize};

/// Channels of a sound that are analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// The mean of all channels. Channels in opposite phase cancel out.
    #[default]
    Mean,
    /// The first channel.
    Left,
    /// The second channel, or the only one.
    Right,
    /// The loudest channel of each band and hundredth of a second.
    Loudest,
}

impl Channels {
    /// True for the default, which files leave out.
    pub fn is_mean(&self) -> bool {
        *self == Self::Mean
    }
}

#[cfg(feature = "audio")]
pub use analyser::ChannelAnalyser;

#[cfg(feature = "audio")]
mod analyser {
    use bendrack_nodes::node::sound::Hop;

    use super::Channels;
    use crate::sound::analyse::Analyser;

    /// Most channels that are analysed apart.
    const MOST_CHANNELS: usize = 64;
    /// Power of the loudest channel from which on the mean counts as cancelled out, as a multiple: 12 dB.
    const CANCELLED: f64 = 16.0;

    /// Analyses frames of several channels as they arrive.
    pub struct ChannelAnalyser {
        channels: Channels,
        rate: u32,
        /// Number of channels.
        count: usize,
        /// One, or one for each channel.
        analysers: Vec<Analyser>,
        /// Hops of the second and further channels.
        further: Vec<Hop>,
        /// Sum of the squares of the mean, and of each channel.
        mean_power: f64,
        powers: Vec<f64>,
    }

    impl ChannelAnalyser {
        /// An analyser of frames of `count` channels, at least one, at a sample rate in Hz.
        pub fn new(channels: Channels, rate: u32, count: usize) -> Self {
            let count = count.max(1);
            let apart = if channels == Channels::Loudest { count.min(MOST_CHANNELS) } else { 1 };
            Self {
                channels,
                rate,
                count,
                analysers: (0..apart).map(|_| Analyser::new(rate)).collect(),
                further: Vec::new(),
                mean_power: 0.0,
                powers: vec![0.0; count.min(MOST_CHANNELS)],
            }
        }

        /// True if it analyses frames of this rate and number of channels.
        pub fn fits(&self, rate: u32, count: usize) -> bool {
            (self.rate, self.count) == (rate, count)
        }

        /// Adds interleaved frames, and appends the hops that they complete.
        pub fn push(&mut self, frames: &[f32], hops: &mut Vec<Hop>) {
            let count = self.count;
            let frames = frames.chunks_exact(count);
            match (self.channels, &mut self.analysers[..]) {
                (Channels::Mean, [analyser, ..]) => {
                    let (mean_power, powers) = (&mut self.mean_power, &mut self.powers);
                    let mean = frames.map(|frame| {
                        let mean = frame.iter().sum::<f32>() / count as f32;
                        *mean_power += square(mean);
                        for (power, sample) in powers.iter_mut().zip(frame) {
                            *power += square(*sample);
                        }
                        mean
                    });
                    analyser.push(mean, hops);
                }
                (Channels::Left, [analyser, ..]) => analyser.push(frames.map(|frame| frame[0]), hops),
                (Channels::Right, [analyser, ..]) => analyser.push(frames.map(|frame| frame[1.min(count - 1)]), hops),
                (Channels::Loudest, [first, further @ ..]) => {
                    let made = hops.len();
                    first.push(frames.clone().map(|frame| frame[0]), hops);
                    for (analyser, channel) in further.iter_mut().zip(1..) {
                        self.further.clear();
                        analyser.push(frames.clone().map(|frame| frame[channel]), &mut self.further);
                        for (hop, other) in hops[made..].iter_mut().zip(&self.further) {
                            for (band, other) in hop.bands.iter_mut().zip(other.bands) {
                                *band = band.max(other);
                            }
                        }
                    }
                }
                (_, []) => {}
            }
        }

        /// True if the mean is much softer than one of the channels, as they cancel out or are silent.
        pub fn is_cancelled(&self) -> bool {
            self.powers.iter().any(|power| *power > CANCELLED * self.mean_power)
        }
    }

    /// The square of a sample; 0 if it is not finite.
    fn square(sample: f32) -> f64 {
        if sample.is_finite() { f64::from(sample.clamp(-4.0, 4.0)).powi(2) } else { 0.0 }
    }
}

#[cfg(all(test, feature = "audio"))]
mod tests {
    use std::f32::consts::TAU;

    use bendrack_nodes::node::sound::Hop;

    use super::*;

    /// The amplitude at 1 kHz of a sine in the channels with these factors, and whether the channels cancel out.
    fn level(channels: Channels, factors: &[f32]) -> (f32, bool) {
        let sine = |n: u32| (TAU * 1000.0 * n as f32 / 48_000.0).sin();
        let frames: Vec<f32> = (0..24_000).flat_map(|n| factors.iter().map(move |factor| factor * sine(n))).collect();
        let (mut hops, mut analyser) = (Vec::<Hop>::new(), ChannelAnalyser::new(channels, 48_000, factors.len()));
        for frames in frames.chunks(factors.len() * 1_152) {
            analyser.push(frames, &mut hops);
        }
        assert_eq!(hops.len(), 50);
        (hops[40].bands[17] * 2.0_f32.sqrt(), analyser.is_cancelled())
    }

    #[test]
    fn each_choice_takes_its_channels() {
        use Channels::{Left, Loudest, Mean, Right};
        for (channels, factors, expected) in [
            (Mean, &[0.5, 0.25][..], 0.375),
            (Left, &[0.5, 0.25], 0.5),
            (Right, &[0.5, 0.25], 0.25),
            (Right, &[0.5], 0.5),
            (Loudest, &[0.25, 0.5], 0.5),
            (Mean, &[0.5, -0.5], 0.0),
            (Loudest, &[0.5, -0.5], 0.5),
            (Left, &[0.5, -0.5], 0.5),
            (Mean, &[0.0, 0.0, 0.6, 0.0, 0.0, 0.0], 0.1),
            (Loudest, &[0.0, 0.0, 0.6, 0.0, 0.0, 0.0], 0.6),
        ] {
            let (level, _) = level(channels, factors);
            assert!((level - expected).abs() < 0.02, "{channels:?} of {factors:?}: {level}");
        }
    }

    #[test]
    fn channels_that_cancel_out_are_noticed() {
        for (factors, expected) in [
            (&[0.5, -0.5][..], true),
            (&[0.0, 0.0, 0.6, 0.0, 0.0, 0.0], true),
            (&[0.5, 0.5], false),
            (&[0.5, 0.0], false),
            (&[0.5], false),
            (&[0.0, 0.0], false),
        ] {
            assert_eq!(level(Channels::Mean, factors).1, expected, "{factors:?}");
        }
    }
}
