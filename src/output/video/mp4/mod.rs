//! H.264 and Opus in MP4: fragments while the video is made, one index in front when it is whole.

mod movie;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::media::Picture;
use crate::output::video::growing::Growing;
use crate::output::video::h264::{Coded, Coder, Effort};
use crate::output::video::opus::Opus;
use crate::output::video::part::{Part, unwritable};
use crate::output::video::{End, Position, VideoWriter};
use crate::output::{Error, Result};
use crate::provenance::Provenance;
use crate::sound::{RATE, Stereo};
use movie::{Chunk, Sample, Samples, Tracks};

/// Seconds of a fragment.
const FRAGMENT_SECS: f64 = 1.0;

/// A video that grows by a fragment each second. Whatever ends the program, it plays up to its last fragment. Its end makes it a
/// video with one index in front.
///
/// Memory holds one fragment, and a few bytes for each picture.
pub struct Mp4 {
    place: PathBuf,
    frame_rate: f64,
    coder: Coder,
    sound: Option<Opus>,
    /// Packets of sound to leave out: they are in the file already.
    replayed: usize,
    provenance: Option<Provenance>,
    /// The file. That of a recording appears with the first picture.
    file: Option<Growing>,
    tracks: Option<Tracks>,
    samples: Samples,
    /// The number of pictures and of packets in the file.
    written: (usize, usize),
    /// Compressed pictures, and packets, that are not in the file yet.
    waiting: (Vec<u8>, Vec<u8>),
    /// True after a failed write. The file then ends with its last whole fragment.
    is_broken: bool,
}

/// A point from which a video can go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// Bytes of the file.
    length: u64,
    tracks: Option<Tracks>,
    samples: Samples,
}

impl Mp4 {
    fn new(place: &Path, frame_rate: f64, effort: Effort) -> Self {
        Self {
            place: place.to_owned(),
            frame_rate,
            coder: Coder::new(place, frame_rate, effort),
            sound: None,
            replayed: 0,
            provenance: None,
            file: None,
            tracks: None,
            samples: Samples::default(),
            written: (0, 0),
            waiting: (Vec::new(), Vec::new()),
            is_broken: false,
        }
    }

    /// Begins a video whose fragments grow beside its place.
    pub fn open(place: &Path, frame_rate: f64) -> Result<Self> {
        // The name, the place and the space for a first file are tried before any picture is made.
        drop(Part::create(place)?);
        let file = Some(Growing::beside(place)?);
        Ok(Self { file, ..Self::new(place, frame_rate, Effort::Small) })
    }

    /// Continues a video.
    pub fn resume(place: &Path, frame_rate: f64, reached: Reached) -> Result<Self> {
        let Reached { length, tracks, samples } = reached;
        let mut video = Self::new(place, frame_rate, Effort::Small);
        video.file = Some(Growing::again(place, length)?);
        video.coder.begin_at(samples.pictures.len() as u64);
        video.written = (samples.pictures.len(), samples.packets.len());
        video.replayed = samples.packets.len();
        (video.tracks, video.samples) = (tracks, samples);
        Ok(video)
    }

    /// A recording, whose fragments grow at its place. It replaces no other file.
    pub fn recording(place: &Path, frame_rate: f64) -> Self {
        Self::new(place, frame_rate, Effort::Fast)
    }

