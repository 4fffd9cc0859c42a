//! The browser of patches: recent files, examples and help patches, with pictures, tags and a search.

use std::path::PathBuf;

use eframe::egui::{
    Button, Color32, ColorImage, Image, Label, Rect, RichText, ScrollArea, Sense, TextEdit, TextureHandle,
    TextureOptions, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2,
};

use crate::ui::document::library::{Bundled, all, find, tags};
use crate::ui::document::recent::Recent;
use crate::ui::theme;
use crate::ui::widgets::small_button;

/// The pictures of [`all`] patches in rows: `make pictures` draws them.
const THUMBNAILS: &[u8] = include_bytes!("../../../assets/thumbnails.png");
/// Pictures in a row.
pub const COLUMNS: usize = 12;
/// Width and height of a picture.
pub const THUMBNAIL: [usize; 2] = [96, 64];

/// The state of the browser.
#[derive(Default)]
pub struct Browser {
    /// True while it is shown.
    pub open: bool,
    query: String,
    tag: Option<&'static str>,
    /// The patch that is shown alone, with its whole text.
    pub shown: Option<usize>,
    /// True until the search field has the keyboard.
    pub wants_focus: bool,
    pictures: Option<TextureHandle>,
}

impl Browser {
    /// Goes one step back: from a patch to the list, from the list to the canvas.
    pub fn back(&mut self) {
        self.open = self.shown.take().is_some();
    }
}

/// The answer of the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserAnswer {
    /// Open a patch of the program.
    Open(usize),
    /// Paste its nodes into the present patch.
    Paste(usize),
    /// Open it in a window of its own.
    Window(usize),
    /// Open a recent file.
    File(PathBuf),
    /// Ask for a file.
    Ask,
}

/// Shows the browser.
pub fn browser_ui(ui: &mut Ui, browser: &mut Browser, recent: &Recent) -> Option<BrowserAnswer> {
    let mut answer = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Patches").size(theme::LARGE));
        if small_button(ui, "open a file…", "open a file", "Ctrl+O; or drop a file on the window") {
            answer = Some(BrowserAnswer::Ask);
        }
        if small_button(ui, "close", "close the browser", "Esc or L") {
            browser.open = false;
        }
    });
    let field = TextEdit::singleline(&mut browser.query)
        .hint_text("Search: title, node, tag, word")
        .desired_width(f32::INFINITY);
    let field = ui.add(field);
    field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "search patches"));
    if std::mem::take(&mut browser.wants_focus) {
        field.request_focus();
    }
    if field.changed() {
        browser.shown = None;
    }
    if let Some(index) = browser.shown {
        return details_ui(ui, browser, index).or(answer);
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        for tag in tags().into_iter().take(MOST_TAGS) {
            let is_on = browser.tag == Some(tag);
            if ui.add(Button::selectable(is_on, RichText::new(tag).size(theme::SMALL))).clicked() {
                browser.tag = (!is_on).then_some(tag);
            }
        }
    });
    let found = find(&browser.query, browser.tag);
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if browser.query.is_empty() && browser.tag.is_none() {
            let paths = recent.paths();
            if !paths.is_empty() {
                section_ui(ui, "Recent files");
            }
            for path in paths {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let row = ui.add(Button::new(name).frame_when_inactive(false));
                if row.on_hover_text(path.display().to_string()).clicked() {
                    answer = Some(BrowserAnswer::File(path.to_owned()));
                }
            }
        }
        for (title, is_help) in [("Examples", false), ("Help patches", true)] {
            let mut rows = found.iter().copied().filter(|index| all()[*index].node.is_some() == is_help).peekable();
            if rows.peek().is_some() {
                section_ui(ui, title);
            }
            for index in rows {
                if row_ui(ui, browser, index) {
                    browser.shown = Some(index);
                }
            }
        }
        if found.is_empty() {
            ui.label(RichText::new("No match. Search for a node, a word or a tag.").color(theme::weak()));
        }
    });
    answer
}

/// The most tags in sight.
const MOST_TAGS: usize = 14;

fn section_ui(ui: &mut Ui, title: &str) {
    ui.add_space(theme::UNIT);
    ui.label(RichText::new(title).size(theme::SMALL).color(theme::weak()));
}

