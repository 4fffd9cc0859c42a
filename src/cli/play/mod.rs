//! `bendrack play`: a patch played live without a window, for installations, servers and tests.

mod frames;
mod knobs;
mod state;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::device_outputs::DeviceOutputs;
use super::files::{Content, Files};
use super::interrupt::Interrupt;
use super::model::ModelFlags;
use super::render::compile;
use super::shares::ShareFlags;
use super::{Failure, read_patch, size, sound};
use crate::engine::{Engine, EngineHandle, Frame, Session};
use crate::io::audio::AudioSource;
use crate::io::{self as devices, Devices, Request};
use crate::output::raw::FrameFormat;
use crate::output::share::Shares;
use crate::take::{TakeWriter, folder};
use crate::terminal;
use frames::FrameWriter;
use knobs::Knobs;
use watch::{Watch, Watched};

/// Longest wait for the last model call at the end.
const LONGEST_CALL: Duration = Duration::from_secs(10);
#[derive(clap::Args)]
pub(super) struct Play {
    /// Patch file, or a PNG or MP4 with an embedded patch.
    patch: PathBuf,
    #[command(flatten)]
    model: ModelFlags,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(usize, usize)>,
    /// Enlargement: size of the pictures as a multiple of the model's picture [default: 4 for mini's 128x128, else 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16))]
    zoom: Option<u64>,
    /// Write the pictures to standard output: as YUV4MPEG2, which players read from a pipe, or as raw RGB bytes.
    #[arg(long, value_enum, default_value = "none")]
    frames_out: FrameFormat,
    #[command(flatten)]
    shares: ShareFlags,
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

impl Play {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.files().check()?;
        let saved = self.state.as_deref().filter(|_| self.resume).map_or_else(|| Ok(Vec::new()), state::read)?;
        let patch = read_patch(&self.patch)?;
        let plan = Arc::new(compile(&patch, &self.patch, false)?);
        let sound = sound::open(&self.devices.audio, self.devices.audio_channels, false)?;
        let stop = Interrupt::watch_terminal()?.flag();

        let (model, size, zoom, patch) = (self.model.clone(), self.size, self.zoom, Arc::new(patch));
        let (mut knobs, wanted) = (Knobs::new(patch.clone()), patch.devices.clone());
        let load = move || {
            model.strain(size).iter().for_each(|strain| terminal::print_error(format_args!("warning: {strain}")));
            let model = model.open()?;
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
        let shares = Shares::start(self.shares.share.clone());
        let shown = Arc::new(AtomicU64::new(0));
        let (count, pictures, shared) = (shown.clone(), frames.sender(), shares.clone());
        let watch = move |frame: &Frame| {
            send(frame);
            pictures.push(&frame.screen);
            shared.push(&frame.screen);
            count.fetch_add(1, Ordering::Relaxed);
        };
        let take = self.take_out.clone();
        let sound_file = sound::file(&self.devices.audio, self.devices.audio_channels)?;
        let journal = take.map(|path| TakeWriter::new(move || Ok(path.clone()), sound_file));
        let take_state = journal.as_ref().map(TakeWriter::state);
        let engine = EngineHandle::start_with_journal(load, watch, journal);
        knobs.apply(&engine, saved.iter().filter_map(Request::of_event));
        engine.inbox().push(Instant::now(), saved);
        let devices = Devices::open(&self.devices, engine.inbox());
        devices.names().set_wanted(&wanted);
        outputs.open(&devices);

        let watched = Watched {
            engine: &engine,
            devices: &devices,
            frames: &frames,
            shares: &shares,
            shown: &shown,
            stop: &stop,
            take: take_state.as_ref().map(|state| state as _),
        };
        let ended = Watch::new(&self, watched, knobs).run();
        if let Some(path) = &self.state {
            state::save(path, engine.inbox());
        }
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
