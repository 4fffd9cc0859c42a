//! Writing of pictures to a video, with sound and provenance.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Failure;
use super::files::Files;
use crate::engine::model::FRAME_RATE;
use crate::media::Picture;
use crate::output::sidecar;
use crate::output::video::{End, VideoWriter};
use crate::provenance::{self, Provenance};
use crate::sound::{RATE, Samples, Stereo};

/// A picture, and true if the patch records it.
pub(super) type Shot = (Arc<Picture>, bool);

/// The maker of pictures.
pub(super) trait Maker {
    /// Makes one step. Returns its pictures.
    fn step(&mut self) -> Result<Vec<Shot>, Failure>;

    /// Looks at the videos after each step. Returns the reason for which they are to end now.
    fn look(&mut self, reached: &Reached, videos: &mut [Box<dyn VideoWriter>]) -> Result<Option<String>, Failure> {
        let _ = (reached, videos);
        Ok(None)
    }

    /// True if the videos can go on from a checkpoint, which ends after them.
    fn is_kept(&self) -> bool {
        false
    }

    /// The end of videos that are not whole.
    fn early_end(&self) -> End {
        End::Whole
    }
}

impl<F: FnMut() -> Result<Vec<Shot>, Failure>> Maker for F {
    fn step(&mut self) -> Result<Vec<Shot>, Failure> {
        self()
    }
}

/// The progress of a recording.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reached {
    /// Pictures that are made.
    pub(super) made: u64,
    /// Pictures in the videos.
    pub(super) written: u64,
    /// The parts of the sound that are in the videos, in samples.
    sound: Vec<Range<u64>>,
}

/// Videos that get the same pictures.
pub(super) struct Recording<'a> {
    /// The videos.
    pub(super) videos: Vec<Box<dyn VideoWriter>>,
    /// The number of pictures to make.
    pub(super) wanted: u64,
    /// Those of them that dissolve into the first ones, at the end of a loop.
    pub(super) overlap: u64,
    /// The patch and its render.
    pub(super) provenance: Option<&'a mut Provenance>,
    /// The sound, from the first picture on.
    pub(super) sound: Option<Samples>,
    /// The progress of an earlier recording that goes on.
    pub(super) reached: Reached,
}

