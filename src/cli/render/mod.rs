//! `bendrack render`: a patch to a video file, without a window.

mod changes;
mod job;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use indicatif::{ProgressBar, ProgressStyle};

use super::files::{Content, Files, check_replaced};
use super::record::{output, record, write_sidecar};
use super::replay::{Replay, VideoSource};
use super::{Failure, models, read_patch, size, sound};
use crate::engine::model::FRAME_RATE;
use crate::engine::{Engine, Session};
use crate::io::audio::AudioSource;
use crate::output::video;
use crate::provenance::{self, Provenance};
use crate::sound::{Channels, Sound};
use crate::terminal;
use crate::wan::error::message;
use changes::setting;
pub(super) use job::Progress;
use job::{Job, write_report};

/// Default length of the video, in seconds.
const SECONDS: f64 = 5.0;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of a command")]
pub(super) struct Render {
    /// Patch file, or a PNG or MP4 with an embedded patch.
    #[arg(required_unless_present = "take")]
    patch: Option<PathBuf>,
    #[command(flatten)]
    pub(super) replay: Replay,
    /// File to write: .mp4, .gif, or .png for numbered pictures; a name that ends in / is a folder of them.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Number of pictures, 16 per second [default: 80, or the whole take]. output.record may leave some of them out.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Length in seconds [default: 5, or the whole take].
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Seed of the video and of all random nodes, instead of the patch's own.
    #[arg(long)]
    seed: Option<u64>,
    /// Model: mini, a name from `bendrack models`, or the path of a folder [default: mini, or that of the take].
    #[arg(long)]
    pub(super) model: Option<String>,
    /// Denoising steps of a chunk, instead of those of the model.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100))]
    steps: Option<u64>,
    /// Recall this snapshot of the patch, before --set.
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
    /// Set a parameter of the patch: node.param=value. Repeat the flag for more.
    #[arg(long = "set", value_name = "NODE.PARAM=VALUE", value_parser = setting)]
    set: Vec<(String, String, String)>,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) size: Option<(usize, usize)>,
    /// Enlargement: size of the video as a multiple of the model's picture [default: 4 for mini's 128x128, else 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16))]
    zoom: Option<u64>,
    /// A sound file for the node audio.in, from the beginning of the video. An MP4 carries the sound.
    #[arg(long, value_name = "FILE")]
    audio: Option<AudioSource>,
    /// Channels of --audio for the node audio.in: their mean, one of the first two, or the loudest in each band.
    #[arg(long, value_name = "CHANNELS", value_enum, default_value_t, requires = "audio")]
    audio_channels: Channels,
    /// Compute every bent attention map explicitly: slow, and the reference for the fast form.
    #[arg(long)]
    pub(super) exact: bool,
    /// Write the patch neither into the video nor into a .bend.json beside it.
    #[arg(long)]
    no_metadata: bool,
    /// Write a report to this file, as JSON: model, seed, pictures, times, warnings.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the number of pictures so far to standard output, as lines of JSON.
    #[arg(long)]
    progress: bool,
    /// Print nothing but errors.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl Render {
    pub(super) fn run(self) -> Result<(), Failure> {
        let files = self.files()?;
        files.check()?;
        let source = match &self.patch {
            Some(path) => self.compiled(path)?,
            None => self.replay.read(&self)?,
        };
        let samples = source.samples()?;
        let default = source.pictures.unwrap_or((SECONDS * FRAME_RATE) as u64);
        let wanted = self.frames.or(self.seconds.map(|secs| (secs * FRAME_RATE).round().max(1.0) as u64));
        let wanted = wanted.unwrap_or(default);
        // The video opens before the model loads, so that an unwritable file fails at once.
        let video = video::open(&self.output, FRAME_RATE).map_err(|error| output(&error))?;
        let bar = self.bar(wanted);
        let start = Instant::now();
        let mut model = models::open(&source.model).map_err(|error| Failure::Failed(message(&error)))?;
        model.steps = self.steps.map(|steps| steps as usize);
        let player = source.player(&model, &self)?;
        let size = self.size.or(source.size).unwrap_or(model.size);
        let mut engine =
            Engine::new(model, source.plan.clone(), size).map_err(|error| Failure::Failed(message(&error)))?;
        engine.set_exact(self.exact || source.exact);
        engine.set_sound(source.sound.clone());
        if let Some(zoom) = self.zoom.or(source.zoom) {
            engine.set_zoom(zoom as usize);
        }
        let loaded = start.elapsed();
        let patch = Patch::clone(&source.patch);
        let patch_sha256 = provenance::patch_sha256(&patch);
        let mut provenance = self.provenance(patch, &engine, size, source.take)?;
        let session = Session::new(engine, source.patch);

        let progress = self.progress.then(|| Progress { pictures: 0, of: source.skipped + wanted });
        let mut job = Job::new(session, player, patch_sha256, self.quiet, bar, progress);
        let start = Instant::now();
        let (kept, recorded) = record(video, wanted, provenance.as_mut(), samples, || job.step());
        job.bar.finish_and_clear();
        let left = match provenance.filter(|_| kept > 0) {
            Some(provenance) => write_sidecar(&self.output, &files, &provenance),
            None => Ok(None),
        };
        recorded?;
        if let Some(left) = left?.filter(|_| !self.quiet) {
            terminal::print_error(format_args!("warning: {left}"));
        }
        let seconds = start.elapsed().as_secs_f64();
        if !self.quiet {
            let rate = wanted as f64 / seconds;
            let kept = if kept == wanted { String::new() } else { format!("{kept} of ") };
            let video = self.output.display();
            terminal::print_error(format_args!(
                "{video}: {kept}{wanted} pictures in {seconds:.1} s, {rate:.1} per second"
            ));
        }
        match &self.report {
            Some(path) => {
                let report = job.report(&self, (wanted, kept), seconds, loaded.as_secs_f64(), size);
                // Another program may have written there meanwhile.
                check_replaced("--report", path, Content::Report)?;
                write_report(path, &(report + "\n")).map_err(|error| {
                    Failure::Failed(format!("{}: {error}; give a path that can be written", path.display()))
                })
            }
            None => Ok(()),
        }
    }

    /// Inputs and outputs of the command.
    fn files(&self) -> Result<Files, Failure> {
        let mut files = Files::default();
        if let Some(patch) = &self.patch {
            files = files.input("the patch", patch);
        }
        if let Some(take) = &self.replay.take {
            files = files.input("the take (--take)", take);
        }
        if let Some(AudioSource::File(sound)) = &self.audio {
            files = files.input("the sound (--audio)", sound);
        }
        files = files.video("-o", &self.output)?;
        if let Some(report) = &self.report {
            files = files.output("--report", report, Content::Report);
        }
        if self.no_metadata {
            return Ok(files);
        }
        Ok(files.output("the record beside the video", &provenance::sidecar::path(&self.output), Content::Record))
    }

    /// Provenance of the video; none, with a warning, for a patch that is too long.
    fn provenance(
        &self,
        patch: Patch,
        engine: &Engine,
        size: (usize, usize),
        take: Option<String>,
    ) -> Result<Option<Provenance>, Failure> {
        if self.no_metadata {
            return Ok(None);
        }
        let model = engine.model();
        let render = provenance::Render {
            bendrack: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.short_name(),
            family: model.family.name().to_owned(),
            model_sha256: model.sha256().map_err(|error| Failure::Failed(message(&error)))?,
            seed: patch.engine.seed,
            size: [size.0, size.1],
            zoom: engine.zoom(),
            exact: engine.is_exact(),
            steps: model.steps,
            take,
            frames: 0,
            frame_rate: FRAME_RATE,
        };
        let provenance = Provenance { patch, render };
        Ok(match provenance.text() {
            Ok(_) => Some(provenance),
            Err(problem) => {
                if !self.quiet {
                    let why = &problem.message;
                    terminal::print_error(format_args!("warning: the video does not contain its patch: {why}"));
                }
                None
            }
        })
    }

    /// True if --audio names a sound.
    pub(super) const fn has_sound(&self) -> bool {
        self.audio.is_some()
    }

    /// The sound of --audio.
    pub(super) fn sound(&self) -> Result<Option<Arc<Sound>>, Failure> {
        match &self.audio {
            None => Ok(None),
            Some(AudioSource::Default | AudioSource::Named(_)) => Err(Failure::Usage(
                "--audio: render reads sound from a file, not from an input; record the input first, and give the file"
                    .to_owned(),
            )),
            Some(source) => sound::open(source, self.audio_channels, self.quiet),
        }
    }

    /// The sound file of --audio.
    pub(super) fn sound_path(&self) -> Option<PathBuf> {
        match &self.audio {
            Some(AudioSource::File(path)) => Some(path.clone()),
            _ => None,
        }
    }

    /// The compiled patch, with the settings of the command line.
    fn compiled(&self, path: &Path) -> Result<VideoSource, Failure> {
        let patch = self.changed(read_patch(path)?)?;
        let plan = Arc::new(compile(&patch, path, self.quiet)?);
        let model = self.model.clone().unwrap_or_else(|| "mini".to_owned());
        let mut source = VideoSource::new(Arc::new(patch), plan, model);
        (source.sound, source.sound_path) = (self.sound()?, self.sound_path());
        Ok(source)
    }

    fn bar(&self, frames: u64) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left");
        let bar = ProgressBar::new(frames);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }
}

/// Compiles a patch and prints its problems.
pub(super) fn compile(patch: &Patch, path: &Path, quiet: bool) -> Result<Plan, Failure> {
    let (plan, problems) = Plan::compile(patch, LIBRARY);
    for problem in problems.iter().filter(|_| !quiet || plan.is_none()) {
        terminal::print_error(format_args!("{}: {problem}", path.display()));
    }
    plan.ok_or(Failure::InvalidPatch)
}

/// Peak memory of this process, in bytes, where the system reports it.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e6 => Ok(seconds),
        _ => Err("give a number of seconds above 0".to_owned()),
    }
}
