//! The grid of layers × steps: the cells that bends and taps touch, lit as the model runs, and painted.

use std::collections::BTreeSet;
use std::sync::Arc;

use bendrack_nodes::grammar::layers;
use bendrack_nodes::library::target::schedule;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::program::target::Target;
use bendrack_nodes::program::{Axis, Pass, Program};
use eframe::egui::{
    Align2, Color32, CursorIcon, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, WidgetType,
    pos2, vec2,
};
use serde_json::json;

use crate::engine::ModelShape;
use crate::ui::document::limits::{limit, reached, schedule_of, target_input};
use crate::ui::theme;
use crate::ui::workspace::Workspace;

/// The width of the names of rows.
const NAMES: f32 = 44.0;
/// The largest width of a cell, and the largest height.
const CELL: [f32; 2] = [44.0, 12.0];
/// The largest height of all rows.
const TALL: f32 = 240.0;

/// The touch of a node on a cell.
struct Touch {
    node: Arc<str>,
    /// 0 to 1; none for a tap.
    amount: Option<f64>,
}

/// The row of a denoising step, or the last row: the cache pass.
fn pass_of(row: usize, shape: ModelShape) -> (Pass, usize) {
    if row < shape.steps { (Pass::Denoise, row) } else { (Pass::Cache, shape.steps) }
}

/// The row of a model call.
const fn row_of((pass, step): (Pass, usize), shape: ModelShape) -> usize {
    match pass {
        Pass::Denoise => step,
        Pass::Cache => shape.steps,
    }
}

/// The touches on a cell of the nodes that `counts`.
fn touches(program: &Program, (pass, step): (Pass, usize), layer: usize, counts: &dyn Fn(&str) -> bool) -> Vec<Touch> {
    let bends = program.bends.iter().filter(|bend| {
        // A site outside the layers lies before or behind all of them.
        let whole = !bend.site.has(Axis::Layers);
        counts(&bend.node)
            && if whole { touches_step(&bend.target, pass, step) } else { bend.target.touches(pass, step, layer) }
    });
    let bends = bends.map(|bend| {
        let amount = bend.amount.iter().fold(0.0, |most: f64, amount| most.max(amount.abs()));
        Touch { node: bend.node.clone(), amount: Some(amount) }
    });
    let taps = program.taps.iter().filter(|tap| counts(&tap.node) && tap.target.contains(pass, step, layer));
    bends.chain(taps.map(|tap| Touch { node: tap.node.clone(), amount: None })).collect()
}

fn touches_step(target: &Target, pass: Pass, step: usize) -> bool {
    target.pass.contains(pass) && (pass == Pass::Cache || target.steps.contains(step))
}

/// The cells on the screen: a row for each denoising step, then one for the cache pass.
struct Cells {
    corner: Pos2,
    size: Vec2,
    shape: ModelShape,
}

impl Cells {
    const fn rows(&self) -> usize {
        self.shape.steps + 1
    }

    fn place(&self, row: usize, layer: usize) -> Rect {
        let cell = Rect::from_min_size(self.corner + vec2(layer as f32, row as f32) * self.size, self.size);
        cell.shrink(if self.size.x > 6.0 { 1.0 } else { 0.5 })
    }

    /// The row and the layer at a point.
    fn at(&self, at: Pos2) -> Option<(usize, usize)> {
        let cell = ((at - self.corner) / self.size).floor();
        let is_inside = cell.x >= 0.0 && cell.y >= 0.0;
        let (row, layer) = (cell.y as usize, cell.x as usize);
        (is_inside && row < self.rows() && layer < self.shape.layers).then_some((row, layer))
    }
}

