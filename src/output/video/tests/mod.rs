//! Videos, read back.

mod mp4;
mod reader;

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::Path;

use bendrack_nodes::patch::Patch;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder};

use crate::media::Picture;
use crate::output::open;
use crate::provenance::Provenance;
use reader::read;

/// A video of saturated shapes that move over a soft ground; no two pictures are the same.
fn shapes(width: usize, height: usize, count: usize) -> Vec<Picture> {
    let picture = |t: f32| {
        let rgb = (0..width * height).flat_map(|i| {
            let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
            let disc = |cx: f32, cy: f32| {
                (0.16 - ((x - cx).powi(2) + (y - cy).powi(2)).sqrt()).mul_add(40.0, 0.5).clamp(0.0, 1.0)
            };
            let (red, blue) = (disc(0.2 + t, 0.3), disc(0.8 - t, 0.7));
            let ground = [60.0 + 60.0 * x, 150.0 - 60.0 * y, 90.0 + 40.0 * t];
            [0, 1, 2].map(|c| {
                let under = ground[c] + ([255.0, 0.0, 0.0][c] - ground[c]) * red;
                (under + ([0.0, 40.0, 255.0][c] - under) * blue).round() as u8
            })
        });
        Picture { width, height, rgb: rgb.collect() }
    };
    (0..count).map(|i| picture(i as f32 / count as f32 * 0.5)).collect()
}

fn provenance() -> Provenance {
    let patch = Patch::from_json(include_str!("../../../../patches/first_bend.json")).expect("a patch");
    let render = serde_json::json!({
        "bendrack": "0", "model": "mini", "family": "mini", "model_sha256": "", "seed": 0, "size": [64, 48], "zoom": 1,
        "exact": false, "frames": 5, "frame_rate": 16,
    });
    Provenance { patch, render: serde_json::from_value(render).expect("a render") }
}

/// Writes a video of these pictures.
pub(in crate::output) fn record(path: &Path, frame_rate: f64, pictures: &[Picture]) {
    let mut video = open(path, frame_rate).expect("a video begins");
    for picture in pictures {
        video.push(picture).expect("a picture fits");
    }
    video.finish().expect("a video ends");
}

/// Peak signal to noise ratio in dB.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: f64 = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}

#[test]
fn a_gif_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shapes.gif");
    let pictures = shapes(104, 60, 16);
    record(&path, 16.0, &pictures);
    let bytes = fs::read(&path).expect("a file");
    assert!(bytes.windows(14).any(|w| w == b"NETSCAPE2.0\x03\x01\0"), "endless");
    let decoder = GifDecoder::new(Cursor::new(&bytes)).expect("a GIF");
    assert_eq!(decoder.dimensions(), (104, 60));
    let frames = decoder.into_frames().collect_frames().expect("whole frames");
    assert_eq!(frames.len(), 16);
    let mut elapsed = 0.0;
    for (number, (wanted, frame)) in pictures.iter().zip(&frames).enumerate() {
        assert!((elapsed - number as f64 * 62.5).abs() <= 5.0, "picture {number} begins after {elapsed} ms");
        let (ms, per) = frame.delay().numer_denom_ms();
        elapsed += f64::from(ms) / f64::from(per);
        let rgb: Vec<u8> = frame.buffer().pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        let psnr = psnr(&wanted.rgb, &rgb);
        assert!(psnr >= 30.0, "picture {number}: {psnr:.1} dB");
    }
    assert!((elapsed - 1000.0).abs() < 1e-9, "16 of 16 per second take a second, not {elapsed} ms");
}

#[test]
fn numbered_pictures_come_back_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = shapes(33, 20, 3);
    record(&folder.path().join("take.png"), 16.0, &pictures);
    record(&folder.path().join("takes/"), 16.0, &pictures);
    for (number, wanted) in pictures.iter().enumerate() {
        for name in [format!("take_{number:05}.png"), format!("takes/{number:05}.png")] {
            let file = BufReader::new(File::open(folder.path().join(&name)).expect("a numbered file"));
            let read = image::load(file, image::ImageFormat::Png).expect("a picture").into_rgb8();
            assert_eq!(*read.as_raw(), wanted.rgb, "{name}");
        }
    }
    let error = open(&folder.path().join("take.png"), 16.0).err().expect("two videos must not mix");
    assert!(error.to_string().contains("take_00000.png"), "{error}");
}

#[test]
fn the_same_pictures_make_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = shapes(96, 64, 8);
    for extension in ["mp4", "gif"] {
        let [first, second] = ["first", "second"].map(|name| {
            let path = folder.path().join(name).with_extension(extension);
            record(&path, 24.0, &pictures);
            fs::read(path).expect("a file")
        });
        assert!(first == second, "{extension}: {} and {} bytes", first.len(), second.len());
    }
    for name in ["first/", "second/"] {
        record(&folder.path().join(name), 24.0, &pictures);
    }
    for number in 0..8 {
        let [first, second] =
            ["first", "second"].map(|name| fs::read(folder.path().join(format!("{name}/{number:05}.png"))));
        assert_eq!(first.expect("a file"), second.expect("a file"));
    }
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    for name in ["a.mp4", "a.gif"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, "an older video").expect("written");
        let mut video = open(&path, 16.0).expect("a video begins");
        video.push(&shapes(48, 32, 1)[0]).expect("a picture fits");
        assert_eq!(fs::read(&path).expect("still there"), b"an older video", "{name}");
        drop(video);
        assert_eq!(fs::read(&path).expect("still there"), b"an older video", "{name}");
        let empty = open(&path, 16.0).expect("a video begins").finish().expect_err("no picture");
        assert!(empty.message.contains("no picture"), "{empty}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "{name}: only the older video is there");
        record(&path, 16.0, &shapes(48, 32, 2));
        assert_ne!(fs::read(&path).expect("replaced"), b"an older video", "{name}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "{name}: and its successor");
    }
}

/// Two recorders at the same place do not write into one another's file.
#[test]
fn two_videos_at_one_place_stay_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("both.mp4");
    let [mut one, mut other] = [open(&path, 16.0), open(&path, 16.0)].map(|video| video.expect("a video begins"));
    let pictures = shapes(48, 32, 4);
    for picture in &pictures {
        one.push(picture).expect("a picture fits");
        other.push(picture).expect("a picture fits");
    }
    one.finish().expect("a video ends");
    assert_eq!(read(&path).pictures.len(), 4);
    other.finish().expect("a video ends");
    assert_eq!(read(&path).pictures.len(), 4);
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str, rate: f64| open(&folder.path().join(name), rate).err().expect("refused").to_string();
    for (error, words) in [
        (of("a.avi", 16.0), ["a.avi", ".mp4, .gif or .png"]),
        (of("none", 16.0), ["none", ".mp4, .gif or .png"]),
        (of("nowhere/a.mp4", 16.0), ["nowhere", "make its folder"]),
        (of("a.mp4", f64::NAN), ["a.mp4", "give a rate"]),
        (of("a.gif", 60.0), ["a.gif", "at most 50"]),
    ] {
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    let path = folder.path().join("large.mp4");
    let mut video = open(&path, 16.0).expect("a video begins");
    let error = video.push(&Picture::black(4000, 16)).expect_err("too large").to_string();
    assert!(error.contains("large.mp4") && error.contains("3840 × 2160"), "{error}");
    let error = video.push(&Picture { width: 9, height: 9, rgb: vec![0] }).expect_err("torn").to_string();
    assert!(error.contains("large.mp4"), "{error}");
    assert!(video.finish().is_err() && !path.exists());
}
