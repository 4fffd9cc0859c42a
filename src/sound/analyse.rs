//! Samples to hops: one spectrum per hundredth of a second, summed into bands.

use std::f64::consts::TAU;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bendrack_nodes::node::sound::{BANDS, HOPS_PER_SEC, Hop, edges};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Supported sample rates, in Hz.
pub const RATES: RangeInclusive<u32> = 4_000..=768_000;
/// Length of the window of a spectrum, in seconds.
const WINDOW_SECS: f64 = 2048.0 / 44_100.0;
/// Smallest ratio of the FFT's length to the window's (zero padding). The finer lines let bands end between the
/// window's.
const FINER: usize = 2;
/// Cutoff of the high-pass filter against offsets, in Hz.
const OFFSET_HZ: f64 = 2.0;
/// Largest magnitude of a sample; larger ones are clipped.
const LARGEST: f32 = 100.0;

/// Analyses samples as they arrive; each hop covers the window that ends with it. Below 150 Hz, bands are narrower than
/// the resolution of the window, so neighbours share power. The lowest and the highest band include all frequencies
/// beyond them.
pub struct Analyser {
    rate: u64,
    /// Number of samples and of hops so far.
    samples: u64,
    made: u64,
    high_pass: HighPass,
    /// The latest samples, in a ring.
    ring: Vec<f32>,
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    wave: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    shares: Vec<Share>,
}

/// Share of a band in the power of a line of the spectrum.
struct Share {
    line: usize,
    band: usize,
    part: f32,
}

impl Analyser {
    /// An analyser for a sample rate in Hz, clamped to [`RATES`].
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(*RATES.start(), *RATES.end());
        let length = (WINDOW_SECS * f64::from(rate)).round() as usize;
        let window: Vec<f32> = (0..length).map(|n| hann(n, length)).collect();
        let size = (FINER * length).next_power_of_two();
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        Self {
            rate: u64::from(rate),
            samples: 0,
            made: 0,
            high_pass: HighPass::new(OFFSET_HZ / f64::from(rate)),
            ring: vec![0.0; length],
            wave: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            shares: shares(f64::from(rate), size, &window),
            window,
            fft,
        }
    }

    /// Adds samples, and appends the hops that they complete: exactly a hundred per second.
    pub fn push(&mut self, samples: impl IntoIterator<Item = f32>, hops: &mut Vec<Hop>) {
        let length = self.ring.len() as u64;
        for sample in samples {
            let sample = if sample.is_finite() { sample.clamp(-LARGEST, LARGEST) } else { 0.0 };
            self.ring[(self.samples % length) as usize] = self.high_pass.next(sample);
            self.samples += 1;
            if self.samples * HOPS_PER_SEC as u64 >= (self.made + 1) * self.rate {
                self.made += 1;
                hops.push(self.hop());
            }
        }
    }

    /// The hop that ends at the latest sample.
    fn hop(&mut self) -> Hop {
        let oldest = (self.samples % self.ring.len() as u64) as usize;
        let samples = self.ring[oldest..].iter().chain(&self.ring[..oldest]);
        for ((wave, sample), weight) in self.wave.iter_mut().zip(samples).zip(&self.window) {
            *wave = sample * weight;
        }
        self.wave[self.window.len()..].fill(0.0);
        let mut hop = Hop::default();
        // The only error is a wrong length, and these lengths are the plan's own.
        if self.fft.process_with_scratch(&mut self.wave, &mut self.spectrum, &mut self.scratch).is_ok() {
            for Share { line, band, part } in &self.shares {
                hop.bands[*band] += part * self.spectrum[*line].norm_sqr();
            }
            hop.bands = hop.bands.map(f32::sqrt);
        }
        hop
    }
}

fn hann(n: usize, length: usize) -> f32 {
    let phase = TAU * (n as f64 + 0.5) / length as f64;
    (0.5 - 0.5 * phase.cos()) as f32
}

/// Share of each band in each line, scaled so that all bands together give the mean square of the samples.
fn shares(rate: f64, size: usize, window: &[f32]) -> Vec<Share> {
    let energy: f64 = window.iter().map(|weight| f64::from(*weight).powi(2)).sum();
    let (width, top) = (rate / size as f64, 0.5 * rate);
    let mut shares = Vec::new();
    for line in 0..=size / 2 {
        let (low, high) = (((line as f64 - 0.5) * width).max(0.0), ((line as f64 + 0.5) * width).min(top));
        // Lines between the first and the last also stand for their negative frequencies.
        let count = if line == 0 || line == size / 2 { 1.0 } else { 2.0 };
        for band in 0..BANDS {
            let mut ends = edges(band);
            if band == 0 {
                ends.start = 0.0;
            }
            if band == BANDS - 1 {
                ends.end = f64::INFINITY;
            }
            let part = (high.min(ends.end) - low.max(ends.start)) / (high - low);
            if part > 0.0 {
                shares.push(Share { line, band, part: (part * count / (size as f64 * energy)) as f32 });
            }
        }
    }
    shares
}

/// A first-order high-pass filter against offsets.
struct HighPass {
    decay: f64,
    input: f64,
    output: f64,
}

