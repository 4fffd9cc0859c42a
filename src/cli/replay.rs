//! `bendrack render --take`: a take as the video that was played, or as the same performance on another model.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Failure;
use super::render::Render;
use crate::engine::model::FRAME_RATE;
use crate::engine::{Entry, Frame, Model, Session};
use crate::files;
use crate::hex::hex;
use crate::sound::{RATE, Samples, Sound};
use crate::take::{Header, Left, Performance, SoundFile, Take, processor};
use crate::terminal;
use crate::wan::error::message;

#[derive(clap::Args)]
pub(super) struct Replay {
    /// Render a take instead of a patch: the pictures that were shown, bit for bit. With another --model or --size, or
    /// with --steps, --exact or --audio, the same performance in other pictures.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["patch", "seed", "snapshot", "set"], help_heading = "Takes")]
    pub(super) take: Option<PathBuf>,
    /// Make each chunk once, with all its events, instead of as often as live. Changes appear slightly earlier than live.
    #[arg(long = "final", requires = "take", help_heading = "Takes")]
    pub(super) is_final: bool,
    /// Start of the video within the take, in seconds.
    #[arg(long, value_name = "SECONDS", requires = "take", value_parser = start, help_heading = "Takes")]
    start: Option<f64>,
    /// Render a take even if its model, its sound or its pictures differ from those that were played.
    #[arg(long, requires = "take", help_heading = "Takes")]
    pub(super) anyway: bool,
}

fn start(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("give a number of seconds, 0 or more".to_owned()),
    }
}

/// The video to render: a patch or a take.
pub(super) struct VideoSource {
    pub(super) patch: Arc<Patch>,
    pub(super) plan: Arc<Plan>,
    /// The name of the model, unless the command line has another.
    pub(super) model: String,
    pub(super) sound: Option<Arc<Sound>>,
    /// The file of the sound.
    pub(super) sound_path: Option<PathBuf>,
    /// Number of skipped pictures at the beginning.
    pub(super) skipped: u64,
    pub(super) size: Option<(usize, usize)>,
    pub(super) zoom: Option<u64>,
    pub(super) exact: bool,
    /// The number of pictures; none if the command line decides.
    pub(super) pictures: Option<u64>,
    /// The SHA-256 of the take.
    pub(super) take: Option<String>,
    source: Option<Take>,
}

impl VideoSource {
    /// The video of a patch.
    pub(super) fn new(patch: Arc<Patch>, plan: Arc<Plan>, model: String) -> Self {
        Self {
            patch,
            plan,
            model,
            sound: None,
            sound_path: None,
            skipped: 0,
            size: None,
            zoom: None,
            exact: false,
            pictures: None,
            take: None,
            source: None,
        }
    }

    /// The sound for the video, from its first picture on.
    pub(super) fn samples(&self) -> Result<Option<Samples>, Failure> {
        let Some(path) = &self.sound_path else { return Ok(None) };
        let mut samples = Samples::open(path).map_err(|error| Failure::Failed(error.to_string()))?;
        samples.skip((self.skipped as f64 / FRAME_RATE * f64::from(RATE)).round() as u64);
        Ok(Some(samples))
    }

    /// The player for this model.
    pub(super) fn player(&self, model: &Model, render: &Render) -> Result<Player, Failure> {
        let Some(take) = &self.source else { return Ok(Player::new(Source::Performance(Performance::default()))) };
        let (replay, header) = (&render.replay, &take.header);
        let found = model.sha256().map_err(|error| Failure::Failed(message(&error)))?;
        let is_same_model = found == header.model_sha256;
        if !is_same_model && !render.model.is_given() && !replay.anyway {
            return Err(Failure::Failed(format!(
                "the take was played on {} with the fingerprint {}, and {} has {}; choose that model with --model, and with the --part, --lora and \
                 --products of that time, or add --anyway",
                header.model,
                short(&header.model_sha256),
                model.name,
                short(&found)
            )));
        }
        let is_other = !is_same_model && (render.model.is_given() || !replay.anyway)
            || render.size.is_some_and(|size| header.size != <[usize; 2]>::from(size))
            || model.denoising.steps.is_some()
            || render.exact && !header.exact
            || render.has_sound();
        let source = if replay.is_final || is_other {
            Source::Performance(Performance::of(take))
        } else {
            Source::Entries {
                entries: take.entries.iter().cloned().collect(),
                header: Box::new(header.clone()),
                anyway: replay.anyway,
            }
        };
        Ok(Player { skip: self.skipped, ..Player::new(source) })
    }
}

