//! The panel of takes: their list on the left; name, playback and render of the selected one on the right.

mod details;
mod render;
mod table;

use std::path::{Path, PathBuf};

use eframe::egui::{self, Align, Button, Color32, Layout, Rect, RichText, Ui, WidgetInfo, WidgetType, pos2};
use jiff::Zoned;

use crate::take::Summary;
use crate::take::keep::name_of;
use crate::ui::theme;
use crate::ui::widgets::range::Range;
use crate::ui::widgets::small_button;

/// The width of the list as a share of the panel.
const LIST_SHARE: f32 = 0.56;
/// The shortest part of a take that is rendered, in seconds: a latent frame.
const LEAST_SECS: f64 = 0.25;

/// A take of the list.
#[derive(Clone, Debug)]
pub struct TakeRow {
    /// The file.
    pub path: PathBuf,
    /// True if it is written now.
    pub is_running: bool,
    /// True if it stays until it is deleted by hand.
    pub is_kept: bool,
    /// The time of its beginning, once it is known.
    pub begun: Option<Zoned>,
    /// Its summary, or the problem of the file; none until it is read.
    pub summary: Option<Result<Summary, String>>,
}

impl TakeRow {
    /// The name that a person gave it, else the title of its patch. Without a title, the name of the file.
    fn title(&self) -> String {
        let stem = self.stem();
        match &self.summary {
            Some(Ok(summary)) if summary.title.is_empty() => stem,
            Some(Ok(summary)) if !self.is_kept => summary.title.clone(),
            Some(Ok(summary)) if !stem.starts_with(&summary.title) => format!("{stem} · {}", summary.title),
            _ => stem,
        }
    }

    /// The name of the file without its ending.
    fn stem(&self) -> String {
        stem_of(&self.path)
    }

    /// True if another bendrack records it at this moment.
    fn is_recorded_elsewhere(&self) -> bool {
        !self.is_running && matches!(&self.summary, Some(Ok(summary)) if summary.is_recording)
    }

    /// The name under which it is kept.
    fn kept_name(&self) -> String {
        match (&self.summary, &self.begun) {
            (Some(Ok(summary)), Some(begun)) if !self.is_kept => name_of(&summary.title, begun),
            _ => self.stem(),
        }
    }
}

fn stem_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A part of a take to render.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderRequest {
    /// The take.
    pub take: PathBuf,
    /// The video.
    pub output: PathBuf,
    /// Seconds that are left out at the beginning.
    pub start: f64,
    /// Seconds of video; none up to the end.
    pub secs: Option<f64>,
    /// True if each chunk is made once, with all its events.
    pub is_final: bool,
    /// True if it is rendered although model, sound or pictures differ.
    pub anyway: bool,
}

/// The state of the render of a take.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RenderState {
    /// No render yet.
    #[default]
    Off,
    /// A render runs.
    Running {
        /// The video.
        output: PathBuf,
        /// The pictures so far, with those that are left out.
        pictures: u64,
        /// The number of pictures; 0 until it is known.
        of: u64,
    },
    /// A render ended: its result, or the problem and the next step.
    Ended(Result<String, String>),
}

/// An answer of the panel.
#[derive(Clone, Debug, PartialEq)]
pub enum TakesAnswer {
    /// Hide the panel.
    Close,
    /// Keep the take that is written now.
    Keep,
    /// Give a take this name, under which it is kept.
    Rename(PathBuf, String),
    /// Delete a take.
    Delete(PathBuf),
    /// Play a take back.
    Play(PathBuf),
    /// Ask for the file of a video, beginning with this one.
    ChooseVideo(PathBuf),
    /// Render a part of a take.
    Render(RenderRequest),
    /// End the render.
    CancelRender,
}

/// The contents of the panel.
pub struct TakesView<'a> {
    /// The takes, newest first.
    pub rows: &'a [TakeRow],
    /// The reason why there can be no takes, and the next step.
    pub problem: Option<&'a str>,
    /// The length of the take that is written now, in seconds.
    pub running_secs: f64,
    /// The folder of videos.
    pub videos: &'a Path,
    /// The render.
    pub render: &'a RenderState,
}

