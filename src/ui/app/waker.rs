//! The waker of the window: each frame of the video repaints it.

use std::sync::{Arc, OnceLock};

use eframe::egui::Context;

/// Repaints the window from another thread, once it is open.
#[derive(Clone, Default)]
pub struct Waker(Arc<OnceLock<Context>>);

impl Waker {
    /// Sets the window, once.
    pub(in crate::ui) fn set(&self, window: Context) {
        // No other code sets it.
        let _ = self.0.set(window);
    }

    /// True if the window is open.
    pub(super) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    /// Repaints the window.
    pub fn wake(&self) {
        if let Some(window) = self.0.get() {
            window.request_repaint();
        }
    }
}
