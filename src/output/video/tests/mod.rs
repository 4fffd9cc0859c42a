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
use crate::output::video::{End, VideoWriter, growing_path, left_over, resume};
use crate::provenance::Provenance;

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
    video.finish(End::Whole).expect("a video ends");
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
fn an_animated_png_comes_back_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shapes.apng");
    let pictures = shapes(57, 30, 5);
    let mut video = open(&path, 16.0).expect("a video begins");
    video.set_provenance(&provenance()).expect("a patch");
    for picture in &pictures {
        video.push(picture).expect("a picture fits");
    }
    video.finish(End::Whole).expect("a video ends");
    let file = || BufReader::new(File::open(&path).expect("a file"));
    let decoder = image::codecs::png::PngDecoder::new(file()).expect("a PNG");
    assert!(decoder.is_apng().expect("its chunks"));
    let frames = decoder.apng().expect("an animation").into_frames().collect_frames().expect("whole frames");
    assert_eq!(frames.len(), 5);
    for (wanted, frame) in pictures.iter().zip(&frames) {
        let (ms, per) = frame.delay().numer_denom_ms();
        assert!((f64::from(ms) / f64::from(per) - 62.5).abs() < 0.5, "{ms}/{per} ms");
        let rgb: Vec<u8> = frame.buffer().pixels().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        assert!(rgb == wanted.rgb);
    }
    let info = png::Decoder::new(file()).read_info().expect("a PNG").info().animation_control.expect("an animation");
    assert_eq!((info.num_frames, info.num_plays), (5, 0), "endless");
    let found = crate::provenance::read(&path).expect("a file").open(&path).expect("a patch");
    assert_eq!(found.patch, provenance().patch);
}

#[test]
fn numbered_pictures_come_back_exactly() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = shapes(33, 20, 3);
    record(&folder.path().join("take.png"), 16.0, &pictures);
    record(&folder.path().join("takes/"), 16.0, &pictures);
    for (number, wanted) in pictures.iter().enumerate() {
        for name in [format!("take_{number:06}.png"), format!("takes/{number:06}.png")] {
            let file = BufReader::new(File::open(folder.path().join(&name)).expect("a numbered file"));
            let read = image::load(file, image::ImageFormat::Png).expect("a picture").into_rgb8();
            assert_eq!(*read.as_raw(), wanted.rgb, "{name}");
        }
    }
    let error = open(&folder.path().join("take.png"), 16.0).err().expect("two videos must not mix");
    assert!(error.to_string().contains("take_000000.png"), "{error}");
}

#[test]
fn the_same_pictures_make_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = shapes(96, 64, 8);
    for extension in ["mp4", "gif", "apng"] {
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
            ["first", "second"].map(|name| fs::read(folder.path().join(format!("{name}/{number:06}.png"))));
        assert_eq!(first.expect("a file"), second.expect("a file"));
    }
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    for name in ["a.mp4", "a.gif", "a.apng"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, "an older video").expect("written");
        let mut video = open(&path, 16.0).expect("a video begins");
        video.push(&shapes(48, 32, 1)[0]).expect("a picture fits");
        assert_eq!(fs::read(&path).expect("still there"), b"an older video", "{name}");
        drop(video);
        assert_eq!(fs::read(&path).expect("still there"), b"an older video", "{name}");
        let empty = open(&path, 16.0).expect("a video begins").finish(End::Whole).expect_err("no picture");
        assert!(empty.message.contains("no picture"), "{empty}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "{name}: only the older video is there");
        record(&path, 16.0, &shapes(48, 32, 2));
        assert_ne!(fs::read(&path).expect("replaced"), b"an older video", "{name}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "{name}: and its successor");
    }
}

