//! The tour: its offer at the first start, its start, and the facts that it reads.

use bendrack_nodes::patch::Patch;
use eframe::egui::{Frame, Panel, Ui, vec2};

use super::App;
use super::file_tasks::Discarding;
use super::recording::RecordingState;
use crate::ui::document::library::{Bundled, all};
use crate::ui::document::tour::{Facts, Tour, TourStep};
use crate::ui::panels::tour::{TourAnswer, TourView, height, offer_ui, outline_ui, tour_ui};
use crate::ui::theme;

/// The patch of the tour.
pub(super) fn first_bend() -> Patch {
    all().get(place()).map(Bundled::patch).unwrap_or_default()
}

/// Its place among the patches of the program.
fn place() -> usize {
    all().iter().position(|patch| patch.file == "first_bend.json").unwrap_or_default()
}

impl App {
    /// Starts the tour on the first bend. Other work is asked about first.
    pub(super) fn start_tour(&mut self, ui: &Ui) {
        self.settings.is_tour_offered = true;
        let document = &self.workspace.editor.document;
        if document.is_dirty() || *document.patch != first_bend() {
            self.request(ui, Discarding::Tour);
        } else {
            self.begin_tour();
        }
    }

    /// Begins the tour on the patch in the window.
    pub(super) fn begin_tour(&mut self) {
        self.workspace.editor.go_to(Vec::new());
        self.workspace.editor.selection.clear();
        self.preview.overlay = None;
        self.canvas.fit();
        let prompt = self.workspace.playback.live.prompt();
        self.tour = Some(Tour::new(&self.facts(&prompt)));
    }

    /// Begins the present step again, after another patch was opened.
    pub(super) fn begin_tour_step(&mut self) {
        self.change_tour(Tour::begin_step);
    }

    /// Lets the tour see what has changed, once the hand is off the mouse.
    pub(super) fn follow_tour(&mut self, ui: &Ui) {
        if !ui.input(|i| i.pointer.any_down()) {
            self.change_tour(Tour::update);
        }
    }

    fn change_tour(&mut self, change: impl FnOnce(&mut Tour, &Facts<'_>)) {
        if let Some(mut tour) = self.tour.take() {
            let prompt = self.workspace.playback.live.prompt();
            change(&mut tour, &self.facts(&prompt));
            self.tour = Some(tour);
        }
    }

    fn facts<'a>(&'a self, prompt: &'a str) -> Facts<'a> {
        let editor = &self.workspace.editor;
        Facts {
            patch: &editor.document.patch,
            selection: &editor.selection,
            prompt,
            has_map: self.preview.overlay.is_some(),
            videos: self.videos,
        }
    }

    /// Shows the tour, or its offer, below the canvas.
    pub(super) fn tour_ui(&mut self, ui: &mut Ui) {
        let frame = Frame::new().fill(theme::title()).inner_margin(vec2(2.0 * theme::UNIT, theme::UNIT));
        let panel = Panel::bottom("tour").frame(frame);
        let answer = if let Some(tour) = &self.tour {
            let prompt = self.workspace.playback.live.prompt();
            let facts = self.facts(&prompt);
            let thing = tour.thing(&facts);
            let view = TourView {
                tour,
                is_lost: thing.is_none() && tour.step().is_some(),
                remark: self.remark(tour, &facts),
                recorded: self.recorded.as_deref(),
            };
            let panel = panel.exact_size(height(ui.available_width()));
            panel.show(ui, |ui| tour_ui(ui, &view)).inner
        } else if self.is_tour_due() {
            panel.show(ui, offer_ui).inner
        } else {
            None
        };
        if let Some(answer) = answer {
            self.answer_tour(ui, answer);
        }
    }

    /// Outlines the thing of the present step. The panels with it are shown by then.
    pub(super) fn tour_outline(&self, ui: &Ui) {
        let prompt = self.workspace.playback.live.prompt();
        let thing = self.tour.as_ref().and_then(|tour| tour.thing(&self.facts(&prompt)));
        if let (Some(thing), Some(canvas)) = (thing, self.canvas.rect) {
            outline_ui(ui.ctx(), &thing, &self.workspace.frame, canvas);
        }
    }

    /// True at the first start, on the first bend. Settings that no file keeps would bring the offer in each window.
    fn is_tour_due(&self) -> bool {
        let document = &self.workspace.editor.document;
        !self.settings.is_tour_offered && self.files_of_user.settings.is_kept() && document.path.is_none()
    }

    /// A remark on a step that is half done.
    fn remark(&self, tour: &Tour, facts: &Facts<'_>) -> Option<&'static str> {
        match (tour.step()?, self.recordings.state()) {
            (TourStep::Word, _) if tour.is_word_loose(facts) => Some(
                "The word has a node without a cable. Press Ctrl+Z, click the title of the node Words, and try again.",
            ),
            (TourStep::Record, RecordingState::On { .. }) => Some(
                "The recording runs. Turn a knob meanwhile, then click the time beside the red dot, or press Ctrl+R.",
            ),
            (TourStep::Record, RecordingState::Ending) => Some("The video is completed on the disk."),
            _ => None,
        }
    }

    fn answer_tour(&mut self, ui: &Ui, answer: TourAnswer) {
        match answer {
            TourAnswer::Start => self.start_tour(ui),
            TourAnswer::Decline => self.settings.is_tour_offered = true,
            TourAnswer::Skip => self.change_tour(Tour::skip),
            TourAnswer::End => self.tour = None,
            TourAnswer::Reopen => self.request(ui, Discarding::Bundled(place())),
        }
    }
}