/// The first digits of a fingerprint.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

impl Replay {
    /// Reads the take.
    pub(super) fn read(&self, render: &Render) -> Result<VideoSource, Failure> {
        let Some(path) = &self.take else {
            return Err(Failure::Usage("give a patch, or a take with --take".to_owned()));
        };
        let take = Take::read(path).map_err(|error| Failure::Failed(error.to_string()))?;
        if take.is_cut && !render.quiet {
            let secs = take.pictures() as f64 / FRAME_RATE;
            let state = if take.is_recording {
                "the take is still being recorded"
            } else {
                "the take has no end, after a crash or a full disk"
            };
            terminal::print_error(format_args!(
                "warning: {}: {state}; its first {secs:.1} s are rendered",
                path.display()
            ));
        }
        let skipped = (self.start.unwrap_or(0.0) * FRAME_RATE).round() as u64;
        let Some(pictures) = take.pictures().checked_sub(skipped).filter(|&pictures| pictures > 0) else {
            let secs = take.pictures() as f64 / FRAME_RATE;
            return Err(Failure::Failed(format!(
                "{}: the take has {secs:.1} s; choose an earlier --start",
                path.display()
            )));
        };
        let bytes = files::read(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        let (sound, sound_path) = self.sound(&take.header, render)?;
        Ok(VideoSource {
            sound,
            sound_path,
            skipped,
            size: Some(take.header.size.into()),
            zoom: Some(take.header.zoom() as u64),
            exact: take.header.exact,
            pictures: Some(pictures),
            take: Some(hex(&Sha256::digest(bytes))),
            ..VideoSource::new(take.patch.clone(), take.plan.clone(), take.header.model.clone()).with(take)
        })
    }

    /// The sound file of a take, or that of --audio in its place.
    fn sound(&self, header: &Header, render: &Render) -> Result<(Option<Arc<Sound>>, Option<PathBuf>), Failure> {
        let file = match &header.sound {
            Some(file) if !render.has_sound() => file,
            _ => return Ok((render.sound()?, render.sound_path())),
        };
        match recorded_sound(file) {
            Ok(sound) => Ok((Some(Arc::new(sound)), Some(PathBuf::from(&file.path)))),
            Err(_) if self.anyway => {
                terminal::print_error(format_args!(
                    "warning: {}, the sound of the take, is missing; the video is made without it",
                    file.path
                ));
                Ok((None, None))
            }
            Err(why) => Err(Failure::Failed(format!(
                "{why}; put the file back there for the same pictures; --audio FILE makes other pictures, --anyway renders without sound"
            ))),
        }
    }
}

/// The sound file of a take, if it is the one that was played.
pub(super) fn recorded_sound(file: &SoundFile) -> Result<Sound, String> {
    let path = Path::new(&file.path);
    match files::read(path) {
        Ok(bytes) if hex(&Sha256::digest(&bytes)) == file.sha256 => {
            Sound::open(path, file.channels).map_err(|error| error.to_string())
        }
        Ok(_) => Err(format!("{}: not the sound file of the take", file.path)),
        Err(error) => Err(format!("{}, the sound of the take: {error}", file.path)),
    }
}

impl VideoSource {
    fn with(self, take: Take) -> Self {
        Self { source: Some(take), ..self }
    }
}

/// The rest of a video, to be stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredPlayer {
    left: StoredSource,
    skip: u64,
}

