//! Links: with Alt held, a knob dragged onto another one. Both then follow one source.

use eframe::egui::{Rect, Shape, Stroke, Ui, epaint::CubicBezierShape, vec2};

use super::Canvas;
use crate::ui::document::commands;
use crate::ui::document::ports::input_of;
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// Shows the line from the dragged knob to the pointer, and links the knobs when it is dropped.
pub(in crate::ui) fn link_ui(ui: &Ui, canvas: &Canvas, workspace: &mut Workspace) {
    let Some(from) = workspace.frame.linked.clone() else { return };
    let (at, is_down) = ui.input(|i| (i.pointer.latest_pos(), i.pointer.primary_down()));
    let under = at.and_then(|at| {
        let near = |(rect, port): &&(Rect, _)| rect.expand(theme::UNIT).contains(at) && *port != from;
        workspace.frame.knobs.iter().find(near).cloned()
    });
    if is_down {
        let begin = workspace.frame.knobs.iter().find(|(_, port)| *port == from).map(|(rect, _)| rect.center());
        let (Some(begin), Some(at)) = (begin, at) else { return };
        let end = under.as_ref().map_or(at, |(rect, _)| rect.center());
        let slack = vec2(0.0, 0.3 * begin.distance(end));
        let stroke = Stroke::new(theme::CABLE, theme::accent());
        let points = [begin, begin + slack, end + slack, end];
        ui.painter().add(CubicBezierShape::from_points_stroke(
            points,
            false,
            theme::accent().gamma_multiply(0.0),
            stroke,
        ));
        let ends = [Some(begin), under.as_ref().map(|(rect, _)| rect.center())];
        for knob in ends.into_iter().flatten() {
            let radius = theme::KNOB * workspace.frame.zoom * 0.75;
            ui.painter().add(Shape::circle_stroke(knob, radius, stroke));
        }
        return;
    }
    workspace.frame.linked = None;
    let Some((_, to)) = under else { return };
    let patch = workspace.editor.patch();
    let inputs = [&from, &to].map(|port| input_of(patch, &port.node, &port.port));
    let [Some(of_from), Some(of_to)] = inputs else { return };
    let node = workspace.frame.rects.get(&from.node).or(canvas.rect.as_ref());
    let at = node.map_or_else(Default::default, Rect::left_top);
    let room = vec2(theme::NODE_WIDTH + 2.0 * theme::UNIT, 0.0) * workspace.frame.zoom;
    let place = canvas.free_place(workspace, at - room);
    if let Some(step) = commands::link(patch, (&from, of_from), (&to, of_to), place) {
        workspace.editor.apply(step);
        workspace.editor.document.end_gesture();
    }
}
