//! Videos, read back.

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::Path;

use bendrack_nodes::patch::Patch;
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use opus_rs::OpusDecoder;

use crate::media::Picture;
use crate::output::open;
use crate::output::video::open_live;
use crate::provenance::Provenance;
use crate::sound::{RATE, Stereo};

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
    let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).expect("a patch");
    let render = serde_json::json!({
        "bendrack": "0", "model": "mini", "family": "mini", "model_sha256": "", "seed": 0, "size": [64, 48], "zoom": 1,
        "exact": false, "frames": 5, "frame_rate": 16,
    });
    Provenance { patch, render: serde_json::from_value(render).expect("a render") }
}

fn record(path: &Path, frame_rate: f64, pictures: &[Picture]) {
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

/// The content of a box inside others, of which the first of each name is taken.
fn inside<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    let Some((name, rest)) = path.split_first() else { return bytes };
    let mut at = 0;
    while at < bytes.len() {
        let size = number(bytes, at) as usize;
        assert!(size >= 8, "a box holds its own name");
        if &bytes[at + 4..at + 8] == name.as_bytes() {
            // Sample descriptions have a header of their own, and so has the picture's before its boxes.
            let header = match *name {
                "stsd" => 8,
                "avc1" => 78,
                _ => 0,
            };
            return inside(&bytes[at + 8 + header..at + size], rest);
        }
        at += size;
    }
    panic!("no {name}");
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"))
}

/// An MP4, read by its standard (ISO 14496-12 and -15).
struct Video {
    /// Units of time per second, and of each picture.
    timescale: u32,
    durations: Vec<u32>,
    pictures: Vec<Picture>,
}

fn read(path: &Path) -> Video {
    let bytes = fs::read(path).expect("a file");
    let media = inside(&bytes, &["moov", "trak", "mdia"]);
    let table = |name| inside(media, &["minf", "stbl", name]);
    let spans = spans(media);
    let times = table("stts");
    let durations = (0..number(times, 4) as usize)
        .flat_map(|run| vec![number(times, 12 + 8 * run); number(times, 8 + 8 * run) as usize])
        .collect();
    let avcc = inside(table("stsd"), &["avc1", "avcC"]);
    let sps = usize::from(avcc[6]) * 256 + usize::from(avcc[7]);
    let pps = usize::from(avcc[9 + sps]) * 256 + usize::from(avcc[10 + sps]);
    let start = [0, 0, 0, 1];
    let sets = [&start, &avcc[8..8 + sps], &start, &avcc[11 + sps..11 + sps + pps]].concat();
    let mut decoder = Decoder::new().expect("a decoder");
    decoder.decode(&sets).expect("parameter sets");
    let mut pictures = Vec::new();
    for (mut at, end) in spans {
        let mut units = Vec::new();
        while at < end {
            let length = number(&bytes, at) as usize;
            units.extend([&start, &bytes[at + 4..at + 4 + length]].concat());
            at += 4 + length;
        }
        let yuv = decoder.decode(&units).expect("a sample decodes").expect("to a picture");
        pictures.push(rgb(&yuv));
    }
    assert!(decoder.flush_remaining().expect("it ends").is_empty(), "a picture per sample");
    Video { timescale: number(inside(media, &["mdhd"]), 12), durations, pictures }
}

/// The first and the last byte of each sample of a track, by its media.
fn spans(media: &[u8]) -> Vec<(usize, usize)> {
    let table = |name| inside(media, &["minf", "stbl", name]);
    let (sizes, chunks) = (table("stsz"), table("stco"));
    let count = number(sizes, 8) as usize;
    let mut end = 0;
    let span = |sample: usize| {
        // One chunk for all samples, or one for each.
        let begins = sample == 0 || number(chunks, 4) as usize == count;
        let start = if begins { number(chunks, 8 + 4 * sample) as usize } else { end };
        end = start + number(sizes, 12 + 4 * sample) as usize;
        (start, end)
    };
    (0..count).map(span).collect()
}

/// The sound of an MP4 as players play it: without the samples that it announces as delay, from the time that they have.
fn read_sound(path: &Path) -> Vec<Stereo> {
    let bytes = fs::read(path).expect("a file");
    let index = inside(&bytes, &["moov"]);
    // The track behind that of the pictures.
    let first = index.windows(4).position(|name| name == b"trak").expect("a track");
    let media = inside(&index[first - 4 + number(index, first - 4) as usize..], &["trak", "mdia"]);
    let head = inside(media, &["minf", "stbl", "stsd"]);
    let delay = head.windows(4).position(|name| name == b"dOps").expect("Opus") + 6;
    let delay = usize::from(u16::from_be_bytes([head[delay], head[delay + 1]]));
    let mut decoder = OpusDecoder::new(RATE as i32, 2).expect("a decoder");
    let mut heard = Vec::new();
    for (start, end) in spans(media) {
        let mut samples = vec![[0.0; 2]; 960];
        decoder.decode(&bytes[start..end], 960, samples.as_flattened_mut()).expect("a packet");
        heard.extend(samples);
    }
    heard[..delay].fill([0.0; 2]);
    heard
}

/// BT.709, limited range, by the formulas of ITU-R BT.709 and of no other file here.
///
/// A sample of colour lies on every second column, between two rows (H.264, figure 6-1); others are interpolated.
fn rgb(yuv: &impl YUVSource) -> Picture {
    let ((width, height), (wide, half, _)) = (yuv.dimensions(), yuv.strides());
    let rgb = (0..width * height).flat_map(|i| {
        let (x, y) = (i % width, i / width);
        let luma = (f32::from(yuv.y()[y * wide + x]) - 16.0) * 255.0 / 219.0;
        let colour = |plane: &[u8]| {
            let (left, right) = (x / 2, x.div_ceil(2).min(width / 2 - 1));
            let other = if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(height / 2 - 1) };
            let row = |y: usize| f32::midpoint(f32::from(plane[y * half + left]), f32::from(plane[y * half + right]));
            (0.75 * row(y / 2) + 0.25 * row(other) - 128.0) * 255.0 / 224.0
        };
        let (blue, red) = (colour(yuv.u()), colour(yuv.v()));
        [luma + 1.5748 * red, luma - 0.1873 * blue - 0.4681 * red, luma + 1.8556 * blue].map(|v| v.round() as u8)
    });
    Picture { width, height, rgb: rgb.collect() }
}

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
    video.finish().expect("a video ends");
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
    video.finish().expect("a video ends");
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

/// The fragments of a file: the boxes at its top level.
fn boxes(bytes: &[u8]) -> Vec<String> {
    let (mut at, mut names) = (0, Vec::new());
    while at < bytes.len() {
        names.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        at += number(bytes, at) as usize;
    }
    assert_eq!(at, bytes.len(), "the last box is whole");
    names
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
    live.finish().expect("a recording ends");
    video.finish().expect("a video ends");
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