/// A patch in the list: its picture, its title, the beginning of its text. True if it is clicked.
fn row_ui(ui: &mut Ui, browser: &mut Browser, index: usize) -> bool {
    let patch = &all()[index];
    let size = vec2(ui.available_width(), THUMBNAIL[1] as f32 * 0.75 + 8.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("patch {}", patch.title)));
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let fill = if response.hovered() || response.has_focus() { theme::title() } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, 4.0, fill);
    let picture = Rect::from_min_size(rect.min + vec2(4.0, 4.0), size_of_picture(0.75));
    picture_ui(ui, browser, index, picture);
    let left = picture.right() + theme::UNIT;
    let width = rect.right() - left - 4.0;
    let title = ui.painter().layout_no_wrap(patch.title.clone(), theme::proportional(theme::BODY), theme::text());
    ui.painter().galley(pos2(left, rect.top() + 4.0), title, theme::text());
    let mut about = eframe::egui::text::LayoutJob::simple(
        patch.about.clone(),
        theme::proportional(theme::SMALL),
        theme::weak(),
        width,
    );
    about.wrap.max_rows = 2;
    let about = ui.painter().layout_job(about);
    ui.painter().galley(pos2(left, rect.top() + 22.0), about, theme::weak());
    response.clicked()
}

/// A patch alone: its picture, its whole text, and what can be done with it.
fn details_ui(ui: &mut Ui, browser: &mut Browser, index: usize) -> Option<BrowserAnswer> {
    let patch: &Bundled = &all()[index];
    let mut answer = None;
    if small_button(ui, "← all patches", "all patches", "Esc") {
        browser.shown = None;
    }
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        let (rect, _) = ui.allocate_exact_size(size_of_picture(2.0), Sense::hover());
        picture_ui(ui, browser, index, rect);
        ui.label(RichText::new(&patch.title).size(theme::LARGE));
        if let Some(def) = patch.node {
            ui.label(RichText::new(def.about).color(theme::weak()));
            ui.add_space(theme::UNIT);
        }
        ui.add(Label::new(&patch.about).wrap());
        ui.add_space(theme::UNIT);
        ui.horizontal_wrapped(|ui| {
            for (text, hint, of) in [
                ("Replace current patch", "Opens it in place of the current patch.", BrowserAnswer::Open(index)),
                ("Paste", "Adds its nodes to the current patch.", BrowserAnswer::Paste(index)),
                ("Open in new window", "A second bendrack, beside this one.", BrowserAnswer::Window(index)),
            ] {
                if ui.button(text).on_hover_text(hint).clicked() {
                    answer = Some(of);
                }
            }
        });
        if let Some(def) = patch.node {
            ports_ui(ui, "Inputs", def.inputs.iter().map(|input| (input.name, input.about)));
            ports_ui(ui, "Outputs", def.outputs.iter().map(|output| (output.name, output.about)));
        }
    });
    answer
}

fn ports_ui(ui: &mut Ui, title: &str, ports: impl Iterator<Item = (&'static str, &'static str)>) {
    section_ui(ui, title);
    for (name, about) in ports {
        ui.label(RichText::new(name.replace('_', " ")).size(theme::SMALL));
        ui.add(Label::new(RichText::new(about).size(theme::SMALL).color(theme::weak())).wrap());
    }
}

fn size_of_picture(scale: f32) -> Vec2 {
    vec2(THUMBNAIL[0] as f32, THUMBNAIL[1] as f32) * scale
}

/// The picture of a patch, from the sheet of all.
fn picture_ui(ui: &mut Ui, browser: &mut Browser, index: usize, rect: Rect) {
    ui.painter().rect_filled(rect, 2.0, theme::preview());
    if browser.pictures.is_none()
        && let Some(sheet) = sheet()
    {
        browser.pictures = Some(ui.ctx().load_texture("thumbnails", sheet, TextureOptions::LINEAR));
    }
    let Some(sheet) = &browser.pictures else { return };
    let [width, height] = sheet.size().map(|side| side as f32);
    let (column, row) = ((index % COLUMNS) as f32, (index / COLUMNS) as f32);
    let [w, h] = THUMBNAIL.map(|side| side as f32);
    let part = Rect::from_min_size(pos2(column * w / width, row * h / height), vec2(w / width, h / height));
    Image::new(sheet).uv(part).paint_at(ui, rect);
}

/// The sheet of all pictures.
fn sheet() -> Option<ColorImage> {
    let sheet = image::load_from_memory(THUMBNAILS).ok()?.to_rgb8();
    let size = [sheet.width() as usize, sheet.height() as usize];
    Some(ColorImage::from_rgb(size, sheet.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_has_a_picture() {
        let sheet = sheet().unwrap();
        let rows = all().len().div_ceil(COLUMNS);
        assert_eq!(sheet.size, [COLUMNS * THUMBNAIL[0], rows * THUMBNAIL[1]], "new patches: make pictures");
        for (index, patch) in all().iter().enumerate() {
            let corner = [index % COLUMNS * THUMBNAIL[0], index / COLUMNS * THUMBNAIL[1]];
            let mut pixels = (0..THUMBNAIL[1]).flat_map(|y| (0..THUMBNAIL[0]).map(move |x| (x, y)));
            let is_drawn = pixels.any(|(x, y)| sheet[(corner[0] + x, corner[1] + y)] != Color32::BLACK);
            assert!(is_drawn, "{}: a black picture", patch.file);
        }
    }
}
