//! `bendrack play`: a patch played live without a window, for installations, servers and tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bendrack_nodes::input::Event;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::device_outputs::DeviceOutputs;
use super::files::{Content, Files};
use super::render::{compile, peak_memory};
use super::{Failure, models, print_json, read_patch, size};
use crate::disk;
use crate::engine::{Engine, EngineHandle, Frame, Session, Stage};
use crate::hex::hex;
use crate::io::audio::AudioSource;
use crate::io::{self as devices, Devices};
use crate::media::Picture;
use crate::output::raw::{FrameFormat, Frames};
use crate::take::{SoundFile, TakeWriter, folder};
use crate::terminal;

/// Interval of the statistics.
const STATS: Duration = Duration::from_secs(1);
/// Interval of the writes of the state file.
const STATE: Duration = Duration::from_secs(5);
/// Longest failure of the engine. After it the program exits, so that a service manager can restart it.
const LONGEST_FAILURE: Duration = Duration::from_secs(10);
/// Longest wait for the last model call at the end.
const LONGEST_CALL: Duration = Duration::from_secs(10);
/// Largest number of queued pictures for a slow reader; further ones are dropped.
const MOST_WAITING: usize = 16;
/// Largest state file, in bytes.
const MAX_STATE: u64 = 64 << 20;

#[derive(clap::Args)]
pub(super) struct Play {
    /// Patch file, or a PNG or MP4 with an embedded patch.
    patch: PathBuf,
    /// Model: mini, a name from `bendrack models`, or the path of a folder.
    #[arg(long, default_value = "mini")]
    model: String,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Enlargement: size of the pictures as a multiple of the model's picture [default: 4 for mini's 128x128, else 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16))]
    zoom: Option<u64>,
    /// Write the pictures to standard output: as YUV4MPEG2, which players read from a pipe, or as raw RGB bytes.
    #[arg(long, value_enum, default_value = "none")]
    frames_out: FrameFormat,
    /// Write a take to this file: all input and edits, from which `bendrack render --take` makes the video again.
    #[arg(long, value_name = "FILE.take")]
    take_out: Option<PathBuf>,
    /// Print a line of JSON each second: speed, latency, losses, memory, devices.
    #[arg(long)]
    stats: bool,
    /// Length of play after the first picture, in seconds [default: until Ctrl+C or SIGTERM].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Keep the last value of each control in this file, every five seconds and at the end.
    #[arg(long, value_name = "FILE.json")]
    state: Option<PathBuf>,
    /// Start with the values of --state, if its file exists.
    #[arg(long, requires = "state")]
    resume: bool,
    #[command(flatten)]
    devices: devices::Settings,
}

/// The state file: the last value of each control.
#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    /// The version of the format.
    #[serde(rename = "bendrack-state")]
    version: u64,
    events: Vec<Event>,
}

impl Play {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.files().check()?;
        let saved = if self.resume { self.saved_events()? } else { Vec::new() };
        let patch = read_patch(&self.patch)?;
        let plan = Arc::new(compile(&patch, &self.patch, false)?);
        let sound = self.devices.audio.sound().map_err(|error| Failure::Failed(error.to_string()))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        ctrlc::set_handler(move || stopped.store(true, Ordering::Relaxed))
            .map_err(|error| Failure::Failed(format!("signals cannot be received: {error}")))?;

        let (model, size, zoom, patch) = (self.model.clone(), self.size, self.zoom, Arc::new(patch));
        let load = move || {
            let model = models::open(&model)?;
            let size = size.unwrap_or(model.size);
            let mut engine = Engine::new(model, plan, size)?;
            engine.set_sound(sound);
            if let Some(zoom) = zoom {
                engine.set_zoom(zoom as usize);
            }
            Ok(Session::new(engine, patch))
        };
        let (outputs, send) = DeviceOutputs::new();
        let frames = FrameWriter::start(self.frames_out, stop.clone());
        let shown = Arc::new(AtomicU64::new(0));
        let (count, pictures) = (shown.clone(), frames.sender());
        let watch = move |frame: &Frame| {
            send(frame);
            pictures.push(&frame.screen);
            count.fetch_add(1, Ordering::Relaxed);
        };
        let take = self.take_out.clone();
        let sound_file = sound_file(&self.devices.audio)?;
        let journal = take.map(|path| TakeWriter::new(move || Ok(path.clone()), sound_file));
        let take_state = journal.as_ref().map(TakeWriter::state);
        let engine = EngineHandle::start_with_journal(load, watch, journal);
        engine.inbox().push(Instant::now(), saved);
        let devices = Devices::open(&self.devices, engine.inbox());
        outputs.open(&devices);

