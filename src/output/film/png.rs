//! Numbered PNG files.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use png::text_metadata::ITXtChunk;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use crate::output::film::Film;
use crate::output::film::part::{Part, unwritable};
use crate::output::{Error, Picture, Result};
use crate::provenance::{self, Provenance};

/// Numbered pictures, each at its place as soon as it is whole; they stay if the film is not finished.
pub struct Png {
    folder: PathBuf,
    prefix: OsString,
    number: usize,
    /// What each picture says of where it comes from.
    chunk: Option<ITXtChunk>,
}

impl Png {
    /// `a_00000.png`, `a_00001.png`, … for `a.png`.
    pub fn beside(path: &Path) -> Result<Self> {
        let mut prefix = path.file_stem().unwrap_or_default().to_owned();
        prefix.push("_");
        Self::open(path.parent().unwrap_or(Path::new("")), prefix)
    }

    /// Pictures in a folder, which is made if it is not there, with names that begin in a certain way.
    pub fn open(folder: &Path, prefix: impl Into<OsString>) -> Result<Self> {
        let film = Self { folder: folder.to_owned(), prefix: prefix.into(), number: 0, chunk: None };
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        }
        if film.place(0).exists() {
            let message = "numbered pictures are already here: choose another name, or delete them";
            return Err(Error::new(&film.place(0), message));
        }
        Ok(film)
    }

    fn place(&self, number: usize) -> PathBuf {
        let mut name = self.prefix.clone();
        name.push(format!("{number:05}.png"));
        self.folder.join(name)
    }
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

impl Film for Png {
    fn carry(&mut self, provenance: &Provenance) -> Result<()> {
        let text = provenance.text().map_err(|problem| Error::new(&self.place(self.number), problem.message))?;
        let chunk = provenance::png::chunk(&text).map_err(|error| Error::new(&self.place(self.number), error))?;
        self.chunk = Some(chunk);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        let mut part = Part::create(&self.place(self.number))?;
        write(&mut part, picture, self.chunk.as_ref()).map_err(|error| Error::new(part.place(), error))?;
        part.keep()?;
        self.number += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
