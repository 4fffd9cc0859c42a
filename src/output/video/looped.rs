//! Videos that loop: the end dissolves into the beginning.

use std::io::{Read, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::{End, Position, VideoWriter};
use crate::media::Picture;
use crate::output::scale::fitted;
use crate::output::{Error, Result};
use crate::provenance::Provenance;

/// The lengths of a loop, in pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loop {
    /// Pictures of the video.
    pub pictures: u64,
    /// Pictures over which the end dissolves into the beginning. As many more are made.
    pub overlap: u64,
}

/// A video whose last picture leads to its first. It begins after the overlap: the first pictures are kept for the end, where the
/// pictures beyond the length of the video dissolve into them.
pub(super) struct Looped {
    video: Box<dyn VideoWriter>,
    path: PathBuf,
    lengths: Loop,
    /// The first pictures, as many as the overlap.
    first: Vec<Picture>,
    /// Pictures so far.
    count: u64,
}

/// A point from which a loop can go on, without the point of its video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    lengths: Loop,
    count: u64,
    /// Width and height of each of the first pictures.
    sizes: Vec<(usize, usize)>,
    /// The pixels of all of them, compressed.
    pixels: Vec<u8>,
}

impl Looped {
    pub(super) fn new(video: Box<dyn VideoWriter>, path: PathBuf, lengths: Loop) -> Self {
        Self { video, path, lengths, first: Vec::new(), count: 0 }
    }

    /// A loop that goes on.
    pub(super) fn resume(video: Box<dyn VideoWriter>, path: PathBuf, reached: Reached) -> Result<Self> {
        let Reached { lengths, count, sizes, pixels } = reached;
        let mut pixels = DeflateDecoder::new(pixels.as_slice());
        let mut first = Vec::new();
        for (width, height) in sizes {
            let mut rgb = vec![0; 3 * width * height];
            pixels.read_exact(&mut rgb).map_err(|error| Error::new(&path, format!("its first pictures: {error}")))?;
            first.push(Picture { width, height, rgb });
        }
        Ok(Self { video, path, lengths, first, count })
    }
}

impl VideoWriter for Looped {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        self.video.set_provenance(provenance)
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        let Loop { pictures, overlap } = self.lengths;
        let number = self.count;
        self.count += 1;
        if number < overlap {
            self.first.push(picture.clone());
            return Ok(());
        }
        let Some(first) = number.checked_sub(pictures).and_then(|number| self.first.get(number as usize)) else {
            return self.video.push(picture);
        };
        let part = ((number - pictures) as f64 + 0.5) / overlap as f64;
        self.video.push(&mixed(picture, &fitted(first, picture.width, picture.height), part))
    }

    fn settle(&mut self) -> Result<Position> {
        let mut pixels = DeflateEncoder::new(Vec::new(), Compression::fast());
        let packed = self.first.iter().try_for_each(|picture| pixels.write_all(&picture.rgb));
        let pixels = packed.and_then(|()| pixels.finish()).map_err(|error| Error::new(&self.path, error))?;
        let sizes = self.first.iter().map(|picture| (picture.width, picture.height)).collect();
        let reached = Reached { lengths: self.lengths, count: self.count, sizes, pixels };
        Ok(Position::Looped(reached, Box::new(self.video.settle()?)))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<()> {
        // A video that ends within the overlap keeps the pictures so far.
        if self.count <= self.lengths.overlap {
            for picture in &self.first {
                self.video.push(picture)?;
            }
        }
        self.video.finish(end)
    }
}

/// A picture between two, from 0 (the first) to 1, with a soft start and a soft end.
fn mixed(from: &Picture, to: &Picture, part: f64) -> Picture {
    let share = (part * part * (3.0 - 2.0 * part)) as f32;
    let mix = |(from, to): (&u8, &u8)| {
        let (from, to) = (f32::from(*from), f32::from(*to));
        (from + (to - from) * share).round() as u8
    };
    Picture { rgb: from.rgb.iter().zip(&to.rgb).map(mix).collect(), ..from.clone() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{loop_of, open, resume};
    use super::*;

    /// A picture of one level.
    fn level(level: u8) -> Picture {
        Picture::filled(16, 16, [level; 3])
    }

    /// The levels of the numbered pictures of a folder.
    fn levels(folder: &Path) -> Vec<u8> {
        let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "png")).collect();
        paths.sort();
        paths.iter().map(|path| image::open(path).expect("a picture").to_rgb8().as_raw()[0]).collect()
    }

    #[test]
    fn the_end_dissolves_into_the_beginning() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let lengths = Loop { pictures: 10, overlap: 4 };
        let mut video = loop_of(open(&path, 16.0)?, &path, lengths);
        (0..14).try_for_each(|number| video.push(&level(number * 10)))?;
        video.finish(End::Whole)?;
        // Pictures 4 to 9, then 10 to 13 on their way to 0 to 3. The next picture is 4.
        let found = levels(folder.path());
        assert_eq!(found[..6], [40, 50, 60, 70, 80, 90]);
        assert_eq!(found.len(), 10);
        assert_eq!(found[6..], [96, 78, 52, 34]);
        Ok(())
    }

    #[test]
    fn a_loop_goes_on_from_any_picture() -> Result<()> {
        let lengths = Loop { pictures: 10, overlap: 4 };
        for stop in [1, 3, 4, 9, 11, 13] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("a.png");
            let mut video = loop_of(open(&path, 16.0)?, &path, lengths);
            (0..stop).try_for_each(|number| video.push(&level(number * 10)))?;
            let position = video.settle()?;
            video.push(&level(255))?;
            video.finish(End::Unfinished)?;
            let bytes = postcard::to_stdvec(&position).expect("bytes");
            let mut video = resume(&path, 16.0, postcard::from_bytes(&bytes).expect("a position"))?;
            (stop..14).try_for_each(|number| video.push(&level(number * 10)))?;
            video.finish(End::Whole)?;
            assert_eq!(levels(folder.path()), [40, 50, 60, 70, 80, 90, 96, 78, 52, 34], "after {stop}");
        }
        Ok(())
    }

    #[test]
    fn a_video_that_ends_within_the_overlap_keeps_its_pictures() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        let mut video = loop_of(open(&path, 16.0)?, &path, Loop { pictures: 10, overlap: 4 });
        (0..3).try_for_each(|number| video.push(&level(number * 10)))?;
        video.finish(End::Whole)?;
        assert_eq!(levels(folder.path()), [0, 10, 20]);
        Ok(())
    }
}
