//! Animated GIF.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gif::{Encoder, Frame, Repeat};
use serde::{Deserialize, Serialize};

use crate::media::Picture;
use crate::output::video::growing::Growing;
use crate::output::video::part::{Part, unwritable};
use crate::output::video::{End, Position, VideoWriter};
use crate::output::{Error, Result};
use crate::provenance::Provenance;

/// Browsers show pictures of less than two hundredths of a second for a tenth.
const FASTEST: f64 = 50.0;

/// Speed of the search for a palette, 1 (best) to 30.
const SPEED: i32 = 10;

/// The byte that ends a GIF.
const TRAILER: u8 = b';';

/// A GIF that repeats for ever, with its own palette for each picture.
pub struct Gif {
    place: PathBuf,
    frame_rate: f64,
    number: u64,
    file: Growing,
}

/// A point from which a GIF can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Bytes of the file.
    length: u64,
    pictures: u64,
}

impl Gif {
    /// Begins a GIF that grows beside its place.
    pub fn open(place: &Path, frame_rate: f64) -> Result<Self> {
        if frame_rate > FASTEST {
            let message = format!("a GIF shows at most {FASTEST} pictures per second: lower the rate, or choose .mp4");
            return Err(Error::new(place, message));
        }
        drop(Part::create(place)?);
        Ok(Self { place: place.to_owned(), frame_rate, number: 0, file: Growing::beside(place)? })
    }

    /// Continues a GIF.
    pub fn resume(place: &Path, frame_rate: f64, reached: Reached) -> Result<Self> {
        let file = Growing::again(place, reached.length)?;
        Ok(Self { place: place.to_owned(), frame_rate, number: reached.pictures, file })
    }

    /// The bytes of a picture. Before the first one, those of the whole GIF.
    fn encoded(&self, picture: &Picture, hundredths: u16) -> std::result::Result<Vec<u8>, gif::EncodingError> {
        let (width, height) = (picture.width as u16, picture.height as u16);
        let mut frame = Frame::from_rgb_speed(width, height, &picture.rgb, SPEED);
        frame.delay = hundredths;
        let mut encoder = Encoder::new(Vec::new(), width, height, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        let head = encoder.get_ref().len();
        encoder.write_frame(&frame)?;
        let mut bytes = encoder.into_inner()?;
        if bytes.last() == Some(&TRAILER) {
            bytes.pop();
        }
        Ok(if self.number == 0 { bytes } else { bytes.split_off(head) })
    }

    /// Hundredths of a second from the start of the video to a picture, rounded.
    ///
    /// Times between pictures are differences of these, so that rounding errors do not add up. At 16 per second they
    /// are 6, 7, 6, 6, ….
    fn hundredths(&self, number: u64) -> u64 {
        (number as f64 * 100.0 / self.frame_rate).round() as u64
    }
}

impl VideoWriter for Gif {
    fn set_provenance(&mut self, _: &Provenance) -> Result<()> {
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        if picture.width.max(picture.height) > usize::from(u16::MAX) {
            return Err(Error::new(&self.place, "the picture is too large for a GIF"));
        }
        let hundredths = self.hundredths(self.number + 1) - self.hundredths(self.number);
        let bytes = self.encoded(picture, hundredths as u16).map_err(|error| Error::new(&self.place, error))?;
        self.file.write(&bytes)?;
        self.number += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<Position> {
        self.file.keep();
        Ok(Position::Gif(Reached { length: self.file.len(), pictures: self.number }))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<()> {
        if self.number == 0 {
            self.file.delete();
            return Err(Error::new(&self.place, "no picture was recorded, so there is no file"));
        }
        if end == End::Beside {
            self.file.keep();
            // Players also read a GIF without its end.
            let _ = self.file.write(&[TRAILER]);
            return Ok(());
        }
        if end == End::Whole {
            // On a full disk the GIF lacks its end. Players read it nevertheless, so it is kept.
            let _ = self.file.write(&[TRAILER]);
            return self.file.move_to(&self.place);
        }
        let mut part = Part::create(&self.place)?;
        let mut out = BufWriter::new(&mut part);
        let copied = self.file.copy(0, self.file.len(), &mut out);
        let ended = copied.and_then(|()| out.write_all(&[TRAILER])).and_then(|()| out.flush());
        drop(out);
        ended.map_err(|error| unwritable(&self.place, &error))?;
        part.keep()
    }
}
