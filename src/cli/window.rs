//! `bendrack [PATCH]`: the rack, in a window.

use std::path::PathBuf;

use crate::io;

#[derive(clap::Args)]
pub(super) struct Window {
    /// Patch to open, or a PNG or MP4 with an embedded patch [default: the first bend].
    patch: Option<PathBuf>,
    /// Model: mini, a name from `bendrack models`, or the path of a folder.
    #[arg(long, default_value = "mini")]
    model: String,
    /// Width and height of the model's picture, multiples of 16 [default: 128x128 for mini, else 832x480].
    #[arg(long, value_name = "WxH", value_parser = super::size)]
    size: Option<(usize, usize)>,
    #[command(flatten)]
    devices: io::Settings,
}

#[cfg(not(feature = "ui"))]
impl Window {
    pub(super) fn run(self) -> Result<(), super::Failure> {
        let _ = (self.patch, self.model, self.size, self.devices);
        Err(super::Failure::Failed(
            "this bendrack was built without its window; render the patch with `bendrack render`, or build it with the feature ui"
                .to_owned(),
        ))
    }
}

#[cfg(feature = "ui")]
mod open {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::patch::Patch;

    use super::Window;
    use crate::cli::outs::Outs;
    use crate::cli::play::{sessions, sound_file};
    use crate::cli::{Failure, models, open_patch};
    use crate::engine::{Engine, EngineHandle, Session};
    use crate::io::Devices;
    use crate::provenance::Opened;
    use crate::take::TakeWriter;
    use crate::ui::{self, Options, Recovery};

    /// The patch that opens when none is named.
    const FIRST_BEND: &str = include_str!("../../patches/first_bend.json");

    impl Window {
        pub(in crate::cli) fn run(self) -> Result<(), Failure> {
            let opened = match &self.patch {
                Some(path) if path.components().count() == 1 && path.extension().is_none() && !path.exists() => {
                    let name = path.display().to_string();
                    return Err(Failure::Usage(format!(
                        "there is no command and no patch {name:?}; bendrack --help lists the commands"
                    )));
                }
                Some(path) => open_patch(path)?,
                None => {
                    let patch = Patch::from_json(FIRST_BEND).map_err(|problem| Failure::Failed(problem.to_string()))?;
                    Opened { patch, render: None, home: None }
                }
            };
            let Opened { patch, home, .. } = opened;
            // A patch with errors opens too, so that the window can mend it.
            let plan = Plan::compile(&patch, LIBRARY).0.unwrap_or_default();
            let sound = self.devices.audio.sound().map_err(|error| Failure::Failed(error.to_string()))?;
            let journal = TakeWriter::new(sessions(), sound_file(&self.devices.audio)?);
            let (model, size) = (self.model, self.size);
            let patch_given = Arc::new(patch.clone());
            let load = move || {
                let model = models::open(&model)?;
                let size = size.unwrap_or(model.size);
                let mut engine = Engine::new(model, Arc::new(plan), size)?;
                engine.set_sound(sound);
                Ok(Session::new(engine, patch_given))
            };
            let (outs, watch) = Outs::new();
            let rack = EngineHandle::start_with_journal(load, watch, journal);
            let devices = Devices::open(&self.devices, rack.inbox());
            outs.open(&devices);
            let activity = devices.activity().clone();
            let options = Options {
                patch,
                path: home,
                engine: Box::new(rack),
                devices: Box::new(activity),
                recovery: Recovery::of_user(),
            };
            ui::run(options).map_err(|error| {
                let way_out = "without a display, `bendrack render PATCH -o FILE.mp4` makes a video";
                Failure::Failed(format!("the window could not be opened: {error}; {way_out}"))
            })
        }
    }
}