impl HighPass {
    /// A filter with a cutoff, as a fraction of the sample rate.
    fn new(frequency: f64) -> Self {
        Self { decay: (-TAU * frequency).exp(), input: 0.0, output: 0.0 }
    }

    fn next(&mut self, sample: f32) -> f32 {
        let sample = f64::from(sample);
        self.output = sample - self.input + self.decay * self.output;
        self.input = sample;
        self.output as f32
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::input::{Controls, Event};
    use bendrack_nodes::node::sound::centre;
    use bendrack_nodes::patch::Patch;
    use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};

    use super::*;

    const ALL_RATES: [u32; 8] = [8_000, 11_025, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000];

    fn analysed(rate: u32, samples: impl IntoIterator<Item = f32>) -> Vec<Hop> {
        let mut hops = Vec::new();
        Analyser::new(rate).push(samples, &mut hops);
        hops
    }

    fn sine(rate: u32, hz: f64, secs: f64) -> impl Iterator<Item = f32> {
        let count = (f64::from(rate) * secs) as usize;
        (0..count).map(move |n| (TAU * hz * n as f64 / f64::from(rate) + 0.3).sin() as f32)
    }

    /// A noise that is the same each time, −1 to 1: its mean square is a third.
    fn noise(count: usize) -> impl Iterator<Item = f32> {
        let mut state = 1_u64;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
    }

    /// The root of the mean square of each band once the windows are full.
    fn amplitudes(hops: &[Hop]) -> [f64; BANDS] {
        let full = &hops[10..];
        let power = |band: usize| full.iter().map(|hop| f64::from(hop.bands[band]).powi(2)).sum::<f64>();
        std::array::from_fn(|band| (power(band) / full.len() as f64).sqrt())
    }

    fn together(amplitudes: &[f64]) -> f64 {
        amplitudes.iter().map(|amplitude| amplitude * amplitude).sum::<f64>().sqrt()
    }

    fn decibels(ratio: f64) -> f64 {
        20.0 * ratio.log10()
    }

    #[test]
    fn a_sine_lies_in_its_band_with_its_amplitude() {
        for rate in ALL_RATES {
            for band in (0..BANDS).filter(|band| edges(*band).end < f64::from(rate) / 2.0) {
                let amplitudes = amplitudes(&analysed(rate, sine(rate, centre(band), 1.1)));
                let case = format!("{rate} Hz, {:.0} Hz", centre(band));
                let all = decibels(together(&amplitudes) / 0.5_f64.sqrt());
                assert!(all.abs() < 0.5, "{case}: {all} dB in all bands");
                let loudest = (0..BANDS).max_by(|a, b| amplitudes[*a].total_cmp(&amplitudes[*b])).expect("bands");
                if centre(band) > 150.0 {
                    let own = decibels(amplitudes[band] / 0.5_f64.sqrt());
                    assert!(own.abs() < 1.0 && loudest == band, "{case}: {own} dB in its band");
                    // Bands two or more away have less than −12 dB together.
                    let far =
                        together(&[&amplitudes[..band - 1], amplitudes.get(band + 2..).unwrap_or_default()].concat());
                    assert!(decibels(far / 0.5_f64.sqrt()) < -12.0, "{case}: {far}");
                } else {
                    // A window is shorter than it takes to tell these from their neighbours: they lie below 160 Hz.
                    let own = decibels(together(&amplitudes[..=9]) / 0.5_f64.sqrt());
                    assert!(own.abs() < 0.5, "{case}: {own} dB below 160 Hz");
                }
            }
        }
    }

    #[test]
    fn low_bands_are_separate_within_the_limits_of_a_window() {
        let loudest = |hz: f64| {
            let amplitudes = amplitudes(&analysed(44_100, sine(44_100, hz, 2.0)));
            (0..BANDS).max_by(|a, b| amplitudes[*a].total_cmp(&amplitudes[*b])).expect("bands")
        };
        for band in 0..BANDS {
            let found = loudest(centre(band));
            assert!(found.abs_diff(band) <= if band < 7 { 3 } else { 0 }, "{band} is {found}");
        }
    }

    #[test]
    fn there_are_a_hundred_hops_a_second_whatever_the_pieces() {
        for rate in ALL_RATES.into_iter().chain([4_000, 7_919, 44_099, 768_000]) {
            let samples: Vec<f32> = noise(2 * rate as usize).collect();
            let whole = analysed(rate, samples.iter().copied());
            assert_eq!(whole.len(), 200, "{rate}");
            let (mut analyser, mut hops) = (Analyser::new(rate), Vec::new());
            for piece in samples.chunks(rate as usize / 7 + 1) {
                analyser.push(piece.iter().copied(), &mut hops);
            }
            assert!(hops == whole, "{rate}");
            // A sample short of a hop is none.
            let short = rate.div_ceil(100) as usize - 1;
            assert_eq!(analysed(rate, samples[..short].iter().copied()).len(), 0, "{rate}");
            assert_eq!(analysed(rate, samples[..=short].iter().copied()).len(), 1, "{rate}");
        }
    }

