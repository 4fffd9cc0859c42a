//! Numbered PNG files.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use png::text_metadata::ITXtChunk;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use crate::media::Picture;
use crate::output::video::growing::Growing;
use crate::output::video::part::{Part, remove_left, unwritable};
use crate::output::video::{End, Position, VideoWriter};
use crate::output::{Error, Result};
use crate::provenance::{self, Provenance};

/// Numbered pictures, each at its place as soon as it is whole; they stay if the video is not finished.
pub struct Png {
    folder: PathBuf,
    prefix: OsString,
    number: usize,
    /// The provenance in each picture.
    chunk: Option<ITXtChunk>,
    /// The lock of the sequence.
    _lock: Growing,
}

impl Png {
    /// Pictures in a folder, which is created if missing, under names with this prefix.
    pub fn open(folder: &Path, prefix: impl Into<OsString>) -> Result<Self> {
        let video = Self::locked(folder, prefix.into(), 0)?;
        match video.present()?.into_iter().min() {
            Some((_, place)) => Err(taken_already(&place)),
            None => Ok(video),
        }
    }

    /// The pictures after the first `number`. Later ones that an earlier program wrote are deleted.
    pub fn resume(folder: &Path, prefix: impl Into<OsString>, number: usize) -> Result<Self> {
        let video = Self::locked(folder, prefix.into(), number)?;
        let mut present = video.present()?;
        present.sort();
        let last = number.checked_sub(1).map(|last| video.place(last));
        if let Some(missing) = last.filter(|last| !last.exists()) {
            return Err(Error::new(&missing, "this picture is missing; begin the render again"));
        }
        remove_left(folder, |name| is_numbered(name, &video.prefix));
        for (_, place) in present.iter().filter(|(found, _)| *found >= number as u64) {
            fs::remove_file(place).map_err(|error| unwritable(place, &error))?;
        }
        Ok(video)
    }

    /// A sequence that no other program writes. Its lock is a file beside the pictures.
    fn locked(folder: &Path, prefix: OsString, number: usize) -> Result<Self> {
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        }
        let lock = Growing::lock(&lock_path(folder, &prefix))?;
        Ok(Self { folder: folder.to_owned(), prefix, number, chunk: None, _lock: lock })
    }

    /// The numbered pictures that are there, with their numbers.
    fn present(&self) -> Result<Vec<(u64, PathBuf)>> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let entries = fs::read_dir(folder).map_err(|error| unwritable(folder, &error))?;
        let number = |name: &OsStr| {
            let digits = name.to_string_lossy();
            let prefix = self.prefix.to_string_lossy();
            digits.get(prefix.len()..digits.len().saturating_sub(4))?.parse().ok()
        };
        let names = entries.flatten().map(|entry| entry.file_name()).filter(|name| is_numbered(name, &self.prefix));
        Ok(names.filter_map(|name| Some((number(&name)?, self.folder.join(name)))).collect())
    }

    fn place(&self, number: usize) -> PathBuf {
        let mut name = self.prefix.clone();
        name.push(format!("{number:06}.png"));
        self.folder.join(name)
    }
}

/// The path of the lock of a sequence.
pub fn lock_path(folder: &Path, prefix: &OsStr) -> PathBuf {
    let mut name = prefix.to_owned();
    name.push("pictures.lock");
    folder.join(name)
}

/// True for the file name of a numbered picture with a prefix, in any case.
pub fn is_numbered(name: &OsStr, prefix: &OsStr) -> bool {
    let (name, prefix) = (name.to_string_lossy().to_lowercase(), prefix.to_string_lossy().to_lowercase());
    let number = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".png"));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn taken_already(place: &Path) -> Error {
    Error::new(place, "numbered pictures are already here: choose another name, or delete them")
}

/// Writes a picture, with a chunk of text before its pixels.
fn write(part: &mut Part, picture: &Picture, chunk: Option<&ITXtChunk>) -> std::result::Result<(), EncodingError> {
    let mut encoder = Encoder::new(part, picture.width as u32, picture.height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    if let Some(chunk) = chunk {
        writer.write_text_chunk(chunk)?;
    }
    writer.write_image_data(&picture.rgb)?;
    writer.finish()
}

impl VideoWriter for Png {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        let text = provenance.text().map_err(|problem| Error::new(&self.place(self.number), problem.message))?;
        let chunk = provenance::png::chunk(&text).map_err(|error| Error::new(&self.place(self.number), error))?;
        self.chunk = Some(chunk);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        let place = self.place(self.number);
        // Another program may have written here meanwhile.
        if place.exists() {
            return Err(taken_already(&place));
        }
        let mut part = Part::create(&place)?;
        write(&mut part, picture, self.chunk.as_ref()).map_err(|error| Error::new(part.place(), error))?;
        part.keep()?;
        self.number += 1;
        Ok(())
    }

    fn settle(&mut self) -> Result<Position> {
        Ok(Position::Pictures(self.number))
    }

    fn finish(self: Box<Self>, _: End) -> Result<()> {
        Ok(())
    }
}