/// The state of the panel.
#[derive(Default)]
pub struct TakesPanel {
    /// True if it is shown.
    pub open: bool,
    selected: Option<PathBuf>,
    /// The name in the field.
    name: String,
    /// The start of the part to render, in seconds.
    start: f64,
    /// Its end; none for the end of the take.
    end: Option<f64>,
    is_final: bool,
    anyway: bool,
    /// The file of the video.
    output: String,
    /// The time at which delete was clicked once.
    asked: Option<f64>,
    /// The path before and after of a take that was renamed, until it is in the list.
    renamed: Option<(PathBuf, PathBuf)>,
}

impl TakesPanel {
    /// Keeps the selection on a take that was renamed.
    pub fn follow(&mut self, from: PathBuf, to: PathBuf) {
        self.renamed = Some((from, to));
    }

    /// Selects the new path of a renamed take, once it is in the list.
    fn settle(&mut self, rows: &[TakeRow]) {
        let is_listed = |(_, to): &mut (PathBuf, PathBuf)| rows.iter().any(|row| row.path == *to);
        let Some((from, to)) = self.renamed.take_if(is_listed) else { return };
        if self.selected.as_deref() == Some(&*from) {
            self.name = stem_of(&to);
            self.selected = Some(to);
        }
    }

    /// Sets the file of the video.
    pub fn set_output(&mut self, path: &Path) {
        self.output = path.display().to_string();
    }

    fn select(&mut self, row: &TakeRow, videos: &Path) {
        let name = row.kept_name();
        let output = videos.join(format!("{name}.mp4")).display().to_string();
        let selected = Some(row.path.clone());
        *self = Self { open: self.open, selected, name, output, is_final: self.is_final, ..Self::default() };
    }

    /// The part of a take of this length.
    fn range(&self, secs: f64) -> Range {
        let least = LEAST_SECS.min(secs);
        let range = Range { start: 0.0, end: self.end.unwrap_or(secs).min(secs), whole: secs, least };
        range.with_start(self.start)
    }

    fn set_range(&mut self, range: Range) {
        self.start = range.start;
        // The end of a running take moves.
        self.end = Some(range.end).filter(|end| *end < range.whole);
    }
}

/// Shows the panel.
pub fn takes_ui(ui: &mut Ui, panel: &mut TakesPanel, view: &TakesView<'_>) -> Option<TakesAnswer> {
    panel.settle(view.rows);
    let mut answer = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Takes").size(theme::LARGE));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if small_button(ui, "close", "close the takes", "Close this panel. Ctrl+T") {
                answer = Some(TakesAnswer::Close);
            }
        });
    });
    let rest = ui.available_rect_before_wrap();
    let middle = rest.left() + rest.width() * LIST_SHARE;
    let left = Rect::from_min_max(rest.min, pos2(middle - theme::UNIT, rest.bottom()));
    let right = Rect::from_min_max(pos2(middle + theme::UNIT, rest.top()), rest.max);
    ui.painter().vline(middle, rest.y_range(), egui::Stroke::new(1.0, theme::line()));
    let clicked = ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
        table::table_ui(ui, view, panel.selected.as_deref(), &Zoned::now())
    });
    if let Some(row) = clicked.inner.map(|index| &view.rows[index]) {
        panel.select(row, view.videos);
    }
    let asked = ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| details::details_ui(ui, panel, view));
    ui.advance_cursor_after_rect(rest);
    answer.or(asked.inner)
}

/// The length of a take in seconds; none if it is not known.
fn secs_of(row: &TakeRow, view: &TakesView<'_>) -> Option<f64> {
    match &row.summary {
        Some(Ok(_)) if row.is_running => Some(view.running_secs),
        Some(Ok(summary)) => Some(summary.secs),
        _ => None,
    }
}

fn small(text: impl Into<String>, colour: Color32) -> RichText {
    RichText::new(text).size(theme::SMALL).color(colour)
}

/// A button with a name of its own for screen readers; true if it was clicked.
fn action(ui: &mut Ui, text: &str, label: &str, hint: &str, is_enabled: bool) -> bool {
    let button = ui.add_enabled(is_enabled, Button::new(text));
    button.widget_info(|| WidgetInfo::labeled(WidgetType::Button, is_enabled, label));
    button.on_hover_text(hint).on_disabled_hover_text(hint).clicked()
}
