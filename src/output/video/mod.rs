//! Videos: pictures kept in files, one after the other.
//!
//! A video grows beside its place, and moves there when it is whole; an older one stays until then. A video dropped without
//! [`VideoWriter::finish`] leaves no file, unless it is [settled](VideoWriter::settle): then it can go on with [`resume`].

mod apng;
mod ffmpeg;
mod gif;
mod growing;
mod h264;
mod library;
mod looped;
mod mp4;
mod opus;
pub(crate) mod part;
mod png;
#[cfg(test)]
pub(super) mod tests;
mod yuv;

pub use self::ffmpeg::Codec;
pub use self::growing::growing_path;
pub use self::looped::Loop;
pub use self::png::is_numbered;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf, is_separator};

use serde::{Deserialize, Serialize};

use crate::media::Picture;
use crate::output::scale::fitted;
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::sound::Stereo;

/// The sentence about a missing encoder of MP4, with what to do; none if it is there.
pub fn encoder_problem() -> Option<String> {
    library::openh264().err()
}

/// A file, or files, that pictures are written to.
pub trait VideoWriter: Send {
    /// Sets the provenance: of the pictures that follow, or of the whole video. A GIF carries none.
    ///
    /// # Errors
    ///
    /// Fails if the provenance is longer than the longest readable patch.
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()>;

    /// Gives the video sound, which [`Self::push_sound`] adds. It comes before the first picture. Formats without sound stay silent.
    ///
    /// # Errors
    ///
    /// Fails if the sound cannot be encoded.
    fn set_sound(&mut self) -> Result<()> {
        Ok(())
    }

    /// Adds sound at [`RATE`](crate::sound::RATE), from the start of the video on. At the end it gets the length of the pictures.
    ///
    /// # Errors
    ///
    /// Fails if the sound cannot be written, or comes before the first picture.
    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        let _ = samples;
        Ok(())
    }

    /// Adds a picture.
    ///
    /// The first picture gives the video its size. Others are fitted into it whole, with dark borders.
    ///
    /// # Errors
    ///
    /// Fails if the picture is too large or cannot be written.
    fn push(&mut self, picture: &Picture) -> Result<()>;

    /// Puts all pictures so far on the disk. The next picture does not depend on them, so that the video can go on from here: see
    /// [`resume`].
    ///
    /// # Errors
    ///
    /// Fails if the pictures cannot be written.
    fn settle(&mut self) -> Result<Position>;

    /// Writes the rest, and puts the video at its place.
    ///
    /// # Errors
    ///
    /// Fails if the video has no picture, or if it cannot be written or moved to its place.
    fn finish(self: Box<Self>, end: End) -> Result<()>;
}

/// The end of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The video is whole.
    Whole,
    /// The video so far. It is to go on later, from the point where it was last settled.
    Unfinished,
    /// The video so far, as it has grown beside its place. An older one at the place stays.
    Beside,
}

/// A point from which a video can go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Position {
    /// In an MP4.
    Mp4(mp4::Reached),
    /// In a GIF.
    Gif(gif::Reached),
    /// In an animated PNG.
    Apng(apng::Reached),
    /// In a video of another program, which cannot go on.
    Elsewhere,
    /// In numbered pictures: their count.
    Pictures(usize),
    /// In a video of one size.
    Sized(Option<(usize, usize)>, Box<Self>),
    /// In a loop.
    Looped(looped::Reached, Box<Self>),
}

