//! What the follower of sound reckons with: amplitudes of three ranges, how they are followed, and where something begins.

use std::f64::consts::LN_10;

use crate::node::sound::{BANDS, HOPS_PER_SEC, Hop, part_below};

/// Amplitudes below this, of 1, are silence: −60 dB.
const SILENCE: f64 = 1e-3;
/// Decibels from silence to 1.
const SPAN: f64 = 60.0;
/// A band is compared with where it stood so many hops before.
pub const BACK: usize = 2;
/// Seconds over which the usual flux is taken.
const USUAL_SECS: f64 = 1.0;
/// What comes above so many times the usual flux is no chance.
const ABOVE_USUAL: f64 = 2.0;
/// The flux that is an onset in silence, in parts of the span: at no sensitivity, and at the highest.
const LEAST: (f64, f64) = (0.2, 0.003);

/// The amplitudes in the bands of a hop, each 1 for a sine at full scale; what is no number is 0.
pub fn amplitudes(hop: &Hop, gain: f64) -> [f64; BANDS] {
    let full = f64::sqrt(2.0) * gain;
    hop.bands.map(|band| if band.is_finite() { full * f64::from(band).max(0.0) } else { 0.0 })
}

/// Which part of the power of each band belongs to all, bass, mid and treble.
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

/// What part of the way to a level is gone in `secs`, if 90 % are gone in `whole`.
pub fn part(secs: f64, whole: f64) -> f64 {
    if whole > 0.0 { -(-LN_10 * secs / whole).exp_m1() } else { 1.0 }
}

/// Where sound lies between 20 Hz and 20 kHz: the mean over bands, weighed by amplitude.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brightness {
    weight: f64,
    moment: f64,
}

impl Brightness {
    /// Hears a hop.
    pub fn hear(&mut self, bands: &[f64; BANDS]) {
        for (band, amplitude) in bands.iter().enumerate().filter(|(_, amplitude)| **amplitude > SILENCE) {
            self.weight += amplitude;
            self.moment += amplitude * band as f64;
        }
    }

    /// From 0 for 20 Hz to 1 for 20 kHz. Silence lies nowhere.
    pub fn place(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.moment / (self.weight * (BANDS - 1) as f64))
    }
}

/// How loud a band is, from 0 for silence; 1 is full scale.
fn loudness(amplitude: f64) -> f64 {
    (1.0 + 20.0 * amplitude.max(SILENCE).log10() / SPAN).max(0.0)
}

/// Listens for onsets; it lies in the memory of a node.
pub struct Onsets<'a> {
    /// How loud the bands were, [`BACK`] hops before first.
    past: &'a mut [f64],
    state: &'a mut [f64],
}

/// The usual flux.
const USUAL: usize = 0;
/// Hops until the next onset may be.
const LEFT: usize = 1;
/// Whether the flux was above its limit.
const OVER: usize = 2;

impl<'a> Onsets<'a> {
    /// The numbers that it remembers.
    pub const MEMORY: usize = BACK * BANDS + 3;

    /// As it was left in this memory.
    pub fn new(memory: &'a mut [f64]) -> Self {
        let (past, state) = memory.split_at_mut(BACK * BANDS);
        Self { past, state }
    }

    /// Hears a hop. Whether something begins in it: the bands that grew louder did so by more than is usual.
    pub fn hear(&mut self, bands: &[f64; BANDS], sensitivity: f64, wait_hops: f64) -> bool {
        let loud = bands.map(loudness);
        let rise = |(now, before): (&f64, &f64)| (now - before).max(0.0);
        let flux = loud.iter().zip(&*self.past).map(rise).sum::<f64>() / BANDS as f64;
        self.past.copy_within(BANDS.., 0);
        self.past[(BACK - 1) * BANDS..].copy_from_slice(&loud);

        let limit = ABOVE_USUAL * self.state[USUAL] + LEAST.0 * (LEAST.1 / LEAST.0).powf(sensitivity);
        let (over, was_over) = (flux > limit, self.state[OVER] > 0.0);
        self.state[OVER] = f64::from(u8::from(over));
        let hops = USUAL_SECS * HOPS_PER_SEC as f64;
        self.state[USUAL] += (flux - self.state[USUAL]) / hops;
        self.state[LEFT] = (self.state[LEFT] - 1.0).max(0.0);
        let begins = over && !was_over && self.state[LEFT] == 0.0;
        if begins {
            self.state[LEFT] = wait_hops;
        }
        begins
    }
}
