//! The samples of an audio file at the rate of videos, read as the video goes on.

use std::path::Path;

#[cfg(feature = "audio")]
use super::file::Packets;
#[cfg(feature = "audio")]
use super::resample::Resampler;
use super::{SoundError, Stereo};

/// Reader of an audio file as stereo at [`RATE`](super::RATE). A mono file fills both sides; more than two channels are
/// mixed down by their places. Silence follows the end.
pub struct Samples {
    /// None after the end of the file.
    #[cfg(feature = "audio")]
    packets: Option<(Packets, Option<Resampler>)>,
    /// Decoded samples after `position`.
    waiting: Vec<Stereo>,
    position: u64,
}

#[cfg(feature = "audio")]
impl Samples {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read; the message names it and the next step.
    pub fn open(path: &Path) -> Result<Self, SoundError> {
        let packets = Packets::open(path).map_err(|problem| SoundError(format!("{}: {problem}", path.display())))?;
        Ok(Self { packets: Some((packets, None)), waiting: Vec::new(), position: 0 })
    }

    /// The next `count` samples.
    pub fn read(&mut self, count: usize) -> Vec<Stereo> {
        while self.waiting.len() < count && self.decode() {}
        let mut samples: Vec<Stereo> = self.waiting.drain(..count.min(self.waiting.len())).collect();
        samples.resize(count, [0.0; 2]);
        self.position += count as u64;
        samples
    }

    /// Decodes a packet. False at the end of the file. A file that becomes unreadable ends there.
    fn decode(&mut self) -> bool {
        let Some((packets, resampler)) = &mut self.packets else { return false };
        let Ok(Some(packet)) = packets.next() else {
            if let Some(resampler) = resampler {
                resampler.finish(&mut self.waiting);
            }
            self.packets = None;
            return false;
        };
        let stereo = packet.stereo().map(|sides| sides.map(finite));
        let resampler = match resampler {
            Some(resampler) if resampler.rate() == packet.rate => resampler,
            _ => resampler.insert(Resampler::new(packet.rate)),
        };
        resampler.push(stereo, &mut self.waiting);
        true
    }
}

#[cfg(not(feature = "audio"))]
impl Samples {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// This build has no sound.
    pub fn open(path: &Path) -> Result<Self, SoundError> {
        Err(SoundError(format!("{}: {}", path.display(), super::NOT_BUILT)))
    }

    /// The next `count` samples.
    pub fn read(&mut self, count: usize) -> Vec<Stereo> {
        self.position += count as u64;
        self.waiting.resize(count, [0.0; 2]);
        std::mem::take(&mut self.waiting)
    }
}

impl Samples {
    /// Number of samples read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Skips samples, then sets the position to 0.
    pub fn skip(&mut self, count: u64) {
        let end = self.position + count;
        while self.position < end {
            self.read((end - self.position).min(u64::from(super::RATE)) as usize);
        }
        self.position = 0;
    }
}

/// The sample, limited to ±4; 0 if it is not finite.
#[cfg(feature = "audio")]
fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-4.0, 4.0) } else { 0.0 }
}

#[cfg(all(test, feature = "audio"))]
mod tests {
    use super::*;
    use crate::sound::RATE;

    #[test]
    fn a_tone_is_where_it_is_in_the_file_whatever_its_format() {
        for name in ["tone.ogg", "tone.mp3", "tone.flac", "tone.m4a", "alac.m4a"] {
            let mut samples = Samples::open(&Path::new("tests/sounds").join(name)).expect(name);
            let sound: Vec<Stereo> = (0..100).flat_map(|_| samples.read(RATE as usize / 50)).collect();
            assert_eq!((sound.len(), samples.position()), (2 * RATE as usize, 2 * u64::from(RATE)));
            let loudest = |from: f64, to: f64| {
                let part = &sound[(from * f64::from(RATE)) as usize..(to * f64::from(RATE)) as usize];
                part.iter().map(|sample| sample[0].abs()).fold(0.0, f32::max)
            };
            // Half a second of silence, half a second of a sine at half of full scale, and nothing.
            assert!(loudest(0.0, 0.4) < 0.02, "{name}: {}", loudest(0.0, 0.4));
            assert!((loudest(0.65, 0.95) - 0.5).abs() < 0.06, "{name}: {}", loudest(0.65, 0.95));
            assert!(loudest(1.2, 2.0) < 1e-6, "{name}");
        }
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let problem = Samples::open(Path::new("no/such.wav")).err().expect("nothing is there").to_string();
        assert!(problem.starts_with("no/such.wav: "), "{problem}");
    }
}
