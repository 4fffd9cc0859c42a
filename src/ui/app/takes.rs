//! Takes: their interface to the window, and the answers of their panel.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{Frame, Panel, Ui, vec2};

use super::App;
use crate::engine::Replay;
use crate::engine::model::FRAME_RATE;
use crate::ui::panels::playing::playing_ui;
use crate::ui::panels::takes::{RenderRequest, RenderState, TakeRow, TakesAnswer, TakesView, takes_ui};
use crate::ui::theme;

/// The takes of this user. No call blocks.
pub trait TakesLink {
    /// The takes, newest first, as far as they are read. A call renews the list in the background.
    fn rows(&self) -> Arc<[TakeRow]>;
    /// Keeps a copy of the take that is written now.
    fn keep(&self);
    /// The reason why there can be no takes, and the next step.
    fn problem(&self) -> Option<String>;
    /// Gives a take a name, under which it is kept.
    fn rename(&self, path: &Path, name: &str);
    /// A take that was renamed: its path before and after. Once.
    fn renamed(&self) -> Option<(PathBuf, PathBuf)>;
    /// Deletes a take.
    fn delete(&self, path: &Path);
    /// Reads a take to play it back.
    fn read(&self, path: &Path);
    /// A take that was read, or the reason why this window cannot play it back. Once.
    fn replay(&self) -> Option<Result<Replay, String>>;
    /// The folder of videos.
    fn videos(&self) -> PathBuf;
    /// Renders a take. A render that runs goes on, and the request is refused.
    fn render(&self, request: RenderRequest);
    /// Ends the render.
    fn cancel_render(&self);
    /// The state of the render.
    fn render_state(&self) -> RenderState;
    /// The result of an action: a message for the status bar, once.
    fn outcome(&self) -> Option<String>;
}

/// The takes of a window.
pub(super) struct Takes {
    link: Box<dyn TakesLink>,
    /// The reason by which a playback broke off, as it was shown last.
    broke_off: Option<String>,
}

impl Takes {
    pub(super) fn new(link: Box<dyn TakesLink>) -> Self {
        Self { link, broke_off: None }
    }
}

impl App {
    /// Keeps a copy of the take that is written now.
    pub(super) fn keep_take(&mut self, ui: &Ui) {
        self.takes.link.keep();
        // The result follows once everything is on the disk.
        self.message.show(ui, "Keeping what was played so far".to_owned());
    }

    /// Shows the messages of takes, and plays a take that was read.
    pub(super) fn poll_takes(&mut self, ui: &Ui) {
        if let Some(outcome) = self.takes.link.outcome() {
            self.message.show(ui, outcome);
        }
        if let Some((from, to)) = self.takes.link.renamed() {
            self.takes_panel.follow(from, to);
        }
        match self.takes.link.replay() {
            Some(Ok(replay)) => self.engine.play(replay),
            Some(Err(why)) => self.message.show(ui, why),
            None => {}
        }
        if self.takes.broke_off != self.engine_status.status.broke_off {
            self.takes.broke_off.clone_from(&self.engine_status.status.broke_off);
            if let Some(why) = &self.takes.broke_off {
                self.message.show(ui, why.clone());
            }
        }
    }

    /// Shows the panel of takes, if it is open.
    pub(super) fn takes_ui(&mut self, ui: &mut Ui) {
        if !self.takes_panel.open {
            return;
        }
        let frame = Frame::new().fill(theme::panel()).inner_margin(2.0 * theme::UNIT);
        let panel = Panel::bottom("takes").frame(frame).resizable(true);
        let panel = panel.default_size(theme::MONITOR.0).min_size(theme::MONITOR.1);
        let (rows, render, videos) = (self.takes.link.rows(), self.takes.link.render_state(), self.takes.link.videos());
        let running_secs = self.engine_status.frame.map_or(0.0, |number| (number + 1) as f64 / FRAME_RATE);
        let problem = self.takes.link.problem();
        let view =
            TakesView { rows: &rows, problem: problem.as_deref(), running_secs, videos: &videos, render: &render };
        let answer = panel.show(ui, |ui| takes_ui(ui, &mut self.takes_panel, &view)).inner;
        if let Some(answer) = answer {
            self.answer_takes(ui, answer);
        }
    }

    fn answer_takes(&mut self, ui: &Ui, answer: TakesAnswer) {
        let link = &self.takes.link;
        match answer {
            TakesAnswer::Close => self.takes_panel.open = false,
            TakesAnswer::Keep => self.keep_take(ui),
            TakesAnswer::Rename(path, name) => link.rename(&path, &name),
            TakesAnswer::Delete(path) => link.delete(&path),
            TakesAnswer::Play(path) => {
                link.read(&path);
                self.message.show(ui, "Reading the take".to_owned());
            }
            TakesAnswer::ChooseVideo(path) => self.files.choose_video(ui, &path),
            TakesAnswer::Render(request) => link.render(request),
            TakesAnswer::CancelRender => link.cancel_render(),
        }
    }

    /// Shows the banner of a take that is played back, if there is one.
    pub(super) fn playing_ui(&self, ui: &mut Ui) {
        let Some(playing) = &self.engine_status.status.playing else { return };
        let frame = Frame::new().fill(theme::title()).inner_margin(vec2(2.0 * theme::UNIT, theme::UNIT / 2.0));
        let panel = Panel::top("playing").exact_size(theme::TOP).frame(frame);
        if panel.show(ui, |ui| playing_ui(ui, playing, self.engine_status.frame)).inner {
            self.engine.stop_playing();
        }
    }
}