    #[test]
    fn white_noise_is_in_bands_by_their_width() {
        for rate in [8_000, 44_100, 48_000, 192_000] {
            let amplitudes = amplitudes(&analysed(rate, noise(4 * rate as usize)));
            let all = decibels(together(&amplitudes) / (1.0_f64 / 3.0).sqrt());
            assert!(all.abs() < 0.2, "{rate}: {all} dB");
            let top = f64::from(rate) / 2.0;
            for band in (10..BANDS - 1).filter(|band| edges(*band).end < top) {
                let expected = ((edges(band).end - edges(band).start) / top / 3.0).sqrt();
                let off = decibels(amplitudes[band] / expected);
                assert!(off.abs() < 1.0, "{rate}, band {band}: {off} dB");
            }
        }
    }

    #[test]
    fn silence_and_an_offset_are_silent_and_what_is_not_finite_is_silence() {
        assert!(analysed(48_000, vec![0.0; 48_000]).iter().all(|hop| *hop == Hop::default()));
        let offset = analysed(48_000, vec![0.5; 96_000]);
        assert!(offset[150..].iter().all(|hop| hop.bands.iter().all(|band| *band < 1e-4)));
        let broken = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().cycle().take(48_000);
        assert!(analysed(48_000, broken).iter().all(|hop| *hop == Hop::default()));
        let huge = analysed(48_000, [f32::MAX, f32::MIN].into_iter().cycle().take(48_000));
        assert!(huge.iter().all(|hop| hop.bands.iter().all(|band| band.is_finite())));
    }

    /// The onsets of the node in each latent frame of a quarter of a second.
    fn onsets(sound: &[Hop]) -> Vec<u16> {
        let text = r#"{ "format": "bendrack-patch", "version": 1,
            "nodes": { "ear": { "type": "audio.in" }, "count": { "type": "logic.counter", "params": { "to": 1000 } } },
            "cables": [{ "from": "ear.onset", "to": "count.up" }] }"#;
        let patch = Patch::from_json(text).expect("a patch");
        let plan = Plan::compile(&patch, LIBRARY).0.expect("a plan");
        let (measurements, mut memory) = (Measurements::default(), Memory::default());
        let mut before = 0.0;
        let mut tick = |(frame, sound): (usize, &[Hop])| {
            let lanes = [Arc::new(sound.iter().map(|hop| Event::Sound(Box::new(*hop))).collect::<Controls>())];
            let inputs = Inputs {
                lanes: &lanes,
                measurements: &measurements,
                first_frame: frame as u64,
                dt_secs: 0.25,
                step: DenoisingStep::default(),
            };
            plan.program(&inputs, &mut memory, 1);
            let count = memory.output("count", "count").expect("a count");
            (count - std::mem::replace(&mut before, count)) as u16
        };
        sound.chunks(25).enumerate().map(&mut tick).collect()
    }

    #[test]
    fn drums_over_a_chord_are_onsets_and_noise_and_chords_are_none() {
        // A kick on each half second and a hat between, over a chord with noise. It lasts 8 s at 120 beats a minute.
        let rate = 44_100;
        let noise: Vec<f32> = noise(8 * rate as usize).collect();
        let wave = |n: usize, hz: f64| (TAU * hz * n as f64 / f64::from(rate)).sin();
        let bed = |n: usize| 0.05 * (wave(n, 220.0) + wave(n, 277.2) + wave(n, 329.6)) + 0.005 * f64::from(noise[n]);
        let drums = |n: usize| {
            let since = |at: f64| (n as f64 / f64::from(rate) - at).rem_euclid(0.5);
            let (kick, hat) = (since(0.05), since(0.3));
            let kick = if n < 2205 { 0.0 } else { 0.7 * (-kick / 0.08).exp() * (TAU * 55.0 * kick).sin() };
            let hat = if n < 13_230 { 0.0 } else { 0.2 * (-hat / 0.03).exp() * f64::from(noise[n]) };
            kick + hat
        };
        let played = analysed(rate, (0..noise.len()).map(|n| (bed(n) + drums(n)) as f32));
        // The chord begins in the first frame, and the kick with it: that is one onset.
        let found = onsets(&played);
        assert_eq!(found, [1; 32], "{found:?}");
        let found = onsets(&analysed(rate, (0..noise.len()).map(|n| bed(n) as f32)));
        assert_eq!((found[0], found[1..].iter().sum::<u16>()), (1, 0), "{found:?}");
        let found = onsets(&analysed(rate, noise.iter().map(|sample| 0.3 * sample)));
        // The usual level takes a second to settle.
        assert!(found[0] >= 1 && found[4..].iter().sum::<u16>() == 0, "{found:?}");
    }

    #[test]
    fn a_click_shows_at_once_for_one_window_at_most() {
        let mut samples = vec![0.0; 44_100];
        samples[22_050] = 1.0;
        let loud: Vec<usize> = analysed(44_100, samples)
            .iter()
            .enumerate()
            .filter(|(_, hop)| hop.bands.iter().any(|band| *band > 1e-3))
            .map(|(index, _)| index)
            .collect();
        assert_eq!(loud, (50..54).collect::<Vec<_>>());
    }
}
