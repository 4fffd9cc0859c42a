//! Audio files to hops, and to decoded packets.

use std::fs::{self};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::LazyLock;

use bendrack_nodes::node::sound::HOPS_PER_SEC;
use symphonia::core::audio::{Channels as Layout, Position};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AC3, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_MONKEYS_AUDIO, CODEC_ID_MUSEPACK, CODEC_ID_SPEEX,
    CODEC_ID_TRUEHD, CODEC_ID_WAVPACK, CODEC_ID_WMA,
};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::default::{get_probe, register_enabled_codecs};

use super::analyse::RATES;
use super::channels::{ChannelAnalyser, Channels};
use super::container::Source;
use super::opus::OpusDecoder;
use super::{Sound, Stereo};
use crate::files;

/// Longest audio file, in hours.
const MOST_HOURS: usize = 4;
/// Longest audio file, in hops.
const MOST_HOPS: usize = MOST_HOURS * 3600 * HOPS_PER_SEC;
/// Number of damaged packets in a row that ends the file.
const MOST_DAMAGED: usize = 1000;
/// The readable formats, for messages.
const READABLE: &str = "readable formats are WAV, RF64, Wave64, AIFF, CAF, FLAC, MP3, Ogg and WebM with Vorbis or Opus, and AAC or ALAC in M4A";

/// Decoders: symphonia's, and that of Opus.
static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

/// The sound of a whole file. Damaged packets are skipped.
pub(super) fn sound(path: &Path, channels: Channels) -> Result<Sound, String> {
    decoded(path, channels).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn decoded(path: &Path, channels: Channels) -> Result<Sound, String> {
    let mut packets = Packets::open(path)?;
    let (mut analyser, mut hops) = (None::<ChannelAnalyser>, Vec::new());
    let mut is_cancelled = false;
    while let Some(packet) = packets.next()?.filter(|_| hops.len() <= MOST_HOPS) {
        if analyser.as_ref().is_none_or(|analyser| !analyser.fits(packet.rate, packet.channels)) {
            analyser = Some(ChannelAnalyser::new(channels, packet.rate, packet.channels));
        }
        if let Some(analyser) = &mut analyser {
            analyser.push(packet.samples, &mut hops);
            is_cancelled = analyser.is_cancelled();
        }
    }
    match hops.len() {
        0 => Err(unreadable("the file has no sound, or all of it is damaged")),
        count if count > MOST_HOPS => Err(format!(
            "the sound is longer than {MOST_HOURS} hours; cut it, for instance with ffmpeg -i FILE -t 4:00:00 sound.wav"
        )),
        _ => Ok(Sound { hops, is_cancelled }),
    }
}

/// The packets of the audio track of a file, decoded one by one.
pub(super) struct Packets {
    format: Box<dyn FormatReader>,
    track: Track,
    samples: Vec<f32>,
    sides: Sides,
    /// Damaged packets in a row.
    damaged: usize,
}

/// The sound of a packet.
pub(super) struct Packet<'a> {
    /// Sample rate in Hz, one of [`RATES`].
    pub rate: u32,
    /// Channels, at least one.
    pub channels: usize,
    /// Interleaved samples of all channels.
    pub samples: &'a [f32],
    sides: &'a Sides,
}

impl Packet<'_> {
    /// The samples as stereo.
    pub fn stereo(&self) -> impl Iterator<Item = Stereo> {
        self.samples.chunks_exact(self.channels).map(|frame| self.sides.mix(frame))
    }
}

impl Packets {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, String> {
        if path.is_dir() {
            return Err("this is a folder; give the path of an audio file".into());
        }
        // A pipe would wait for its other end.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(
                "this is no regular file, but a pipe or a device; save the sound, and give the path of the file".into(),
            );
        }
        let file = files::open(path).map_err(|error| {
            format!("the file cannot be opened: {error}; give the path of an audio file that you may read")
        })?;
        let source = Source::open(file).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => unreadable(&format!("the file is damaged: {error}")),
            _ => format!("the file cannot be read: {error}; copy it to another disk, and give that path"),
        })?;
        let mut hint = Hint::new();
        if let Some(ending) = path.extension().and_then(|ending| ending.to_str()) {
            hint.with_extension(ending);
        }
        let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
        let format = get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| unreadable(&format!("the format is unknown ({error})")))?;
        let track = Track::of(&*format)?;
        Ok(Self { format, track, samples: Vec::new(), sides: Sides::default(), damaged: 0 })
    }

    /// The next readable packet; none at the end of the file.
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, String> {
        while self.damaged < MOST_DAMAGED {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                // Another stream follows in the same file.
                Err(Error::ResetRequired) => {
                    self.track = Track::of(&*self.format)?;
                    continue;
                }
                // A truncated file ends there.
                Ok(None) | Err(_) => break,
            };
            if packet.track_id != self.track.id {
                continue;
            }
            let Ok(buffer) = self.track.decoder.decode(&packet) else {
                self.damaged += 1;
                continue;
            };
            let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
            if !RATES.contains(&rate) || channels == 0 {
                return Err(unreadable(&format!(
                    "the sound has {rate} Hz and {channels} channels, which is not supported"
                )));
            }
            self.damaged = 0;
            self.sides.set(buffer.spec().channels());
            self.samples.clear();
            buffer.copy_to_vec_interleaved::<f32>(&mut self.samples);
            return Ok(Some(Packet { rate, channels, samples: &self.samples, sides: &self.sides }));
        }
        Ok(None)
    }
}

