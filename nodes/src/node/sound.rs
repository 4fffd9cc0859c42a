//! Sound for nodes: a third-octave spectrum per hundredth of a second.

use std::ops::Range;

/// [`Hop`]s per second of sound.
pub const HOPS_PER_SEC: usize = 100;
/// Third-octave bands, with centres from 20 Hz to 20 kHz.
pub const BANDS: usize = 31;
/// Index of the band with centre 1 kHz.
const KILOHERTZ: f64 = 17.0;
/// Bands per decade.
const PER_DECADE: f64 = 10.0;

/// A hundredth of a second of sound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hop {
    /// The root-mean-square amplitude of each band. A sine at full scale has 0.707 in its band and 0 in the others.
    pub bands: [f32; BANDS],
}

/// Centre of a band, in Hz: ten bands per decade, one of them at 1 kHz.
pub fn centre(band: usize) -> f64 {
    1000.0 * 10.0_f64.powf((band as f64 - KILOHERTZ) / PER_DECADE)
}

/// Edges of a band, in Hz.
pub fn edges(band: usize) -> Range<f64> {
    let half = 10.0_f64.powf(0.5 / PER_DECADE);
    centre(band) / half..centre(band) * half
}

/// Fraction of a band below a frequency, on a logarithmic axis.
pub fn part_below(band: usize, hz: f64) -> f64 {
    let place = PER_DECADE * (hz / 1000.0).log10() + KILOHERTZ;
    (place - band as f64 + 0.5).clamp(0.0, 1.0)
}

/// Hops of frame `index` of `count`. Each hop is in one frame; the counts of two frames differ by one at most.
pub fn share(hops: &[Hop], index: usize, count: usize) -> &[Hop] {
    &hops[index * hops.len() / count..(index + 1) * hops.len() / count]
}
