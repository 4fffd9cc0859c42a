//! H.264 in MP4.

use std::path::{Path, PathBuf};

use muxide::api::{Muxer, MuxerBuilder, MuxerError, VideoCodec};
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use crate::media::Picture;
use crate::output::video::VideoWriter;
use crate::output::video::commented::{Comment, Commented};
use crate::output::video::part::{Part, unwritable};
use crate::output::video::yuv::Yuv;
use crate::output::{Error, Result};
use crate::provenance::Provenance;

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

/// Compressed bytes that a file may have: its offsets have 32 bits. Some are left for the index.
const MOST_BYTES: u64 = (4 << 30) - (64 << 20);

/// A video for players and editors, with its index in front.
///
/// The index needs the sizes of all pictures, so the compressed video stays in memory until it is finished.
pub struct Mp4 {
    path: PathBuf,
    frame_rate: f64,
    number: u64,
    bytes: u64,
    /// The file, until the first picture sets the size.
    part: Option<Part>,
    stream: Option<Stream>,
    comment: Comment,
}

/// Encoder and container, set up once the size is known.
struct Stream {
    encoder: Encoder,
    muxer: Muxer<Commented>,
}

impl Mp4 {
    /// Begins a video.
    pub fn open(path: &Path, frame_rate: f64) -> Result<Self> {
        let part = Some(Part::create(path)?);
        Ok(Self {
            path: path.to_owned(),
            frame_rate,
            number: 0,
            bytes: 0,
            part,
            stream: None,
            comment: Comment::default(),
        })
    }

    /// Sets up the encoder and the container for pictures of a size.
    fn stream(&self, part: Part, (width, height): (usize, usize)) -> Result<Stream> {
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config(width, height, self.frame_rate))
            .map_err(|error| refused(&self.path, &error))?;
        let muxer = MuxerBuilder::new(Commented::new(part, self.comment.clone()))
            .video(VideoCodec::H264, width as u32, height as u32, self.frame_rate)
            .with_fast_start(true)
            .build()
            .map_err(|error| Error::new(&self.path, error))?;
        Ok(Stream { encoder, muxer })
    }

    /// An error if there is no room for another picture, or never for one of this size.
    fn check(&self, (width, height): (usize, usize)) -> Result<()> {
        if self.bytes > MOST_BYTES {
            let message =
                "the video has reached 4 GiB, the most an MP4 holds: finish it and begin another, or choose .png";
            return Err(Error::new(&self.path, message));
        }
        if !is_codable(width, height) {
            let (long, short) = MOST_SIDES;
            let message = format!(
                "H.264 holds pictures of {LEAST_SIDE} × {LEAST_SIDE} to {long} × {short}, not of {width} × {height}: choose \
                 another size, or .png"
            );
            return Err(Error::new(&self.path, message));
        }
        Ok(())
    }
}

fn refused(path: &Path, error: &openh264::Error) -> Error {
    Error::new(path, format!("the H.264 encoder refuses a picture: {error}; try .png"))
}

fn unbegun(path: &Path) -> Error {
    Error::new(path, "the first picture could not be kept, so there is no video: begin another")
}

/// True if H.264 can hold pictures of this size, in portrait or landscape.
fn is_codable(width: usize, height: usize) -> bool {
    let (long, short) = (width.max(height), width.min(height));
    short >= LEAST_SIDE && long <= MOST_SIDES.0 && short <= MOST_SIDES.1
}

impl VideoWriter for Mp4 {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        self.comment.set(provenance.text().map_err(|problem| Error::new(&self.path, problem.message))?);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        self.check((picture.width, picture.height))?;
        let yuv = Yuv::of(picture);
        if let Some(part) = self.part.take() {
            self.stream = Some(self.stream(part, yuv.dimensions())?);
        }
        // Absent only after an error of the first picture.
        let Some(Stream { encoder, muxer }) = &mut self.stream else { return Err(unbegun(&self.path)) };
        let secs = self.number as f64 / self.frame_rate;
        let time = Timestamp::from_millis((secs * 1000.0).round() as u64);
        let coded = encoder.encode_at(&yuv, time).map_err(|error| refused(&self.path, &error))?;
        let bytes = coded.to_vec();
        muxer
            .write_video(secs, &bytes, coded.frame_type() == FrameType::IDR)
            .map_err(|error| Error::new(&self.path, error))?;
        self.number += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Some(Stream { mut muxer, .. }) = self.stream else { return Err(unbegun(&self.path)) };
        muxer.finish_in_place().map_err(|error| match error {
            MuxerError::Io(error) => unwritable(&self.path, &error),
            other => Error::new(&self.path, other),
        })?;
        muxer.into_writer().into_part().map_err(|error| unwritable(&self.path, &error))?.keep()
    }
}

/// Settings of the encoder: one thread, so that every machine writes the same bytes.
fn config(width: usize, height: usize, frame_rate: f64) -> EncoderConfig {
    let bits_per_sec = BITS_PER_PIXEL * (width * height) as f64 * frame_rate;
    EncoderConfig::new()
        .complexity(Complexity::High)
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
        .num_threads(1)
        .vui(VuiConfig::bt709())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_video_can_still_be_finished() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("full.mp4");
        let mut video = Mp4::open(&path, 16.0).expect("a video begins");
        video.push(&Picture::filled(32, 32, [80; 3])).expect("there is room");
        video.bytes = MOST_BYTES + 1;
        let error = video.push(&Picture::filled(32, 32, [80; 3])).expect_err("there is none").to_string();
        assert!(error.contains("full.mp4") && error.contains("begin another"), "{error}");
        Box::new(video).finish().expect("what was recorded is kept");
        assert!(path.exists());
    }
}
