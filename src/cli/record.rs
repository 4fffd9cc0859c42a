//! Pictures into a video, with what they say of where they come from.

use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::files::Files;
use crate::media::Picture;
use crate::output::sidecar;
use crate::output::video::VideoWriter;
use crate::provenance::{self, Provenance};

/// A picture, and whether the patch wants it in the video.
pub(super) type Shot = (Arc<Picture>, bool);

/// Writes those of the first `wanted` pictures that `step` brings which the patch wants in the video, and says how many are kept. Of a
/// video that fails on the way, what was written is kept.
pub(super) fn record(
    mut video: Box<dyn VideoWriter>,
    wanted: u64,
    mut provenance: Option<&mut Provenance>,
    mut step: impl FnMut() -> Result<Vec<Shot>, Failure>,
) -> (u64, Result<(), Failure>) {
    let (mut made, mut written) = (0, 0);
    if let Some(provenance) = &mut provenance {
        provenance.render.frames = wanted;
        if let Err(error) = video.set_provenance(provenance) {
            return (0, Err(output(&error)));
        }
    }
    let mut write = || -> Result<(), Failure> {
        while made < wanted {
            for (picture, recorded) in step()?.into_iter().take((wanted - made) as usize) {
                made += 1;
                if recorded {
                    video.push(&picture).map_err(|error| output(&error))?;
                    written += 1;
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
            let why = format!("output.record was off in all of the {wanted} frames, so there is no video");
            (0, Err(Failure::Failed(why)))
        }
        Ok(()) => match finish() {
            Ok(()) => (written, Ok(())),
            Err(error) => (0, Err(output(&error))),
        },
        Err(Failure::Failed(why)) if written > 0 => match finish() {
            Ok(()) => (written, Err(Failure::Failed(format!("{why}; {written} of {wanted} frames are kept")))),
            Err(error) => (0, Err(Failure::Failed(format!("{why}; no frames are kept: {error}")))),
        },
        Err(failure) => (0, Err(failure)),
    }
}

/// Writes the sidecar of a video. If somebody's own file is in its place, that stays, and a warning is returned.
pub(super) fn write_sidecar(video: &Path, files: &Files, provenance: &Provenance) -> Result<Option<String>, Failure> {
    let place = provenance::sidecar::path(video);
    if let Some(input) = files.input_at(&place) {
        return Ok(Some(format!("{}: this is {input}, so it is left as it is", place.display())));
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

    /// A video that has room for some pictures, and says at its end how many it has.
    struct Short {
        room: usize,
        kept: Arc<AtomicUsize>,
        /// How many frames it says it has.
        said: Arc<AtomicU64>,
        pushed: usize,
    }

    impl VideoWriter for Short {
        fn set_provenance(&mut self, provenance: &Provenance) -> crate::output::Result<()> {
            self.said.store(provenance.render.frames, Ordering::Relaxed);
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
    fn what_was_written_before_a_failure_is_kept() {
        // Room in the video, steps of three pictures that go well, and what is kept of ten.
        for (room, steps, kept, said) in [
            (99, 99, 10, None),
            (7, 99, 7, Some("full; 7 of 10 frames are kept")),
            (99, 2, 6, Some("the model broke; 6 of 10 frames are kept")),
            (0, 99, 0, Some("full")),
            (99, 0, 0, Some("the model broke")),
        ] {
            let finished = Arc::new(AtomicUsize::new(0));
            let said_in_video = Arc::new(AtomicU64::new(0));
            let video = Box::new(Short { room, kept: finished.clone(), said: said_in_video.clone(), pushed: 0 });
            let mut provenance = rendered();
            let mut made = 0;
            let (said_kept, recorded) = record(video, 10, Some(&mut provenance), || {
                made += 1;
                if made > steps {
                    return Err(Failure::Failed("the model broke".to_owned()));
                }
                Ok(vec![(Arc::default(), true); 3])
            });
            assert_eq!(finished.load(Ordering::Relaxed), kept);
            assert_eq!(said_kept, kept as u64);
            assert!(kept == 0 || said_in_video.load(Ordering::Relaxed) == kept as u64);
            match (recorded, said) {
                (Ok(()), None) => {}
                (Err(Failure::Failed(why)), Some(said)) => assert!(why.ends_with(said), "{why}"),
                _ => panic!("{room} {steps}: it should say {said:?}"),
            }
        }
    }

    /// Pictures that the patch does not want are made, and count for how long the video is, and are not in the video.
    #[test]
    fn the_gate_of_the_recorder_says_what_is_in_the_video() {
        for (wanted, kept, said) in [(10, 5, None), (1, 0, Some("output.record was off in all of the 1 frames"))] {
            let (finished, said_in_video) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
            let video = Box::new(Short { room: 99, kept: finished.clone(), said: said_in_video.clone(), pushed: 0 });
            let mut provenance = rendered();
            let mut made = 0;
            let (said_kept, recorded) = record(video, wanted, Some(&mut provenance), || {
                made += 1;
                Ok(vec![(Arc::default(), false), (Arc::default(), true)])
            });
            assert_eq!((made, said_kept), (wanted.div_ceil(2), kept));
            assert_eq!((finished.load(Ordering::Relaxed) as u64, provenance.render.frames.min(kept)), (kept, kept));
            assert!(kept == 0 || said_in_video.load(Ordering::Relaxed) == kept);
            match (recorded, said) {
                (Ok(()), None) => {}
                (Err(Failure::Failed(why)), Some(said)) => assert!(why.starts_with(said), "{why}"),
                _ => panic!("{wanted}: it should say {said:?}"),
            }
        }
    }
}
