//! Space on the disks of a render.

use std::fs;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use super::checkpoint;
use crate::output::video::{Format, growing_path};

/// Space that stays free, in bytes.
const SPARE: u64 = 16 << 20;

/// Bytes of a pixel in an MP4, in a GIF and in a PNG: what patches of this project take.
const PER_PIXEL: [f64; 3] = [0.03, 0.5, 1.5];

/// Bytes that a video of as many pictures of a size takes, roughly: the most that is on the disk at once.
fn estimate(video: &Path, pictures: u64, (width, height): (usize, usize)) -> u64 {
    let per_pixel = match Format::of(video) {
        // The video is written once more at its end.
        Ok(Format::Mp4) | Err(_) => 2.0 * PER_PIXEL[0],
        Ok(Format::Gif | Format::Ffmpeg(_)) => 2.0 * PER_PIXEL[1],
        Ok(Format::Stdout) => 0.0,
        Ok(Format::Apng) => 2.0 * PER_PIXEL[2],
        Ok(Format::Pictures { .. }) => PER_PIXEL[2],
    };
    (pictures as f64 * (width * height) as f64 * per_pixel) as u64
}

/// A warning if a disk has less space than videos of as many pictures of a size need.
pub(super) fn warning(videos: &[PathBuf], pictures: u64, size: (usize, usize)) -> Option<String> {
    videos.iter().find_map(|video| {
        let (needed, free) = (estimate(video, pictures, size) + SPARE, free_beside(video)?);
        (free < needed).then(|| {
            format!(
                "{}: about {} are needed, and {} are free; free some, or the render ends early and --resume goes on",
                video.display(),
                HumanBytes(needed),
                HumanBytes(free)
            )
        })
    })
}

/// The reason to end while the videos can still be finished.
pub(super) fn is_short(videos: &[PathBuf]) -> Option<String> {
    videos.iter().find_map(|video| {
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
        // The end of a video is a copy of it, and the next checkpoint lies beside the present one.
        let needed = size(growing_path(video)) + size(checkpoint::path(video)) + SPARE;
        let free = free_beside(video)?;
        (free < needed).then(|| {
            let (free, needed) = (HumanBytes(free), HumanBytes(needed));
            format!(
                "{}: {free} are free on the disk, and the end of the video needs {needed}; free some",
                video.display()
            )
        })
    })
}

/// Free space on the disk of a file, where the system tells it.
fn free_beside(path: &Path) -> Option<u64> {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs4::available_space(folder).ok()
}
