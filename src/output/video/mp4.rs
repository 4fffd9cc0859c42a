//! H.264 and Opus in MP4.

use std::path::{Path, PathBuf};

use muxide::api::{AudioCodec, Muxer, MuxerBuilder, MuxerError, VideoCodec};

use crate::media::Picture;
use crate::output::video::VideoWriter;
use crate::output::video::commented::{Comment, Commented};
use crate::output::video::h264::{Coded, Coder, Effort};
use crate::output::video::opus::{Opus, PACKET};
use crate::output::video::part::{Part, unwritable};
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::sound::{RATE, Stereo};

/// Compressed bytes that a file may have: its offsets have 32 bits. Some are left for the index.
const MOST_BYTES: u64 = (4 << 30) - (64 << 20);

/// A video for players and editors, with its index in front.
///
/// The index needs the sizes of all pictures, so the compressed video stays in memory until it is finished.
pub struct Mp4 {
    coder: Coder,
    sound: Option<Opus>,
    file: Container,
}

impl Mp4 {
    /// Begins a video.
    pub fn open(path: &Path, frame_rate: f64) -> Result<Self> {
        let file = Container::create(path, frame_rate)?;
        Ok(Self { coder: Coder::new(path, frame_rate, Effort::Small), sound: None, file })
    }
}

impl VideoWriter for Mp4 {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        self.file.set_provenance(provenance)
    }

    fn set_sound(&mut self) -> Result<()> {
        self.sound = Some(Opus::new(&self.file.path)?);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        self.file.check()?;
        let secs = self.coder.secs();
        let coded = self.coder.encode(picture)?;
        let size = self.coder.size().unwrap_or((picture.width, picture.height));
        self.file.push(&coded, secs, size, self.sound.is_some())
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        sound.push(samples)?.iter().try_for_each(|packet| self.file.push_sound(packet))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if let Some(sound) = &mut self.sound {
            let packets = sound.finish(sound_length(self.coder.secs()))?;
            packets.iter().try_for_each(|packet| self.file.push_sound(packet))?;
        }
        self.file.finish()
    }
}

/// Samples of sound in as many seconds of video.
pub fn sound_length(secs: f64) -> u64 {
    (secs * f64::from(RATE)).round() as u64
}

/// An MP4 of compressed pictures and sound.
pub struct Container {
    path: PathBuf,
    frame_rate: f64,
    bytes: u64,
    packets: u64,
    /// The file, until the first picture sets the size.
    part: Option<Part>,
    muxer: Option<Muxer<Commented>>,
    comment: Comment,
}

impl Container {
    /// Begins a file.
    pub fn create(path: &Path, frame_rate: f64) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            frame_rate,
            bytes: 0,
            packets: 0,
            part: Some(Part::create(path)?),
            muxer: None,
            comment: Comment::default(),
        })
    }

    /// Sets the provenance in the comment.
    pub fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        self.comment.set(provenance.text().map_err(|problem| Error::new(&self.path, problem.message))?);
        Ok(())
    }

    /// An error if there is no room for another picture.
    pub fn check(&self) -> Result<()> {
        if self.bytes > MOST_BYTES {
            let message =
                "the video has reached 4 GiB, the most an MP4 holds: finish it and begin another, or choose .png";
            return Err(Error::new(&self.path, message));
        }
        Ok(())
    }

    /// Adds the picture that begins at a time. The first one sets the size, and whether there is sound.
    pub fn push(&mut self, picture: &Coded, secs: f64, size: (usize, usize), has_sound: bool) -> Result<()> {
        if let Some(part) = self.part.take() {
            self.muxer = Some(self.muxer(part, size, has_sound)?);
        }
        // Absent only after an error of the first picture.
        let Some(muxer) = &mut self.muxer else { return Err(unbegun(&self.path)) };
        let written = muxer.write_video(secs, &picture.bytes, picture.is_key);
        written.map_err(|error| Error::new(&self.path, error))?;
        self.bytes += picture.bytes.len() as u64;
        Ok(())
    }

    /// Adds the next packet of sound. Pictures come first.
    pub fn push_sound(&mut self, packet: &[u8]) -> Result<()> {
        let Some(muxer) = &mut self.muxer else { return Err(unbegun(&self.path)) };
        let secs = self.packets as f64 * PACKET as f64 / f64::from(RATE);
        muxer.write_audio(secs, packet).map_err(|error| Error::new(&self.path, error))?;
        self.packets += 1;
        self.bytes += packet.len() as u64;
        Ok(())
    }

    /// Writes the file, and moves it to its place.
    pub fn finish(self) -> Result<()> {
        let Some(mut muxer) = self.muxer else { return Err(unbegun(&self.path)) };
        muxer.finish_in_place().map_err(|error| match error {
            MuxerError::Io(error) => unwritable(&self.path, &error),
            other => Error::new(&self.path, other),
        })?;
        muxer.into_writer().into_part().map_err(|error| unwritable(&self.path, &error))?.keep()
    }

    fn muxer(&self, part: Part, (width, height): (usize, usize), has_sound: bool) -> Result<Muxer<Commented>> {
        let mut muxer = MuxerBuilder::new(Commented::new(part, self.comment.clone()))
            .video(VideoCodec::H264, width as u32, height as u32, self.frame_rate)
            .with_fast_start(true);
        if has_sound {
            muxer = muxer.audio(AudioCodec::Opus, RATE, 2);
        }
        muxer.build().map_err(|error| Error::new(&self.path, error))
    }
}

fn unbegun(path: &Path) -> Error {
    Error::new(path, "the first picture could not be kept, so there is no video: begin another")
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
        video.file.bytes = MOST_BYTES + 1;
        let error = video.push(&Picture::filled(32, 32, [80; 3])).expect_err("there is none").to_string();
        assert!(error.contains("full.mp4") && error.contains("begin another"), "{error}");
        Box::new(video).finish().expect("what was recorded is kept");
        assert!(path.exists());
    }
}
