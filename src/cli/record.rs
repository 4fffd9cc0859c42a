//! Writing of pictures to a video, with sound and provenance.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::files::Files;
use crate::engine::model::FRAME_RATE;
use crate::media::Picture;
use crate::output::sidecar;
use crate::output::video::VideoWriter;
use crate::provenance::{self, Provenance};
use crate::sound::{RATE, Samples};

/// A picture, and true if the patch records it.
pub(super) type Shot = (Arc<Picture>, bool);

/// Writes those of the first `wanted` pictures of `step` that the patch records, each with the sound of its time.
/// Returns the number of written pictures. A video that fails on the way keeps the pictures written so far.
pub(super) fn record(
    mut video: Box<dyn VideoWriter>,
    wanted: u64,
    mut provenance: Option<&mut Provenance>,
    mut sound: Option<Samples>,
    mut step: impl FnMut() -> Result<Vec<Shot>, Failure>,
) -> (u64, Result<(), Failure>) {
    let (mut made, mut written) = (0, 0);
    if let Some(provenance) = &mut provenance {
        provenance.render.frames = wanted;
        if let Err(error) = video.set_provenance(provenance) {
            return (0, Err(output(&error)));
        }
    }
    if sound.is_some()
        && let Err(error) = video.set_sound()
    {
        return (0, Err(output(&error)));
    }
    let mut write = || -> Result<(), Failure> {
        while made < wanted {
            for (picture, recorded) in step()?.into_iter().take((wanted - made) as usize) {
                made += 1;
                let piece = sound.as_mut().map(|sound| sound.read((sound_until(made) - sound.position()) as usize));
                if recorded {
                    video.push(&picture).map_err(|error| output(&error))?;
                    written += 1;
                    if let Some(piece) = piece {
                        video.push_sound(&piece).map_err(|error| output(&error))?;
                    }
                }
            }
        }
        Ok(())
    };
    let ended = write();
    let finish = || -> crate::output::Result<()> {
        if let Some(provenance) = provenance.filter(|provenance| provenance.render.frames != written) {
            provenance.render.frames = written;
            video.set_provenance(provenance)?;
        }
        video.finish()
    };
    match ended {
        Ok(()) if written == 0 => {
            let why = format!(
                "output.record was off in all of the {wanted} pictures, so there is no video; turn it on, or choose another part of a take with --start"
            );
            (0, Err(Failure::Failed(why)))
        }
        Ok(()) => match finish() {
            Ok(()) => (written, Ok(())),
            Err(error) => (0, Err(output(&error))),
        },
        Err(Failure::Failed(why)) if written > 0 => match finish() {
            Ok(()) => (written, Err(Failure::Failed(format!("{why}; {written} of {wanted} pictures are kept")))),
            Err(error) => (0, Err(Failure::Failed(format!("{why}; no pictures are kept: {error}")))),
        },
        Err(failure) => (0, Err(failure)),
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

        fn finish(self: Box<Self>) -> crate::output::Result<()> {
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
            let video = Box::new(Short { room, kept: finished.clone(), claimed: claimed.clone(), pushed: 0 });
            let mut provenance = rendered();
            let mut made = 0;
            let (reported, recorded) = record(video, 10, Some(&mut provenance), None, || {
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
            let video = Box::new(Short { room: 99, kept: finished.clone(), claimed: claimed.clone(), pushed: 0 });
            let mut provenance = rendered();
            let mut made = 0;
            let (reported, recorded) = record(video, wanted, Some(&mut provenance), None, || {
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
