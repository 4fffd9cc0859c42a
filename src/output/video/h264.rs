//! Pictures as H.264.

use std::path::{Path, PathBuf};

use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{Timestamp, nal_units as with_codes};

use crate::media::Picture;
use crate::output::video::library;
use crate::output::video::yuv::Yuv;
use crate::output::{Error, Result};

/// The quantiser of every picture: 0 is the finest, 51 the coarsest. At this value no blocks are visible, even on a
/// stage.
const QUANTISER: u8 = 20;

/// Bits per pixel that the stream is announced with.
const BITS_PER_PIXEL: f64 = 0.25;

/// The most that level 5.2 of H.264 allows.
const MOST_BITS_PER_SEC: f64 = 240e6;

/// Sides that the encoder takes: the shorter at least, the longer and the shorter at most.
const LEAST_SIDE: usize = 16;
const MOST_SIDES: (usize, usize) = (3840, 2160);

/// Seconds between pictures that decode on their own, to which players can jump.
const SEEK_SECS: f64 = 2.0;

/// Trade of the encoder between time and size. Both have the same quantiser, and thus the same quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The smaller file.
    Small,
    /// The shorter time, beside a running engine.
    Fast,
}

/// A compressed picture.
pub struct Coded {
    /// Its units with start codes between them (H.264, annex B).
    pub bytes: Vec<u8>,
    /// True if it decodes on its own.
    pub is_key: bool,
}

/// The kind of a unit of parameters: those of the sequence, those of pictures.
const SPS: u8 = 7;
const PPS: u8 = 8;

impl Coded {
    /// The units, without their start codes.
    fn units(&self) -> impl Iterator<Item = &[u8]> {
        nal_units(&self.bytes)
    }

    /// The parameter sets: SPS and PPS. Only pictures that decode on their own have them.
    pub fn parameter_sets(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let of = |kind| self.units().find(|unit| unit.first().is_some_and(|head| head & 31 == kind));
        Some((of(SPS)?.to_vec(), of(PPS)?.to_vec()))
    }

    /// The units with their lengths between them, as files have them (AVCC).
    pub fn with_lengths(&self) -> Vec<u8> {
        self.units()
            .flat_map(|unit| (unit.len() as u32).to_be_bytes().into_iter().chain(unit.iter().copied()))
            .collect()
    }
}

/// Encoder of pictures of one size at a constant rate.
pub struct Coder {
    path: PathBuf,
    frame_rate: f64,
    effort: Effort,
    number: u64,
    /// The size that is coded, after the first picture.
    size: Option<(usize, usize)>,
    encoder: Option<Encoder>,
}

impl Coder {
    /// An encoder for the video at `path`, which its errors name.
    pub fn new(path: &Path, frame_rate: f64, effort: Effort) -> Self {
        Self { path: path.to_owned(), frame_rate, effort, number: 0, size: None, encoder: None }
    }

    /// The next picture is that of this number. It decodes on its own, and nothing of the pictures before has an effect on it.
    pub fn begin_at(&mut self, number: u64) {
        (self.number, self.encoder) = (number, None);
    }

    /// Width and height of the coded pictures, after the first.
    pub const fn size(&self) -> Option<(usize, usize)> {
        self.size
    }

    /// The start of the next picture, in seconds.
    pub fn secs(&self) -> f64 {
        self.number as f64 / self.frame_rate
    }

    /// Compresses the next picture.
    pub fn encode(&mut self, picture: &Picture) -> Result<Coded> {
        self.check(picture)?;
        let yuv = Yuv::of(picture);
        let time = Timestamp::from_millis((self.secs() * 1000.0).round() as u64);
        let encoder = if let Some(encoder) = &mut self.encoder {
            encoder
        } else {
            let config = config(yuv.dimensions(), self.frame_rate, self.effort);
            let library = library::openh264().map_err(|why| Error::new(&self.path, why))?;
            let encoder = Encoder::with_api_config(library, config);
            self.size = Some(yuv.dimensions());
            self.encoder.insert(encoder.map_err(|error| refused(&self.path, &error))?)
        };
        let coded = encoder.encode_at(&yuv, time).map_err(|error| refused(&self.path, &error))?;
        self.number += 1;
        Ok(Coded { bytes: coded.to_vec(), is_key: coded.frame_type() == FrameType::IDR })
    }

    /// An error if H.264 holds no picture of this size.
    fn check(&self, picture: &Picture) -> Result<()> {
        let (width, height) = (picture.width, picture.height);
        if is_codable(width, height) {
            return Ok(());
        }
        let (long, short) = MOST_SIDES;
        let message = format!(
            "H.264 holds pictures of {LEAST_SIDE} × {LEAST_SIDE} to {long} × {short}, not of {width} × {height}: choose \
             another size, or .png"
        );
        Err(Error::new(&self.path, message))
    }
}

/// The units of a stream, without their start codes.
fn nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    with_codes(stream).map(|unit| {
        let zeros = unit.iter().take_while(|&&byte| byte == 0).count();
        // A start code is two or more zeros, and a one.
        &unit[(zeros + 1).min(unit.len())..]
    })
}

/// An error before the first picture if there is no encoder.
pub fn check_encoder(path: &Path) -> Result<()> {
    library::openh264().map(drop).map_err(|why| Error::new(path, why))
}

fn refused(path: &Path, error: &openh264::Error) -> Error {
    Error::new(path, format!("the H.264 encoder refuses a picture: {error}; try .png"))
}

/// True if H.264 can hold pictures of this size, in portrait or landscape.
fn is_codable(width: usize, height: usize) -> bool {
    let (long, short) = (width.max(height), width.min(height));
    short >= LEAST_SIDE && long <= MOST_SIDES.0 && short <= MOST_SIDES.1
}

/// Settings of the encoder: one thread, so that every machine writes the same bytes.
fn config((width, height): (usize, usize), frame_rate: f64, effort: Effort) -> EncoderConfig {
    let bits_per_sec = BITS_PER_PIXEL * (width * height) as f64 * frame_rate;
    EncoderConfig::new()
        .complexity(match effort {
            Effort::Small => Complexity::High,
            Effort::Fast => Complexity::Low,
        })
        // The mode that keeps the range of quantisers and leaves out no picture.
        .rate_control_mode(RateControlMode::Bufferbased)
        .bitrate(BitRate::from_bps(bits_per_sec.min(MOST_BITS_PER_SEC) as u32))
        .qp(QpRange::new(QUANTISER, QUANTISER))
        .max_frame_rate(FrameRate::from_hz(frame_rate as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames((SEEK_SECS * frame_rate).ceil() as u32))
        // The encoder would skip slow changes, taken for a camera's noise: a slow fade would step.
        .background_detection(false)
        .adaptive_quantization(false)
        .skip_frames(false)
        // It costs time, and at a constant quantiser a cut looks the same without it.
        .scene_change_detect(effort == Effort::Small)
        .num_threads(1)
        .vui(VuiConfig::bt709())
}
