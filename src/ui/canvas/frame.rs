//! Frames behind groups of nodes. The title moves a frame with its nodes.

use std::sync::Arc;

use bendrack_nodes::patch::{Edit, Frame, LevelEdit, Patch};
use eframe::egui::{
    Align2, Button, Color32, CornerRadius, CursorIcon, Id, Pos2, Rect, RichText, Sense, Shape, Stroke, StrokeKind,
    TextEdit, Ui, Vec2, WidgetInfo, WidgetType, pos2, vec2,
};

use crate::ui::canvas::node;
use crate::ui::canvas::wiring::node_at;
use crate::ui::canvas::{Canvas, snap};
use crate::ui::document::Step;
use crate::ui::theme;
use crate::ui::workspace::{Editor, Workspace};

/// A drag of a frame and the patch at its start.
pub(in crate::ui) struct FrameDrag {
    frame: usize,
    /// True if the corner is dragged, which resizes the frame.
    corner: bool,
    patch: Arc<Patch>,
    distance: Vec2,
}

/// The colour of a frame; grey if it has none or an invalid one.
pub fn colour(frame: &Frame) -> Color32 {
    let digits = frame.colour.strip_prefix('#').filter(|digits| digits.len() == 6);
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number.map_or(theme::weak(), |number| {
        let [_, r, g, b] = number.to_be_bytes();
        Color32::from_rgb(r, g, b)
    })
}

fn area(frame: &Frame) -> Rect {
    let [x, y] = frame.pos.map(|n| n as f32);
    Rect::from_min_size(pos2(x, y), vec2(frame.size[0] as f32, frame.size[1] as f32))
}

/// The rectangle of a node in the patch.
fn node_area(patch: &Patch, id: &str, open: bool) -> Option<Rect> {
    let [x, y] = patch.layout.get(id)?.pos.map(|n| n as f32);
    Some(Rect::from_min_size(pos2(x, y), node::size(patch, id, open)))
}

/// The nodes whose centre is in a frame.
fn nodes_in(editor: &Editor, patch: &Patch, frame: &Frame) -> Vec<String> {
    let inside = |id: &&String| {
        let rect = node_area(patch, id, editor.unfolded.contains(*id));
        rect.is_some_and(|rect| area(frame).contains(rect.center()))
    };
    patch.nodes.keys().filter(inside).cloned().collect()
}

/// Puts a frame around the selected nodes; subpatches have no frames.
pub fn frame_selected(editor: &mut Editor) {
    if !editor.location.path.is_empty() {
        return;
    }
    let patch = Arc::clone(&editor.document.patch);
    let rects = editor.selection.iter().filter_map(|id| node_area(&patch, id, editor.unfolded.contains(id)));
    let all = rects.fold(Rect::NOTHING, Rect::union);
    if !all.is_positive() {
        return;
    }
    let margin = 2.0 * theme::UNIT;
    let min = all.min - vec2(margin, margin + theme::TITLE_HEIGHT + theme::UNIT);
    let pos = snap([f64::from(min.x), f64::from(min.y)]);
    let size = [f64::from(all.max.x + margin) - pos[0], f64::from(all.max.y + margin) - pos[1]];
    let mut frames = patch.frames.clone();
    frames.push(Frame { title: "Frame".to_owned(), pos, size: snap(size), ..Frame::default() });
    editor.selected_frame = Some(frames.len() - 1);
    editor.selection.clear();
    editor.document.apply(Step::new("frame", vec![Edit::SetFrames { frames }]));
}

fn change_frame(editor: &mut Editor, index: usize, name: &str, change: impl FnOnce(&mut Frame)) {
    let mut frames = editor.document.patch.frames.clone();
    let Some(frame) = frames.get_mut(index) else { return };
    change(frame);
    editor.document.apply(Step::merging(name, vec![Edit::SetFrames { frames }]));
}

/// The rectangle of a frame on the screen.
fn on_screen(canvas: &Canvas, workspace: &Workspace, frame: &Frame) -> Rect {
    let corner = canvas.rect.map_or(Pos2::ZERO, |rect| rect.min) + canvas.pan;
    let rect = area(frame);
    Rect::from_min_size(corner + rect.min.to_vec2() * workspace.frame.zoom, rect.size() * workspace.frame.zoom)
}

