//! The sound of an audio input on its way to a recording.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{RATE, Stereo};

/// Largest number of samples in the queue of a recording: ten seconds.
const MOST_WAITING: usize = 10 * RATE as usize;

/// A block of sound from an audio input.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Time of its end.
    pub end: Instant,
    /// Samples at [`RATE`].
    pub samples: Vec<Stereo>,
}

/// Sound of an audio input for one recording at a time. Without a recording it keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct SoundQueue(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    open: bool,
    received: VecDeque<Received>,
    samples: usize,
}

impl SoundQueue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empties the queue and keeps sound from now on.
    pub fn open(&self) {
        *self.waiting() = Waiting { open: true, ..Waiting::default() };
    }

    /// Empties the queue and keeps no more sound.
    pub fn close(&self) {
        *self.waiting() = Waiting::default();
    }

    /// True if a recording takes the sound.
    pub fn is_open(&self) -> bool {
        self.waiting().open
    }

    /// Adds sound that ended at `end`. A full queue drops its oldest blocks.
    pub fn push(&self, end: Instant, samples: &[Stereo]) {
        let mut waiting = self.waiting();
        if !waiting.open || samples.is_empty() {
            return;
        }
        waiting.samples += samples.len();
        waiting.received.push_back(Received { end, samples: samples.to_vec() });
        while waiting.samples > MOST_WAITING {
            let Some(oldest) = waiting.received.pop_front() else { break };
            waiting.samples -= oldest.samples.len();
        }
    }

    /// Takes the queued sound.
    pub fn take(&self) -> Vec<Received> {
        let mut waiting = self.waiting();
        waiting.samples = 0;
        waiting.received.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_waits_only_for_a_recording_and_not_without_end() {
        let (queue, now) = (SoundQueue::default(), Instant::now());
        queue.push(now, &[[0.5; 2]]);
        assert!(queue.take().is_empty() && !queue.is_open(), "no recording");
        queue.open();
        queue.push(now, &[[0.25; 2]]);
        assert_eq!(queue.take(), [Received { end: now, samples: vec![[0.25; 2]] }]);
        for _ in 0..11 {
            queue.push(now, &vec![[0.0; 2]; RATE as usize]);
        }
        assert_eq!(queue.take().len(), 10, "the oldest second is lost");
        queue.push(now, &[[0.25; 2]]);
        queue.close();
        assert!(queue.take().is_empty());
    }
}