/// Shows the grid of a node and of what its target reaches, which a drag paints; without a node, that of the whole patch.
pub fn layer_grid_ui(ui: &mut Ui, workspace: &mut Workspace, id: Option<&str>) {
    let Some(shape) = workspace.playback.probes.model else { return };
    let patch = Arc::clone(workspace.editor.patch());
    let nodes = id.map(|id| (reached(&patch, id), workspace.editor.prefix()));
    let counts = |node: &str| {
        nodes.as_ref().is_none_or(|(ids, prefix)| node.strip_prefix(prefix.as_str()).is_some_and(|id| ids.contains(id)))
    };
    let width = (ui.available_width() - NAMES) / shape.layers.max(1) as f32;
    let size = vec2(width.min(CELL[0]), (TALL / (shape.steps + 1) as f32).min(CELL[1]));
    let all = vec2(NAMES + size.x * shape.layers as f32, size.y * (shape.steps + 1) as f32);
    let (rect, response) = ui.allocate_exact_size(all, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Image, true, "layers and steps"));
    let cells = Cells { corner: rect.min + vec2(NAMES, 0.0), size, shape };
    let program = workspace.playback.live.program();
    let wanted = id.and_then(|id| schedule_of(&patch, id));
    let mut touched = BTreeSet::new();
    for row in 0..cells.rows() {
        let (pass, step) = pass_of(row, shape);
        let is_lit = workspace.playback.probes.call.is_some_and(|call| row_of(call, shape) == row);
        row_name(ui, pos2(rect.left(), cells.place(row, 0).center().y), row, shape, (size.y, is_lit));
        for layer in 0..shape.layers {
            let (place, touches) = (cells.place(row, layer), touches(program, (pass, step), layer, &counts));
            if !touches.is_empty() {
                touched.insert((row, layer));
            }
            ui.painter().rect_filled(place, 1.5, fill(&touches, is_lit));
            if wanted.as_ref().is_some_and(|wanted| wanted.contains(pass, step, layer)) {
                let edge = Stroke::new(1.0, theme::kind_colours(Kind::Target).0);
                ui.painter().rect_stroke(place, 1.5, edge, StrokeKind::Inside);
            }
        }
    }
    let is_painted = id.is_some_and(|id| target_input(&patch, id).is_some());
    if let Some((row, layer)) = response.hover_pos().and_then(|at| cells.at(at)) {
        let touches = touches(program, pass_of(row, shape), layer, &counts);
        let is_limited = touches.is_empty()
            && wanted.as_ref().is_some_and(|wanted| {
                let (pass, step) = pass_of(row, shape);
                wanted.contains(pass, step, layer)
            });
        response.clone().on_hover_text(hint((row, layer), shape, &touches, (is_painted, is_limited)));
    }
    if let Some(id) = id.filter(|_| is_painted) {
        let is_on = |(row, layer): (usize, usize)| {
            let (pass, step) = pass_of(row, shape);
            match &wanted {
                Some(wanted) => wanted.contains(pass, step, layer),
                // A bend that changes nothing now touches everything.
                None => touched.is_empty() || touched.contains(&(row, layer)),
            }
        };
        if let Some(text) = painted(ui, &response, &cells, &is_on) {
            let params = vec![(schedule::LAYERS.name, json!(text))];
            if let Some(step) = limit(&patch, id, &schedule::NODE, format!("paint the layers of {id}"), params) {
                workspace.editor.apply(step);
            }
        }
    }
}

/// The text of the schedule once a press or a drag paints a cell: with the opposite of the first cell of the drag.
fn painted(ui: &Ui, response: &Response, cells: &Cells, is_on: &dyn Fn((usize, usize)) -> bool) -> Option<String> {
    if response.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    if !response.is_pointer_button_down_on() && !response.clicked() {
        return None;
    }
    let cell = cells.at(response.interact_pointer_pos()?)?;
    let begins = ui.input(|i| i.pointer.primary_pressed());
    let brush = ui.data_mut(|data| {
        let brush = data.get_temp_mut_or(response.id, !is_on(cell));
        if begins {
            *brush = !is_on(cell);
        }
        *brush
    });
    if is_on(cell) == brush {
        return None;
    }
    let shape = cells.shape;
    Some(layers::text(shape.steps, shape.layers, |step, layer| {
        let other = (step.unwrap_or(shape.steps), layer);
        if other == cell { brush } else { is_on(other) }
    }))
}

/// The colour of a cell: of bends by the largest amount, of taps alone, or of nothing; brighter in the row of the call under way.
fn fill(touches: &[Touch], is_lit: bool) -> Color32 {
    let ground = if is_lit { theme::line() } else { theme::node() };
    let Some(strongest) =
        touches.iter().map(|touch| touch.amount).max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    else {
        return ground;
    };
    let (kind, share) = strongest.map_or((Kind::Map, 0.5), |amount| (Kind::Bend, 0.3 + 0.7 * amount.min(1.0) as f32));
    ground.lerp_to_gamma(theme::kind_colours(kind).0, share * if is_lit { 1.0 } else { 0.7 })
}

fn row_name(ui: &Ui, at: Pos2, row: usize, shape: ModelShape, (height, is_lit): (f32, bool)) {
    let is_last = row == shape.steps;
    // Low rows have only the names that fit.
    let every = (theme::SMALL / height).ceil() as usize;
    if !is_last && (!row.is_multiple_of(every) || row + every > shape.steps && every > 1) {
        return;
    }
    let name = if is_last { layers::CACHE.to_owned() } else { format!("step {row}") };
    let colour = if is_lit { theme::text() } else { theme::weak() };
    ui.painter().text(at, Align2::LEFT_CENTER, name, theme::proportional(theme::SMALL), colour);
}

fn hint(
    (row, layer): (usize, usize),
    shape: ModelShape,
    touches: &[Touch],
    (is_painted, is_limited): (bool, bool),
) -> String {
    let pass = if row == shape.steps { "the cache pass".to_owned() } else { format!("step {row}") };
    let mut lines = vec![format!("Layer {layer} of {pass}")];
    lines.extend(touches.iter().map(|touch| match touch.amount {
        Some(amount) => format!("{}: amount {amount:.2}", touch.node),
        None => format!("{}: tap", touch.node),
    }));
    if is_limited {
        lines.push("Painted, but an upstream target excludes this cell.".to_owned());
    }
    if is_painted {
        lines.push("Drag to paint or erase; the first cell decides which.".to_owned());
    }
    lines.join("\n")
}