        let begin = Instant::now();
        let (mut first, mut running) = (begin, begin);
        let (mut stats_due, mut state_due, mut before, mut warned) = (begin + STATS, begin + STATE, (begin, 0), false);
        let ended = loop {
            if stop.load(Ordering::Relaxed) {
                break frames.problem().map_or(Ok(()), |why| Err(Failure::Failed(why)));
            }
            let total = shown.load(Ordering::Relaxed);
            if total > 0 && self.seconds.is_some_and(|secs| first.elapsed().as_secs_f64() >= secs) {
                break Ok(());
            }
            // --seconds counts from the first picture, a failure from the last time that the engine ran.
            if total == 0 {
                first = Instant::now();
            }
            match engine.status().stage {
                Stage::Failed(why) if total == 0 || running.elapsed() > LONGEST_FAILURE => {
                    break Err(Failure::Failed(why));
                }
                Stage::Failed(_) => {}
                Stage::Loading | Stage::Running => running = Instant::now(),
            }
            let take = take_state.as_ref().map(|state| state()).unwrap_or_default();
            if let Some(error) = take.failed.filter(|_| !warned) {
                if take.path.is_none() {
                    break Err(Failure::Failed(error.to_string()));
                }
                terminal::print_error(format_args!("warning: {error}"));
                warned = true;
            }
            let now = Instant::now();
            if self.stats && now >= stats_due {
                stats_due += STATS;
                let rate = (total - before.1) as f64 / (now - before.0).as_secs_f64();
                before = (now, total);
                let failed = take_state.as_ref().and_then(|state| state().failed).map(|error| error.to_string());
                let line = stats(&engine, &devices, (total, rate), &frames, failed.as_deref());
                self.print_stats(&line)?;
            }
            if now >= state_due {
                state_due += STATE;
                self.save_state(&engine);
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        self.save_state(&engine);
        // Devices end first, with a note off for each held note of a MIDI output.
        drop(devices);
        engine.close(LONGEST_CALL);
        frames.finish();
        ended
    }

    fn files(&self) -> Files {
        let mut files = Files::default().input("the patch", &self.patch);
        if let AudioSource::File(sound) = &self.devices.audio {
            files = files.input("the sound (--audio)", sound);
        }
        if let Some(take) = &self.take_out {
            files = files.output("--take-out", take, Content::Take);
        }
        if let Some(state) = &self.state {
            files = files.output("--state", state, Content::State);
        }
        files
    }

    /// Events of the state file; none before the first file.
    fn saved_events(&self) -> Result<Vec<Event>, Failure> {
        let Some(path) = &self.state else { return Ok(Vec::new()) };
        let failed = |why: &str| {
            Failure::Failed(format!("{}: {why}; delete the file, or start without --resume", path.display()))
        };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error.to_string())),
            Ok(meta) if meta.len() > MAX_STATE => return Err(failed("too long for a state")),
            Ok(_) => {}
        }
        let text = fs::read(path).map_err(|error| failed(&error.to_string()))?;
        let state: State = serde_json::from_slice(&text).map_err(|error| failed(&error.to_string()))?;
        if state.version != 1 {
            return Err(failed(&format!("a state of version {}; this bendrack reads version 1", state.version)));
        }
        Ok(state.events)
    }

    /// Writes the state file.
    fn save_state(&self, engine: &EngineHandle) {
        let Some(path) = &self.state else { return };
        let state = State { version: 1, events: engine.inbox().latest().events() };
        let written = serde_json::to_vec(&state).map_err(io::Error::other).and_then(|text| disk::replace(path, &text));
        if let Err(error) = written {
            terminal::print_error(format_args!(
                "warning: {}: {error}; the state is not kept, choose another file for --state",
                path.display()
            ));
        }
    }

    /// Prints a line of statistics: to standard error if standard output carries pictures.
    fn print_stats(&self, line: &serde_json::Value) -> Result<(), Failure> {
        if self.frames_out == FrameFormat::None {
            return print_json(&format!("{line}\n"));
        }
        terminal::print_error(line);
        Ok(())
    }
}

