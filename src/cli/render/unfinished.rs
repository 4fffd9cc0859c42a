//! Renders that do not finish: what they leave, and how they go on.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Render;
use super::checkpoint::{self, Checkpoint};
use super::job::{Job, Keeper};
use crate::cli::Failure;
use crate::cli::record::output as output_failure;
use crate::cli::replay::VideoSource;
use crate::engine::Engine;
use crate::engine::model::FRAME_RATE;
use crate::output::video::{self, Format, Loop, Position, VideoWriter};
use crate::provenance::{self, Provenance, patch_sha256, sidecar};
use crate::wan::error::message;
use crate::wan::family::Family;
use crate::wan::stored::Tensors;

impl Render {
    /// True if all videos can go on after an end.
    pub(super) fn can_resume(&self) -> bool {
        self.output.iter().all(|path| Format::of(path).is_ok_and(|format| format.is_resumable()))
    }

    /// The videos that are files.
    pub(super) fn files_written(&self) -> impl Iterator<Item = &PathBuf> {
        self.output.iter().filter(|path| Format::of(path).is_ok_and(|format| format != Format::Stdout))
    }

    /// The path of the checkpoint: beside the first video.
    pub(super) fn checkpoint_path(&self) -> PathBuf {
        checkpoint::path(&self.output[0])
    }

