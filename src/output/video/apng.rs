//! Animated PNG (PNG specification, third edition): every colour, endless.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use png::text_metadata::{EncodableTextChunk, ITXtChunk};
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};
use serde::{Deserialize, Serialize};

use crate::media::Picture;
use crate::output::video::growing::Growing;
use crate::output::video::part::{Part, unwritable};
use crate::output::video::{End, Position, VideoWriter};
use crate::output::{Error, Result};
use crate::provenance::png::SIGNATURE;
use crate::provenance::{self, Provenance};

/// The number of pictures of a file that still grows: viewers take it for one that is on its way.
const GROWING: u32 = i32::MAX as u32;
/// Rates above it have a coarser denominator, as the format has 16 bits for it.
const FINE: f64 = 600.0;

/// An animated PNG that repeats for ever. It grows as frames without an end; the finished file gets its number of pictures.
pub struct Apng {
    place: PathBuf,
    frame_rate: f64,
    reached: Reached,
    /// The provenance.
    text: Option<ITXtChunk>,
    file: Growing,
}

/// A point from which an animated PNG can go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Bytes of the file.
    length: u64,
    /// Bytes before the first picture.
    head: u64,
    pictures: u32,
    size: (u32, u32),
}

impl Apng {
    /// Begins an animated PNG that grows beside its place.
    pub fn open(place: &Path, frame_rate: f64) -> Result<Self> {
        drop(Part::create(place)?);
        let (reached, file) = (Reached::default(), Growing::beside(place)?);
        Ok(Self { place: place.to_owned(), frame_rate, reached, text: None, file })
    }

    /// Continues an animated PNG.
    pub fn resume(place: &Path, frame_rate: f64, reached: Reached) -> Result<Self> {
        let file = Growing::again(place, reached.length)?;
        Ok(Self { place: place.to_owned(), frame_rate, reached, text: None, file })
    }

    /// The bytes before the first picture of a file with this number of them.
    fn head(&self, pictures: u32) -> Result<Vec<u8>> {
        let (width, height) = self.reached.size;
        // Eight bits, three colours, no interlacing.
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        // It repeats for ever: 0 times.
        let animation = [pictures.to_be_bytes(), [0; 4]].concat();
        let mut head = [&SIGNATURE[..], &chunk(*b"IHDR", &header), &chunk(*b"acTL", &animation)].concat();
        if let Some(text) = &self.text {
            text.encode(&mut head).map_err(|error| Error::new(&self.place, error))?;
        }
        Ok(head)
    }

    /// The chunks of the next picture.
    fn frame(&self, picture: &Picture) -> std::result::Result<Vec<u8>, EncodingError> {
        let data = pixels(picture)?;
        let (width, height) = self.reached.size;
        let per = if self.frame_rate > FINE { 10.0 } else { 100.0 };
        let delay = [per as u16, (self.frame_rate * per).round() as u16];
        // Each chunk of the animation but the first picture's pixels has a number.
        let number = self.reached.pictures;
        let control = number.saturating_mul(2).saturating_sub(1);
        let mut frame = [control, width, height, 0, 0].map(u32::to_be_bytes).concat();
        frame.extend(delay.map(u16::to_be_bytes).concat());
        // The picture stays, and covers what was there.
        frame.extend([0, 0]);
        let pixels = if number == 0 {
            chunk(*b"IDAT", &data)
        } else {
            chunk(*b"fdAT", &[&(control + 1).to_be_bytes()[..], &data].concat())
        };
        Ok([chunk(*b"fcTL", &frame), pixels].concat())
    }

    /// Writes the whole file at its place.
    fn write(&mut self) -> Result<()> {
        let head = self.head(self.reached.pictures)?;
        let mut part = Part::create(&self.place)?;
        let mut out = BufWriter::new(&mut part);
        let pictures = self.file.len() - self.reached.head;
        let written = (out.write_all(&head))
            .and_then(|()| self.file.copy(self.reached.head, pictures, &mut out))
            .and_then(|()| out.write_all(&chunk(*b"IEND", &[])))
            .and_then(|()| out.flush());
        drop(out);
        written.map_err(|error| unwritable(&self.place, &error))?;
        part.keep()
    }
}

/// A chunk: length, kind, data, checksum.
fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&kind);
    sum.update(data);
    [&(data.len() as u32).to_be_bytes()[..], &kind, data, &sum.finalize().to_be_bytes()].concat()
}

/// The compressed pixels of a picture.
fn pixels(picture: &Picture) -> std::result::Result<Vec<u8>, EncodingError> {
    let mut whole = Vec::new();
    let mut encoder = Encoder::new(&mut whole, picture.width as u32, picture.height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Balanced);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.rgb)?;
    writer.finish()?;
    let (mut data, mut rest) = (Vec::new(), &whole[SIGNATURE.len()..]);
    while let Some(([a, b, c, d, kind @ ..], after)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if kind == b"IDAT" {
            data.extend_from_slice(&after[..length]);
        }
        rest = &after[length + 4..];
    }
    Ok(data)
}

impl VideoWriter for Apng {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        let text = provenance.text().map_err(|problem| Error::new(&self.place, problem.message))?;
        let chunk = provenance::png::chunk(&text).map_err(|error| Error::new(&self.place, error))?;
        self.text = Some(chunk);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        if self.reached.pictures == 0 {
            self.reached.size = (picture.width as u32, picture.height as u32);
            let head = self.head(GROWING)?;
            self.reached.head = head.len() as u64;
            self.file.write(&head)?;
        }
        let frame = self.frame(picture).map_err(|error| Error::new(&self.place, error))?;
        self.file.write(&frame)?;
        self.reached.pictures += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<Position> {
        self.file.keep();
        self.reached.length = self.file.len();
        Ok(Position::Apng(self.reached))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<()> {
        if self.reached.pictures == 0 {
            self.file.delete();
            return Err(Error::new(&self.place, "no picture was recorded, so there is no file"));
        }
        match end {
            End::Whole => {
                self.write()?;
                self.file.delete();
                Ok(())
            }
            End::Unfinished => self.write(),
            End::Beside => {
                self.file.keep();
                // Viewers also show a file without its end.
                let _ = self.file.write(&chunk(*b"IEND", &[]));
                Ok(())
            }
        }
    }
}