fn title_of(rect: Rect, zoom: f32) -> Rect {
    Rect::from_min_size(rect.min, vec2(rect.width(), (theme::TITLE_HEIGHT * zoom).max(16.0)))
}

/// Paints the frames behind the nodes.
pub(in crate::ui) fn paint_frames(ui: &Ui, canvas: &Canvas, workspace: &Workspace) {
    if !workspace.editor.location.path.is_empty() {
        return;
    }
    let zoom = workspace.frame.zoom;
    for (index, frame) in workspace.editor.document.patch.frames.iter().enumerate() {
        let rect = on_screen(canvas, workspace, frame);
        if !rect.is_finite() || !ui.is_rect_visible(rect) {
            continue;
        }
        let hue = colour(frame);
        let radius = (8.0 * zoom).round() as u8;
        let selected = workspace.editor.selected_frame == Some(index);
        let edge =
            if selected { Stroke::new(2.0, theme::accent()) } else { Stroke::new(1.0, hue.gamma_multiply(0.45)) };
        let title = title_of(rect, zoom);
        let top = CornerRadius { nw: radius, ne: radius, sw: 0, se: 0 };
        let corner = |by: f32| [rect.max - vec2(by, 4.0) * zoom, rect.max - vec2(4.0, by) * zoom];
        let grip = Stroke::new(1.2, hue.gamma_multiply(0.6));
        ui.painter().extend([
            Shape::rect_filled(rect, radius, hue.gamma_multiply(0.06)),
            Shape::rect_filled(title, top, hue.gamma_multiply(0.16)),
            Shape::rect_stroke(rect, radius, edge, StrokeKind::Inside),
            Shape::line_segment(corner(9.0), grip),
            Shape::line_segment(corner(14.0), grip),
        ]);
        // Titles stay legible at any zoom.
        let font = theme::proportional((theme::BODY * zoom).max(theme::SMALL));
        let clipped = ui.painter().with_clip_rect(title.intersect(ui.clip_rect()));
        let at = title.left_center() + vec2(8.0 * zoom.max(0.6), 0.0);
        clipped.text(at, Align2::LEFT_CENTER, &frame.title, font, mix(hue, theme::text()));
    }
}

fn mix(a: Color32, b: Color32) -> Color32 {
    let half = |a: u8, b: u8| u8::midpoint(a, b);
    Color32::from_rgb(half(a.r(), b.r()), half(a.g(), b.g()), half(a.b(), b.b()))
}

/// Moves, selects and resizes frames. True if the pointer is over a title or corner.
pub(in crate::ui) fn frames_ui(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace) -> bool {
    if !workspace.editor.location.path.is_empty() || canvas.palette.is_some() {
        return false;
    }
    let patch = Arc::clone(&workspace.editor.document.patch);
    let pointer = ui.input(|i| i.pointer.hover_pos());
    let on_node = pointer.is_some_and(|at| node_at(canvas, workspace, at).is_some());
    let free = canvas.frame_drag.is_some() || (!on_node && workspace.frame.pending.is_none());
    let mut over = false;
    for (index, frame) in patch.frames.iter().enumerate().filter(|_| free) {
        let rect = on_screen(canvas, workspace, frame);
        if !rect.is_finite() {
            continue;
        }
        let zoom = workspace.frame.zoom;
        let title = ui.interact(title_of(rect, zoom), Id::new(("frame", index)), Sense::click_and_drag());
        title.widget_info(|| WidgetInfo::labeled(WidgetType::Button, true, format!("frame {}", frame.title)));
        let corner = Rect::from_min_max(rect.max - Vec2::splat(16.0 * zoom.max(0.5)), rect.max);
        let corner = ui.interact(corner, Id::new(("frame corner", index)), Sense::drag());
        let corner = corner.on_hover_and_drag_cursor(CursorIcon::ResizeNwSe);
        over |= title.contains_pointer() || corner.contains_pointer();
        if title.clicked() || title.drag_started() || title.secondary_clicked() {
            workspace.editor.selection.clear();
            workspace.editor.selected_frame = Some(index);
        }
        for (response, is_corner) in [(&title, false), (&corner, true)] {
            if response.drag_started() {
                let distance = ui.input(|i| i.pointer.press_origin().zip(i.pointer.interact_pos()));
                let distance =
                    distance.map_or(Vec2::ZERO, |(from, to)| (to - from) / zoom - response.drag_delta() / zoom);
                canvas.frame_drag =
                    Some(FrameDrag { frame: index, corner: is_corner, patch: Arc::clone(&patch), distance });
            }
            if response.dragged()
                && let Some(frame_drag) = &mut canvas.frame_drag
            {
                frame_drag.distance += response.drag_delta() / zoom;
                drag(&mut workspace.editor, frame_drag);
            }
        }
        title.context_menu(|ui| menu_ui(ui, &mut workspace.editor, index));
    }
    if !ui.input(|i| i.pointer.any_down()) {
        canvas.frame_drag = None;
    }
    over || canvas.frame_drag.is_some()
}

