//! Notes: text on paper, without ports. A double-click edits the text.

use bendrack_nodes::node::def::Input;
use bendrack_nodes::patch::Patch;
use eframe::egui::{self, Align2, Color32, Id, PointerButton, Pos2, Rect, Shape, Stroke, TextEdit, Ui, pos2, vec2};
use serde_json::json;

use crate::ui::canvas::node::INNER;
use crate::ui::theme;
use crate::ui::workspace::Workspace;
use crate::ui::workspace::editor::NoteEdit;

/// The hint of an empty note.
const HINT: &str = "Double-click to edit";
/// The height of a line, at 100 %.
const LINE: f32 = theme::BODY * 1.35;

fn text_of<'p>(patch: &'p Patch, id: &str, text: &Input) -> &'p str {
    let value = patch.nodes.get(id).and_then(|node| node.params.get(text.name));
    value.and_then(|value| value.as_str()).unwrap_or_default()
}

/// The height of the text at 100 %, estimated from its letters for the automatic layout.
pub fn height(patch: &Patch, id: &str, text: &Input) -> f32 {
    const LETTERS: usize = 27;
    let lines = text_of(patch, id, text).split('\n').map(|line| line.chars().count().div_ceil(LETTERS).max(1));
    lines.sum::<usize>().clamp(2, 200) as f32 * LINE
}

/// Shows the text or its field, and returns its rectangle.
pub fn note_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str, text: &Input) -> Rect {
    let zoom = workspace.frame.zoom;
    let (font, width) = (theme::proportional(theme::BODY * zoom), INNER * zoom);
    let field = Id::new(("note", id));
    let written = text_of(workspace.editor.patch(), id, text).to_owned();
    if let Some(note) = workspace.editor.note.as_mut().filter(|note| note.id == id) {
        let is_new = std::mem::take(&mut note.is_new);
        let mut draft = written.clone();
        let edit = TextEdit::multiline(&mut draft)
            .id(field)
            .font(font)
            .text_color(theme::ink())
            .frame(egui::Frame::NONE)
            .margin(vec2(0.0, 0.0))
            .desired_rows(2)
            .hint_text(HINT)
            .desired_width(width);
        let shown = ui.add(edit);
        if is_new {
            shown.request_focus();
        }
        if draft != written {
            workspace.editor.set(id, text.name, json!(draft));
        }
        if shown.lost_focus() || (!is_new && !shown.has_focus()) {
            workspace.editor.note = None;
            workspace.editor.document.end_gesture();
        }
        return shown.rect;
    }
    let (shown, colour) =
        if written.is_empty() { (HINT, theme::ink().gamma_multiply(0.6)) } else { (written.as_str(), theme::ink()) };
    let galley = ui.painter().layout(shown.to_owned(), font, colour, width);
    let tall = galley.size().y.max(2.0 * LINE * zoom);
    let (rect, response) = ui.allocate_exact_size(vec2(width, tall), egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Label, true, format!("note {id}: {shown}")));
    if zoom >= theme::NO_TEXT_BELOW {
        ui.painter().galley(rect.min, galley, colour);
    } else {
        placeholder_lines(ui, rect, zoom);
    }
    let twice = ui.input(|i| i.pointer.button_double_clicked(PointerButton::Primary));
    let over = ui.rect_contains_pointer(rect.expand(6.0 * zoom));
    if twice && over && zoom >= theme::NO_TEXT_BELOW {
        workspace.editor.note = Some(NoteEdit { id: id.to_owned(), is_new: true });
    }
    rect
}

/// Lines in place of text at a small zoom.
fn placeholder_lines(ui: &Ui, rect: Rect, zoom: f32) {
    let mut y = rect.top() + 0.6 * LINE * zoom;
    while y < rect.bottom() {
        ui.painter().hline(rect.x_range(), y, Stroke::new(1.0, theme::ink().gamma_multiply(0.25)));
        y += LINE * zoom;
    }
}

/// The paper: a sheet with a folded corner.
pub fn paper(rect: Rect, zoom: f32, selected: bool) -> Vec<Shape> {
    let fold = 12.0 * zoom;
    let corner = |x: f32, y: f32| pos2(rect.right() - x, rect.top() + y);
    let sheet = |by: egui::Vec2| -> Vec<Pos2> {
        let points = [rect.left_top(), corner(fold, 0.0), corner(0.0, fold), rect.right_bottom(), rect.left_bottom()];
        points.into_iter().map(|at| at + by).collect()
    };
    let edge = if selected { Stroke::new(2.0, theme::accent()) } else { Stroke::new(1.0, theme::paper_edge()) };
    let flap = vec![corner(fold, 0.0), corner(fold, fold), corner(0.0, fold)];
    vec![
        Shape::convex_polygon(sheet(vec2(0.0, 3.0 * zoom)), Color32::from_black_alpha(70), Stroke::NONE),
        Shape::convex_polygon(sheet(egui::Vec2::ZERO), theme::paper(), edge),
        Shape::convex_polygon(flap, theme::paper_edge(), Stroke::NONE),
    ]
}

/// A text in the middle of an empty drawing.
pub fn empty_text(ui: &Ui, rect: Rect, text: &str, zoom: f32) {
    let font = theme::proportional(theme::SMALL * 0.9 * zoom);
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, theme::weak().gamma_multiply(0.7));
}
