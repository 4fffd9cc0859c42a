//! Sound files as recorders, taggers and other programs leave them.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use bendrack_nodes::node::sound::Hop;
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Channels, RATE, Samples, Sound};

const W64_CHUNK: [u8; 12] = [0xF3, 0xAC, 0xD3, 0x11, 0x8C, 0xD1, 0x00, 0xC0, 0x4F, 0x8E, 0xDB, 0x8A];
const W64_FILE: [u8; 12] = [0x2E, 0x91, 0xCF, 0x11, 0xA5, 0xD6, 0x28, 0xDB, 0x04, 0xC1, 0x00, 0x00];
/// The fixtures: half a second of silence, then half a second of a sine of 1 kHz at half of full scale.
const FIXTURES: [&str; 12] = [
    "tone.ogg",
    "tone.mp3",
    "tone.flac",
    "tone.m4a",
    "alac.m4a",
    "tone.opus",
    "tone.webm",
    "opus.mp4",
    "speech.opus",
    "centre.opus",
    "centre.m4a",
    "sides.m4a",
];

/// The kinds of files made of chunks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Wav,
    Rf64,
    W64,
    Aiff,
    Caf,
}

const KINDS: [Kind; 5] = [Kind::Wav, Kind::Rf64, Kind::W64, Kind::Aiff, Kind::Caf];

/// A second of a sine of 1 kHz at half of full scale, 8 kHz and 16 bits.
fn sine(is_big: bool) -> Vec<u8> {
    let sample = |n: u32| (16_384.0 * (TAU * f64::from(n) / 8.0).sin()) as i16;
    (0..8_000).flat_map(|n| if is_big { sample(n).to_be_bytes() } else { sample(n).to_le_bytes() }).collect()
}

/// A file with the sine, with these sizes of the file and of its sound instead of the right ones, and `after` behind it.
fn file_of(kind: Kind, sizes: (Option<u64>, Option<u64>), after: &[u8]) -> Vec<u8> {
    let samples = sine(matches!(kind, Kind::Aiff | Kind::Caf));
    let size = samples.len() as u64;
    let (whole, sound) = (sizes.0.unwrap_or(size + 36), sizes.1.unwrap_or(size));
    // 1 channel, 8,000 Hz, 16,000 bytes a second, 2 bytes a frame, 16 bits.
    let fmt = b"\x01\0\x01\0\x40\x1F\0\0\x80\x3E\0\0\x02\0\x10\0";
    let head: Vec<u8> = match kind {
        Kind::Wav => [
            b"RIFF",
            &(whole as u32).to_le_bytes()[..],
            b"WAVEfmt \x10\0\0\0",
            fmt,
            b"data",
            &(sound as u32).to_le_bytes(),
        ]
        .concat(),
        Kind::Rf64 => [
            b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0",
            &whole.to_le_bytes()[..],
            &sound.to_le_bytes(),
            &[0; 12],
            b"fmt \x10\0\0\0",
            fmt,
            b"data\xFF\xFF\xFF\xFF",
        ]
        .concat(),
        Kind::W64 => [
            b"riff",
            &W64_FILE[..],
            &whole.to_le_bytes(),
            b"wave",
            &W64_CHUNK,
            b"fmt ",
            &W64_CHUNK,
            &40_u64.to_le_bytes(),
            fmt,
            b"data",
            &W64_CHUNK,
            &sound.saturating_add(24).to_le_bytes(),
        ]
        .concat(),
        Kind::Aiff => [
            b"FORM",
            &(whole as u32).to_be_bytes()[..],
            b"AIFFCOMM\0\0\0\x12\0\x01",
            &(sound as u32 / 2).to_be_bytes(),
            b"\0\x10\x40\x0B\xFA\0\0\0\0\0\0\0SSND",
            &(sound.saturating_add(8) as u32).to_be_bytes(),
            &[0; 8],
        ]
        .concat(),
        Kind::Caf => [
            b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20",
            &8_000.0_f64.to_be_bytes()[..],
            b"lpcm\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x10data",
            &sound.wrapping_add(4).to_be_bytes(),
            &[0; 4],
        ]
        .concat(),
    };
    [&head, &samples, after].concat()
}