/// Moves or resizes the dragged frame.
fn drag(editor: &mut Editor, frame_drag: &FrameDrag) {
    let FrameDrag { frame: index, corner, patch, distance } = frame_drag;
    let Some(start) = patch.frames.get(*index) else { return };
    let distance = [f64::from(distance.x), f64::from(distance.y)];
    let mut frames = editor.document.patch.frames.clone();
    if frames.len() != patch.frames.len() {
        return;
    }
    if *corner {
        let smallest = [f64::from(theme::MIN_FRAME.x), f64::from(theme::MIN_FRAME.y)];
        let end = snap([start.pos[0] + start.size[0] + distance[0], start.pos[1] + start.size[1] + distance[1]]);
        frames[*index].size = [(end[0] - start.pos[0]).max(smallest[0]), (end[1] - start.pos[1]).max(smallest[1])];
        apply(editor, "resize frame", frames, Vec::new());
        return;
    }
    let [x, y] = snap([start.pos[0] + distance[0], start.pos[1] + distance[1]]);
    let by = [x - start.pos[0], y - start.pos[1]];
    for (frame, other) in frames.iter_mut().zip(&patch.frames) {
        if std::ptr::eq(start, other) || area(start).contains_rect(area(other)) {
            frame.pos = [other.pos[0] + by[0], other.pos[1] + by[1]];
        }
    }
    let moved = nodes_in(editor, patch, start).into_iter().filter_map(|id| {
        let [x, y] = patch.layout.get(&id)?.pos;
        editor.document.patch.nodes.contains_key(&id).then(|| LevelEdit::Move { id, pos: [x + by[0], y + by[1]] })
    });
    let moved = moved.collect();
    apply(editor, "move frame", frames, moved);
}

fn apply(editor: &mut Editor, name: &str, frames: Vec<Frame>, moved: Vec<LevelEdit>) {
    if frames == editor.document.patch.frames {
        return;
    }
    let edits = std::iter::once(Edit::SetFrames { frames }).chain(moved.into_iter().map(Edit::Level)).collect();
    editor.document.apply(Step::merging(name, edits));
}

fn menu_ui(ui: &mut Ui, editor: &mut Editor, index: usize) {
    ui.set_width(theme::MENU);
    colours_ui(ui, editor, index);
    if ui.button("Select its nodes").clicked() {
        select_nodes(editor, index);
        ui.close();
    }
    if ui.button("Delete frame").clicked() {
        editor.selected_frame = Some(index);
        editor.delete_frame();
        ui.close();
    }
}

fn select_nodes(editor: &mut Editor, index: usize) {
    let patch = Arc::clone(&editor.document.patch);
    let Some(frame) = patch.frames.get(index) else { return };
    editor.selection = nodes_in(editor, &patch, frame).into_iter().collect();
    editor.selected_frame = None;
}

