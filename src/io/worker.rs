//! Threads that stop when their handle is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::activity::LightHandle;
use super::light::State;

/// The longest time until a thread notices that it must stop.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// The failure of a thread that panicked.
const PANICKED: &str = "an internal error stopped this device; restart bendrack, and report the error on the terminal";

/// The waits between attempts: each is twice the one before, up to a longest.
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// The waits from `first` to `longest`.
    pub(super) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Begins again with the first wait, after a success.
    pub(super) const fn reset(&mut self) {
        self.next = self.first;
    }

    /// The next wait. The one after it is twice as long.
    pub(super) fn next_wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait
    }
}

/// The thread of a device. Dropping the handle stops the thread and waits for it.
pub(super) struct Worker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Signals the end to a thread: its worker no longer holds the other end of the channel.
pub(super) struct Stop(Receiver<()>);

impl Worker {
    /// Runs `run` on a thread. If the system refuses one, the light shows it.
    pub(super) fn spawn(light: &LightHandle, run: impl FnOnce(&Stop) + Send + 'static) -> Worker {
        let (stop, stopped) = mpsc::channel();
        let panicked = light.clone();
        let thread = Builder::new().name("device".into()).spawn(move || {
            // Nothing that a panic leaves behind is used afterwards, except locks that each change leaves consistent.
            if catch_unwind(AssertUnwindSafe(|| run(&Stop(stopped)))).is_err() {
                panicked.set(State::Failed(PANICKED.to_owned()));
            }
        });
        if let Err(error) = &thread {
            light.set(State::Failed(format!("the system starts no thread: {error}; close other programs")));
        }
        Worker { stop: Some(stop), thread: thread.ok() }
    }
}

impl Worker {
    /// True once the thread has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic is already printed, and the light shows it.
            let _ = thread.join();
        }
    }
}

impl Stop {
    /// Waits. True when the thread must stop.
    pub(super) fn after(&self, wait: Duration) -> bool {
        self.0.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
    }

    /// True when the thread must stop.
    pub(super) fn now(&self) -> bool {
        self.after(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Activity, Colour, Kind};

    #[test]
    fn a_thread_that_panics_turns_its_light_red() {
        let activity = Activity::default();
        let light = activity.light(Kind::Serial, "board");
        light.set(State::Open);
        drop(Worker::spawn(&light, |_| panic!("a test of a panic")));
        let light = activity.lights().pop().expect("a light");
        assert_eq!((light.colour, light.reason.as_str()), (Colour::Red, PANICKED));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let waits = [(); 5].map(|()| backoff.next_wait().as_secs());
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_secs(), 1);
    }
}
