//! Pictures on standard output.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::media::Picture;
use crate::output::raw::{FrameFormat, Frames};

/// Largest number of queued pictures for a slow reader; further ones are dropped.
const MOST_WAITING: usize = 16;

/// Writes pictures to standard output, on a thread of its own.
pub(super) struct FrameWriter {
    sender: FrameSender,
    thread: Option<JoinHandle<()>>,
    problem: Arc<Mutex<Option<String>>>,
}

#[derive(Clone)]
pub(super) struct FrameSender {
    pictures: Arc<Mutex<Option<SyncSender<Arc<Picture>>>>>,
    left_out: Arc<AtomicU64>,
}

impl FrameSender {
    pub(super) fn push(&self, picture: &Arc<Picture>) {
        let pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(TrySendError::Full(_))) = pictures.as_ref().map(|pictures| pictures.try_send(picture.clone())) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl FrameWriter {
    pub(super) fn start(format: FrameFormat, stop: Arc<AtomicBool>) -> Self {
        let (pictures, receiver) = sync_channel(MOST_WAITING);
        let is_wanted = format != FrameFormat::None;
        let pictures = Arc::new(Mutex::new(Some(pictures).filter(|_| is_wanted)));
        let problem = Arc::new(Mutex::new(None));
        let found = problem.clone();
        let write = move || {
            if let Err(error) = write_frames(format, &receiver) {
                // A closed pipe ends the video without an error.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    let why = format!("the pictures cannot be written: {error}; check the program that reads them");
                    *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                }
                stop.store(true, Ordering::Relaxed);
            }
        };
        let thread = is_wanted.then(|| std::thread::spawn(write));
        Self { sender: FrameSender { pictures, left_out: Arc::default() }, thread, problem }
    }

    pub(super) fn sender(&self) -> FrameSender {
        self.sender.clone()
    }

    pub(super) fn left_out(&self) -> u64 {
        self.sender.left_out.load(Ordering::Relaxed)
    }

    /// The problem that ended the pictures.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes the queued pictures and ends.
    pub(super) fn finish(self) {
        self.sender.pictures.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread {
            // A panic of the thread is already printed.
            let _ = thread.join();
        }
    }
}

/// Writes pictures until the channel closes.
fn write_frames(format: FrameFormat, pictures: &Receiver<Arc<Picture>>) -> io::Result<()> {
    let mut frames = Frames::new(format, io::stdout().lock());
    for picture in pictures {
        frames.push(&picture)?;
    }
    frames.flush()
}
