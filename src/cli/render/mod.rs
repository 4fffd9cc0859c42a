//! `bendrack render`: a patch to a video file, without a window.

mod changes;
mod checkpoint;
mod job;
mod space;
mod unfinished;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::compile::plan::{DENOISING_STEPS, Plan};
use bendrack_nodes::patch::Patch;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::files::{Content, Files, check_replaced};
use super::interrupt::Interrupt;
use super::model::ModelFlags;
use super::record::{Reached, Recording, write_sidecar};
use super::replay::{Replay, VideoSource};
use super::{Failure, read_patch, size, sound};
use crate::engine::model::FRAME_RATE;
use crate::engine::{Engine, Session};
use crate::files;
use crate::hex::hex;
use crate::io::audio::AudioSource;
use crate::output::video::{Format, Loop, VideoWriter};
use crate::provenance::{self, Provenance};
use crate::sound::{Channels, Sound};
use crate::terminal;
use crate::wan::error::message;
use crate::wan::family::Family;
use changes::setting;
pub(super) use job::Progress;
use job::{Job, write_report};
pub(super) use unfinished::discard;

/// Default length of the video, in seconds.
const SECONDS: f64 = 5.0;
/// Longest dissolve of a loop, in seconds: its pictures are in memory.
const LONGEST_LOOP: f64 = 30.0;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of a command")]
pub(super) struct Render {
    /// Patch file, or a PNG or MP4 with an embedded patch.
    #[arg(required_unless_present = "take")]
    patch: Option<PathBuf>,
    #[command(flatten)]
    pub(super) replay: Replay,
    /// File to write: .mp4, .gif, .apng, or .png for numbered pictures; a name that ends in / is a folder of them. With ffmpeg .mov (ProRes),
    /// .mkv (HEVC), .webm (VP9), .av1.mkv; - is YUV4MPEG2 on standard output. Repeat the flag for more files of the same pictures.
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Vec<PathBuf>,
    /// Go on with an unfinished render of the same patch or take to the same file, from its last checkpoint; without one, begin.
    #[arg(long, conflicts_with = "again")]
    resume: bool,
    /// Begin again, and delete the unfinished render of this file.
    #[arg(long)]
    again: bool,
    /// Length from one checkpoint to the next, in seconds of video; 0 for none [default: 10 for mini, one clip for other models that make clips, else 60].
    #[arg(long, value_name = "SECONDS", value_parser = checkpoint_seconds)]
    checkpoint: Option<f64>,
    /// Number of pictures, 16 per second [default: 80, or the whole take]. output.record may leave some of them out.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Length in seconds [default: 5, or the whole take].
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Make a video that loops: its end dissolves into its beginning over this time, in seconds.
    #[arg(long = "loop", value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["take", "audio"])]
    looped: Option<f64>,
    /// Seed of the video and of all random nodes, instead of the patch's own.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    pub(super) model: ModelFlags,
    /// Denoising steps of a chunk, instead of those of the patch or of the model.
    #[arg(long, value_parser = clap::value_parser!(u64).range(DENOISING_STEPS.0..=DENOISING_STEPS.1))]
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
        let files = self.checked_files()?;
        let source = match &self.patch {
            Some(path) => self.compiled(path)?,
            None => self.replay.read(&self)?,
        };
        let samples = source.samples()?;
        let default = source.pictures.unwrap_or((SECONDS * FRAME_RATE) as u64);
        let wanted = self.frames.or(self.seconds.map(|secs| (secs * FRAME_RATE).round().max(1.0) as u64));
        let shown = wanted.unwrap_or(default);
        let lengths = self.lengths(shown)?;
        let overlap = lengths.map_or(0, |lengths| lengths.overlap);
        let wanted = shown + overlap;
        // The videos open before the model loads, so that an unwritable file fails at once.
        let interrupt = Interrupt::watch()?;
        let checkpoint = self.unfinished(wanted)?;
        let is_replacing = self.is_replacing();
        let mut videos = if checkpoint.is_none() { self.new_videos(lengths)? } else { Vec::new() };
        let bar = self.bar(wanted);
        let start = Instant::now();
        self.model.strain(self.size).iter().for_each(|strain| terminal::print_error(format_args!("warning: {strain}")));
        let mut model = self.model.open_or(&source.model).map_err(|error| Failure::Failed(message(&error)))?;
        model.denoising.steps = self.steps.map(|steps| steps as usize);
        let player = source.player(&model, &self)?;
        let size = self.size.or(source.size).unwrap_or(model.size);
        let mut engine =
            Engine::new(model, source.plan.clone(), size).map_err(|error| Failure::Failed(message(&error)))?;
        engine.set_exact(self.exact || source.exact);
        engine.set_sound(source.sound.clone());
        if let Some(zoom) = self.zoom.or(source.zoom) {
            engine.set_zoom(zoom as usize);
        }
        let screen = (size.0 * engine.zoom(), size.1 * engine.zoom());
        let loaded = start.elapsed();
        let patch = Patch::clone(&source.patch);
        let patch_sha256 = provenance::patch_sha256(&patch);
        let mut provenance = self.provenance(patch, &engine, size, lengths, &source)?;
        let settings = self.settings(&engine, (size, lengths), &patch_sha256, &source)?;
        if self.resume && checkpoint.is_none() && self.is_finished(provenance.as_ref(), shown) {
            bar.finish_and_clear();
            self.leave_finished(videos, shown);
            return Ok(());
        }
        let keeper = self.keeper(&engine, settings.clone());
        let session = Session::new(engine, source.patch);