#[derive(Clone, Serialize, Deserialize)]
enum StoredSource {
    /// The number of entries.
    Entries(usize),
    Performance(Left),
}

/// Plays a video on a session.
pub(super) struct Player {
    source: Source,
    /// Number of pictures still to skip.
    skip: u64,
    /// True if the latest step made a model call.
    has_called: bool,
}

enum Source {
    /// Entries with their line numbers in the take.
    Entries { entries: VecDeque<(usize, Entry)>, header: Box<Header>, anyway: bool },
    /// Events in their latent frames.
    Performance(Performance),
}

impl Player {
    fn new(source: Source) -> Self {
        Self { source, skip: 0, has_called: false }
    }

    /// The rest of the video.
    pub(super) fn store(&self) -> StoredPlayer {
        let left = match &self.source {
            Source::Entries { entries, .. } => StoredSource::Entries(entries.len()),
            Source::Performance(performance) => StoredSource::Performance(performance.left()),
        };
        StoredPlayer { left, skip: self.skip }
    }

    /// Leaves out what came before the rest of the video. The session gets the latest patch of it.
    pub(super) fn go_on(&mut self, stored: &StoredPlayer, session: &mut Session) -> Result<(), Failure> {
        self.skip = stored.skip;
        let patch = match (&mut self.source, &stored.left) {
            (Source::Entries { entries, .. }, StoredSource::Entries(left)) => {
                let before = entries.drain(..entries.len().saturating_sub(*left));
                before.map(|(_, entry)| entry).rfind(|entry| matches!(entry, Entry::Patch { .. }))
            }
            (Source::Performance(performance), StoredSource::Performance(left)) => performance.go_on(*left),
            _ => return Err(Failure::Failed("the checkpoint is that of another take; add --again".to_owned())),
        };
        match patch {
            Some(patch) => session.execute(&patch).map(drop).map_err(|error| Failure::Failed(message(&error))),
            None => Ok(()),
        }
    }

    /// True if the latest step made a model call.
    pub(super) const fn has_called(&self) -> bool {
        self.has_called
    }

    /// Executes the next entry of the take, or the next model call of a performance. Returns its frames.
    pub(super) fn step(&mut self, session: &mut Session) -> Result<Vec<Frame>, Failure> {
        let mut frames = match &mut self.source {
            Source::Performance(performance) => {
                self.has_called = true;
                performance.step(session).map_err(|error| Failure::Failed(message(&error)))?
            }
            Source::Entries { entries, header, anyway } => {
                let Some((line, entry)) = entries.pop_front() else {
                    return Err(Failure::Failed("the take ends here; give fewer --frames or --seconds".to_owned()));
                };
                if let Entry::Check(wanted) = entry
                    && session.checksum() != wanted
                    && !*anyway
                {
                    return Err(Failure::Failed(differs(header, wanted.pictures)));
                }
                self.has_called = matches!(entry, Entry::Call);
                let executed = session.execute(&entry);
                executed.map_err(|error| {
                    Failure::Failed(format!("line {line} of the take: {}; render it with --final", message(&error)))
                })?
            }
        };
        let skipped = self.skip.min(frames.len() as u64);
        self.skip -= skipped;
        frames.drain(..skipped as usize);
        Ok(frames)
    }
}

/// Message for pictures that differ from those of the take.
fn differs(header: &Header, pictures: u64) -> String {
    let (secs, reason) = (pictures as f64 / FRAME_RATE, reason(header));
    format!("before {secs:.1} s, the video differs from the one that was played: {reason}; add --anyway to render it")
}

/// Likely reason for pictures that differ from those of the take.
pub(super) fn reason(header: &Header) -> String {
    let here = processor();
    let version = env!("CARGO_PKG_VERSION");
    if here != header.processor {
        format!("it was played on {}, and this is {here}", header.processor)
    } else if version != header.bendrack {
        format!("it was played with bendrack {}, and this is {version}", header.bendrack)
    } else {
        "the take or this build of bendrack was changed".to_owned()
    }
}
