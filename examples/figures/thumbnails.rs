//! The pictures of the browser of patches: each included patch after a second and a half.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use bendrack_nodes::patch::Patch;
use image::imageops::FilterType;
use image::{RgbImage, imageops};

use super::rig::Rig;

/// Pictures in a row.
const COLUMNS: u32 = 12;
/// Width and height of a picture.
const SIZE: (u32, u32) = (96, 64);
/// The shown picture of the video.
const SHOWN: u64 = 26;

/// Draws the sheet: the patches, the works, then the help patches, each in the order of their files.
pub fn draw(rig: &mut Rig, _: &Path) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = files(&root.join("patches"))?;
    for folder in ["patches/works", "patches/help"] {
        paths.extend(files(&root.join(folder))?);
    }
    let rows = (paths.len() as u32).div_ceil(COLUMNS);
    let mut sheet = RgbImage::new(COLUMNS * SIZE.0, rows * SIZE.1);
    for (index, path) in paths.iter().enumerate() {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let patch = Patch::from_json(&text).map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))?;
        let frames = rig.play_patch(&patch, SHOWN + 1)?;
        let screen = &frames.last().context("no picture")?.screen;
        let (width, height) = (screen.width as u32, screen.height as u32);
        let screen = RgbImage::from_raw(width, height, screen.rgb.clone()).context("pixels")?;
        let scale = (f64::from(SIZE.0) / f64::from(width)).min(f64::from(SIZE.1) / f64::from(height));
        let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        let small = imageops::resize(&screen, side(width), side(height), FilterType::Triangle);
        let (column, row) = (index as u32 % COLUMNS, index as u32 / COLUMNS);
        let x = column * SIZE.0 + (SIZE.0 - small.width()) / 2;
        let y = row * SIZE.1 + (SIZE.1 - small.height()) / 2;
        imageops::replace(&mut sheet, &small, x.into(), y.into());
    }
    let path = root.join("assets/thumbnails.png");
    sheet.save(&path).with_context(|| path.display().to_string())
}

/// The patches of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}
