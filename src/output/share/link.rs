//! The place between the show and the thread of a share: the latest picture, and the state of the share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::State;
use crate::media::Picture;

/// The latest picture for a share, and its state.
#[derive(Default)]
pub(super) struct Link {
    slot: Mutex<Slot>,
    changed: Condvar,
}

#[derive(Default)]
struct Slot {
    picture: Option<Arc<Picture>>,
    /// True until the share takes the picture.
    is_new: bool,
    is_stopped: bool,
    state: State,
}

impl Link {
    /// Replaces the picture. Never waits for the share.
    pub(super) fn offer(&self, picture: Arc<Picture>) {
        let mut slot = self.slot();
        (slot.picture, slot.is_new) = (Some(picture), true);
        self.changed.notify_all();
    }

    /// Asks the share to end.
    pub(super) fn stop(&self) {
        self.slot().is_stopped = true;
        self.changed.notify_all();
    }

    /// The next picture, or the last one again after `repeat`. None at the end of the share.
    pub(super) fn next(&self, repeat: Duration) -> Option<Arc<Picture>> {
        let mut slot = self.slot();
        loop {
            let waited = self.changed.wait_timeout_while(slot, repeat, |slot| !slot.is_new && !slot.is_stopped);
            slot = waited.unwrap_or_else(PoisonError::into_inner).0;
            if slot.is_stopped {
                return None;
            }
            if slot.picture.is_some() {
                slot.is_new = false;
                return slot.picture.clone();
            }
        }
    }

    /// Waits, but not beyond the end of the share. Returns true if the share goes on.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.slot(), time, |slot| !slot.is_stopped);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_stopped
    }

    pub(super) fn set_state(&self, state: State) {
        self.slot().state = state;
    }

    pub(super) fn state(&self) -> State {
        self.slot().state.clone()
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(level: u8) -> Arc<Picture> {
        Arc::new(Picture::filled(2, 2, [level; 3]))
    }

    #[test]
    fn a_slow_share_gets_the_latest_picture_and_then_the_same_again() {
        let link = Link::default();
        (0..9).for_each(|level| link.offer(grey(level)));
        let next = || link.next(Duration::from_millis(1)).map(|picture| picture.rgb[0]);
        assert_eq!((next(), next()), (Some(8), Some(8)));
        link.offer(grey(9));
        assert_eq!(next(), Some(9));
        link.stop();
        assert_eq!(next(), None);
        assert!(!link.rest(Duration::from_mins(1)), "the end comes at once");
    }

    #[test]
    fn the_end_of_a_share_does_not_wait_for_a_picture() {
        let link = Arc::new(Link::default());
        let waiting = link.clone();
        let thread = std::thread::spawn(move || waiting.next(Duration::from_mins(1)));
        link.stop();
        assert_eq!(thread.join().expect("a thread"), None);
    }
}
