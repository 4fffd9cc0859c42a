//! Threads that stop when they are dropped.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::activity::{Lamp, State};

/// A device's thread. Dropped, it stops and is waited for.
pub(super) struct Worker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How a thread learns that it is to stop: its worker no longer holds the other end.
pub(super) struct Stop(Receiver<()>);

impl Worker {
    /// Runs `run` on a thread. If the system has none left, the light says so.
    pub(super) fn spawn(lamp: &Lamp, run: impl FnOnce(&Stop) + Send + 'static) -> Worker {
        let (stop, stopped) = mpsc::channel();
        let thread = Builder::new().name("device".into()).spawn(move || run(&Stop(stopped)));
        if let Err(error) = &thread {
            lamp.set(State::Failed(format!("no thread could be started: {error}")));
        }
        Worker { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has already said so, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Stop {
    /// Waits, and says whether it is time to stop.
    pub(super) fn after(&self, wait: Duration) -> bool {
        self.0.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
    }

    /// Whether it is time to stop.
    pub(super) fn now(&self) -> bool {
        self.after(Duration::ZERO)
    }
}
