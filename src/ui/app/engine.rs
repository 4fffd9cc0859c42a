//! The engine's interface to the window. Tests implement [`EngineLink`] without a model.

use std::sync::Arc;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::input::Controls;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Tap;

use crate::engine::model::LATENT_SECS;
use crate::engine::{EngineHandle, Frame, Pair, Replay, Status};
use crate::ui::document::missing::Missing;
use crate::ui::workspace::{Editor, Playback};

/// The engine as the window uses it. No call blocks.
pub trait EngineLink {
    /// Runs a patch, whose plan is `plan`, from the next denoising step on.
    fn set_patch(&self, patch: Arc<Patch>, plan: Arc<Plan>);
    /// Measures these taps of the window too, from the next model call on.
    fn set_probes(&self, probes: Arc<[Tap]>);
    /// Begins or ends the comparison with the same video without bends.
    fn compare(&self, on: bool);
    /// The picture and its counterpart without bends to show now, once there are any.
    ///
    /// # Errors
    ///
    /// Fails if the video without bends cannot be made: the reason.
    fn pair(&self) -> Result<Option<Pair>, String>;
    /// The frame to show now.
    fn frame(&self) -> Option<Arc<Frame>>;
    /// The state, the speed and the warnings.
    fn status(&self) -> Status;
    /// The latest values from devices.
    fn controls(&self) -> Controls;
    /// Restarts the video.
    fn restart(&self);
    /// Empties the KV cache before the next chunk.
    fn forget_past(&self);
    /// Plays a take back in place of the live video, which restarts at the end of the take.
    fn play(&self, replay: Replay);
    /// Ends the playback of a take.
    fn stop_playing(&self);
}

impl EngineLink for EngineHandle {
    fn set_patch(&self, patch: Arc<Patch>, plan: Arc<Plan>) {
        Self::set_patch(self, patch, plan);
    }

    fn set_probes(&self, probes: Arc<[Tap]>) {
        Self::set_probes(self, probes);
    }

    fn compare(&self, on: bool) {
        Self::compare(self, on);
    }

    fn pair(&self) -> Result<Option<Pair>, String> {
        Self::pair(self)
    }

    fn frame(&self) -> Option<Arc<Frame>> {
        Self::frame(self)
    }

    fn status(&self) -> Status {
        Self::status(self)
    }

    fn controls(&self) -> Controls {
        self.inbox().latest()
    }

    fn restart(&self) {
        Self::restart(self);
    }

    fn forget_past(&self) {
        Self::forget_past(self);
    }

    fn play(&self, replay: Replay) {
        Self::play(self, replay);
    }

    fn stop_playing(&self) {
        Self::stop_playing(self);
    }
}

/// Status of the engine at the last poll.
#[derive(Default)]
pub struct EngineStatus {
    /// The state, the speed and the warnings.
    pub status: Status,
    /// The number of the frame on screen.
    pub frame: Option<u64>,
}

impl EngineStatus {
    /// Reads the status and the frame from the engine, and the controls with a new frame or while a control is learned.
    pub fn poll(
        &mut self,
        ctx: &eframe::egui::Context,
        engine: &dyn EngineLink,
        editor: &Editor,
        playback: &mut Playback,
    ) {
        self.status = engine.status();
        playback.warnings.clone_from(&self.status.warnings);
        (playback.probes.model, playback.probes.call) = (self.status.model, self.status.call);
        playback.images.take_estimate(ctx, self.status.estimate.as_ref().map(|estimate| &estimate.picture));
        let learns = editor.learn.is_some();
        let Some(frame) = engine.frame() else {
            if learns {
                playback.controls = engine.controls();
            }
            return;
        };
        self.frame = Some(frame.number);
        if !playback.is_frozen {
            playback.probes.take(&frame.probes);
        }
        // Without a model the engine shows black; the window keeps the last picture.
        let is_playing = self.status.playing.is_some();
        playback.missing = Missing::of(&editor.document.patch).filter(|_| !is_playing);
        let is_held = playback.is_frozen || playback.missing == Some(Missing::Model);
        if playback.images.take(ctx, &frame, is_held) || learns {
            playback.controls = engine.controls();
        }
        // A take plays another patch, so its numbers do not belong to the ports on the canvas.
        if self.status.playing.is_some() {
            return;
        }
        playback.live.advance(frame.latent, &frame.controls, &frame.measurements, LATENT_SECS);
    }
}
