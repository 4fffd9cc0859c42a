//! The player: shows each frame at its time, on a thread of its own.

use std::sync::PoisonError;
use std::time::Instant;

use super::Shared;
use crate::engine::Frame;

/// Shows frames at their times.
pub(super) fn play(shared: &Shared, watch: &mut impl FnMut(&Frame)) {
    let mut state = shared.state();
    while !state.stop {
        let now = Instant::now();
        match state.queue.front() {
            Some((due, _)) if *due <= now => {
                let frame = state.queue.pop_front().map(|(_, frame)| frame);
                state.shown.clone_from(&frame);
                if let (Some(frame), Some(comparison)) = (&frame, &mut state.comparison) {
                    comparison.show(frame);
                }
                drop(state);
                if let Some(frame) = frame {
                    watch(&frame);
                }
                state = shared.state();
            }
            Some((due, _)) => {
                let wait = *due - now;
                state = shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            }
            None => state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}
