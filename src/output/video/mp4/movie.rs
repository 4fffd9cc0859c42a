//! The boxes of an MP4 (ISO/IEC 14496-12): tracks, fragments, and the index of a finished video.

use std::io;

use mp4_atom::{
    Audio, Avc1, Avcc, Co64, Codec, Dinf, Dops, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mfhd, Minf,
    Moof, Moov, Mvex, Mvhd, Opus as OpusEntry, Smhd, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts,
    SttsEntry, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, TrunSamples, Url, Visual, Vmhd,
};
use serde::{Deserialize, Serialize};

use crate::output::video::opus::{DELAY, PACKET};
use crate::provenance::mp4::index_with;
use crate::sound::RATE;

/// Units of time per second of pictures.
const TIMESCALE: u32 = 90_000;
/// The flags of a sample that decodes on its own, and of one that depends on others.
const KEY: u32 = 0x0200_0000;
const DEPENDENT: u32 = 0x0101_0000;
/// The tracks.
const PICTURES: u32 = 1;
const SOUND: u32 = 2;

/// The description of a video's tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tracks {
    /// Width and height.
    pub size: (usize, usize),
    /// Pictures per second.
    pub frame_rate: f64,
    /// The parameter sets of H.264: SPS and PPS.
    pub sets: (Vec<u8>, Vec<u8>),
    /// True if there is a track of sound.
    pub has_sound: bool,
}

/// A compressed picture in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Bytes.
    pub length: u32,
    /// True if it decodes on its own.
    pub is_key: bool,
}

/// Pictures and then packets of sound that lie together in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its place in the file.
    pub start: u64,
    /// The number of pictures.
    pub pictures: u32,
    /// The number of packets.
    pub packets: u32,
}

/// The samples of a video, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The pictures.
    pub pictures: Vec<Sample>,
    /// The lengths of the packets of sound.
    pub packets: Vec<u32>,
    /// The chunks.
    pub chunks: Vec<Chunk>,
}

impl Samples {
    /// Each chunk with the bytes of its pictures and of its packets.
    pub fn chunks(&self) -> impl Iterator<Item = (&Chunk, u64, u64)> {
        let (mut pictures, mut packets) = (self.pictures.iter(), self.packets.iter());
        self.chunks.iter().map(move |chunk| {
            let of_pictures = pictures.by_ref().take(chunk.pictures as usize).map(|it| u64::from(it.length)).sum();
            let of_packets = packets.by_ref().take(chunk.packets as usize).map(|&it| u64::from(it)).sum();
            (chunk, of_pictures, of_packets)
        })
    }
}

impl Tracks {
    /// The start of a picture, in units of the timescale.
    fn time(&self, picture: usize) -> u64 {
        (picture as f64 * f64::from(TIMESCALE) / self.frame_rate).round() as u64
    }

    /// Durations of pictures, in units of the timescale. Rounding errors do not add up.
    fn durations(&self, pictures: std::ops::Range<usize>) -> impl Iterator<Item = u32> {
        pictures.map(|number| (self.time(number + 1) - self.time(number)) as u32)
    }

    /// The beginning of a file that grows by fragments, with a text in its index.
    pub fn head(&self, text: Option<&str>) -> io::Result<Vec<u8>> {
        let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
        let ids = [PICTURES].into_iter().chain(self.has_sound.then_some(SOUND));
        let mvex = Mvex { mehd: None, trex: ids.map(trex).collect() };
        let moov = Moov { mvex: Some(mvex), ..self.index(&Samples::default(), 0)? };
        let mut bytes = brands(&[b"iso6", b"iso5", b"mp41", b"avc1"])?;
        bytes.extend(with_text(&encoded(&moov)?, text));
        Ok(bytes)
    }