        let progress = self.progress.then(|| Progress { pictures: 0, of: source.skipped + wanted });
        let mut job = Job::new(session, player, patch_sha256, self.quiet, (bar, progress), (interrupt, keeper));
        job.set_replacing(is_replacing);
        if let Some((checkpoint, _)) = &checkpoint {
            checkpoint.check(&self.checkpoint_path(), &settings)?;
            videos = self.old_videos(&checkpoint.videos)?;
        }
        let mut recording = Recording {
            videos,
            wanted,
            overlap,
            provenance: provenance.as_mut(),
            sound: samples,
            reached: Reached::default(),
        };
        match checkpoint {
            Some((checkpoint, tensors)) => {
                recording.reached = checkpoint.reached.clone();
                job.resume(checkpoint, tensors)?;
            }
            None => {
                if let Err(failure) = job.keep(&recording.reached, &mut recording.videos) {
                    recording.discard();
                    return Err(failure);
                }
            }
        }
        let begun = recording.reached.made;
        self.warn(space::warning(&self.output, wanted.saturating_sub(begun), screen));
        let start = Instant::now();
        let (kept, recorded) = recording.run(&mut job);
        let is_open = lengths.is_some() && recorded.is_ok() && kept < shown;
        job.bar.finish_and_clear();
        let provenance = provenance.filter(|_| kept > 0 && !(recorded.is_err() && job.ends_beside()));
        let ended = self.ended(&job, recorded);
        let left = self.write_sidecars(&files, provenance.as_ref())?;
        ended?;
        let open = is_open.then(|| "the loop does not close, as output.record left out pictures".to_owned());
        left.into_iter().chain(job.repeated()).chain(open).for_each(|left| self.warn(Some(left)));
        let seconds = start.elapsed().as_secs_f64();
        self.print_summary((begun, wanted - begun), (shown, kept), seconds);
        match &self.report {
            Some(path) => {
                let report = job.report(&self, (shown, kept, wanted - begun), seconds, loaded.as_secs_f64(), size);
                // Another program may have written there meanwhile.
                check_replaced("--report", path, Content::Report)?;
                write_report(path, &(report + "\n")).map_err(|error| {
                    Failure::Failed(format!("{}: {error}; give a path that can be written", path.display()))
                })
            }
            None => Ok(()),
        }
    }

    /// The files of the command, unless they cannot be written together, or not as the flags ask.
    fn checked_files(&self) -> Result<Files, Failure> {
        let files = self.files()?;
        files.check()?;
        let piped = self.output.len() - self.files_written().count();
        if piped > 1 || piped > 0 && self.progress {
            return Err(Failure::Usage("two things would write to standard output; leave one out".to_owned()));
        }
        if piped > 0 && std::io::stdout().is_terminal() {
            let why = "-o -: standard output is a terminal; add a program that reads pictures, such as | ffplay -";
            return Err(Failure::Usage(why.to_owned()));
        }
        if self.resume && !self.can_resume() {
            let of = |path: &&PathBuf| Format::of(path).is_ok_and(|format| !format.is_resumable());
            let other = self.output.iter().find(of).map(|path| path.display().to_string()).unwrap_or_default();
            let why = format!("{other}: only MP4, GIF, APNG and numbered PNG can go on; leave --resume out");
            return Err(Failure::Usage(why));
        }
        Ok(files)
    }

    /// The lengths of a loop of this number of pictures, for --loop.
    fn lengths(&self, pictures: u64) -> Result<Option<Loop>, Failure> {
        let Some(secs) = self.looped else { return Ok(None) };
        let overlap = (secs * FRAME_RATE).round().max(1.0) as u64;
        if overlap > pictures / 2 || secs > LONGEST_LOOP {
            let most = (pictures as f64 / 2.0 / FRAME_RATE).min(LONGEST_LOOP);
            let why = format!("--loop {secs}: give at most half of the length and {LONGEST_LOOP} s: here {most} s");
            return Err(Failure::Usage(why));
        }
        Ok(Some(Loop { pictures, overlap }))
    }

    /// Leaves finished videos as they are, without the new ones.
    fn leave_finished(&self, videos: Vec<Box<dyn VideoWriter>>, wanted: u64) {
        let (provenance, sound, reached) = (None, None, Reached::default());
        Recording { videos, wanted, overlap: 0, provenance, sound, reached }.discard();
        if !self.quiet {
            let videos: Vec<String> = self.output.iter().map(|output| output.display().to_string()).collect();
            terminal::print_error(format_args!(
                "{}: finished already, with {wanted} pictures; without --resume, the video is rendered again",
                videos.join(", ")
            ));
        }
    }

    /// Writes the record beside each video. Returns the reasons of those that are left out.
    fn write_sidecars(&self, files: &Files, provenance: Option<&Provenance>) -> Result<Vec<String>, Failure> {
        let mut left = Vec::new();
        if let Some(provenance) = provenance {
            for output in self.files_written() {
                left.extend(write_sidecar(output, files, provenance)?);
            }
        }
        Ok(left)
    }

    /// Prints a warning, unless --quiet hides it.
    fn warn(&self, warning: Option<String>) {
        if let Some(warning) = warning.filter(|_| !self.quiet) {
            terminal::print_error(format_args!("warning: {warning}"));
        }
    }

    /// Prints the files, and the number of their pictures. An earlier render made the first `begun` of them, and this one `made`.
    fn print_summary(&self, (begun, made): (u64, u64), (wanted, kept): (u64, u64), seconds: f64) {
        if self.quiet {
            return;
        }
        let of = if kept == wanted { String::new() } else { format!("{kept} of ") };
        let goes_on = if begun > 0 { format!(", the last {made}") } else { String::new() };
        let videos: Vec<String> = self.output.iter().map(|output| output.display().to_string()).collect();
        terminal::print_error(format_args!(
            "{}: {of}{wanted} pictures{goes_on} in {seconds:.1} s, {:.1} per second",
            videos.join(", "),
            made as f64 / seconds
        ));
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
        for output in &self.output {
            files = files.video("-o", output)?;
        }
        if let Some(report) = &self.report {
            files = files.output("--report", report, Content::Report);
        }
        if self.no_metadata {
            return Ok(files);
        }
        // Two videos of one name share their record.
        let records: BTreeSet<PathBuf> = self.files_written().map(|output| provenance::sidecar::path(output)).collect();
        Ok(records
            .into_iter()
            .fold(files, |files, path| files.output("the record beside the video", &path, Content::Record)))
    }

    /// Provenance of the video; none, with a warning, for a patch that is too long.
    fn provenance(
        &self,
        patch: Patch,
        engine: &Engine,
        size: (usize, usize),
        lengths: Option<Loop>,
        source: &VideoSource,
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
            steps: self.steps.map(|steps| steps as usize),
            looped: lengths.map(|lengths| lengths.overlap),
            take: source.take.clone(),
            start: (source.skipped > 0).then_some(source.skipped),
            is_final: self.replay.is_final,
            sound: self.sound_record()?,
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

    /// The record of the sound of --audio.
    fn sound_record(&self) -> Result<Option<provenance::Sound>, Failure> {
        let Some(path) = self.sound_path() else { return Ok(None) };
        let bytes = files::read(&path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
        Ok(Some(provenance::Sound { sha256: hex(&Sha256::digest(&bytes)), channels: self.audio_channels }))
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
        let model = Family::Mini.name().to_owned();
        let mut source = VideoSource::new(Arc::new(patch), plan, model);
        (source.sound, source.sound_path) = (self.sound()?, self.sound_path());
        Ok(source)
    }

    fn bar(&self, frames: u64) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {per_sec}, {eta} left, {msg}");
        let bar = ProgressBar::new(frames).with_message("loading the model");
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

fn checkpoint_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("give a number of seconds, or 0 for no checkpoints".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e6 => Ok(seconds),
        _ => Err("give a number of seconds above 0".to_owned()),
    }
}
