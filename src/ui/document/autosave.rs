//! Autosave: a thread that writes recovery copies, so that the window does not wait for the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use bendrack_nodes::patch::Patch;

use super::recovery::{Recovery, RecoveryCopy};
use crate::terminal;

enum Request {
    Save(Arc<Patch>, Option<PathBuf>),
    Clear,
}

/// Writes recovery copies of one window.
pub struct Autosave {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Autosave {
    /// Starts autosave to this folder.
    pub fn new(recovery: Recovery) -> Self {
        let (requests, inbox) = channel();
        let thread = std::thread::Builder::new().name("recovery".to_owned()).spawn(move || run(&recovery, &inbox));
        // Without the thread there are no copies; the rest of the window works.
        Self { requests: Some(requests), thread: thread.ok() }
    }

    /// Writes a copy.
    pub fn save(&self, patch: Arc<Patch>, path: Option<PathBuf>) {
        self.send(Request::Save(patch, path));
    }

    /// Deletes the copy.
    pub fn clear(&self) {
        self.send(Request::Clear);
    }

    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // The thread ends with this value.
            let _ = requests.send(request);
        }
    }
}

impl Drop for Autosave {
    /// Waits for the last write.
    fn drop(&mut self) {
        self.requests.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(recovery: &Recovery, inbox: &Receiver<Request>) {
    while let Ok(mut request) = inbox.recv() {
        // Only the latest request matters.
        while let Ok(later) = inbox.try_recv() {
            request = later;
        }
        match request {
            Request::Save(patch, path) => {
                if let Err(error) = recovery.write(&RecoveryCopy { path, patch: (*patch).clone() }) {
                    terminal::print_error(format_args!("warning: recovery copy: {error}; save the patch to a file"));
                }
            }
            Request::Clear => recovery.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_on_the_disk_after_the_drop() {
        let folder = tempfile::tempdir().unwrap();
        let recovery = Recovery::new(folder.path().to_owned());
        let is_copy = |path: &std::path::Path| path.extension().is_some_and(|end| end == "json");
        let files = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let count = || files().filter(|path| is_copy(path)).count();
        let autosave = Autosave::new(recovery.clone());
        for _ in 0..50 {
            autosave.save(Arc::new(Patch::default()), None);
        }
        drop(autosave);
        assert_eq!(count(), 1);
        let autosave = Autosave::new(recovery);
        autosave.save(Arc::new(Patch::default()), None);
        autosave.clear();
        drop(autosave);
        assert_eq!(count(), 0);
    }
}
