//! MP4 files: their pictures, sound and colours, and recordings in fragments.

use std::fs;

use super::reader::{boxes, inside, read, read_sound};
use super::{provenance, psnr, record, shapes};
use crate::media::Picture;
use crate::output::open;
use crate::output::video::{End, open_live};

#[test]
fn a_video_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shapes.mp4");
    let pictures = shapes(208, 120, 40);
    record(&path, 16.0, &pictures);
    let video = read(&path);
    assert_eq!(video.pictures.len(), pictures.len());
    assert!(
        video.durations.len() == 40 && video.durations.iter().all(|&d| d * 16 == video.timescale),
        "{:?}",
        video.durations
    );
    for (number, (wanted, got)) in pictures.iter().zip(&video.pictures).enumerate() {
        let psnr = psnr(&wanted.rgb, &got.rgb);

        assert!(psnr >= 36.0, "picture {number}: {psnr:.1} dB");
    }
}

/// The patch lies in the index, in front: all places that the index names move.
#[test]
fn a_video_with_a_patch_has_the_same_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let [with, without] = ["with.mp4", "without.mp4"].map(|name| folder.path().join(name));
    let pictures = shapes(64, 48, 5);
    record(&without, 16.0, &pictures);
    let mut video = open(&with, 16.0).expect("a video begins");
    for picture in &pictures {
        video.push(picture).expect("a picture fits");
    }
    video.set_provenance(&provenance()).expect("also at the end");
    video.finish(End::Whole).expect("a video ends");
    let [with, without] = [with, without].map(|path| (fs::metadata(&path).expect("a file").len(), read(&path)));
    assert!(with.0 > without.0 + 1000, "the patch is in it");
    assert_eq!(with.1.pictures, without.1.pictures);
    assert_eq!(with.1.durations, without.1.durations);
}

/// A click with each fourth picture comes with its picture.
#[test]
fn sound_comes_back_with_its_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sound.mp4");
    let pictures = shapes(64, 48, 20);
    let mut video = open(&path, 16.0).expect("a video begins");
    video.set_sound().expect("with sound");
    video.set_provenance(&provenance()).expect("and a patch");
    for (number, picture) in pictures.iter().enumerate() {
        video.push(picture).expect("a picture fits");
        let mut sound = vec![[0.0; 2]; 3000];
        if number % 4 == 2 {
            sound[..40].fill([0.8, -0.4]);
        }
        video.push_sound(&sound).expect("and its sound");
    }
    video.finish(End::Whole).expect("a video ends");
    let video = read(&path);
    assert_eq!(video.pictures.len(), 20);
    assert!(video.durations.iter().all(|&duration| duration * 16 == video.timescale));
    let sound = read_sound(&path);
    assert!((60_000..60_960).contains(&sound.len()), "{} samples in as many pictures", sound.len());
    let clicks: Vec<usize> = (0..20).filter(|n| sound[n * 3000..][..40].iter().any(|at| at[0] > 0.4)).collect();
    assert_eq!(clicks, [2, 6, 10, 14, 18]);
    assert!(sound[4 * 3000..6 * 3000 - 200].iter().all(|at| at[0].abs() < 0.02), "and silence between");
    assert!(sound[2 * 3000 + 20][1] < -0.2, "the right side has its own sound");
}

/// Recordings with sound: one that ends, and one that a crash ends after its second fragment.
#[test]
fn a_recording_is_at_its_place_each_second_and_ends_as_a_video() {
    let folder = tempfile::tempdir().expect("a folder");
    let [path, other] = ["live.mp4", "render.mp4"].map(|name| folder.path().join(name));
    let (pictures, sound) = (shapes(64, 48, 40), vec![[0.25, -0.25]; 3000]);
    let mut live = open_live(&path, 16.0);
    let mut video = open(&other, 16.0).expect("a video begins");
    for video in [&mut live, &mut video] {
        video.set_sound().expect("with sound");
        video.set_provenance(&provenance()).expect("and a patch");
        for picture in &pictures {
            video.push(picture).expect("a picture fits");
            video.push_sound(&sound).expect("and its sound");
        }
    }
    let growing = fs::read(&path).expect("it is there while it is written");
    assert_eq!(boxes(&growing), ["ftyp", "moov", "moof", "mdat", "moof", "mdat"]);
    let text = crate::provenance::read(&path).expect("a patch").text;
    assert!(text.windows(9).any(|words| words == b"\"frames\":"), "the patch is in it from the start");
    assert!(open_live(&path, 16.0).push(&pictures[0]).is_err(), "another recording does not take its place");
    live.finish(End::Whole).expect("a recording ends");
    video.finish(End::Whole).expect("a video ends");
    assert_eq!(boxes(&fs::read(&path).expect("a file")), ["ftyp", "moov", "mdat"]);
    let [live, video] = [&path, &other].map(|path| read(path));
    assert_eq!((live.timescale, &live.durations), (video.timescale, &video.durations));
    for ((live, video), wanted) in live.pictures.iter().zip(&video.pictures).zip(&pictures) {
        let [live, video] = [live, video].map(|picture| psnr(&picture.rgb, &wanted.rgb));
        assert!(live >= video - 1.0, "{live:.1} dB, in a render {video:.1} dB");
    }
    assert_eq!(live.pictures.len(), 40);
    assert!(read_sound(&path) == read_sound(&other));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "no other file stays");
}