    /// Describes the tracks, and writes the head of the file.
    fn begin(&mut self, first: &Coded) -> Result<()> {
        let sets = first
            .parameter_sets()
            .ok_or_else(|| Error::new(&self.place, "the H.264 encoder gives no parameters (a bug); report it"))?;
        let size = self.coder.size().unwrap_or_default();
        let tracks = Tracks { size, frame_rate: self.frame_rate, sets, has_sound: self.sound.is_some() };
        let text = self.provenance.as_ref().and_then(|provenance| provenance.text().ok());
        let head = tracks.head(text.as_deref()).map_err(|error| Error::new(&self.place, error))?;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(Growing::at(&self.place)?),
        };
        file.write(&head)?;
        self.tracks = Some(tracks);
        Ok(())
    }

    /// Writes all that waits as a fragment.
    fn flush(&mut self) -> Result<()> {
        let (Some(tracks), Some(file)) = (&self.tracks, &mut self.file) else { return Ok(()) };
        let pictures = (self.samples.pictures.len() - self.written.0) as u32;
        let packets = (self.samples.packets.len() - self.written.1) as u32;
        if pictures == 0 && packets == 0 {
            return Ok(());
        }
        let number = self.samples.chunks.len() as u32 + 1;
        let head = tracks.fragment(&self.samples, self.written, number);
        let mut bytes = head.map_err(|error| Error::new(&self.place, error))?;
        let start = file.len() + bytes.len() as u64;
        bytes.append(&mut self.waiting.0);
        bytes.append(&mut self.waiting.1);
        let written = file.write(&bytes);
        if written.is_ok() {
            self.samples.chunks.push(Chunk { start, pictures, packets });
            self.written = (self.samples.pictures.len(), self.samples.packets.len());
        } else {
            self.is_broken = true;
            self.samples.pictures.truncate(self.written.0);
            self.samples.packets.truncate(self.written.1);
        }
        written
    }

    fn push_packets(&mut self, packets: &[Vec<u8>]) -> Result<()> {
        let new = packets.iter().skip(self.replayed);
        self.replayed -= packets.len().min(self.replayed);
        if self.tracks.is_none() && !packets.is_empty() {
            return Err(Error::new(&self.place, "there is no picture yet"));
        }
        for packet in new {
            self.samples.packets.push(packet.len() as u32);
            self.waiting.1.extend(packet);
        }
        Ok(())
    }

    /// Ends the sound where the pictures end.
    fn end_sound(&mut self) -> Result<()> {
        let Some(sound) = self.sound.as_mut().filter(|_| self.tracks.is_some()) else { return Ok(()) };
        let packets = sound.finish((self.coder.secs() * f64::from(RATE)).round() as u64)?;
        self.push_packets(&packets)
    }

    /// The video with one index in front, beside its place.
    fn whole(&mut self) -> Result<Part> {
        let (Some(tracks), Some(file)) = (&self.tracks, &self.file) else {
            return Err(Error::new(&self.place, "no picture was recorded, so there is no file"));
        };
        if let Some(provenance) = &mut self.provenance {
            provenance.render.frames = self.samples.pictures.len() as u64;
        }
        let text = self.provenance.as_ref().map(Provenance::text).transpose();
        let text = text.map_err(|problem| Error::new(&self.place, problem.message))?;
        let mut part = Part::create(&self.place)?;
        let copy = |part: &mut Part| -> io::Result<()> {
            let mut out = BufWriter::new(part);
            out.write_all(&tracks.finished(&self.samples, text.as_deref())?)?;
            for (chunk, pictures, packets) in self.samples.chunks() {
                file.copy(chunk.start, pictures + packets, &mut out)?;
            }
            out.flush()
        };
        copy(&mut part).map_err(|error| unwritable(&self.place, &error))?;
        Ok(part)
    }
}

impl VideoWriter for Mp4 {
    fn set_provenance(&mut self, provenance: &Provenance) -> Result<()> {
        provenance.text().map_err(|problem| Error::new(&self.place, problem.message))?;
        self.provenance = Some(provenance.clone());
        Ok(())
    }

    fn set_sound(&mut self) -> Result<()> {
        self.sound = Some(Opus::new(&self.place)?);
        Ok(())
    }

    fn push(&mut self, picture: &Picture) -> Result<()> {
        let coded = self.coder.encode(picture)?;
        if self.tracks.is_none() {
            self.begin(&coded)?;
        }
        let bytes = coded.with_lengths();
        self.samples.pictures.push(Sample { length: bytes.len() as u32, is_key: coded.is_key });
        self.waiting.0.extend(bytes);
        let waiting = self.samples.pictures.len() - self.written.0;
        if waiting as f64 >= FRAGMENT_SECS * self.frame_rate { self.flush() } else { Ok(()) }
    }

    fn push_sound(&mut self, samples: &[Stereo]) -> Result<()> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        let packets = sound.push(samples)?;
        self.push_packets(&packets)
    }

    fn settle(&mut self) -> Result<Position> {
        self.flush()?;
        self.coder.begin_at(self.samples.pictures.len() as u64);
        let length = self.file.as_mut().map_or(0, |file| {
            file.keep();
            file.len()
        });
        Ok(Position::Mp4(Reached { length, tracks: self.tracks.clone(), samples: self.samples.clone() }))
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<()> {
        let mut ended = Ok(());
        if !self.is_broken {
            ended = self.end_sound().and_then(|()| self.flush());
        }
        if let Some(file) = self.file.as_mut().filter(|_| end == End::Beside && self.written.0 > 0) {
            file.keep();
            return ended;
        }
        let whole = self.whole();
        let Some(file) = self.file.take() else { return whole.map(drop) };
        let grew_at_place = file.path() == self.place;
        let finished = match (whole, end) {
            (Ok(part), End::Whole) if grew_at_place => {
                // Some systems do not replace an open file.
                file.close();
                part.keep()
            }
            (Ok(part), End::Whole) => part.keep().map(|()| file.delete()),
            (Ok(part), End::Unfinished | End::Beside) => part.keep(),
            (Err(error), _) if self.written.0 == 0 && !grew_at_place => {
                file.delete();
                Err(error)
            }
            (Err(error), End::Whole) => {
                let moved = if grew_at_place { Ok(()) } else { file.move_to(&self.place) };
                moved.and_then(|()| {
                    let message = format!("{}; the video is complete, but players cannot jump in it", error.message);
                    Err(Error { message, ..error })
                })
            }
            (Err(error), End::Unfinished | End::Beside) => Err(error),
        };
        ended.and(finished)
    }
}