fn save(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

fn hops(path: &Path, channels: Channels) -> Result<Vec<Hop>, String> {
    Sound::open(path, channels).map(|sound| sound.hops).map_err(|error| error.to_string())
}

/// The loudest level at 1 kHz of a second half.
fn level(hops: &[Hop]) -> f32 {
    hops[hops.len() * 65 / 100..hops.len() * 95 / 100]
        .iter()
        .map(|hop| hop.bands[17] * 2.0_f32.sqrt())
        .fold(0.0, f32::max)
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests/sounds").join(name)).expect("a fixture")
}

#[test]
fn sizes_that_are_wrong_or_were_never_written_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = u64::from(u32::MAX);
    for kind in KINDS {
        for sizes in [
            (None, None),
            (Some(16_028), None),
            (Some(0), None),
            (Some(long), None),
            (None, Some(0)),
            (Some(0), Some(0)),
            (Some(long), Some(long)),
            (Some(u64::MAX), Some(u64::MAX)),
            (Some(4_036), Some(4_000)),
            (None, Some(20_000)),
        ] {
            let read = hops(&save(&folder, "a", &file_of(kind, sizes, &[])), Channels::Mean);
            let read = read.unwrap_or_else(|problem| panic!("{kind:?} {sizes:?}: {problem}"));
            assert!(read.len() == 100 && (level(&read) - 0.5).abs() < 0.03, "{kind:?} {sizes:?}: {} hops", read.len());
        }
        // A written size holds if a chunk follows.
        let (big, caf, w64) = ((2_000_u32).to_be_bytes(), 2_000_u64.to_be_bytes(), 2_024_u64.to_le_bytes());
        let head: Vec<u8> = match kind {
            Kind::Wav | Kind::Rf64 => [&b"LIST"[..], &2_000_u32.to_le_bytes()].concat(),
            Kind::Aiff => [&b"ANNO"[..], &big].concat(),
            Kind::Caf => [&b"free"[..], &caf].concat(),
            Kind::W64 => [&b"list"[..], &W64_CHUNK, &w64].concat(),
        };
        let chunk = [head, vec![0x55; 2_000]].concat();
        let read = hops(&save(&folder, "b", &file_of(kind, (None, None), &chunk)), Channels::Mean).expect("a file");
        assert_eq!(read.len(), 100, "{kind:?}");
    }
}

#[test]
fn large_tags_before_the_sound_do_no_harm() {
    let folder = tempfile::tempdir().expect("a folder");
    let size = 3 << 20;
    // A picture of 3 MiB that looks like MPEG audio.
    let picture = [0xFF, 0xFB].repeat(size / 2);
    let bits = |shift: usize| ((size >> shift) & 0x7F) as u8;
    let id3 = [&b"ID3\x03\0\0"[..], &[bits(21), bits(14), bits(7), bits(0)], &picture, &[0; 100]].concat();
    let ape = [&b"APETAGEX\xD0\x07\0\0"[..], &(size as u32).to_le_bytes(), &[0; 16], &picture].concat();
    for (tag, name) in [(&id3, "id3"), (&ape, "ape")] {
        for sound in ["tone.mp3", "tone.flac", "tone.ogg", "tone.opus"].map(fixture) {
            let read = hops(&save(&folder, name, &[tag, &sound[..]].concat()), Channels::Mean).expect(name);
            assert!((98..=110).contains(&read.len()) && (level(&read) - 0.5).abs() < 0.06, "{name}: {}", read.len());
        }
        for kind in KINDS {
            let bytes = [tag, &file_of(kind, (None, None), &[])[..]].concat();
            assert_eq!(hops(&save(&folder, name, &bytes), Channels::Mean).expect(name).len(), 100, "{name} {kind:?}");
        }
    }
    // Within the file.
    let wav = file_of(Kind::Wav, (None, None), &[]);
    let list = [&wav[..12], b"LIST", &(size as u32).to_le_bytes(), &picture, &wav[12..]].concat();
    assert_eq!(hops(&save(&folder, "list.wav", &list), Channels::Mean).expect("a file").len(), 100);
    let flac = fixture("tone.flac");
    let block = [&[0x06][..], &(size as u32).to_be_bytes()[1..], &picture].concat();
    let flac = [&flac[..42], &block, &flac[42..]].concat();
    assert_eq!(hops(&save(&folder, "picture.flac", &flac), Channels::Mean).expect("a file").len(), 100);
}

#[test]
fn mpeg_audio_in_a_wav_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mp3 = fixture("tone.mp3");
    let fmt = b"\x55\0\x01\0\x22\x56\0\0\xA0\x0F\0\0\x01\0\0\0\x0C\0\x01\0\x02\0\0\0\x68\0\x01\0\x71\x05";
    let size = (mp3.len() as u32).to_le_bytes();
    let wav = [b"RIFF\0\0\0\0WAVEfmt \x1E\0\0\0", &fmt[..], b"data", &size, &mp3].concat();
    assert_eq!(
        hops(&save(&folder, "a.wav", &wav), Channels::Mean),
        hops(Path::new("tests/sounds/tone.mp3"), Channels::Mean)
    );
}

#[test]
fn opus_and_aac_of_many_channels_are_read_whatever_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in FIXTURES {
        let read = hops(&Path::new("tests/sounds").join(name), Channels::Loudest).expect(name);
        // The encoder of speech mixes the two channels of a sine to one, 3 dB lower.
        let expected = if name == "speech.opus" { 0.354 } else { 0.5 };
        assert!((98..=110).contains(&read.len()), "{name}: {} hops", read.len());
        assert!((level(&read) - expected).abs() < 0.06, "{name}: {}", level(&read));
        assert!(read[..40].iter().all(|hop| hop.bands[17] < 0.01), "{name} is silent at first");
        for other in ["a.wav", "a.mp3", "a"] {
            let read_again = hops(&save(&folder, other, &fixture(name)), Channels::Loudest);
            assert!(read_again.as_ref() == Ok(&read), "{name} as {other}");
        }
    }
}

