//! Animated GIF.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};

use crate::media::Picture;
use crate::output::video::VideoWriter;
use crate::output::video::part::Part;
use crate::output::{Error, Result};
use crate::provenance::Provenance;

/// Browsers show pictures of less than two hundredths of a second for a tenth.
const FASTEST: f64 = 50.0;

/// Speed of the search for a palette, 1 (best) to 30.
const SPEED: i32 = 10;

/// A GIF that repeats for ever, with its own palette for each picture.
pub struct Gif {
    path: PathBuf,
    frame_rate: f64,
    number: u64,
    encoder: GifEncoder<Shared>,
    part: Shared,
}

impl Gif {
    pub fn open(path: &Path, frame_rate: f64) -> Result<Self> {
        if frame_rate > FASTEST {
            let message = format!("a GIF shows at most {FASTEST} pictures per second: lower the rate, or choose .mp4");
            return Err(Error::new(path, message));
        }
        let part = Shared(Arc::new(Mutex::new(Part::create(path)?)));
        let mut encoder = GifEncoder::new_with_speed(part.clone(), SPEED);
        encoder.set_repeat(Repeat::Infinite).map_err(|error| Error::new(path, error))?;
        Ok(Self { path: path.to_owned(), frame_rate, number: 0, encoder, part })
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
        let rgba: Vec<u8> = picture.rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
        let hundredths = self.hundredths(self.number + 1) - self.hundredths(self.number);
        let rgba = RgbaImage::from_raw(picture.width as u32, picture.height as u32, rgba)
            .ok_or_else(|| Error::new(&self.path, "the picture is too large for a GIF"))?;
        let frame = Frame::from_parts(rgba, 0, 0, Delay::from_numer_denom_ms(hundredths as u32 * 10, 1));
        self.encoder.encode_frame(frame).map_err(|error| Error::new(&self.path, error))?;
        self.number += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        // The encoder writes the end of the file when it is dropped.
        drop(self.encoder);
        let part =
            Arc::into_inner(self.part.0).ok_or_else(|| Error::new(&self.path, "the encoder is still writing"))?;
        part.into_inner().unwrap_or_else(PoisonError::into_inner).keep()
    }
}

/// The encoder keeps its writer for itself; this one is also ours.
#[derive(Clone)]
struct Shared(Arc<Mutex<Part>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
