//! MP4 in fragments: a recording that plays up to its last second, whatever ends the program.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muxide::api::AudioCodec;
use muxide::codec::{annexb_to_avcc, extract_avc_config};
use muxide::fragmented::{FragmentAudioConfig, FragmentConfig, FragmentedMuxer};

use crate::media::Picture;
use crate::output::video::VideoWriter;
use crate::output::video::h264::{Coded, Coder, Effort};
use crate::output::video::mp4::{Container, sound_length};
use crate::output::video::opus::{Opus, PACKET};
use crate::output::video::part::unwritable;
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::provenance::mp4::index_with;
use crate::sound::{RATE, Stereo};

/// Units of time per second of the pictures.
const TIMESCALE: u32 = 90_000;
/// Seconds of a fragment.
const FRAGMENT_SECS: f64 = 1.0;
/// The length of a start code, and of the length that stands in its place in a file.
const START: [u8; 4] = [0, 0, 0, 1];

/// A recording at its place from the first second on, with a fragment more each second. Its end replaces it with a video as
/// [`open`](super::open) makes it. It replaces no other file.
///
/// Compressed pictures are in memory only while the end is written.
pub struct Live {
    path: PathBuf,
    frame_rate: f64,
    coder: Coder,
    sound: Option<Opus>,
    provenance: Option<Provenance>,
    /// The file, from the first picture on.
    file: Option<File>,
    muxer: Option<FragmentedMuxer>,
    /// Bytes of the file.
    written: u64,
    pictures: Vec<Sample>,
    packets: Vec<Sample>,
    /// Pictures and packets that are in the file.
    flushed: (usize, usize),
    /// True after a failed write. The file then ends with its last whole fragment.
    is_broken: bool,
}

/// A compressed picture or packet of sound in the file.
struct Sample {
    start: u64,
    length: usize,
    is_key: bool,
}

impl Live {
    /// Begins a recording. The file appears with the first picture.
    pub fn new(path: &Path, frame_rate: f64) -> Self {
        Self {
            path: path.to_owned(),
            frame_rate,
            coder: Coder::new(path, frame_rate, Effort::Fast),
            sound: None,
            provenance: None,
            file: None,
            muxer: None,
            written: 0,
            pictures: Vec::new(),
            packets: Vec::new(),
            flushed: (0, 0),
            is_broken: false,
        }
    }