/// A video at `path`, shown at `frame_rate` pictures per second, in the format of the path's extension.
///
/// | path | format | memory |
/// |---|---|---|
/// | `a.mp4` | H.264 with Opus, for players and editors | a second of the compressed video |
/// | `a.gif` | 256 colours per picture, endless, at most 50 pictures per second | one picture |
/// | `a.apng` | animated PNG: exact, endless | one picture |
/// | `a.png` | `a_000000.png`, `a_000001.png`, …: exact | one picture |
/// | `a/`, or a folder there is | `a/000000.png`, …: exact | one picture |
/// | `a.mov`, `a.mkv`, `a.webm`, `a.av1.mkv` | ProRes 422 HQ, HEVC, VP9, AV1, by the program ffmpeg | one picture |
/// | `-` | YUV4MPEG2 on standard output | one picture |
///
/// A finished video replaces an older one. Older numbered pictures are an error, as two videos would mix. So is the unfinished
/// file of an earlier video, such as `a.part.mp4`, and a video that another program writes now.
///
/// # Errors
///
/// If the name, the rate or the place is not suitable, or if an MP4 has no encoder.
pub fn open(path: &Path, frame_rate: f64) -> Result<Box<dyn VideoWriter>> {
    check_rate(path, frame_rate)?;
    let video: Box<dyn VideoWriter> = match Format::of(path)? {
        Format::Mp4 => {
            h264::check_encoder(path)?;
            Box::new(mp4::Mp4::open(path, frame_rate)?)
        }
        Format::Gif => Box::new(gif::Gif::open(path, frame_rate)?),
        Format::Apng => Box::new(apng::Apng::open(path, frame_rate)?),
        Format::Pictures { folder, prefix } => Box::new(png::Png::open(&folder, prefix)?),
        Format::Ffmpeg(codec) => Box::new(ffmpeg::Ffmpeg::open(path, frame_rate, codec)?),
        Format::Stdout => Box::new(ffmpeg::Piped::open()),
    };
    Ok(Box::new(Steady { video, path: path.to_owned(), size: None }))
}

/// A video whose end dissolves into its beginning. It takes the pictures of the loop and those of the overlap, and has no sound.
pub fn loop_of(video: Box<dyn VideoWriter>, path: &Path, lengths: Loop) -> Box<dyn VideoWriter> {
    Box::new(looped::Looped::new(video, path.to_owned(), lengths))
}

/// A video that goes on from where it was [settled](VideoWriter::settle). What came after is dropped.
///
/// Sound begins again: push all of it from the start of the video. The part that the file has is left out.
///
/// # Errors
///
/// If the file is missing or too short, if another program writes it, or if the position is that of another format.
pub fn resume(path: &Path, frame_rate: f64, position: Position) -> Result<Box<dyn VideoWriter>> {
    check_rate(path, frame_rate)?;
    if let Position::Looped(reached, position) = position {
        let video = resume(path, frame_rate, *position)?;
        return Ok(Box::new(looped::Looped::resume(video, path.to_owned(), reached)?));
    }
    let other = || Error::new(path, "the checkpoint is that of another video; begin the render again");
    let Position::Sized(size, position) = position else { return Err(other()) };
    let video: Box<dyn VideoWriter> = match (Format::of(path)?, *position) {
        (Format::Mp4, Position::Mp4(reached)) => {
            h264::check_encoder(path)?;
            Box::new(mp4::Mp4::resume(path, frame_rate, reached)?)
        }
        (Format::Gif, Position::Gif(reached)) => Box::new(gif::Gif::resume(path, frame_rate, reached)?),
        (Format::Apng, Position::Apng(reached)) => Box::new(apng::Apng::resume(path, frame_rate, reached)?),
        (Format::Pictures { folder, prefix }, Position::Pictures(number)) => {
            Box::new(png::Png::resume(&folder, prefix, number)?)
        }
        _ => return Err(other()),
    };
    Ok(Box::new(Steady { video, path: path.to_owned(), size }))
}

/// The file that an unfinished video has left beside its place.
///
/// # Errors
///
/// If another program writes the video now.
pub fn left_over(path: &Path) -> Result<Option<PathBuf>> {
    let left = match Format::of(path)? {
        Format::Mp4 | Format::Gif | Format::Apng | Format::Ffmpeg(_) => growing_path(path),
        Format::Stdout => return Ok(None),
        Format::Pictures { folder, prefix } => png::lock_path(&folder, &prefix),
    };
    if left.exists() { growing::free(&left).map(|()| Some(left)) } else { Ok(None) }
}