    /// The checkpoint to go on from. An unfinished render that is neither to go on nor to be deleted is an error.
    pub(super) fn unfinished(&self, wanted: u64) -> Result<Option<(Checkpoint, Tensors)>, Failure> {
        let path = self.checkpoint_path();
        let has_checkpoint = path.exists();
        // A program that was killed while it wrote a checkpoint leaves a part of it.
        let _ = fs::remove_file(checkpoint::new_path(&path));
        if self.resume && has_checkpoint {
            let (checkpoint, tensors) = Checkpoint::read(&path)?;
            self.check_outputs(&checkpoint, wanted)?;
            return Ok(Some((checkpoint, tensors)));
        }
        let mut left = Vec::new();
        for output in &self.output {
            left.extend(video::left_over(output).map_err(|error| output_failure(&error))?);
        }
        if self.again {
            // Numbered pictures belong to the render whose checkpoint names them.
            let named = if has_checkpoint { Checkpoint::read(&path).map(|(it, _)| it.outputs) } else { Ok(Vec::new()) };
            for video in named.unwrap_or_default().iter().filter(|video| self.output.contains(video)) {
                video::delete_pictures(video).map_err(|error| output_failure(&error))?;
            }
        }
        // A program that ended before its first picture leaves empty files.
        let is_empty = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.len() == 0);
        if self.again || !has_checkpoint && left.iter().all(is_empty) {
            return delete(left.iter().chain(has_checkpoint.then_some(&path))).map(|()| None);
        }
        let names: Vec<String> =
            left.iter().chain(has_checkpoint.then_some(&path)).map(|it| it.display().to_string()).collect();
        let names = names.join(", ");
        Err(Failure::Usage(if has_checkpoint {
            format!(
                "an unfinished render of this video is here ({names}); add --resume to go on with it, or --again to delete it and begin"
            )
        } else {
            format!(
                "{names}: left from a render that cannot go on with this command; rename it to keep it, or add --again to delete it and begin"
            )
        }))
    }

    /// An error if the videos of an unfinished render are others, or longer.
    fn check_outputs(&self, checkpoint: &Checkpoint, wanted: u64) -> Result<(), Failure> {
        // The folder of the first one may have moved.
        let names = |paths: &[PathBuf]| -> Vec<PathBuf> {
            let folder = paths.first().and_then(|first| first.parent()).unwrap_or(Path::new("")).to_owned();
            paths.iter().map(|path| path.strip_prefix(&folder).unwrap_or(path).to_owned()).collect()
        };
        if names(&checkpoint.outputs) != names(&self.output) {
            let outputs: Vec<String> = checkpoint.outputs.iter().map(|path| format!("-o {}", path.display())).collect();
            return Err(Failure::Failed(format!(
                "the unfinished render has other videos; go on with {}, or begin again with --again",
                outputs.join(" ")
            )));
        }
        let made = checkpoint.reached.made;
        if made > wanted {
            return Err(Failure::Failed(format!(
                "{}: the unfinished render has {made} pictures already, and {wanted} are wanted; give a longer length, or begin again with --again",
                self.checkpoint_path().display()
            )));
        }
        Ok(())
    }

    /// True if every video is there already, whole and with this record.
    pub(super) fn is_finished(&self, provenance: Option<&Provenance>, wanted: u64) -> bool {
        let Some(Provenance { patch, render }) = provenance else { return false };
        let (render, patch) = (provenance::Render { frames: wanted, ..render.clone() }, patch_sha256(patch));
        let is_same = |path: &PathBuf| {
            // A GIF has its record beside it.
            let files = [path.clone(), sidecar::path(path)];
            let opened = files.iter().find_map(|file| provenance::read(file).ok()?.open(file).ok());
            path.is_file()
                && opened.is_some_and(|opened| {
                    opened.render.as_ref() == Some(&render) && patch_sha256(&opened.patch) == patch
                })
        };
        self.output.iter().all(is_same)
    }

    /// New videos.
    pub(super) fn new_videos(&self, lengths: Option<Loop>) -> Result<Vec<Box<dyn VideoWriter>>, Failure> {
        let open = |path: &PathBuf| {
            let video = video::open(path, FRAME_RATE).map_err(|error| output_failure(&error))?;
            Ok(match lengths {
                Some(lengths) => video::loop_of(video, path, lengths),
                None => video,
            })
        };
        self.output.iter().map(open).collect()
    }

    /// The videos that go on.
    pub(super) fn old_videos(&self, positions: &[Position]) -> Result<Vec<Box<dyn VideoWriter>>, Failure> {
        let resume = |(path, position): (&PathBuf, &Position)| {
            video::resume(path, FRAME_RATE, position.clone()).map_err(|error| output_failure(&error))
        };
        self.output.iter().zip(positions).map(resume).collect()
    }

    /// True if an older video is at the place of one of the videos.
    pub(super) fn is_replacing(&self) -> bool {
        let is_one_file = |path: &&PathBuf| !matches!(Format::of(path), Ok(Format::Pictures { .. }));
        self.files_written().filter(is_one_file).any(|path| path.is_file())
    }

    /// The settings that decide the pictures, by name. They must be the same when the render goes on.
    pub(super) fn settings(
        &self,
        engine: &Engine,
        (size, lengths): ((usize, usize), Option<Loop>),
        patch_sha256: &str,
        source: &VideoSource,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let model = engine.model().sha256().map_err(|error| Failure::Failed(message(&error)))?;
        let sound = self.sound_record()?;
        let sound = sound.map_or_else(String::new, |sound| format!("{} {:?}", sound.sha256, sound.channels));
        let interval = self.checkpoint.map_or_else(String::new, |seconds| seconds.to_string());
        // A loop cannot become longer: its end is on the way to its beginning.
        let looped =
            lengths.map_or_else(String::new, |Loop { pictures, overlap }| format!("{overlap} of {pictures} pictures"));
        let settings = [
            ("--loop", looped),
            ("the patch (or --set, --snapshot, --seed)", patch_sha256.to_owned()),
            ("the model", model),
            ("--size", format!("{}x{}", size.0, size.1)),
            ("--zoom", engine.zoom().to_string()),
            ("--exact", engine.is_exact().to_string()),
            ("--steps", format!("{:?}", engine.model().denoising.steps)),
            ("--audio", sound),
            ("the take", source.take.clone().unwrap_or_default()),
            ("--start", source.skipped.to_string()),
            ("--final", self.replay.is_final.to_string()),
            ("--anyway", self.replay.anyway.to_string()),
            ("--checkpoint", interval),
        ];
        Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The keeper of checkpoints; none for `--checkpoint 0`.
    pub(super) fn keeper(&self, engine: &Engine, settings: BTreeMap<String, String>) -> Option<Keeper> {
        let default = match (engine.model().family, engine.timeline().clip()) {
            (Family::Mini, _) => 10.0,
            // After each clip, which takes hours.
            (_, Some(_)) => 1.0 / FRAME_RATE,
            (_, None) => 60.0,
        };
        let seconds = self.checkpoint.unwrap_or(default);
        if seconds == 0.0 || !self.can_resume() {
            return None;
        }
        let interval = (seconds * FRAME_RATE).round().max(1.0) as u64;
        Some(Keeper { path: self.checkpoint_path(), interval, settings, outputs: self.output.clone(), kept: 0 })
    }

    /// Deletes the checkpoint of a finished render. The message of one that ended early names the way to go on.
    pub(super) fn ended(&self, job: &Job, recorded: Result<(), Failure>) -> Result<(), Failure> {
        let Err(Failure::Failed(why)) = recorded else {
            if job.keeps() && recorded.is_ok() {
                // The checkpoint first: the videos are whole, and nothing goes on with them.
                let grows = |path: &&PathBuf| matches!(Format::of(path), Ok(Format::Mp4 | Format::Gif | Format::Apng));
                let grown = self.output.iter().filter(grows).map(|path| video::growing_path(path));
                for path in [self.checkpoint_path()].into_iter().chain(grown) {
                    let _ = fs::remove_file(path);
                }
            }
            return recorded;
        };
        let places = if job.ends_beside() {
            let beside: Vec<String> =
                self.files_written().map(|path| video::growing_path(path).display().to_string()).collect();
            format!(" in {}; the older video stays", beside.join(", "))
        } else {
            String::new()
        };
        if job.is_resumable() {
            return Err(Failure::Failed(format!("{why}{places}; add --resume to go on")));
        }
        if job.keeps() {
            // Nothing is lost with it: there is no picture before it.
            let _ = fs::remove_file(self.checkpoint_path());
        }
        Err(Failure::Failed(format!("{why}{places}; there is no checkpoint yet, so the next render begins again")))
    }
}

/// Deletes what a render that was killed has left of one video.
pub(in crate::cli) fn discard(output: &Path) {
    let checkpoint = checkpoint::path(output);
    // Pictures without a checkpoint are of another render. What cannot be deleted has the name of an unfinished file.
    if checkpoint.exists() {
        let _ = video::delete_pictures(output);
    }
    let grown = video::left_over(output).ok().flatten();
    let _ = delete([&checkpoint, &checkpoint::new_path(&checkpoint)].into_iter().chain(&grown));
}

/// Deletes what an earlier render left.
fn delete<'a>(left: impl Iterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    for path in left {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::Failed(format!("{}: {error}; delete it, and try again", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}