impl Recording<'_> {
    /// Writes those of the wanted pictures that the patch records, each with the sound of its time. Returns the number of
    /// written pictures. Videos that fail on the way keep the pictures written so far.
    pub(super) fn run(mut self, maker: &mut impl Maker) -> (u64, Result<(), Failure>) {
        if let Err(failure) = self.begin() {
            return self.discarded(failure);
        }
        let (ended, wanted) = (self.write(maker), self.wanted - self.overlap);
        let written = self.kept();
        let end = maker.early_end();
        match ended {
            Ok(None) if written == 0 => {
                let why = format!(
                    "output.record was off in all of the {wanted} pictures, so there is no video; turn it on, or choose another part of a take with --start"
                );
                self.discarded(Failure::Failed(why))
            }
            // The files that they grow in are deleted after the checkpoint.
            Ok(None) => match self.finish(if maker.is_kept() { End::Unfinished } else { End::Whole }) {
                Ok(()) => (written, Ok(())),
                Err(error) if maker.is_kept() => (written, Err(output(&error))),
                Err(error) => (0, Err(output(&error))),
            },
            Ok(Some(why)) | Err(Failure::Failed(why)) if written > 0 => match self.finish(end) {
                Ok(()) => (
                    written,
                    Err(Failure::Failed(format!("{why}; {} of {wanted} pictures {} kept", written, are(written)))),
                ),
                Err(error) if end != End::Whole => {
                    (written, Err(Failure::Failed(format!("{why}; the video could not be finished: {error}"))))
                }
                Err(error) => (0, Err(Failure::Failed(format!("{why}; no pictures are kept: {error}")))),
            },
            // They stay as they are, and go on from their checkpoint.
            Ok(Some(why)) | Err(Failure::Failed(why)) if end != End::Whole => {
                (0, Err(Failure::Failed(format!("{why}; there is no picture yet"))))
            }
            Ok(Some(why)) => self.discarded(Failure::Failed(format!("{why}; there is no picture yet"))),
            Err(failure) => self.discarded(failure),
        }
    }

    /// The number of pictures in the videos.
    const fn kept(&self) -> u64 {
        in_loop(self.reached.written, self.overlap)
    }

    /// The end of videos without a picture. They leave no file.
    fn discarded(self, failure: Failure) -> (u64, Result<(), Failure>) {
        if self.reached.written == 0 {
            self.discard();
        }
        (0, Err(failure))
    }

    /// Deletes the files of videos without a picture.
    pub(super) fn discard(self) {
        // That there is no picture is known.
        let _ = self.finish(End::Whole);
    }

    /// Prepares the videos. The sound of an earlier recording goes through them again.
    fn begin(&mut self) -> Result<(), Failure> {
        if let Some(provenance) = &mut self.provenance {
            provenance.render.frames = self.wanted - self.overlap;
            let mut videos = self.videos.iter_mut();
            videos.try_for_each(|video| video.set_provenance(provenance)).map_err(|error| output(&error))?;
        }
        let Some(sound) = &mut self.sound else { return Ok(()) };
        self.videos.iter_mut().try_for_each(|video| video.set_sound()).map_err(|error| output(&error))?;
        for part in &self.reached.sound {
            drop_until(sound, part.start);
            while sound.position() < part.end {
                let piece = sound.read((part.end - sound.position()).min(u64::from(RATE)) as usize);
                for video in &mut self.videos {
                    video.push_sound(&piece).map_err(|error| output(&error))?;
                }
            }
        }
        drop_until(sound, sound_until(self.reached.made));
        Ok(())
    }

    /// Returns the reason of an early end.
    fn write(&mut self, maker: &mut impl Maker) -> Result<Option<String>, Failure> {
        while self.reached.made < self.wanted {
            let left = (self.wanted - self.reached.made) as usize;
            for (picture, recorded) in maker.step()?.into_iter().take(left) {
                self.reached.made += 1;
                let end = sound_until(self.reached.made);
                let piece = self.sound.as_mut().map(|sound| sound.read((end - sound.position()) as usize));
                if recorded {
                    self.push(&picture, end, piece.as_deref()).map_err(|error| output(&error))?;
                }
            }
            if self.reached.made < self.wanted
                && let Some(why) = maker.look(&self.reached, &mut self.videos)?
            {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    /// Adds a picture with its sound, which ends at a sample.
    fn push(&mut self, picture: &Picture, end: u64, sound: Option<&[Stereo]>) -> crate::output::Result<()> {
        for video in &mut self.videos {
            video.push(picture)?;
            if let Some(sound) = sound {
                video.push_sound(sound)?;
            }
        }
        self.reached.written += 1;
        if let Some(sound) = sound {
            let begin = end - sound.len() as u64;
            match self.reached.sound.last_mut() {
                Some(last) if last.end == begin => last.end = end,
                _ => self.reached.sound.push(begin..end),
            }
        }
        Ok(())
    }

    fn finish(self, end: End) -> crate::output::Result<()> {
        let Self { videos, provenance, overlap, reached, .. } = self;
        let mut ended = Ok(());
        let provenance = provenance.map(|provenance| {
            provenance.render.frames = in_loop(reached.written, overlap);
            &*provenance
        });
        for mut video in videos {
            let named = provenance.map_or(Ok(()), |provenance| video.set_provenance(provenance));
            ended = ended.and(named.and_then(|()| video.finish(end)));
        }
        ended
    }
}

/// The pictures in a video that has got so many, with an overlap that is not in it. A video that ends within the overlap has its pictures.
const fn in_loop(written: u64, overlap: u64) -> u64 {
    if written > overlap { written - overlap } else { written }
}

/// The verb for a number of things.
const fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Leaves out the sound before a sample.
fn drop_until(sound: &mut Samples, end: u64) {
    while sound.position() < end {
        sound.read((end - sound.position()).min(u64::from(RATE)) as usize);
    }
}

/// End of the first `pictures` pictures, in samples of sound.
fn sound_until(pictures: u64) -> u64 {
    (pictures as f64 / FRAME_RATE * f64::from(RATE)).round() as u64
}

/// Writes the sidecar of a video. A file of another kind in its place stays, and a warning is returned.
pub(super) fn write_sidecar(video: &Path, files: &Files, provenance: &Provenance) -> Result<Option<String>, Failure> {
    let place = provenance::sidecar::path(video);
    if let Some(input) = files.input_at(&place) {
        return Ok(Some(format!(
            "{}: this is {input}, left as it is; give the video another name to keep a record",
            place.display()
        )));
    }
    match sidecar::write(&place, provenance) {
        Ok(()) => Ok(None),
        Err(error) if place.exists() => Ok(Some(error.to_string())),
        Err(error) => Err(output(&error)),
    }
}

pub(super) fn output(error: &crate::output::Error) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use bendrack_nodes::patch::Patch;
    use serde_json::json;

    use super::*;
    use crate::output::Error;
    use crate::output::video::Position;

    /// A video with room for some pictures, which publishes their number at its end.
    struct Short {
        room: usize,
        kept: Arc<AtomicUsize>,
        /// The number of frames in its provenance.
        claimed: Arc<AtomicU64>,
        pushed: usize,
    }

    impl VideoWriter for Short {
        fn set_provenance(&mut self, provenance: &Provenance) -> crate::output::Result<()> {
            self.claimed.store(provenance.render.frames, Ordering::Relaxed);
            Ok(())
        }

        fn push(&mut self, _: &Picture) -> crate::output::Result<()> {
            if self.pushed == self.room {
                return Err(Error::new(Path::new("a.mp4"), "full"));
            }
            self.pushed += 1;
            Ok(())
        }

        fn settle(&mut self) -> crate::output::Result<Position> {
            Ok(Position::Pictures(self.pushed))
        }

        fn finish(self: Box<Self>, _: End) -> crate::output::Result<()> {
            self.kept.store(self.pushed, Ordering::Relaxed);
            Ok(())
        }
    }

    fn rendered() -> Provenance {
        let render = json!({
            "bendrack": "0", "model": "", "family": "", "model_sha256": "", "seed": 0, "size": [0, 0], "zoom": 1,
            "exact": false, "frames": 0, "frame_rate": 16,
        });
        let render = serde_json::from_value(render).expect("a render");
        Provenance { patch: Patch::default(), render }
    }

    fn recording(video: Short, wanted: u64, provenance: &mut Provenance) -> Recording<'_> {
        let (videos, reached) = (vec![Box::new(video) as Box<dyn VideoWriter>], Reached::default());
        Recording { videos, wanted, overlap: 0, provenance: Some(provenance), sound: None, reached }
    }

    #[test]
    fn pictures_before_a_failure_are_kept() {
        // Room in the video, successful steps of three pictures, pictures kept of ten.
        for (room, steps, kept, message) in [
            (99, 99, 10, None),
            (7, 99, 7, Some("full; 7 of 10 pictures are kept")),
            (99, 2, 6, Some("the model broke; 6 of 10 pictures are kept")),
            (0, 99, 0, Some("full")),
            (99, 0, 0, Some("the model broke")),
        ] {
            let finished = Arc::new(AtomicUsize::new(0));
            let claimed = Arc::new(AtomicU64::new(0));
            let video = Short { room, kept: finished.clone(), claimed: claimed.clone(), pushed: 0 };
            let mut provenance = rendered();
            let mut made = 0;
            let (reported, recorded) = recording(video, 10, &mut provenance).run(&mut || {
                made += 1;
                if made > steps {
                    return Err(Failure::Failed("the model broke".to_owned()));
                }
                Ok(vec![(Arc::default(), true); 3])
            });
            assert_eq!(finished.load(Ordering::Relaxed), kept);
            assert_eq!(reported, kept as u64);
            assert!(kept == 0 || claimed.load(Ordering::Relaxed) == kept as u64);
            match (recorded, message) {
                (Ok(()), None) => {}
                (Err(Failure::Failed(why)), Some(message)) => assert!(why.ends_with(message), "{why}"),
                _ => panic!("{room} {steps}: expected {message:?}"),
            }
        }
    }

    /// Pictures that the patch leaves out are made and counted, and not written.
    #[test]
    fn the_gate_of_the_recorder_selects_pictures() {
        for (wanted, kept, message) in [(10, 5, None), (1, 0, Some("output.record was off in all of the 1 pictures"))] {
            let (finished, claimed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
            let video = Short { room: 99, kept: finished.clone(), claimed: claimed.clone(), pushed: 0 };
            let mut provenance = rendered();
            let mut made = 0;
            let (reported, recorded) = recording(video, wanted, &mut provenance).run(&mut || {
                made += 1;
                Ok(vec![(Arc::default(), false), (Arc::default(), true)])
            });
            assert_eq!((made, reported), (wanted.div_ceil(2), kept));
            assert_eq!((finished.load(Ordering::Relaxed) as u64, provenance.render.frames.min(kept)), (kept, kept));
            assert!(kept == 0 || claimed.load(Ordering::Relaxed) == kept);
            match (recorded, message) {
                (Ok(()), None) => {}
                (Err(Failure::Failed(why)), Some(message)) => assert!(why.starts_with(message), "{why}"),
                _ => panic!("{wanted}: expected {message:?}"),
            }
        }
    }
}