/// The colour buttons.
fn colours_ui(ui: &mut Ui, editor: &mut Editor, index: usize) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let Some(now) = editor.document.patch.frames.get(index).map(colour) else { return };
        for (name, hue) in theme::frame_colours() {
            let (rect, response) = ui.allocate_exact_size(Vec2::splat(22.0), Sense::click());
            let chosen = now == hue;
            response
                .widget_info(|| WidgetInfo::selected(WidgetType::RadioButton, true, chosen, format!("{name} frame")));
            let edge = match (chosen, response.hovered()) {
                (true, _) => Stroke::new(2.0, theme::text()),
                (_, true) => Stroke::new(1.5, theme::weak()),
                _ => Stroke::NONE,
            };
            ui.painter().rect(rect.shrink(2.0), 4.0, hue.gamma_multiply(0.8), edge, StrokeKind::Outside);
            if response.on_hover_text(name).clicked() {
                let text = format!("#{:02x}{:02x}{:02x}", hue.r(), hue.g(), hue.b());
                change_frame(editor, index, "colour of the frame", |frame| frame.colour = text);
                editor.document.end_gesture();
            }
        }
    });
}

/// The frame page of the inspector.
pub(in crate::ui) fn frame_page_ui(ui: &mut Ui, editor: &mut Editor, index: usize) {
    let Some(frame) = editor.document.patch.frames.get(index).cloned() else { return };
    ui.label(RichText::new("Frame").size(theme::LARGE));
    let mut title = frame.title.clone();
    let field = TextEdit::singleline(&mut title).id(Id::new("frame title")).desired_width(f32::INFINITY);
    let field = ui.add(field.hint_text("title"));
    field.widget_info(|| WidgetInfo::labeled(WidgetType::TextEdit, true, "title of the frame"));
    if field.changed() {
        change_frame(editor, index, "title of the frame", |frame| frame.title = title);
    }
    colours_ui(ui, editor, index);
    let count = nodes_in(editor, &editor.document.patch, &frame).len();
    let text = if count == 1 { "1 node in this frame".to_owned() } else { format!("{count} nodes in this frame") };
    ui.label(RichText::new(text).size(theme::SMALL).color(theme::weak()));
    ui.horizontal(|ui| {
        if ui.add(Button::new("Select its nodes").frame_when_inactive(false)).clicked() {
            select_nodes(editor, index);
        }
        let delete = ui.add(Button::new("Delete frame").frame_when_inactive(false));
        if delete.on_hover_text("Delete the frame and keep its nodes. Delete").clicked() {
            editor.delete_frame();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::document::Document;

    #[test]
    fn an_invalid_colour_is_grey() {
        let frame = |colour: &str| Frame { colour: colour.to_owned(), ..Frame::default() };
        assert_eq!(colour(&frame("#ff8000")), Color32::from_rgb(255, 128, 0));
        for invalid in ["", "#ff80", "red", "#ggggggg", "#ééé"] {
            assert_eq!(colour(&frame(invalid)), theme::weak(), "{invalid:?}");
        }
    }

    #[test]
    fn a_frame_surrounds_the_selected_nodes_and_moves_them() {
        let mut patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        for (i, id) in patch.nodes.keys().cloned().collect::<Vec<_>>().into_iter().enumerate() {
            let pos = [i as f64 * 240.0, 0.0];
            patch.apply(LevelEdit::Move { id, pos }).unwrap();
        }
        let mut editor = Editor::new(Document::new(patch, None, Box::new(|_, _| ())));
        let start = Arc::clone(&editor.document.patch);
        let chosen: Vec<String> = start.nodes.keys().take(2).cloned().collect();
        editor.selection = chosen.iter().cloned().collect();
        frame_selected(&mut editor);
        assert_eq!(nodes_in(&editor, &editor.document.patch, &editor.document.patch.frames[0]), chosen);
        let framed = Arc::clone(&editor.document.patch);
        let frame_drag = |distance| FrameDrag { frame: 0, corner: false, patch: Arc::clone(&framed), distance };
        drag(&mut editor, &frame_drag(vec2(30.0, 10.0)));
        drag(&mut editor, &frame_drag(vec2(81.0, 41.0)));
        let now = &editor.document.patch;
        for id in &chosen {
            assert_eq!(now.layout[id].pos, [framed.layout[id].pos[0] + 80.0, 40.0], "{id}");
        }
        let other = start.nodes.keys().nth(4).unwrap();
        assert_eq!(now.layout[other], framed.layout[other]);
        assert!(editor.document.undo());
        assert_eq!(editor.document.patch, framed, "the drag was one step");
        assert!(editor.document.undo());
        assert_eq!(editor.document.patch, start);
    }
}
