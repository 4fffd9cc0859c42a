//! The picture for other programs: its interface to the window.

use eframe::egui::Ui;

use super::App;
use crate::ui::document::missing::Missing;

/// The shares as the window uses them. No call blocks.
pub trait ShareLink {
    /// Holds the picture, or shares black, as the output does.
    fn set_stage(&self, is_held: bool, is_black: bool);
    /// A line on each share: its name and its state.
    fn lines(&self) -> Vec<String>;
    /// A change of a share, returned once.
    fn news(&self) -> Option<String>;
}

impl App {
    /// Follows freeze, blackout and a missing model, and shows the news of shares.
    pub(super) fn poll_shares(&mut self, ui: &Ui) {
        let is_missing = self.workspace.playback.missing == Some(Missing::Model);
        self.shares.set_stage(self.stage.is_frozen || is_missing, self.stage.is_black);
        if let Some(news) = self.shares.news() {
            self.message.show(ui, news);
        }
    }
}
