//! Threads that stop when their handle is dropped.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::activity::{LightHandle, State};

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
        let thread = Builder::new().name("device".into()).spawn(move || run(&Stop(stopped)));
        if let Err(error) = &thread {
            light.set(State::Failed(format!("the system starts no thread: {error}; close other programs")));
        }
        Worker { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been printed, and left nothing to stop.
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
