//! Films: pictures kept in files, one after the other.
//!
//! A file is written beside its place under a temporary name and moved there when it is whole. A film that is dropped
//! without [`Film::finish`] leaves no video behind, and an older one at its place as it was.

mod commented;
mod gif;
mod mp4;
pub(crate) mod part;
mod png;
#[cfg(test)]
mod tests;
mod yuv;

use std::borrow::Cow;
use std::path::{Path, PathBuf, is_separator};

use crate::output::scale::fitted;
use crate::output::{Error, Picture, Result};
use crate::provenance::Provenance;

/// A file, or files, that pictures are written to.
pub trait Film: Send {
    /// Sets what the files say of where they come from: pictures those that follow, a video the whole of it. A GIF says nothing.
    fn carry(&mut self, provenance: &Provenance) -> Result<()>;

    /// Adds a picture.
    ///
    /// The first one gives the film its size; others are fitted into it, as whole as they are, on dark.
    fn push(&mut self, picture: &Picture) -> Result<()>;

    /// Writes what is left and puts the film at its place; an error if it has no picture.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// A film at `path`, shown at `frame_rate` pictures per second, in the format of the path's extension.
///
/// | path | format | memory |
/// |---|---|---|
/// | `a.mp4` | H.264, for players and editors | the compressed film, up to 4 GiB |
/// | `a.gif` | 256 colours per picture, endless, at most 50 pictures per second | one picture |
/// | `a.png` | `a_00000.png`, `a_00001.png`, …: exact | one picture |
/// | `a/`, or a folder there is | `a/00000.png`, …: exact | one picture |
///
/// A video that is already there is replaced when the new one is finished; numbered pictures that are already there are
/// an error, as two films would be mixed.
pub fn open(path: &Path, frame_rate: f64) -> Result<Box<dyn Film>> {
    if !frame_rate.is_finite() || !(0.01..=1000.0).contains(&frame_rate) {
        return Err(Error::new(path, format!("{frame_rate} pictures per second: give a rate from 0.01 to 1000")));
    }
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let film: Box<dyn Film> = match extension.to_str() {
        _ if is_folder(path) => Box::new(png::Png::open(path, "")?),
        Some("mp4") => Box::new(mp4::Mp4::open(path, frame_rate)?),
        Some("gif") => Box::new(gif::Gif::open(path, frame_rate)?),
        Some("png") => Box::new(png::Png::beside(path)?),
        _ => {
            let message =
                "choose a name that ends in .mp4, .gif or .png (numbered pictures), or in / for a folder of them";
            return Err(Error::new(path, message));
        }
    };
    Ok(Box::new(Steady { film, path: path.to_owned(), size: None }))
}

fn is_folder(path: &Path) -> bool {
    path.to_string_lossy().ends_with(is_separator) || path.is_dir()
}

/// A film whose pictures have all the size of the first.
struct Steady {
    film: Box<dyn Film>,
    path: PathBuf,
    size: Option<(usize, usize)>,
}

impl Film for Steady {
    fn carry(&mut self, provenance: &Provenance) -> Result<()> {
        self.film.carry(provenance)
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        if !picture.is_whole() {
            return Err(Error::new(&self.path, "a picture without pixels cannot be kept"));
        }
        let (width, height) = *self.size.get_or_insert((picture.width, picture.height));
        let picture: Cow<'_, Picture> = fitted(picture, width, height);
        self.film.push(&picture)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.size.is_none() {
            return Err(Error::new(&self.path, "no picture was recorded, so there is no file"));
        }
        self.film.finish()
    }
}
