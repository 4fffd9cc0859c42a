//! Numbered PNG files.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::output::film::Film;
use crate::output::film::part::{Part, unwritable};
use crate::output::{Error, Picture, Result};

/// Numbered pictures, each at its place as soon as it is whole; they stay if the film is not finished.
pub struct Png {
    folder: PathBuf,
    prefix: OsString,
    number: usize,
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
        let film = Self { folder: folder.to_owned(), prefix: prefix.into(), number: 0 };
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

impl Film for Png {
    fn push(&mut self, picture: &Picture) -> Result<()> {
        let mut part = Part::create(&self.place(self.number))?;
        PngEncoder::new(&mut part)
            .write_image(&picture.rgb, picture.width as u32, picture.height as u32, ExtendedColorType::Rgb8)
            .map_err(|error| Error::new(part.place(), error))?;
        part.keep()?;
        self.number += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
