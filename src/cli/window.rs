//! `bendrack [PATCH]`: the rack in a window.

use std::path::PathBuf;

use super::model::ModelFlags;
use super::shares::ShareFlags;
use crate::io;

#[derive(clap::Args)]
pub(super) struct Window {
    /// Patch to open, or a PNG or MP4 with an embedded patch [default: the first bend].
    patch: Option<PathBuf>,
    #[command(flatten)]
    model: ModelFlags,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = super::size)]
    size: Option<(usize, usize)>,
    /// Folder for recordings of the window [default: the user's folder of videos, else the working folder].
    #[arg(long, value_name = "FOLDER")]
    recordings: Option<PathBuf>,
    #[command(flatten)]
    shares: ShareFlags,
    /// File for the frame times of the window: JSON, written when it closes.
    #[arg(long, value_name = "FILE")]
    ui_stats: Option<PathBuf>,
    /// Opens the patch as a new one: saving asks for a name.
    #[arg(long, hide = true)]
    untitled: bool,
    #[command(flatten)]
    devices: io::Settings,
}

#[cfg(not(feature = "ui"))]
impl Window {
    pub(super) fn run(self) -> Result<(), super::Failure> {
        let _ = (
            self.patch,
            self.model,
            self.size,
            self.recordings,
            self.shares.share,
            self.ui_stats,
            self.untitled,
            self.devices,
        );
        Err(super::Failure::Failed(
            "this bendrack was built without its window; render the patch with `bendrack render`, or build it with the feature ui"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "ui")]
mod open {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::patch::Patch;

    use candle_core::Result;

    use super::Window;
    use crate::cli::device_outputs::DeviceOutputs;
    use crate::cli::models::Shelf;
    use crate::cli::play::sessions;
    use crate::cli::recording::Recordings;
    use crate::cli::shares::ShareHandle;
    use crate::cli::takes::{TakeFolder, Takes};
    use crate::cli::{Failure, doctor, open_patch, sound};
    use crate::disk;
    use crate::engine::model::FRAME_RATE;
    use crate::engine::{Engine, EngineHandle, Frame, Session};
    use crate::files::data_folder;
    use crate::io::Devices;
    use crate::io::audio::AudioSource;
    use crate::output::recorder::SoundOf;
    use crate::output::share::Shares;
    use crate::provenance::{Opened, Render};
    use crate::take::{TakeWriter, folder};
    use crate::terminal;
    use crate::ui::{self, DeviceHandle, FilesOfUser, Options, Recovery, UiStats, Waker};

    /// Patch that opens by default.
    const FIRST_BEND: &str = include_str!("../../patches/first_bend.json");

    /// Checks the system at the first start of a version, and returns the place where the message about its problems comes.
    fn checkup(waker: Waker) -> Option<Receiver<String>> {
        let marker = data_folder()?.join("bendrack").join("checked");
        if std::fs::read_to_string(&marker).is_ok_and(|version| version == env!("CARGO_PKG_VERSION")) {
            return None;
        }
        let (send, receive) = channel();
        std::thread::spawn(move || {
            if let Some(problems) = doctor::problems() {
                if send.send(problems).is_err() {
                    return;
                }
                waker.wake();
            }
            // Without the file, the next start checks again.
            let _ = marker.parent().map(std::fs::create_dir_all);
            let _ = std::fs::write(marker, env!("CARGO_PKG_VERSION"));
        });
        Some(receive)
    }

    impl Window {
        pub(in crate::cli) fn run(self) -> std::result::Result<(), Failure> {
            let (opened, notice) = match &self.patch {
                Some(path) if path.components().count() == 1 && path.extension().is_none() && !path.exists() => {
                    let name = path.display().to_string();
                    return Err(Failure::Usage(format!(
                        "there is no command and no patch {name:?}; bendrack --help lists the commands"
                    )));
                }
                Some(path) if path.exists() => match disk::load(path) {
                    Ok(opened) => (opened, None),
                    // A file that is opened by its icon has no terminal. A patch without a name cannot replace the file.
                    Err(error) => {
                        terminal::print_error(format_args!("{error}"));
                        (first_bend()?, Some(format!("{error}. This is the first bend; the file is unchanged.")))
                    }
                },
                Some(path) => (open_patch(path)?, None),
                None => (first_bend()?, None),
            };
            let Opened { patch, home, .. } = opened;
            // A patch with errors opens too, for repair in the window.
            let plan = Plan::compile(&patch, LIBRARY).0.unwrap_or_default();
            let (audio, channels) = (&self.devices.audio, self.devices.audio_channels);
            let sound = sound::open(audio, channels, false)?;
            let journal = TakeWriter::new(sessions(), sound::file(audio, channels)?);
            let recordings = Recordings::new(self.recordings);
            let takes = takes(&journal, &recordings);
            let shelf = Shelf::new(self.model.name().to_owned());
            let (model, size, made) = (self.model, self.size, recordings.clone());
            let patch_given = Arc::new(patch.clone());
            let load = move || {
                let strain = model.strain(size);
                let mut model = model.open()?;
                model.warnings.extend(strain);
                let size = size.unwrap_or(model.size);
                let mut engine = Engine::new(model, Arc::new(plan), size)?;
                engine.set_sound(sound);
                made.set_render(render(&engine, size)?);
                Ok(Session::new(engine, patch_given))
            };
            let (outputs, send) = DeviceOutputs::new();
            let shares = Shares::start(self.shares.share);
            let (recorded, shared, waker) = (recordings.clone(), shares.clone(), Waker::default());
            let woken = waker.clone();
            let checkup = checkup(waker.clone());
            let watch = move |frame: &Frame| {
                send(frame);
                recorded.push(frame);
                shared.push(&frame.screen);
                woken.wake();
            };
            let rack = EngineHandle::start_with_journal(load, watch, journal);
            let devices = Devices::open(&self.devices, rack.inbox());
            recordings.set_sound(match &self.devices.audio {
                AudioSource::None => SoundOf::Nothing,
                AudioSource::File(path) => SoundOf::File(path.clone()),
                AudioSource::Default | AudioSource::Named(_) => SoundOf::Input(devices.sound().clone()),
            });
            outputs.open(&devices);
            let handle = DeviceHandle {
                activity: devices.activity().clone(),
                names: devices.names().clone(),
                keyboard: devices.keyboard().into(),
            };
            let options = Options {
                patch,
                path: home.filter(|_| !self.untitled),
                notice,
                checkup,
                engine: Box::new(rack),
                devices: Box::new(handle),
                recordings: Box::new(recordings.clone()),
                takes: Box::new(takes.clone()),
                models: Box::new(shelf),
                shares: Box::new(ShareHandle::new(shares)),
                recovery: Recovery::of_user(),
                files_of_user: FilesOfUser::in_data_folder(),
                stats: self.ui_stats.map(UiStats::new),
                waker,
            };
            let closed = ui::run(options);
            // The window closed during a recording.
            if let Some(outcome) = recordings.finish() {
                terminal::print_error(format_args!("{outcome}"));
            }
            if let Some(output) = takes.rendering() {
                terminal::print_error(format_args!(
                    "{}: the render continues in the background; to cancel it, end its process",
                    output.display()
                ));
            }
            closed.map_err(|error| {
                let way_out = "without a display, `bendrack render PATCH -o FILE.mp4` makes a video";
                Failure::Failed(format!("the window could not be opened: {error}; {way_out}"))
            })
        }
    }

    fn first_bend() -> std::result::Result<Opened, Failure> {
        let patch = Patch::from_json(FIRST_BEND).map_err(|problem| Failure::Failed(problem.to_string()))?;
        Ok(Opened { patch, render: None, home: None })
    }

    /// The takes of this user.
    fn takes(journal: &TakeWriter, recordings: &Recordings) -> Takes {
        let made = recordings.clone();
        Takes::new(TakeFolder {
            folder: folder::of_user(),
            videos: recordings.folder().to_owned(),
            program: std::env::current_exe().unwrap_or_else(|_| "bendrack".into()),
            running: Box::new(journal.state()),
            made: Box::new(move || made.render()),
        })
    }

    /// Render record for recordings; each adds the seed of its patch.
    fn render(engine: &Engine, (width, height): (usize, usize)) -> Result<Render> {
        let model = engine.model();
        Ok(Render {
            bendrack: env!("CARGO_PKG_VERSION").to_owned(),
            model: model.short_name(),
            family: model.family.name().to_owned(),
            model_sha256: model.sha256()?,
            seed: 0,
            size: [width, height],
            zoom: engine.zoom(),
            exact: engine.is_exact(),
            // The patch has its own.
            steps: None,
            looped: None,
            take: None,
            start: None,
            is_final: false,
            sound: None,
            frames: 0,
            frame_rate: FRAME_RATE,
        })
    }
}