#[test]
fn sound_in_the_centre_is_in_both_sides_of_a_video() {
    for name in ["centre.opus", "centre.m4a", "sides.m4a"] {
        let path = Path::new("tests/sounds").join(name);
        let mean = Sound::open(&path, Channels::Mean).expect(name);
        assert!((level(&mean.hops) - 0.5 / 6.0).abs() < 0.02, "{name}: {}", level(&mean.hops));
        let warning = mean.warning(&path).expect("a warning");
        assert!(warning.contains(name) && warning.contains("--audio-channels loudest"), "{warning}");
        assert_eq!(Sound::open(&path, Channels::Loudest).expect(name).warning(&path), None);
        let sound = Samples::open(&path).expect(name).read(RATE as usize);
        for side in 0..2 {
            let loudest = sound.iter().map(|sample| sample[side].abs()).fold(0.0, f32::max);
            // The front alone has 0.707 of the centre; all is scaled by the sum of the parts.
            assert!((loudest - 0.5 * 0.707 / 2.414).abs() < 0.03, "{name}: {loudest}");
        }
    }
}

#[test]
fn a_refused_file_has_a_reason_and_a_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let wav = file_of(Kind::Wav, (None, None), &[]);
    let with = |at: usize, bytes: &[u8]| [&wav[..at], bytes, &wav[at + bytes.len()..]].concat();
    let aiff = file_of(Kind::Aiff, (None, None), &[]);
    for (name, bytes, reason) in [
        ("none.wav", with(22, &[0, 0]), "0 channels of 16 bits"),
        ("many.wav", with(22, &[0xFF, 0xFF]), "65535 channels of 16 bits"),
        ("bits.wav", with(34, &[0xFF, 0xFF]), "65535 bits"),
        ("no_fmt.wav", with(12, b"junk"), "does not describe the samples"),
        ("no_data.wav", wav[..40].to_vec(), "ends before its sound"),
        ("codec.wav", with(20, &[0x61, 0x01]), "the format is unknown"),
        ("none.aiff", [&aiff[..20], &[0, 0], &aiff[22..]].concat(), "0 channels of 16 bits"),
        ("empty.wav", wav[..44].to_vec(), "the file has no sound"),
        ("tag.mp3", b"ID3\x03\0\0\0\0\0\x0A0123456789".to_vec(), "the format is unknown"),
    ] {
        let path = save(&folder, name, &bytes);
        let problem = hops(&path, Channels::Mean).expect_err(name);
        assert!(problem.starts_with(&format!("{}: ", path.display())), "{problem}");
        assert!(
            problem.contains(reason) && problem.contains("convert the file, for instance with ffmpeg"),
            "{problem}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_and_not_awaited() {
    let problem = hops(Path::new("/dev/null"), Channels::Mean).expect_err("a device");
    assert!(
        problem.starts_with("/dev/null: this is no regular file") && problem.contains("save the sound"),
        "{problem}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Truncated and damaged files of all kinds, mostly in their headers: finite sound of a bounded length, or an error that
    /// names the file and the next step.
    #[test]
    fn damaged_files_give_sound_or_an_error(
        which in 0..FIXTURES.len() + KINDS.len(),
        cut in prop::option::weighted(0.3, 0.0..1.0_f64),
        spots in prop::collection::vec((0.0..1.0_f64, any::<bool>(), any::<u8>(), 1..9_usize), 1..7),
        tag in any::<bool>(),
    ) {
        let mut bytes = match FIXTURES.get(which) {
            Some(name) => fixture(name),
            None => file_of(KINDS[which - FIXTURES.len()], (None, None), &[]),
        };
        for (at, in_head, value, count) in spots {
            let reach = if in_head { bytes.len().min(400) } else { bytes.len() };
            let at = (at * reach as f64) as usize;
            let end = bytes.len().min(at + count);
            bytes[at..end].fill(value);
        }
        if let Some(cut) = cut {
            bytes.truncate((cut * bytes.len() as f64) as usize);
        }
        if tag {
            bytes = [&b"ID3\x04\0\0\0\0\0\x04abcd"[..], &bytes].concat();
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = save(&folder, "damaged", &bytes);
        match hops(&path, Channels::Loudest) {
            Ok(read) => {
                let is_finite = read.iter().all(|hop| hop.bands.iter().all(|band| band.is_finite()));
                prop_assert!(is_finite && read.len() < 100_000, "{} hops", read.len());
                let sound = Samples::open(&path).expect("the same file").read(RATE as usize);
                prop_assert!(sound.iter().flatten().all(|sample| sample.abs() <= 8.0));
            }
            Err(problem) => {
                prop_assert!(problem.starts_with(&format!("{}: ", path.display())), "{problem}");
                prop_assert!(problem.contains("convert the file") || problem.contains("cut it"), "{problem}");
            }
        }
    }
}
