//! Recovery copies of unsaved work: made at intervals, offered at the next start.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::ui::document::Document;
use crate::ui::document::autosave::Autosave;
use crate::ui::document::recovery::{Recovery, RecoveryCopy};
use crate::ui::theme;

/// The recovery copy of this window, and the copy of an earlier one.
pub struct Backup {
    autosave: Option<Autosave>,
    /// The revision of the last copy, and its time.
    saved: (u64, f64),
    /// Copy of an earlier window, and the message that offers it.
    offered: Option<(PathBuf, String)>,
}

impl Backup {
    /// Starts autosave for a document and looks for the copy of an earlier window.
    pub fn new(recovery: Option<Recovery>, document: &Document) -> Self {
        let offered = recovery.as_ref().and_then(Recovery::newest).map(|(path, written)| {
            let minutes = written.elapsed().unwrap_or_default().as_secs() / 60;
            (path, format!("Unsaved work from {} was found.", ago(minutes)))
        });
        Self { autosave: recovery.map(Autosave::new), saved: (document.revision(), 0.0), offered }
    }

    /// Message that offers the copy of an earlier window.
    pub fn offer(&self) -> Option<&str> {
        self.offered.as_ref().map(|(_, text)| text.as_str())
    }

    /// Saves a copy of an unsaved patch if the last one is old enough. True if one is due later.
    pub fn update(&mut self, document: &Document, now: f64) -> bool {
        let revision = document.revision();
        if self.saved.0 != revision && now - self.saved.1 >= theme::RECOVERY_SECS {
            self.saved = (revision, now);
            if let Some(autosave) = &self.autosave {
                if document.is_dirty() {
                    autosave.save(Arc::clone(&document.patch), document.path.clone());
                } else {
                    autosave.clear();
                }
            }
        }
        self.saved.0 != revision
    }

    /// Reads the offered copy. A readable copy is not offered again.
    pub fn recover(&mut self) -> Option<io::Result<RecoveryCopy>> {
        let (path, _) = self.offered.take()?;
        let copy = Recovery::read(&path);
        if copy.is_ok() {
            Recovery::set_aside(&path);
        }
        Some(copy)
    }

    /// Withdraws the offer; the copy stays on the disk.
    pub fn dismiss(&mut self) {
        if let Some((path, _)) = self.offered.take() {
            Recovery::set_aside(&path);
        }
    }

    /// Deletes the copy of this window: its work was discarded.
    pub fn discard(&self) {
        if let Some(autosave) = &self.autosave {
            autosave.clear();
        }
    }
}

fn ago(minutes: u64) -> String {
    match minutes {
        0..=1 => "a minute ago".to_owned(),
        2..=119 => format!("{minutes} minutes ago"),
        120..=2879 => format!("{} hours ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
