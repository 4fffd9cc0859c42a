//! Audio follower: amplitudes of three ranges, their envelopes, and onset detection.

use std::f64::consts::LN_10;

use crate::node::sound::{BANDS, HOPS_PER_SEC, Hop, part_below};

/// Amplitudes below this, of 1, are silence: −60 dB.
const SILENCE: f64 = 1e-3;
/// Decibels from silence to 1.
const SPAN: f64 = 60.0;
/// Hops between the two loudnesses of a band that the flux compares.
pub const BACK: usize = 2;
/// Time constant of the mean flux, in seconds.
const MEAN_SECS: f64 = 1.0;
/// Factor of the mean flux in the limit of an onset.
const MEAN_FACTOR: f64 = 2.0;
/// Flux of an onset after silence, as a fraction of [`SPAN`]: at sensitivity 0, and at 1.
const ONSET_FLUX: (f64, f64) = (0.2, 0.003);

/// The amplitudes in the bands of a hop, each 1 for a sine at full scale. Numbers that are not finite are 0.
pub fn amplitudes(hop: &Hop, gain: f64) -> [f64; BANDS] {
    let full = f64::sqrt(2.0) * gain;
    hop.bands.map(|band| if band.is_finite() { full * f64::from(band).max(0.0) } else { 0.0 })
}

/// Share of each band's power in all, bass, mid and treble: `[range][band]`.
pub fn shares(low: f64, high: f64) -> [[f64; BANDS]; 4] {
    let below = |hz| std::array::from_fn::<f64, BANDS, _>(|band| part_below(band, hz));
    let (bass, not_treble) = (below(low), below(high.max(low)));
    [[1.0; BANDS], bass, std::array::from_fn(|band| not_treble[band] - bass[band]), not_treble.map(|part| 1.0 - part)]
}

/// The amplitude of a share of the bands together, at most 1.
pub fn amplitude(bands: &[f64; BANDS], share: &[f64; BANDS]) -> f64 {
    let power: f64 = bands.iter().zip(share).map(|(band, part)| part * band * band).sum();
    power.sqrt().min(1.0)
}

/// Fraction of a change of level that is complete after `secs`, if 90 % take `whole` seconds; 1 if `whole` is 0.
pub fn progress(secs: f64, whole: f64) -> f64 {
    if whole > 0.0 { -(-LN_10 * secs / whole).exp_m1() } else { 1.0 }
}

/// Spectral centroid between 20 Hz and 20 kHz: the mean over bands, weighted by amplitude.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brightness {
    weight: f64,
    moment: f64,
}

impl Brightness {
    /// Adds a hop.
    pub fn add(&mut self, bands: &[f64; BANDS]) {
        for (band, amplitude) in bands.iter().enumerate().filter(|(_, amplitude)| **amplitude > SILENCE) {
            self.weight += amplitude;
            self.moment += amplitude * band as f64;
        }
    }

    /// From 0 for 20 Hz to 1 for 20 kHz; none for silence.
    pub fn place(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.moment / (self.weight * (BANDS - 1) as f64))
    }
}

/// Loudness of a band: 0 is silence, 1 full scale.
fn loudness(amplitude: f64) -> f64 {
    (1.0 + 20.0 * amplitude.max(SILENCE).log10() / SPAN).max(0.0)
}

/// Onset detector, stored in the memory of a node.
pub struct Onsets<'a> {
    /// Loudness of the bands in the last [`BACK`] hops, the oldest first.
    past: &'a mut [f64],
    state: &'a mut [f64],
}

/// Mean flux.
const MEAN: usize = 0;
/// Hops until the next possible onset.
const LEFT: usize = 1;
/// 1 while the flux is above its limit.
const OVER: usize = 2;

impl<'a> Onsets<'a> {
    /// Length of its memory.
    pub const MEMORY: usize = BACK * BANDS + 3;

    /// The detector stored in this memory.
    pub fn new(memory: &'a mut [f64]) -> Self {
        let (past, state) = memory.split_at_mut(BACK * BANDS);
        Self { past, state }
    }

    /// Adds a hop. Returns true at an onset: the flux (mean rise of loudness over the bands) passes its limit, at least
    /// `wait_hops` after the last onset.
    pub fn add(&mut self, bands: &[f64; BANDS], sensitivity: f64, wait_hops: f64) -> bool {
        let loud = bands.map(loudness);
        let rise = |(now, before): (&f64, &f64)| (now - before).max(0.0);
        let flux = loud.iter().zip(&*self.past).map(rise).sum::<f64>() / BANDS as f64;
        self.past.copy_within(BANDS.., 0);
        self.past[(BACK - 1) * BANDS..].copy_from_slice(&loud);

        let limit = MEAN_FACTOR * self.state[MEAN] + ONSET_FLUX.0 * (ONSET_FLUX.1 / ONSET_FLUX.0).powf(sensitivity);
        let (over, was_over) = (flux > limit, self.state[OVER] > 0.0);
        self.state[OVER] = f64::from(u8::from(over));
        let hops = MEAN_SECS * HOPS_PER_SEC as f64;
        self.state[MEAN] += (flux - self.state[MEAN]) / hops;
        self.state[LEFT] = (self.state[LEFT] - 1.0).max(0.0);
        let begins = over && !was_over && self.state[LEFT] == 0.0;
        if begins {
            self.state[LEFT] = wait_hops;
        }
        begins
    }
}
