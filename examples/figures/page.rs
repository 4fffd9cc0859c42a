//! A sheet of pictures with labels, and its file.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, Result};
use bendrack::media::Picture;
use bendrack::output::scale::{paste, scaled};
use bendrack::output::sheet::sheet;
use color_quant::NeuQuant;

use super::label::{BRIGHT, DIM, GROUND, Pen};

/// The height of a picture on a sheet.
const SHOWN: usize = 96;
/// Pixels of a line of text.
const TEXT: f32 = 13.0;
/// Pixels around a sheet.
const MARGIN: usize = 10;
/// Colours of a palette.
const COLOURS: usize = 192;
/// Sampling of the palette, from 1 (all pixels) to 30 (few).
const PALETTE_EFFORT: i32 = 3;

/// A sheet under construction.
pub struct Page {
    pen: Pen,
    title: Picture,
    rows: Vec<Vec<Picture>>,
}

impl Page {
    /// An empty sheet.
    pub fn new(title: &str) -> Self {
        let mut pen = Pen::default();
        let title = pen.line(title, TEXT, BRIGHT);
        Self { pen, title, rows: Vec::new() }
    }

    /// Titles of the columns; the first column holds the labels.
    pub fn head(&mut self, names: &[&str]) {
        let names = names.iter().map(|name| self.pen.line(name, TEXT, DIM));
        let row = std::iter::once(Picture::filled(1, 1, GROUND)).chain(names).collect();
        self.rows.push(row);
    }

    /// A row of pictures; `None` is a gap.
    pub fn row(&mut self, name: &str, detail: &str, pictures: &[Option<&Picture>]) {
        let label = self.label(name, detail);
        let shown = pictures.iter().map(|picture| match picture {
            Some(picture) => scaled(picture, SHOWN * picture.width / picture.height.max(1), SHOWN).into_owned(),
            None => Picture::filled(MARGIN, 1, GROUND),
        });
        let row = std::iter::once(label).chain(shown).collect();
        self.rows.push(row);
    }

    /// Lines of text beside a row, in its middle.
    fn label(&mut self, name: &str, detail: &str) -> Picture {
        let lines = [self.pen.line(name, TEXT, BRIGHT), self.pen.line(detail, TEXT, DIM)];
        let width = lines.iter().map(|line| line.width).max().unwrap_or(0) + MARGIN;
        let mut label = Picture::filled(width, SHOWN, GROUND);
        let height: usize = lines.iter().map(|line| line.height).sum();
        paste(&mut label, &lines[0], 0, (SHOWN - height) / 2);
        paste(&mut label, &lines[1], 0, (SHOWN - height) / 2 + lines[0].height);
        label
    }

    /// Writes the sheet as PNG, with a palette of its own.
    pub fn save(&self, path: &Path) -> Result<()> {
        let rows: Vec<Vec<&Picture>> = self.rows.iter().map(|row| row.iter().collect()).collect();
        let table = sheet(&rows, GROUND).context("a sheet has pictures")?;
        let top = MARGIN + self.title.height + MARGIN;
        let width = table.width.max(self.title.width) + 2 * MARGIN;
        let mut whole = Picture::filled(width, top + table.height + MARGIN, GROUND);
        paste(&mut whole, &self.title, MARGIN, MARGIN);
        paste(&mut whole, &table, MARGIN, top);
        write(path, &whole).with_context(|| path.display().to_string())
    }
}

/// Writes a picture as PNG with a palette: a third of the size, without a visible difference.
pub fn write(path: &Path, picture: &Picture) -> Result<()> {
    let pixels: Vec<[u8; 4]> =
        picture.rgb.as_chunks::<3>().0.iter().map(|&[red, green, blue]| [red, green, blue, 255]).collect();
    let palette = NeuQuant::new(PALETTE_EFFORT, COLOURS, pixels.as_flattened());
    let indices: Vec<u8> = pixels.iter().map(|pixel| palette.index_of(pixel) as u8).collect();
    let mut encoder =
        png::Encoder::new(BufWriter::new(File::create(path)?), picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.color_map_rgb());
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header()?.write_image_data(&indices)?;
    Ok(())
}