    /// A fragment: the box of its samples, and the header of the data that follows.
    pub fn fragment(&self, samples: &Samples, first: (usize, usize), number: u32) -> io::Result<Vec<u8>> {
        let (pictures, packets) = (&samples.pictures[first.0..], &samples.packets[first.1..]);
        let of_pictures: u64 = pictures.iter().map(|it| u64::from(it.length)).sum();
        let of_packets: u64 = packets.iter().map(|&it| u64::from(it)).sum();
        let entry = |(sample, duration): (&Sample, u32)| TrunEntry {
            duration: Some(duration),
            size: Some(sample.length),
            flags: Some(if sample.is_key { KEY } else { DEPENDENT }),
            cts: None,
        };
        let durations = self.durations(first.0..samples.pictures.len());
        let pictures: Vec<TrunEntry> = pictures.iter().zip(durations).map(entry).collect();
        let packet = |&length: &u32| TrunEntry {
            duration: Some(PACKET as u32),
            size: Some(length),
            flags: Some(KEY),
            cts: None,
        };
        let packets: Vec<TrunEntry> = packets.iter().map(packet).collect();
        let track = |track_id, time, entries: &[TrunEntry], offset: u64| Traf {
            tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: time }),
            trun: vec![Trun { data_offset: Some(offset as i32), samples: TrunSamples::Explicit(entries.to_vec()) }],
            ..Traf::default()
        };
        let moof = |start: u64| {
            let pictures = track(PICTURES, self.time(first.0), &pictures, start);
            let time = (first.1 * PACKET) as u64;
            let sound = (!packets.is_empty()).then(|| track(SOUND, time, &packets, start + of_pictures));
            Moof { mfhd: Mfhd { sequence_number: number }, traf: [pictures].into_iter().chain(sound).collect() }
        };
        // The offset is that of the data behind this box and the header of the data.
        let length = encoded(&moof(0))?.len() as u64;
        let mut bytes = encoded(&moof(length + 8))?;
        bytes.extend(data_header(of_pictures + of_packets));
        Ok(bytes)
    }

    /// The beginning of a finished video: its index with a text, and the header of the data that follows.
    pub fn finished(&self, samples: &Samples, text: Option<&str>) -> io::Result<Vec<u8>> {
        let data: u64 = samples.chunks().map(|(_, pictures, packets)| pictures + packets).sum();
        let head = |start: u64| -> io::Result<Vec<u8>> {
            let mut bytes = brands(&[b"isom", b"iso2", b"avc1", b"mp41"])?;
            bytes.extend(with_text(&encoded(&self.index(samples, start)?)?, text));
            bytes.extend(data_header(data));
            Ok(bytes)
        };
        // The places in the index depend on its length. Wide places make it longer once.
        let mut start = 0;
        let mut bytes = head(start)?;
        while bytes.len() as u64 != start {
            start = bytes.len() as u64;
            bytes = head(start)?;
        }
        Ok(bytes)
    }

    /// The index of samples whose data begins at `start`.
    fn index(&self, samples: &Samples, start: u64) -> io::Result<Moov> {
        let (width, height) = (self.size.0 as u16, self.size.1 as u16);
        let duration = self.time(samples.pictures.len());
        let mut offset = start;
        let (mut places, mut sound_places) = (Vec::new(), Vec::new());
        let (mut counts, mut sound_counts) = (Vec::new(), Vec::new());
        for (chunk, of_pictures, of_packets) in samples.chunks() {
            for (count, length, places, counts) in [
                (chunk.pictures, of_pictures, &mut places, &mut counts),
                (chunk.packets, of_packets, &mut sound_places, &mut sound_counts),
            ] {
                if count > 0 {
                    places.push(offset);
                    counts.push(count);
                    offset += length;
                }
            }
        }
        let avcc = Avcc::new(&self.sets.0, &self.sets.1).map_err(io::Error::other)?;
        let visual = Visual { data_reference_index: 1, width, height, ..Visual::default() };
        let avc1 = Avc1 { visual, avcc, btrt: None, colr: None, pasp: None, taic: None, fiel: None, spatial: None };
        let keys = samples.pictures.iter().zip(1u32..).filter(|(sample, _)| sample.is_key).map(|(_, n)| n).collect();
        let table = Table {
            codec: Codec::Avc1(avc1),
            durations: runs(self.durations(0..samples.pictures.len())),
            keys: Some(keys),
            sizes: samples.pictures.iter().map(|sample| sample.length).collect(),
            counts,
            places,
        };
        let pictures = Trak {
            tkhd: Tkhd {
                track_id: PICTURES,
                duration,
                enabled: true,
                in_movie: true,
                width: width.into(),
                height: height.into(),
                ..Tkhd::default()
            },
            mdia: Mdia {
                mdhd: media(TIMESCALE, duration),
                hdlr: handler(*b"vide"),
                minf: Minf { vmhd: Some(Vmhd::default()), dinf: own_data(), stbl: table.boxes(), ..Minf::default() },
            },
            ..Trak::default()
        };
        let sound = self.has_sound.then(|| sound(samples, duration, sound_counts, sound_places));
        let trak: Vec<Trak> = [pictures].into_iter().chain(sound).collect();
        let mvhd = Mvhd {
            timescale: TIMESCALE,
            duration,
            rate: 1.into(),
            volume: 1.into(),
            next_track_id: trak.len() as u32 + 1,
            ..Mvhd::default()
        };
        Ok(Moov { mvhd, trak, ..Moov::default() })
    }
}

