//! A reader of MP4 files by their standards, without code of the writers.

use std::fs;
use std::path::Path;

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use opus_rs::OpusDecoder;

use crate::media::Picture;
use crate::sound::{RATE, Stereo};

/// An MP4, read by its standard (ISO 14496-12 and -15).
pub(super) struct Video {
    /// Units of time per second, and of each picture.
    pub(super) timescale: u32,
    pub(super) durations: Vec<u32>,
    pub(super) pictures: Vec<Picture>,
}

pub(super) fn read(path: &Path) -> Video {
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
    let header = inside(media, &["mdhd"]);
    // The times before it have 64 bits in version 1.
    let timescale = number(header, if header[0] == 1 { 20 } else { 12 });
    Video { timescale, durations, pictures }
}

/// The first and the last byte of each sample of a track, by its media.
fn spans(media: &[u8]) -> Vec<(usize, usize)> {
    let table = |name| inside(media, &["minf", "stbl", name]);
    let (sizes, chunks, runs) = (table("stsz"), table("stco"), table("stsc"));
    let (mut spans, mut run) = (Vec::new(), 0);
    for chunk in 0..number(chunks, 4) as usize {
        // Runs of chunks with equally many samples, by their first chunk, counted from 1.
        while run + 1 < number(runs, 4) as usize && number(runs, 8 + 12 * (run + 1)) as usize <= chunk + 1 {
            run += 1;
        }
        let mut start = number(chunks, 8 + 4 * chunk) as usize;
        for _ in 0..number(runs, 12 + 12 * run) {
            let end = start + number(sizes, 12 + 4 * spans.len()) as usize;
            spans.push((start, end));
            start = end;
        }
    }
    assert_eq!(spans.len(), number(sizes, 8) as usize, "every sample lies in a chunk");
    spans
}

/// The sound of an MP4 as players play it, with silence for the samples that the file declares as delay.
pub(super) fn read_sound(path: &Path) -> Vec<Stereo> {
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

/// The content of a box inside others, of which the first of each name is taken.
pub(super) fn inside<'a>(bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
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

/// The fragments of a file: the boxes at its top level.
pub(super) fn boxes(bytes: &[u8]) -> Vec<String> {
    let (mut at, mut names) = (0, Vec::new());
    while at < bytes.len() {
        names.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        at += number(bytes, at) as usize;
    }
    assert_eq!(at, bytes.len(), "the last box is whole");
    names
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
