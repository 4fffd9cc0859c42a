//! The layout of frames in memory: a sink of frames that stay, then a ring of the most recent ones.
//!
//! A place counts the held frames from the oldest on; a slot is an index in memory. Sizes are in latent frames.

use std::ops::Range;

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use super::CachePolicy;

/// The frames that a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ring {
    pub(super) window: usize,
    pub(super) sink: usize,
    /// Frames held.
    pub(super) filled: usize,
    /// Position of the frame after the newest one held.
    pub(super) end: usize,
    /// The index in the ring of its oldest frame.
    pub(super) oldest: usize,
}

/// A run of a call's frames that lands in consecutive slots.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first frame, counted within the call.
    pub(super) frame: usize,
    pub(super) slot: usize,
    pub(super) frames: usize,
}

impl Ring {
    pub(super) fn new(policy: &CachePolicy) -> Self {
        Self { window: policy.window, sink: policy.sink, ..Self::default() }
    }

    /// The ring after `frames` frames from position `first` on are in it. Frames that are held already stay where they are.
    pub(super) fn after(self, first: usize, frames: usize, rolls: bool) -> Result<Self> {
        let ring = if self.filled == 0 { Self { end: first, ..self } } else { self };
        let end = first + frames;
        if first > ring.end {
            bail!("frames {first}..{end} leave a gap in the KV cache, which ends at {}; reset it", ring.end)
        }
        if end > ring.end && ring.filled + (end - ring.end) > ring.window {
            if !rolls {
                bail!(
                    "the KV cache is full: it holds {} frames and does not roll; reset it or give it a local window",
                    ring.window
                )
            }
            let evicted = ring.filled + frames - ring.window;
            if first < ring.end || evicted + ring.sink > ring.filled {
                bail!("frames {first}..{end} do not fit in a KV cache of {} with a sink of {}", ring.window, ring.sink)
            }
            let oldest = (ring.oldest + evicted) % (ring.window - ring.sink);
            return Ok(Self { filled: ring.window, end, oldest, ..ring });
        }
        let filled = (ring.filled + end).checked_sub(ring.end).filter(|&filled| filled >= frames);
        match filled.filter(|&filled| filled >= ring.filled || ring.oldest == 0) {
            Some(filled) => Ok(Self { filled, end, ..ring }),
            None => bail!("the KV cache cannot go back to frames {first}..{end} from {}; reset it", ring.end),
        }
    }

    /// The slot of the frame at `place`.
    pub(super) fn slot(self, place: usize) -> usize {
        let room = self.window - self.sink;
        if place < self.sink { place } else { self.sink + (self.oldest + place - self.sink) % room }
    }

    /// The place of the frame in `slot`: the inverse of [`Self::slot`].
    pub(super) fn place(self, slot: usize) -> usize {
        let room = self.window - self.sink;
        if slot < self.sink { slot } else { self.sink + (slot - self.sink + room - self.oldest) % room }
    }

    /// The slots of the frames at these places, in as few runs as possible. `start` is the place of the call's first
    /// frame.
    pub(super) fn runs(self, start: usize, places: Range<usize>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for place in places {
            let slot = self.slot(place);
            match runs.last_mut() {
                Some(run) if run.slot + run.frames == slot => run.frames += 1,
                _ => runs.push(Run { frame: place - start, slot, frames: 1 }),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// `place` undoes `slot`, and every held frame has a slot of its own within the held part of the store.
        #[test]
        fn slots_and_places_are_inverse(room in 1usize..9, sink in 0usize..5, oldest in 0usize..9) {
            let window = sink + room;
            let ring = Ring { window, sink, filled: window, end: 100, oldest: oldest % room };
            for place in 0..window {
                prop_assert!(ring.slot(place) < window);
                prop_assert_eq!(ring.place(ring.slot(place)), place);
            }
        }

        /// Whatever is asked for, the ring stays within its bounds or refuses.
        #[test]
        fn a_ring_stays_in_bounds(
            room in 1usize..6, sink in 0usize..4, calls in proptest::collection::vec((0usize..20, 0usize..8), 0..12),
        ) {
            let mut ring = Ring { window: sink + room, sink, ..Ring::default() };
            for (first, frames) in calls {
                if let Ok(after) = ring.after(first, frames, true) {
                    prop_assert!(after.filled <= after.window && after.filled >= frames);
                    prop_assert!(after.oldest < room && after.end == first + frames);
                    ring = after;
                }
            }
        }
    }
}