/// The parts of channels in two sides.
#[derive(Default)]
struct Sides {
    layout: Option<Layout>,
    parts: Vec<Stereo>,
}

impl Sides {
    /// Takes the parts for channels in these places: those of ITU-R BS.775, scaled so that no side exceeds full scale. Of
    /// channels without places, the first two are left and right, the others in the middle. One channel fills both sides.
    fn set(&mut self, layout: &Layout) {
        if self.layout.as_ref() == Some(layout) {
            return;
        }
        let middle = |count: usize| vec![[0.5; 2]; count.saturating_sub(2)];
        self.parts = match layout {
            _ if layout.count() == 1 => vec![[1.0; 2]],
            Layout::Positioned(positions) if layout.count() > 2 => positions.iter().map(part).collect(),
            _ => [vec![[1.0, 0.0], [0.0, 1.0]], middle(layout.count())].concat(),
        };
        if layout.count() > 2 {
            let sum = |side: usize| self.parts.iter().map(|part| part[side]).sum::<f32>();
            let scale = 1.0 / sum(0).max(sum(1)).max(1.0);
            self.parts.iter_mut().flatten().for_each(|part| *part *= scale);
        }
        self.layout = Some(layout.clone());
    }

    /// The sides of a frame, without samples that are not finite.
    fn mix(&self, frame: &[f32]) -> Stereo {
        let parts = frame.iter().zip(&self.parts).filter(|(sample, _)| sample.is_finite());
        parts.fold([0.0; 2], |[left, right], (sample, part)| {
            [sample.mul_add(part[0], left), sample.mul_add(part[1], right)]
        })
    }
}

/// The part of a channel in each side, by its place.
fn part(position: Position) -> Stereo {
    const HALF: f32 = std::f32::consts::FRAC_1_SQRT_2;
    let left = Position::FRONT_LEFT | Position::FRONT_LEFT_WIDE;
    let right = Position::FRONT_RIGHT | Position::FRONT_RIGHT_WIDE;
    let is_of = |side: Position| side.intersects(position);
    if is_of(left) {
        [1.0, 0.0]
    } else if is_of(right) {
        [0.0, 1.0]
    } else if is_of(Position::REAR_LEFT | Position::SIDE_LEFT | Position::FRONT_LEFT_CENTER | Position::TOP_FRONT_LEFT)
    {
        [HALF, 0.0]
    } else if is_of(
        Position::REAR_RIGHT | Position::SIDE_RIGHT | Position::FRONT_RIGHT_CENTER | Position::TOP_FRONT_RIGHT,
    ) {
        [0.0, HALF]
    } else if is_of(Position::LFE1 | Position::LFE2) {
        [0.0; 2]
    } else if is_of(Position::FRONT_CENTER) {
        [HALF; 2]
    } else {
        [0.5; 2]
    }
}

/// The audio track of a file.
struct Track {
    id: u32,
    decoder: Box<dyn AudioDecoder>,
}

impl Track {
    /// The default track, or the first one with a known codec.
    fn of(format: &dyn FormatReader) -> Result<Self, String> {
        let default = format.default_track(TrackType::Audio);
        let mut problem = "the file has no audio track of a known codec".to_owned();
        for track in default.into_iter().chain(format.tracks()) {
            let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) else { continue };
            match CODECS.make_audio_decoder(params, &AudioDecoderOptions::default()) {
                Ok(decoder) => return Ok(Self { id: track.id, decoder }),
                Err(error) => {
                    let codec = match params.codec {
                        CODEC_ID_AC3 => "AC-3",
                        CODEC_ID_EAC3 => "E-AC-3",
                        CODEC_ID_DCA => "DTS",
                        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
                        CODEC_ID_MUSEPACK => "Musepack",
                        CODEC_ID_SPEEX => "Speex",
                        CODEC_ID_TRUEHD => "TrueHD",
                        CODEC_ID_WAVPACK => "WavPack",
                        CODEC_ID_WMA => "WMA",
                        _ => "",
                    };
                    let space = if codec.is_empty() { "" } else { " " };
                    problem = format!("the codec{space}{codec} of the audio track is not supported ({error})");
                }
            }
        }
        Err(unreadable(&problem))
    }
}

