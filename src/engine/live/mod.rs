//! The engine on a thread of its own. Neither the engine nor the viewer waits for the other.
//!
//! A second thread, the player, shows each frame at its time. The engine stays just ahead of it, and makes a chunk again while it is
//! shown. A turn of a knob thus shows as early as the model allows.

mod conductor;
mod handle;
mod player;
mod replay;
mod status;
mod twin;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bendrack_nodes::compile::plan::Plan;
use bendrack_nodes::patch::Patch;
use bendrack_nodes::program::Tap;
use candle_core::Result;

use super::Frame;
use crate::input::Inbox;
use crate::wan::error::message;
pub use handle::EngineHandle;
pub use replay::{Playing, Replay};
pub use status::{Estimate, Stage, Status};
use twin::Comparison;
pub use twin::Pair;

/// State shared by the handle and the threads.
struct Shared {
    state: Mutex<State>,
    /// Signals a change of the state.
    changed: Condvar,
    inbox: Inbox,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent requests")]
struct State {
    /// A patch to run, with its plan.
    patch: Option<(Arc<Patch>, Arc<Plan>)>,
    /// The time at which the oldest patch was set that does not run yet.
    patch_given: Option<Instant>,
    /// The most makes of a chunk; none for as many as there is time for.
    most_makes: Option<usize>,
    restart: bool,
    /// True to empty the KV cache before the next chunk.
    forget: bool,
    /// Probes for the next call.
    probes: Option<Arc<[Tap]>>,
    /// A take to play back.
    replay: Option<Replay>,
    /// True if the playback ends now.
    stop_replay: bool,
    stop: bool,
    /// True to begin the comparison with the video without bends, false to end it.
    compare: Option<bool>,
    comparison: Option<Comparison>,
    /// The time of the latest picture that was made after its time.
    late_at: Option<Instant>,
    status: Status,
    /// Frames to come, each with its due time.
    queue: VecDeque<(Instant, Arc<Frame>)>,
    shown: Option<Arc<Frame>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `work`. An error becomes its message, a panic a message with the next step: the engine thread survives both.
fn catch_panic<T>(work: impl FnOnce() -> Result<T>, next_step: &str) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| message(&error)),
        Err(_) => Err(format!("internal error in the engine, a bug: report it to the project, and {next_step}")),
    }
}