/// Another writer at the same place is refused, and the one that is there goes on.
#[test]
fn a_place_has_one_writer() {
    for (name, left) in [
        ("both.mp4", "both.part.mp4"),
        ("both.gif", "both.part.gif"),
        ("both.apng", "both.part.apng"),
        ("both.png", "both_pictures.lock"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        let mut one = open(&path, 16.0).expect("a video begins");
        assert!(folder.path().join(left).exists(), "{name}");
        let error = open(&path, 16.0).err().expect("refused").to_string();
        assert!(error.contains(left) && error.contains("another render writes"), "{error}");
        assert!(left_over(&path).is_err(), "{name} is in use");
        for picture in &shapes(48, 32, 4) {
            one.push(picture).expect("a picture fits");
        }
        one.finish(End::Whole).expect("a video ends");
        assert!(!folder.path().join(left).exists(), "{name}");
    }
}

/// Pictures with sound, from `first` on.
fn push_all(video: &mut dyn VideoWriter, pictures: &[Picture], first: usize) {
    for (number, picture) in pictures.iter().enumerate().skip(first) {
        video.push(picture).expect("a picture fits");
        video.push_sound(&piece(number)).expect("and its sound");
    }
}

/// The sound of a picture: a tone with a click.
fn piece(number: usize) -> Vec<[f32; 2]> {
    let tone = |n: usize| (n as f32 * 0.05).sin() * 0.3;
    (0..3000).map(|n| [tone(number * 3000 + n), if n == 7 { 0.9 } else { -tone(n) }]).collect()
}

/// A program that ends at any moment after a settled point leaves a video that goes on: the same bytes follow.
#[test]
fn a_settled_video_goes_on_as_if_nothing_had_happened() {
    let pictures = shapes(64, 48, 70);
    for name in ["a.mp4", "a.gif", "a.apng", "a.png"] {
        let [folder, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let bytes = |folder: &Path| -> Vec<(String, Vec<u8>)> {
            let mut names: Vec<_> =
                fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
            names.sort();
            let named = |path: std::path::PathBuf| {
                (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("a file"))
            };
            names.into_iter().map(named).collect()
        };
        // The video that is not interrupted settles at the same pictures.
        let mut whole = open(&other.path().join(name), 16.0).expect("a video begins");
        whole.set_provenance(&provenance()).expect("a patch");
        whole.set_sound().expect("with sound");
        push_all(&mut *whole, &pictures[..20], 0);
        whole.settle().expect("settled");
        push_all(&mut *whole, &pictures, 20);
        whole.finish(End::Whole).expect("a video ends");

        for lost in [0, 1, 17, 33] {
            let path = folder.path().join(name);
            let mut video = open(&path, 16.0).expect("a video begins");
            video.set_provenance(&provenance()).expect("a patch");
            video.set_sound().expect("with sound");
            push_all(&mut *video, &pictures[..20], 0);
            let position = video.settle().expect("settled");
            push_all(&mut *video, &pictures[..20 + lost], 20);
            drop(video);
            assert!(name == "a.png" || left_over(&path).expect("free").is_some(), "{name} stays");
            let position = postcard::from_bytes(&postcard::to_stdvec(&position).expect("plain data")).expect("read");
            let mut video = resume(&path, 16.0, position).expect("it goes on");
            video.set_provenance(&provenance()).expect("a patch");
            video.set_sound().expect("with sound");
            for number in 0..20 {
                video.push_sound(&piece(number)).expect("sound that is there already");
            }
            push_all(&mut *video, &pictures, 20);
            video.finish(End::Whole).expect("a video ends");
            let (here, there) = (bytes(folder.path()), bytes(other.path()));
            let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&here), names(&there), "{name}");
            assert!(here == there, "{name}, {lost} pictures lost");
            for (name, _) in here {
                fs::remove_file(folder.path().join(name)).expect("a file");
            }
        }
    }
}

/// An unfinished video plays, and goes on nevertheless.
#[test]
fn an_unfinished_video_is_at_its_place_and_goes_on() {
    let pictures = shapes(64, 48, 40);
    for name in ["a.mp4", "a.gif", "a.apng"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        let mut video = open(&path, 16.0).expect("a video begins");
        let first = fs::metadata(growing_path(&path)).expect("the growing file").len();
        for picture in &pictures[..20] {
            video.push(picture).expect("a picture fits");
        }
        let position = video.settle().expect("settled");
        video.push(&pictures[20]).expect("a picture fits");
        video.finish(End::Unfinished).expect("a video ends");
        let length = |path: &Path| fs::metadata(path).expect("a file").len();
        let unfinished = length(&path);
        assert!(unfinished > first && growing_path(&path).exists(), "{name}");
        let mut video = resume(&path, 16.0, position).expect("it goes on");
        for picture in &pictures[20..] {
            video.push(picture).expect("a picture fits");
        }
        video.finish(End::Whole).expect("a video ends");
        assert!(length(&path) > unfinished && !growing_path(&path).exists(), "{name}");
    }
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |name: &str, rate: f64| open(&folder.path().join(name), rate).err().expect("refused").to_string();
    for (error, words) in [
        (of("a.avi", 16.0), ["a.avi", ".mp4, .gif, .apng or .png"]),
        (of("none", 16.0), ["none", ".mp4, .gif, .apng or .png"]),
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
    assert!(video.finish(End::Whole).is_err() && !path.exists());
}
