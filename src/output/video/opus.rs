//! Sound as Opus.

use std::path::{Path, PathBuf};

use opus_rs::{Application, OpusEncoder};

use crate::output::{Error, Result};
use crate::sound::{RATE, Stereo};

/// Samples of a packet: a fiftieth of a second.
pub const PACKET: usize = 960;
/// Bits per second: music of two channels without audible loss.
const BITS_PER_SEC: i32 = 160_000;
/// The longest packet, in bytes (RFC 6716, 3.4).
const LONGEST: usize = 1275;
/// Samples by which decoders are behind the encoder. The muxer announces as many.
pub const DELAY: usize = 312;

/// Encoder of sound into packets of one length, from the start of a video.
pub struct Opus {
    path: PathBuf,
    encoder: OpusEncoder,
    /// Samples that do not fill a packet yet.
    waiting: Vec<Stereo>,
    /// Samples to leave out. The delay of decoders takes their time, so sound and pictures stay together.
    early: usize,
    /// Samples so far.
    samples: u64,
}

impl Opus {
    /// An encoder for the video at `path`, which its errors name.
    pub fn new(path: &Path) -> Result<Self> {
        let mut encoder = OpusEncoder::new(RATE as i32, 2, Application::Audio)
            .map_err(|problem| Error::new(path, format!("the sound cannot be encoded: {problem}")))?;
        encoder.bitrate_bps = BITS_PER_SEC;
        Ok(Self { path: path.to_owned(), encoder, waiting: Vec::new(), early: DELAY, samples: 0 })
    }

    /// Takes samples. Returns the packets that they complete.
    pub fn push(&mut self, samples: &[Stereo]) -> Result<Vec<Vec<u8>>> {
        self.samples += samples.len() as u64;
        let skipped = self.early.min(samples.len());
        self.early -= skipped;
        self.waiting.extend_from_slice(&samples[skipped..]);
        let whole = self.waiting.len() / PACKET * PACKET;
        let samples: Vec<Stereo> = self.waiting.drain(..whole).collect();
        samples.chunks_exact(PACKET).map(|packet| self.encode(packet.as_flattened())).collect()
    }

    /// Ends the sound after `length` samples from the start, with silence if there were fewer.
    pub fn finish(&mut self, length: u64) -> Result<Vec<Vec<u8>>> {
        let missing = length.saturating_sub(self.samples) as usize;
        let mut packets = self.push(&vec![[0.0; 2]; missing])?;
        // Silence pushes out the rest that the encoder holds.
        let held = (DELAY - self.early + self.waiting.len()).next_multiple_of(PACKET) - self.waiting.len();
        packets.extend(self.push(&vec![[0.0; 2]; held + self.early])?);
        Ok(packets)
    }

    fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>> {
        let mut packet = vec![0; LONGEST];
        let length = self
            .encoder
            .encode(samples, PACKET, &mut packet)
            .map_err(|problem| Error::new(&self.path, format!("the sound cannot be encoded: {problem}")))?;
        packet.truncate(length);
        Ok(packet)
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use opus_rs::OpusDecoder;

    use super::*;

    /// Sound that went through packets, from the start of the video.
    fn decoded(sound: &[Stereo], piece: usize) -> Vec<Stereo> {
        let mut opus = Opus::new(Path::new("a.mp4")).expect("an encoder");
        let mut packets = Vec::new();
        for piece in sound.chunks(piece) {
            packets.extend(opus.push(piece).expect("packets"));
        }
        packets.extend(opus.finish(sound.len() as u64).expect("packets"));
        let mut decoder = OpusDecoder::new(RATE as i32, 2).expect("a decoder");
        let mut heard = Vec::new();
        for packet in packets {
            let mut samples = vec![[0.0; 2]; PACKET];
            let count = decoder.decode(&packet, PACKET, samples.as_flattened_mut()).expect("a packet");
            assert_eq!(count, PACKET);
            heard.extend(samples);
        }
        heard
    }

    #[test]
    fn sound_keeps_its_time_its_level_and_its_sides() {
        let length = 48_000 + 77;
        let sound: Vec<Stereo> = (0..length)
            .map(|n| {
                // A tone begins at half a second on the left; the right is lower throughout.
                let tone = |hz: f32| (TAU * hz * n as f32 / RATE as f32).sin();
                [if n < 24_000 { 0.0 } else { 0.5 * tone(1000.0) }, 0.25 * tone(440.0)]
            })
            .collect();
        for piece in [3000, 1, 100_000] {
            let heard = decoded(&sound, piece);
            assert!((length..length + 2 * PACKET).contains(&heard.len()), "{} samples", heard.len());
            let error = |from: usize, to: usize, side: usize| {
                let squares = (from..to).map(|n| (heard[n][side] - sound[n][side]).powi(2));
                (squares.sum::<f32>() / (to - from) as f32).sqrt()
            };
            for (from, to, side) in [(2_000, 23_000, 0), (26_000, 47_000, 0), (2_000, 47_000, 1)] {
                let error = error(from, to, side);
                assert!(error < 0.01, "{piece}: side {side} from {from}: {error}");
            }
        }
    }

    #[test]
    fn any_sound_makes_packets() {
        let noise = |n: usize| ((n.wrapping_mul(2_654_435_761) >> 7) % 2001) as f32 / 1000.0 - 1.0;
        let loud = (0..20_000).map(|n| [4.0 * noise(n), -4.0 * noise(n + 9)]).collect::<Vec<Stereo>>();
        let clicks = (0..20_000).map(|n| [f32::from(n % 977 == 0), 1e-9]).collect::<Vec<Stereo>>();
        for sound in [loud, clicks, vec![[0.0; 2]; 20_000], vec![[1.0, -1.0]; 20_000], Vec::new(), vec![[0.5; 2]; 5]] {
            assert!(decoded(&sound, 3000).iter().flatten().all(|sample| sample.is_finite()));
        }
    }
}
