//! Videos: pictures kept in files, one after the other.
//!
//! A file is written beside its place under a temporary name and moved there when it is whole. A video dropped without
//! [`VideoWriter::finish`] leaves no file, and does not change an older one at its place.

mod commented;
mod gif;
mod h264;
mod live;
mod mp4;
mod opus;
pub(crate) mod part;
mod png;
#[cfg(test)]
pub(super) mod tests;
mod yuv;

pub use self::png::is_numbered;

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf, is_separator};

use crate::media::Picture;
use crate::output::scale::fitted;
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::sound::Stereo;

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

    /// Writes the rest, and moves the video to its place.
    ///
    /// # Errors
    ///
    /// Fails if the video has no picture, or if it cannot be written or moved to its place.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A video at `path`, shown at `frame_rate` pictures per second, in the format of the path's extension.
///
/// | path | format | memory |
/// |---|---|---|
/// | `a.mp4` | H.264 with Opus, for players and editors | the compressed video, up to 4 GiB |
/// | `a.gif` | 256 colours per picture, endless, at most 50 pictures per second | one picture |
/// | `a.png` | `a_00000.png`, `a_00001.png`, …: exact | one picture |
/// | `a/`, or a folder there is | `a/00000.png`, …: exact | one picture |
///
/// A finished video replaces an older one. Older numbered pictures are an error, as two videos would mix.
///
/// # Errors
///
/// If the name, the rate or the place is not suitable.
pub fn open(path: &Path, frame_rate: f64) -> Result<Box<dyn VideoWriter>> {
    if !frame_rate.is_finite() || !(0.01..=1000.0).contains(&frame_rate) {
        return Err(Error::new(path, format!("{frame_rate} pictures per second: give a rate from 0.01 to 1000")));
    }
    let video: Box<dyn VideoWriter> = match Format::of(path)? {
        Format::Mp4 => Box::new(mp4::Mp4::open(path, frame_rate)?),
        Format::Gif => Box::new(gif::Gif::open(path, frame_rate)?),
        Format::Pictures { folder, prefix } => Box::new(png::Png::open(&folder, prefix)?),
    };
    Ok(Box::new(Steady { video, path: path.to_owned(), size: None }))
}

/// A recording at `path`, an MP4 that grows as pictures come. Whatever ends the program, it plays up to its last second.
///
/// It takes the place of no other file: if there is one, the first picture is an error. Its end makes it a video as [`open`] writes it.
pub fn open_live(path: &Path, frame_rate: f64) -> Box<dyn VideoWriter> {
    Box::new(Steady { video: Box::new(live::Live::new(path, frame_rate)), path: path.to_owned(), size: None })
}

/// The format, by the name of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One MP4.
    Mp4,
    /// One GIF.
    Gif,
    /// Numbered PNG.
    Pictures {
        /// The folder they are written to.
        folder: PathBuf,
        /// The part of their names before the number.
        prefix: OsString,
    },
}

impl Format {
    /// The format of a path: see [`open`].
    ///
    /// # Errors
    ///
    /// If the name ends in none of them.
    pub fn of(path: &Path) -> Result<Self> {
        if path.to_string_lossy().ends_with(is_separator) || path.is_dir() {
            return Ok(Self::Pictures { folder: path.to_owned(), prefix: OsString::new() });
        }
        match path.extension().unwrap_or_default().to_ascii_lowercase().to_str() {
            Some("mp4") => Ok(Self::Mp4),
            Some("gif") => Ok(Self::Gif),
            Some("png") => {
                let mut prefix = path.file_stem().unwrap_or_default().to_owned();
                prefix.push("_");
                Ok(Self::Pictures { folder: path.parent().unwrap_or(Path::new("")).to_owned(), prefix })
            }
            _ => {
                let message =
                    "choose a name that ends in .mp4, .gif or .png (numbered pictures), or in / for a folder of them";
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

    fn finish(self: Box<Self>) -> Result<()> {
        if self.size.is_none() {
            return Err(Error::new(&self.path, "no picture was recorded, so there is no file"));
        }
        self.video.finish()
    }
}