    /// Creates the file, and writes the index without pictures.
    fn begin(&mut self, first: &Coded) -> Result<()> {
        let sets = extract_avc_config(&first.bytes)
            .ok_or_else(|| Error::new(&self.path, "the H.264 encoder gives no parameters (a bug); report it"))?;
        let (width, height) = self.coder.size().unwrap_or_default();
        let mut config = FragmentConfig::new(width as u32, height as u32, TIMESCALE);
        (config.sps, config.pps) = (sets.sps, sets.pps);
        let muxer = if self.sound.is_some() {
            let sound = FragmentAudioConfig { codec: AudioCodec::Opus, sample_rate: RATE, channels: 2 };
            FragmentedMuxer::new_with_audio(config, sound)
        } else {
            FragmentedMuxer::new(config)
        };
        let mut muxer = muxer.map_err(|error| Error::new(&self.path, error))?;
        let head = self.with_patch(muxer.init_segment());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&self.path);
        self.file = Some(file.map_err(|error| unwritable(&self.path, &error))?);
        self.muxer = Some(muxer);
        self.write(&head)
    }

    /// The head of the file with the patch in its index.
    fn with_patch(&self, head: Vec<u8>) -> Vec<u8> {
        let text = self.provenance.as_ref().and_then(|provenance| provenance.text().ok());
        // The index follows the box of the file type, and ends the head.
        let start = head.first_chunk::<4>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        let index = head.get(start + 8..);
        let with = text.zip(index).and_then(|(text, index)| index_with(index, u64::MAX, &text));
        let Some(with) = with else { return head };
        let size = (8 + with.len() as u32).to_be_bytes();
        [&head[..start], &size, b"moov", &with].concat()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = &mut self.file else { return Err(Error::new(&self.path, "there is no picture yet")) };
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        written.map_err(|error| unwritable(&self.path, &error))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Writes what waits as a fragment.
    fn flush(&mut self) -> Result<()> {
        let Some(fragment) = self.muxer.as_mut().and_then(FragmentedMuxer::flush_segment) else { return Ok(()) };
        let (pictures, packets) = (&mut self.pictures[self.flushed.0..], &mut self.packets[self.flushed.1..]);
        // The pictures and then the packets end the fragment.
        let length: usize = pictures.iter().chain(packets.iter()).map(|sample| sample.length).sum();
        let mut start = self.written + (fragment.len() - length) as u64;
        for sample in pictures.iter_mut().chain(packets) {
            sample.start = start;
            start += sample.length as u64;
        }
        let written = self.write(&fragment);
        if written.is_err() {
            self.is_broken = true;
            self.pictures.truncate(self.flushed.0);
            self.packets.truncate(self.flushed.1);
            if let Some(file) = &self.file {
                // The first error is the one to report. Players also read a file that ends within a fragment.
                let _ = file.set_len(self.written);
            }
        }
        self.flushed = (self.pictures.len(), self.packets.len());
        written
    }

    fn push_packets(&mut self, packets: &[Vec<u8>]) -> Result<()> {
        let Some(muxer) = &mut self.muxer else { return Err(Error::new(&self.path, "there is no picture yet")) };
        for packet in packets {
            let time = (self.packets.len() * PACKET) as u64;
            muxer.write_audio(time, time, packet).map_err(|error| Error::new(&self.path, error))?;
            self.packets.push(Sample { start: 0, length: packet.len(), is_key: true });
        }
        Ok(())
    }

    /// Puts a video with its index in front at the place of the fragments.
    fn replace(&mut self) -> Result<()> {
        let size = self.coder.size().unwrap_or_default();
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut whole = Container::create(&self.path, self.frame_rate)?;
        if let Some(provenance) = &mut self.provenance {
            provenance.render.frames = self.pictures.len() as u64;
            whole.set_provenance(provenance)?;
        }
        let mut read = |sample: &Sample| {
            let mut bytes = vec![0; sample.length];
            let read = file.seek(SeekFrom::Start(sample.start)).and_then(|_| file.read_exact(&mut bytes));
            read.map(|()| bytes).map_err(|error| unwritable(&self.path, &error))
        };
        for (number, picture) in self.pictures.iter().enumerate() {
            whole.check()?;
            let coded = Coded { bytes: with_start_codes(read(picture)?), is_key: picture.is_key };
            whole.push(&coded, number as f64 / self.frame_rate, size, self.sound.is_some())?;
        }
        for packet in &self.packets {
            whole.push_sound(&read(packet)?)?;
        }
        // Some systems do not replace an open file.
        self.file = None;
        whole.finish()
    }
}

impl VideoWriter for Live {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        provenance.text().map_err(|problem| Error::new(&self.path, problem.message))?;
        self.provenance = Some(provenance.clone());
        Ok(())
    }

    fn set_sound(&mut self) -> Result<()> {
        self.sound = Some(Opus::new(&self.path)?);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        let time = (self.coder.secs() * f64::from(TIMESCALE)).round() as u64;
        let coded = self.coder.encode(picture)?;
        if self.muxer.is_none() {
            self.begin(&coded)?;
        }
        let bytes = annexb_to_avcc(&coded.bytes);
        if let Some(muxer) = &mut self.muxer {
            let written = muxer.write_video(time, time, &bytes, coded.is_key);
            written.map_err(|error| Error::new(&self.path, error))?;
        }
        self.pictures.push(Sample { start: 0, length: bytes.len(), is_key: coded.is_key });
        let waiting = self.pictures.len() - self.flushed.0;
        if waiting as f64 >= FRAGMENT_SECS * self.frame_rate { self.flush() } else { Ok(()) }
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        let packets = sound.push(samples)?;
        self.push_packets(&packets)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.is_broken {
            if let Some(sound) = &mut self.sound {
                let packets = sound.finish(sound_length(self.coder.secs()))?;
                self.push_packets(&packets)?;
            }
            self.flush()?;
        }
        self.replace().map_err(|error| {
            let message = format!("{}; the recording is complete, but players cannot jump in it", error.message);
            Error { message, ..error }
        })
    }
}

/// A compressed picture of a file, with start codes in the places of its lengths.
fn with_start_codes(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(length) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>()) {
        let next = at.saturating_add(4).saturating_add(u32::from_be_bytes(*length) as usize);
        *length = START;
        at = next;
    }
    bytes
}