/// The track of sound.
fn sound(samples: &Samples, duration: u64, counts: Vec<u32>, places: Vec<u64>) -> Trak {
    let audio = Audio { data_reference_index: 1, channel_count: 2, sample_size: 16, sample_rate: (RATE as u16).into() };
    let dops = Dops {
        output_channel_count: 2,
        pre_skip: DELAY as u16,
        input_sample_rate: RATE,
        output_gain: 0,
        channel_mapping: None,
    };
    let packets = samples.packets.len() as u32;
    let table = Table {
        codec: Codec::Opus(OpusEntry { audio, dops, btrt: None }),
        durations: runs((0..packets).map(|_| PACKET as u32)),
        keys: None,
        sizes: samples.packets.clone(),
        counts,
        places,
    };
    Trak {
        tkhd: Tkhd {
            track_id: SOUND,
            duration,
            enabled: true,
            in_movie: true,
            alternate_group: 1,
            volume: 1.into(),
            ..Tkhd::default()
        },
        mdia: Mdia {
            mdhd: media(RATE, u64::from(packets) * PACKET as u64),
            hdlr: handler(*b"soun"),
            minf: Minf { smhd: Some(Smhd::default()), dinf: own_data(), stbl: table.boxes(), ..Minf::default() },
        },
        ..Trak::default()
    }
}

/// The tables of a track.
struct Table {
    codec: Codec,
    durations: Vec<SttsEntry>,
    keys: Option<Vec<u32>>,
    sizes: Vec<u32>,
    /// The number of samples in each chunk.
    counts: Vec<u32>,
    /// The places of the chunks.
    places: Vec<u64>,
}

impl Table {
    fn boxes(self) -> Stbl {
        let mut stsc: Vec<StscEntry> = Vec::new();
        for (count, number) in self.counts.iter().zip(1..) {
            if stsc.last().is_none_or(|last| last.samples_per_chunk != *count) {
                stsc.push(StscEntry { first_chunk: number, samples_per_chunk: *count, sample_description_index: 1 });
            }
        }
        let narrow: Option<Vec<u32>> = self.places.iter().map(|&place| u32::try_from(place).ok()).collect();
        let (stco, co64) = match narrow {
            Some(entries) => (Some(Stco { entries }), None),
            None => (None, Some(Co64 { entries: self.places })),
        };
        Stbl {
            stsd: Stsd { codecs: vec![self.codec] },
            stts: Stts { entries: self.durations },
            stss: self.keys.map(|entries| Stss { entries }),
            stsc: Stsc { entries: stsc },
            stsz: Stsz { samples: StszSamples::Different { sizes: self.sizes } },
            stco,
            co64,
            ..Stbl::default()
        }
    }
}

/// Equal durations that follow one another, counted.
fn runs(durations: impl Iterator<Item = u32>) -> Vec<SttsEntry> {
    let mut runs: Vec<SttsEntry> = Vec::new();
    for sample_delta in durations {
        match runs.last_mut() {
            Some(run) if run.sample_delta == sample_delta => run.sample_count += 1,
            _ => runs.push(SttsEntry { sample_count: 1, sample_delta }),
        }
    }
    runs
}

fn media(timescale: u32, duration: u64) -> Mdhd {
    Mdhd { creation_time: 0, modification_time: 0, timescale, duration, language: "und".to_owned() }
}

fn handler(kind: [u8; 4]) -> Hdlr {
    let name = if kind == *b"vide" { "VideoHandler" } else { "SoundHandler" };
    Hdlr { handler: FourCC::new(&kind), name: name.to_owned() }
}

/// The data lies in the same file.
fn own_data() -> Dinf {
    Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url { location: String::new() })] } }
}

fn brands(brands: &[&[u8; 4]]) -> io::Result<Vec<u8>> {
    let compatible_brands: Vec<FourCC> = brands.iter().map(|brand| FourCC::new(brand)).collect();
    encoded(&Ftyp { major_brand: compatible_brands[0], minor_version: 512, compatible_brands })
}

/// The header of media data. It has its long form from 4 GiB on.
fn data_header(length: u64) -> Vec<u8> {
    match u32::try_from(length + 8) {
        Ok(short) => [&short.to_be_bytes(), &b"mdat"[..]].concat(),
        Err(_) => [&1u32.to_be_bytes(), &b"mdat"[..], &(length + 16).to_be_bytes()].concat(),
    }
}

fn encoded(atom: &impl Encode) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    atom.encode(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// An index with a text. An index that cannot take the text stays as it is.
fn with_text(moov: &[u8], text: Option<&str>) -> Vec<u8> {
    let with = text.and_then(|text| index_with(&moov[8..], u64::MAX, text));
    let Some(content) = with else { return moov.to_vec() };
    [&(8 + content.len() as u32).to_be_bytes(), &b"moov"[..], &content].concat()
}
