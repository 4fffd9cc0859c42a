//! Sidecars: patches beside the videos that were rendered with them.

use std::path::{Path, PathBuf, is_separator};

/// The ending of a sidecar's name.
const ENDING: &str = ".bend.json";
/// The sidecar of a folder of pictures, in that folder.
const OF_FOLDER: &str = "patch.bend.json";

/// The sidecar of a video.
///
/// | video | sidecar |
/// |---|---|
/// | `a.mp4`, `a.gif` | `a.bend.json` |
/// | `a.png`, which is `a_000000.png`, … | `a.bend.json` |
/// | `a/`, or a folder there is | `a/patch.bend.json` |
pub fn path(video: &Path) -> PathBuf {
    if video.to_string_lossy().ends_with(is_separator) || video.is_dir() {
        return video.join(OF_FOLDER);
    }
    let mut name = video.file_stem().unwrap_or_default().to_owned();
    name.push(ENDING);
    video.with_file_name(name)
}

/// Advice for a picture or video without a patch: its sidecar, or the name of the missing one.
pub fn advice(video: &Path) -> String {
    let place = place(video);
    if place.is_file() {
        return format!("its patch is beside it, in {}", place.display());
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    format!("sites and messengers remove it: look for the original file, or for {name}, which was written beside it")
}

/// The place of the sidecar of a video, or of the numbered pictures of which this is one.
fn place(video: &Path) -> PathBuf {
    let is_number = |text: &str| text.len() >= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let stem = video.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    match stem.rsplit_once('_') {
        _ if is_number(stem) => video.with_file_name(OF_FOLDER),
        Some((name, number)) if is_number(number) => video.with_file_name(format!("{name}{ENDING}")),
        _ => path(video),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sidecar_is_beside_its_video_and_found_from_each_of_its_pictures() {
        for (video, sidecar) in [
            ("show/a.mp4", "show/a.bend.json"),
            ("a.b.gif", "a.b.bend.json"),
            ("take.png", "take.bend.json"),
            ("takes/", "takes/patch.bend.json"),
        ] {
            assert_eq!(path(Path::new(video)), Path::new(sidecar), "{video}");
        }
        for (picture, words) in [
            ("take_00012.png", "for take.bend.json,"),
            ("00003.png", "for patch.bend.json,"),
            ("a_7.mp4", "for a_7.bend.json,"),
        ] {
            assert!(advice(Path::new(picture)).contains(words), "{}", advice(Path::new(picture)));
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.bend.json"), "{}").expect("written");
        assert!(advice(&folder.path().join("a.mp4")).starts_with("its patch is beside it"));
        assert_eq!(path(folder.path()), folder.path().join("patch.bend.json"));
    }
}