/// Deletes the numbered pictures of an unfinished video.
///
/// # Errors
///
/// If another program writes them now, or if they cannot be deleted.
pub fn delete_pictures(path: &Path) -> Result<()> {
    match Format::of(path)? {
        Format::Pictures { folder, prefix } => png::Png::resume(&folder, prefix, 0).map(drop),
        _ => Ok(()),
    }
}

fn check_rate(path: &Path, frame_rate: f64) -> Result<()> {
    if frame_rate.is_finite() && (0.01..=1000.0).contains(&frame_rate) {
        return Ok(());
    }
    Err(Error::new(path, format!("{frame_rate} pictures per second: give a rate from 0.01 to 1000")))
}

/// A recording at `path`, an MP4 that grows as pictures come. Whatever ends the program, it plays up to its last second.
///
/// It takes the place of no other file: if there is one, the first picture is an error. Its end makes it a video as [`open`] writes it.
pub fn open_live(path: &Path, frame_rate: f64) -> Box<dyn VideoWriter> {
    Box::new(Steady { video: Box::new(mp4::Mp4::recording(path, frame_rate)), path: path.to_owned(), size: None })
}

/// The format, by the name of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One MP4.
    Mp4,
    /// One GIF.
    Gif,
    /// One animated PNG.
    Apng,
    /// A video that the program ffmpeg writes.
    Ffmpeg(Codec),
    /// YUV4MPEG2 on standard output.
    Stdout,
    /// Numbered PNG.
    Pictures {
        /// The folder they are written to.
        folder: PathBuf,
        /// The part of their names before the number.
        prefix: OsString,
    },
}

impl Format {
    /// True if a video of the format can go on after an end.
    pub const fn is_resumable(&self) -> bool {
        matches!(self, Self::Mp4 | Self::Gif | Self::Apng | Self::Pictures { .. })
    }

    /// The format of a path: see [`open`].
    ///
    /// # Errors
    ///
    /// If the name ends in none of them.
    pub fn of(path: &Path) -> Result<Self> {
        if path.to_string_lossy().ends_with(is_separator) || path.is_dir() {
            return Ok(Self::Pictures { folder: path.to_owned(), prefix: OsString::new() });
        }
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        if let Some(codec) = Codec::of(path) {
            return Ok(Self::Ffmpeg(codec));
        }
        match path.extension().unwrap_or_default().to_ascii_lowercase().to_str() {
            Some("mp4") => Ok(Self::Mp4),
            Some("gif") => Ok(Self::Gif),
            Some("apng") => Ok(Self::Apng),
            Some("png") => {
                let mut prefix = path.file_stem().unwrap_or_default().to_owned();
                prefix.push("_");
                Ok(Self::Pictures { folder: path.parent().unwrap_or(Path::new("")).to_owned(), prefix })
            }
            _ => {
                let message = "choose a name that ends in .mp4, .gif, .apng or .png (numbered pictures), in / for a folder of them, with ffmpeg in .mov, .mkv, .webm or .av1.mkv, or - for standard output";
                Err(Error::new(path, message))
            }
        }
    }
}

/// A video whose pictures have all the size of the first.
struct Steady {
    video: Box<dyn VideoWriter>,
    path: PathBuf,
    size: Option<(usize, usize)>,
}

impl VideoWriter for Steady {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        self.video.set_provenance(provenance)
    }

    fn set_sound(&mut self) -> Result<()> {
        self.video.set_sound()
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        self.video.push_sound(samples)
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        if !picture.is_whole() {
            return Err(Error::new(&self.path, "a picture without pixels cannot be kept"));
        }
        let (width, height) = *self.size.get_or_insert((picture.width, picture.height));
        let picture: Cow<'_, Picture> = fitted(picture, width, height);
        self.video.push(&picture)
    }

    fn settle(&mut self) -> Result<Position> {
        Ok(Position::Sized(self.size, Box::new(self.video.settle()?)))
    }

    fn finish(self: Box<Self>, end: End) -> Result<()> {
        let ended = self.video.finish(end);
        match self.size {
            Some(_) => ended,
            None => Err(Error::new(&self.path, "no picture was recorded, so there is no file")),
        }
    }
}