/// A wrong matrix or range moves these by 20 levels and more.
#[test]
fn a_video_keeps_pure_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("colours.mp4");
    let colours =
        [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255], [255; 3], [0; 3]];
    let pictures: Vec<Picture> = colours.iter().map(|&colour| Picture::filled(64, 48, colour)).collect();
    record(&path, 25.0, &pictures);
    for (wanted, got) in pictures.iter().zip(&read(&path).pictures) {
        let worst = wanted.rgb.iter().zip(&got.rgb).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(worst <= Some(6), "{:?} came back as {:?}", &wanted.rgb[..3], &got.rgb[..3]);
    }
}

/// The decoder above is given the matrix; players read it from the stream (H.264, annex E).
#[test]
fn a_video_declares_its_colour_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flags.mp4");
    record(&path, 16.0, &shapes(32, 32, 2));
    let bytes = fs::read(&path).expect("a file");
    assert!(
        bytes.windows(4).position(|w| w == b"moov") < bytes.windows(4).position(|w| w == b"mdat"),
        "the index is in front"
    );
    let sps = inside(inside(&bytes, &["moov", "trak", "mdia", "minf", "stbl", "stsd"]), &["avc1", "avcC"]);
    let bits: Vec<bool> = sps.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    // video_signal_type: present, format unspecified (5), limited range, description present, then three times BT.709 (1).
    let signal =
        "1 101 0 1 00000001 00000001 00000001".chars().filter(|c| *c != ' ').map(|c| c == '1').collect::<Vec<_>>();
    assert!(bits.windows(signal.len()).any(|window| window == signal), "{sps:02x?}");
}

/// Noise is the most expensive picture there is, and bends make it; no picture may be left out for it.
#[test]
fn noise_at_any_rate_keeps_every_picture_and_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let noise = |seed: u32| (0..64 * 48 * 3).map(move |i| ((i + seed * 9241).wrapping_mul(2_654_435_761) >> 23) as u8);
    let pictures: Vec<Picture> =
        (0..12).map(|seed| Picture { width: 64, height: 48, rgb: noise(seed).collect() }).collect();
    for rate in [0.5, 24.0, 29.97, 120.0] {
        let path = folder.path().join(format!("{rate}.mp4"));
        record(&path, rate, &pictures);
        let video = read(&path);
        assert_eq!(video.pictures.len(), 12, "at {rate}");
        let wanted = f64::from(video.timescale) / rate;
        assert!(video.durations.iter().all(|&d| (f64::from(d) - wanted).abs() <= 1.0), "{rate}: {:?}", video.durations);
    }
}

#[test]
fn odd_sizes_make_a_video_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.mp4");
    let pictures = shapes(101, 67, 3);
    record(&path, 30.0, &pictures);
    for (wanted, got) in pictures.iter().zip(&read(&path).pictures) {
        assert_eq!((got.width, got.height), (102, 68));
        let cropped: Vec<u8> =
            got.rgb.chunks_exact(102 * 3).take(67).flat_map(|row| &row[..101 * 3]).copied().collect();
        let psnr = psnr(&wanted.rgb, &cropped);
        assert!(psnr >= 32.0, "{psnr:.1} dB");
    }
}

/// A compositor that changes during a recording changes the picture's size; the video goes on.
#[test]
fn a_video_keeps_its_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sizes.mp4");
    record(&path, 16.0, &[Picture::filled(64, 32, [90; 3]), Picture::filled(64, 64, [200; 3])]);
    let last = read(&path).pictures.pop().expect("pictures");
    assert_eq!((last.width, last.height), (64, 32));
    assert!(last.rgb[16 * 64 * 3] < 24 && last.rgb[(16 * 64 + 32) * 3].abs_diff(200) < 6, "centred on dark");
}