/// The error of an unreadable file.
fn unreadable(problem: &str) -> String {
    format!("{problem}; {READABLE}; convert the file, for instance with ffmpeg -i FILE sound.wav")
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::path::PathBuf;

    use bendrack_nodes::node::sound::Hop;
    use tempfile::TempDir;

    use super::*;

    fn hops(path: &Path) -> Result<Vec<Hop>, String> {
        sound(path, Channels::Mean).map(|sound| sound.hops)
    }

    /// A WAV file of 16 bits.
    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let size = 2 * samples.len() as u32;
        let mut bytes = Vec::new();
        bytes.extend(b"RIFF");
        bytes.extend((36 + size).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2 * u32::from(channels)).to_le_bytes());
        bytes.extend((2 * channels).to_le_bytes());
        bytes.extend(b"\x10\0data");
        bytes.extend(size.to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    /// A sine at half of full scale, in all channels.
    fn sine(rate: u32, channels: u16, hz: f64, secs: f64) -> Vec<i16> {
        let count = (f64::from(rate) * secs) as usize;
        let sample = |n: usize| (16_384.0 * (TAU * hz * n as f64 / f64::from(rate)).sin()) as i16;
        (0..count).flat_map(|n| vec![sample(n); usize::from(channels)]).collect()
    }

    fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// The amplitude of the band about 1 kHz, of 1 for a sine at full scale.
    fn kilohertz(hop: &Hop) -> f32 {
        hop.bands[17] * 2.0_f32.sqrt()
    }

    #[test]
    fn a_wav_has_the_samples_that_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        for (rate, channels) in [(8_000, 1), (44_100, 1), (44_100, 2), (48_000, 6), (96_000, 2)] {
            let path = file(&folder, "sine.wav", &wav(rate, channels, &sine(rate, channels, 1000.0, 2.0)));
            let hops = hops(&path).expect("hops");
            assert_eq!(hops.len(), 200, "{rate} {channels}");
            let off = hops[20..].iter().map(|hop| (kilohertz(hop) - 0.5).abs()).fold(0.0, f32::max);
            assert!(off < 0.05, "{rate} {channels}: {off}");
        }
    }

    #[test]
    fn one_channel_of_two_has_half_the_amplitude() {
        let folder = tempfile::tempdir().expect("a folder");
        let left: Vec<i16> = sine(44_100, 1, 1000.0, 1.0).into_iter().flat_map(|sample| [sample, 0]).collect();
        let hops = hops(&file(&folder, "left.wav", &wav(44_100, 2, &left))).expect("hops");
        assert!((kilohertz(&hops[50]) - 0.25).abs() < 0.03);
    }

    #[test]
    fn files_of_every_kind_are_read() {
        for name in ["tone.ogg", "tone.mp3", "tone.flac", "tone.m4a", "alac.m4a"] {
            let hops = hops(&PathBuf::from("tests/sounds").join(name)).expect(name);
            assert!((98..=110).contains(&hops.len()), "{name}: {} hops", hops.len());
            assert!(hops[..40].iter().all(|hop| kilohertz(hop) < 0.01), "{name} is silent at first");
            assert!(hops[65..95].iter().all(|hop| (kilohertz(hop) - 0.5).abs() < 0.06), "{name} sounds then");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = wav(44_100, 1, &sine(44_100, 1, 440.0, 0.5));
        let slow = wav(1_000, 1, &sine(1_000, 1, 100.0, 1.0));
        for (name, bytes) in [
            ("empty.wav", &[][..]),
            ("text.mp3", b"this is no sound, whatever length its header has or claims here"),
            ("head.wav", &whole[..44]),
            ("cut.wav", &whole[..20]),
            ("slow.wav", &slow),
            ("noise.flac", &[0x5A; 3000]),
        ] {
            let path = file(&folder, name, bytes);
            let problem = hops(&path).expect_err(name);
            assert!(problem.starts_with(&format!("{}: ", path.display())), "{problem}");
            assert!(problem.contains("ffmpeg -i FILE sound.wav"), "{problem}");
        }
        let folder = hops(folder.path()).expect_err("a folder");
        assert!(folder.contains("a folder"), "{folder}");
        assert!(hops(Path::new("no/such/file.wav")).expect_err("nothing").contains("cannot be opened"));
    }

    #[test]
    fn a_truncated_or_damaged_file_plays_up_to_the_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = wav(44_100, 1, &sine(44_100, 1, 1000.0, 1.0));
        let hops_of = |name: &str, bytes: &[u8]| hops(&file(&folder, name, bytes));
        assert_eq!(hops_of("half.wav", &whole[..44 + 44_100]).expect("half").len(), 50);
        for name in ["tone.ogg", "tone.mp3", "tone.flac", "tone.m4a", "alac.m4a"] {
            let bytes = std::fs::read(PathBuf::from("tests/sounds").join(name)).expect("a fixture");
            // Whatever comes of it, it is finite, no longer than the file could be, and no panic.
            for at in (0..bytes.len()).step_by(131) {
                let mut damaged = bytes.clone();
                damaged[at..bytes.len().min(at + 11)].fill(0xA5);
                let hops = hops_of(name, &damaged).unwrap_or_default();
                let finite = hops.iter().all(|hop| hop.bands.iter().all(|band| band.is_finite()));
                assert!(finite && hops.len() < 20_000, "{name}, damaged at {at}: {} hops", hops.len());
                let _ = hops_of(name, &bytes[..at]);
            }
        }
    }
}