/// A line of statistics.
fn stats(
    engine: &EngineHandle,
    devices: &Devices,
    (pictures, rate): (u64, f64),
    frames: &FrameWriter,
    take_failed: Option<&str>,
) -> serde_json::Value {
    let status = engine.status();
    let stage = match &status.stage {
        Stage::Loading => json!("loading"),
        Stage::Running => json!("running"),
        Stage::Failed(why) => json!({ "failed": why }),
    };
    json!({
        "stage": stage,
        "pictures": pictures,
        "pictures_per_second": rate,
        "model_pictures_per_second": status.speed,
        "latency_seconds": { "last": status.latency.last, "median": status.latency.median, "p99": status.latency.p99 },
        "makes": status.makes,
        "late_pictures": status.late,
        "merged_events": status.merged,
        "left_out_pictures": frames.left_out(),
        "peak_memory_bytes": peak_memory(),
        "warnings": status.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "take_failed": take_failed,
        "devices": devices.activity().lights(),
    })
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("give a number of seconds above 0".to_owned()),
    }
}

/// Paths of the takes that the window writes, in the user's folder.
pub(super) fn sessions() -> impl FnMut() -> io::Result<PathBuf> + Send + 'static {
    || {
        let folder = folder::of_user().ok_or_else(|| io::Error::other(folder::NO_FOLDER))?;
        folder::next_session(&folder)
    }
}

/// The sound file in place of an audio input, with its SHA-256.
pub(super) fn sound_file(source: &AudioSource) -> Result<Option<SoundFile>, Failure> {
    let AudioSource::File(path) = source else { return Ok(None) };
    let bytes = fs::read(path).map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| Path::to_owned(path));
    Ok(Some(SoundFile { path: absolute.display().to_string(), sha256: hex(&Sha256::digest(bytes)) }))
}

/// Writes pictures to standard output, on a thread of its own.
struct FrameWriter {
    sender: FrameSender,
    thread: Option<JoinHandle<()>>,
    problem: Arc<Mutex<Option<String>>>,
}

#[derive(Clone)]
struct FrameSender {
    pictures: Arc<Mutex<Option<SyncSender<Arc<Picture>>>>>,
    left_out: Arc<AtomicU64>,
}

impl FrameSender {
    fn push(&self, picture: &Arc<Picture>) {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(TrySendError::Full(_))) = pictures.as_ref().map(|pictures| pictures.try_send(picture.clone())) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl FrameWriter {
    fn start(format: FrameFormat, stop: Arc<AtomicBool>) -> Self {
        let (pictures, receiver) = sync_channel(MOST_WAITING);
        let is_wanted = format != FrameFormat::None;
        let pictures = Arc::new(Mutex::new(Some(pictures).filter(|_| is_wanted)));
        let problem = Arc::new(Mutex::new(None));
        let found = problem.clone();
        let write = move || {
            if let Err(error) = write_frames(format, &receiver) {
                // A closed pipe ends the video without an error.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    let why = format!("the pictures cannot be written: {error}; check the program that reads them");
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                }
                stop.store(true, Ordering::Relaxed);
            }
        };
        let thread = is_wanted.then(|| std::thread::spawn(write));
        Self { sender: FrameSender { pictures, left_out: Arc::default() }, thread, problem }
    }

    fn sender(&self) -> FrameSender {
        self.sender.clone()
    }

    fn left_out(&self) -> u64 {
        self.sender.left_out.load(Ordering::Relaxed)
    }

    /// The problem that ended the pictures.
    fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the queued pictures and ends.
    fn finish(self) {
        self.sender.pictures.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread {
            // A panic of the thread is already printed.
            let _ = thread.join();
        }
    }
}

/// Writes pictures until the channel closes.
fn write_frames(format: FrameFormat, pictures: &Receiver<Arc<Picture>>) -> io::Result<()> {
    let mut frames = Frames::new(format, io::stdout().lock());
    for picture in pictures {
        frames.push(&picture)?;
    }
    frames.flush()
}
