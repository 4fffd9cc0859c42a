//! Threads that stop when their handle is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::activity::LightHandle;
use super::light::State;

/// The longest time until a thread notices that it must stop.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// The first and the longest wait of a thread that panicked.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The failure of a thread that panicked.
const PANICKED: &str = "an internal error stopped this device, which starts again; report the error on the terminal";

/// The problem of a message whose thread panicked.
const LOST: &str = "an internal error lost this message; report the error on the terminal";

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
    /// Runs `run` on a thread. After a panic the light is red, and `run` starts again, after longer and longer waits. If the
    /// system refuses a thread, the light shows it.
    pub(super) fn spawn(light: &LightHandle, mut run: impl FnMut(&Stop) + Send + 'static) -> Worker {
        let (stop, stopped) = mpsc::channel();
        let panicked = light.clone();
        let thread = Builder::new().name("device".into()).spawn(move || {
            let (stop, mut backoff) = (Stop(stopped), Backoff::new(FIRST_REST, LONGEST_REST));
            // A panic leaves behind locks that each change leaves consistent, and ports that are opened again.
            while catch_unwind(AssertUnwindSafe(|| run(&stop))).is_err() {
                panicked.set(State::Failed(PANICKED.to_owned()));
                if stop.after(backoff.next_wait()) {
                    return;
                }
            }
        });
        if let Err(error) = &thread {
            light.set(State::Failed(format!("the system starts no thread: {error}; close other programs")));
        }
        Worker { stop: Some(stop), thread: thread.ok() }
    }
}

/// Runs the callback of a system's thread, which must not unwind into the system. A panic counts as an error of the device.
pub(super) fn guarded(light: &LightHandle, run: impl FnOnce()) {
    // The same locks as above.
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        light.count_error(LOST);
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::io::{Activity, Colour, Kind};

    fn within(what: &str, done: impl Fn() -> bool) {
        let begin = std::time::Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn a_thread_that_panics_turns_its_light_red_and_starts_again() {
        let activity = Activity::default();
        let (light, runs) = (activity.light(Kind::Serial, "board"), Arc::new(AtomicUsize::new(0)));
        let (opened, counted) = (light.clone(), runs.clone());
        let worker = Worker::spawn(&light, move |stop| {
            assert!(counted.fetch_add(1, Ordering::SeqCst) >= 2, "a test of a panic");
            opened.set(State::Open);
            while !stop.after(TURN) {}
        });
        let shown = || activity.lights().pop().map(|light| (light.colour, light.reason));
        within("it is red", || shown() == Some((Colour::Red, PANICKED.to_owned())));
        within("it is open again", || shown().is_some_and(|(colour, _)| colour == Colour::Yellow));
        drop(worker);
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_thread_that_rests_after_a_panic_stops_at_once() {
        let activity = Activity::default();
        let light = activity.light(Kind::Serial, "board");
        let worker = Worker::spawn(&light, |_| panic!("a test of a panic"));
        within("it is red", || !activity.lights().is_empty());
        let begin = std::time::Instant::now();
        drop(worker);
        assert!(begin.elapsed() < FIRST_REST, "{:?}", begin.elapsed());
    }

    #[test]
    fn a_callback_that_panics_counts_as_an_error() {
        let activity = Activity::default();
        let light = activity.light(Kind::Midi, "keys");
        guarded(&light, || panic!("a test of a panic"));
        guarded(&light, || light.set(State::Open));
        let light = activity.lights().pop().expect("a light");
        assert_eq!((light.state, light.counts.errors), (State::Open, 1));
        assert!(light.last_error.is_some_and(|error| error.text.contains(LOST)));
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
