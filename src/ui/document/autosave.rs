//! A thread that keeps recovery copies: the disk may be slow, the window must not be.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use bendrack_nodes::patch::Patch;

use crate::ui::document::recovery::{Copy, Recovery};

enum Note {
    Keep(Arc<Patch>, Option<PathBuf>),
    Clear,
}

/// Keeps copies of a patch that is in no file yet.
pub struct Keeper {
    notes: Option<Sender<Note>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// A keeper of copies in this folder.
    pub fn new(recovery: Recovery) -> Self {
        let (notes, inbox) = channel();
        let thread = std::thread::Builder::new().name("recovery".to_owned()).spawn(move || keep(&recovery, &inbox));
        // Without the thread there are no copies, and everything else goes on.
        Self { notes: Some(notes), thread: thread.ok() }
    }

    /// Keeps a copy.
    pub fn keep(&self, patch: Arc<Patch>, path: Option<PathBuf>) {
        self.send(Note::Keep(patch, path));
    }

    /// Takes the copy away.
    pub fn clear(&self) {
        self.send(Note::Clear);
    }

    fn send(&self, note: Note) {
        if let Some(notes) = &self.notes {
            // The thread only ends with the keeper.
            let _ = notes.send(note);
        }
    }
}

impl Drop for Keeper {
    /// Waits until everything is on the disk.
    fn drop(&mut self) {
        self.notes.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn keep(recovery: &Recovery, inbox: &Receiver<Note>) {
    while let Ok(mut note) = inbox.recv() {
        // Only the last of those that came meanwhile matters.
        while let Ok(later) = inbox.try_recv() {
            note = later;
        }
        match note {
            Note::Keep(patch, path) => {
                if let Err(error) = recovery.write(&Copy { path, patch: (*patch).clone() }) {
                    eprintln!("no recovery copy could be written: {error}");
                }
            }
            Note::Clear => recovery.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_on_the_disk_when_the_keeper_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let recovery = Recovery::new(folder.path().to_owned());
        let count = || std::fs::read_dir(folder.path()).unwrap().count();
        let keeper = Keeper::new(recovery.clone());
        for _ in 0..50 {
            keeper.keep(Arc::new(Patch::default()), None);
        }
        drop(keeper);
        assert_eq!(count(), 1);
        let keeper = Keeper::new(recovery);
        keeper.keep(Arc::new(Patch::default()), None);
        keeper.clear();
        drop(keeper);
        assert_eq!(count(), 0);
    }
}
