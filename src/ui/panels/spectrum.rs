//! The live spectrum of a layer's feed-forward neurons, with a band that a drag sets.

use std::sync::Arc;

use bendrack_nodes::library::target::neurons;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Node, Port};
use bendrack_nodes::program::{Axis, Bend};
use eframe::egui::{
    Align2, CursorIcon, DragValue, PointerButton, Pos2, Rect, Response, RichText, Sense, Ui, WidgetInfo, WidgetType,
    pos2, vec2,
};
use serde_json::{Value as Json, json};

use crate::engine::ModelShape;
use crate::ui::document::limits::{limit, limiter, reached};
use crate::ui::theme;
use crate::ui::workspace::Workspace;
use crate::ui::workspace::probes::Probe;

/// The height of the spectrum.
const HEIGHT: f32 = 64.0;
/// The width of a bar.
const BAR: f32 = 2.0;
/// The reach of an end of the band.
const REACH: f32 = 6.0;

/// The part of the band that a drag moves.
#[derive(Clone, Copy, Debug)]
enum Grip {
    /// The first end, the last end.
    First,
    Last,
    /// The whole band, held at this neuron from its first one.
    Band(f64),
}

/// Shows the spectrum for a node whose target reaches neurons. A drag sets the band of its node of neurons, or adds one.
pub fn spectrum_ui(ui: &mut Ui, workspace: &mut Workspace, id: &str) {
    let Some(shape) = workspace.playback.probes.model else { return };
    let patch = Arc::clone(workspace.editor.patch());
    let (nodes, prefix) = (reached(&patch, id), workspace.editor.prefix());
    let program = workspace.playback.live.program();
    let is_its = |node: &str| node.strip_prefix(prefix.as_str()).is_some_and(|id| nodes.contains(id));
    let bend = program.bends.iter().find(|bend| bend.site.has(Axis::Neurons) && is_its(&bend.node));
    let own = limiter(&patch, id, &neurons::NODE);
    if bend.is_none() && own.is_none() {
        return;
    }
    let layer = layer_ui(ui, shape, bend);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(WidgetType::Image, true, "spectrum of neurons"));
    ui.painter().rect_filled(rect, 3.0, theme::well());
    let last = shape.neurons.saturating_sub(1) as f64;
    let band = own.map(|(id, node)| band_of(workspace, (id, node), last));
    let bright = theme::kind_colours(Kind::Target).0;
    let x_of = |neuron: f64| rect.left() + rect.width() * (neuron / shape.neurons.max(1) as f64) as f32;
    if let Some([first, last]) = band {
        let place = Rect::from_x_y_ranges(x_of(first)..=x_of(last + 1.0).max(x_of(first) + 1.0), rect.y_range());
        ui.painter().rect_filled(place, 0.0, bright.gamma_multiply(0.18));
    }
    match workspace.playback.probes.want(Probe::Neurons(layer)) {
        Some(map) => bars_ui(ui, rect, &map.values, |neuron| {
            band.is_none_or(|[first, last]| (first..=last).contains(&(neuron as f64)))
        }),
        None => {
            ui.painter().text(
                rect.center(),
                Align2::CENTER_CENTER,
                "no activity yet",
                theme::proportional(theme::SMALL),
                theme::weak(),
            );
        }
    }
    let neuron_at =
        |x: f32| (f64::from((x - rect.left()) / rect.width()).clamp(0.0, 1.0) * shape.neurons as f64).min(last);
    if let Some(at) = response.hover_pos() {
        let text = format!("Neuron {:.0}. Drag to set the band of the node.", neuron_at(at.x).floor());
        response.clone().on_hover_text(text);
    }
    let Some([first, end]) = dragged(ui, &response, band.unwrap_or([0.0, last]), (&x_of, &neuron_at), last) else {
        return;
    };
    let params = vec![(neurons::FIRST.name, json!(first)), (neurons::LAST.name, json!(end))];
    if let Some(step) = limit(&patch, id, &neurons::NODE, format!("band of neurons of {id}"), params) {
        workspace.editor.apply(step);
    }
}

/// The field of the layer. It begins with the first layer of the bend, or the middle one.
fn layer_ui(ui: &mut Ui, shape: ModelShape, bend: Option<&Bend>) -> usize {
    let field = ui.id().with("layer of the spectrum");
    let last = shape.layers.saturating_sub(1);
    let of_bend = bend.and_then(|bend| (0..shape.layers).find(|&layer| bend.target.layers.contains(layer)));
    let preset = of_bend.filter(|_| bend.is_some_and(|bend| !bend.target.layers.is_all())).unwrap_or(shape.layers / 2);
    let mut layer = ui.data(|data| data.get_temp(field)).unwrap_or(preset).min(last);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Neuron activity, layer").size(theme::SMALL).color(theme::weak()));
        let shown = ui.add(DragValue::new(&mut layer).range(0..=last).speed(0.1));
        shown.widget_info(|| WidgetInfo::labeled(WidgetType::DragValue, true, "layer of the spectrum"));
        if shown.changed() {
            ui.data_mut(|data| data.insert_temp(field, layer));
        }
    });
    layer
}

/// The ends of the band of a node of neurons, with the modulation of its cables.
fn band_of(workspace: &Workspace, (id, node): (&str, &Node), last: f64) -> [f64; 2] {
    [&neurons::FIRST, &neurons::LAST].map(|input: &Input| {
        let base = node.params.get(input.name).and_then(Json::as_f64).unwrap_or_else(|| input.default_number());
        let port = Port { node: id.to_owned(), port: input.name.to_owned() };
        workspace.modulated(&port, input, base).unwrap_or(base).round().clamp(0.0, last.max(0.0))
    })
}

/// Bars of the loudest neuron each, from 0 to the loudest of all.
fn bars_ui(ui: &Ui, rect: Rect, activity: &[f32], is_in_band: impl Fn(usize) -> bool) {
    let count = ((rect.width() / BAR) as usize).min(activity.len()).max(1);
    let most = activity.iter().copied().fold(1e-9, f32::max);
    let (in_band, outside) = (theme::kind_colours(Kind::Target).0, theme::kind_colours(Kind::Target).1);
    for bar in 0..count {
        let range = bar * activity.len() / count..(bar + 1) * activity.len() / count;
        let loudest = range.clone().max_by(|&a, &b| activity[a].total_cmp(&activity[b])).unwrap_or(range.start);
        let height = (activity.get(loudest).copied().unwrap_or(0.0) / most).max(0.0).sqrt() * (rect.height() - 2.0);
        let x = |bar: usize| rect.left() + rect.width() * bar as f32 / count as f32;
        let place = Rect::from_min_max(pos2(x(bar), rect.bottom() - height), pos2(x(bar + 1) - 0.5, rect.bottom()));
        ui.painter().rect_filled(place, 0.0, if range.clone().any(&is_in_band) { in_band } else { outside });
    }
}

/// The band after a drag: an end that is pulled, the whole band that is moved, or a new band.
fn dragged(
    ui: &Ui,
    response: &Response,
    band: [f64; 2],
    (x_of, neuron_at): (&dyn Fn(f64) -> f32, &dyn Fn(f32) -> f64),
    last: f64,
) -> Option<[f64; 2]> {
    let at = response.hover_pos().or(response.interact_pointer_pos())?;
    let [left, right] = [x_of(band[0]), x_of(band[1] + 1.0)];
    let is_whole = band[0] <= 0.0 && band[1] >= last;
    let near = |at: Pos2, x: f32| (at.x - x).abs() <= REACH;
    if near(at, left) || near(at, right) {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    if !response.dragged_by(PointerButton::Primary) {
        return None;
    }
    let neuron = neuron_at(at.x).floor();
    let begins = response.drag_started();
    // The place of the press, before the distance that makes it a drag.
    let pressed = ui.input(|i| i.pointer.press_origin()).unwrap_or(at);
    let from = neuron_at(pressed.x).floor();
    let (grip, origin) = ui.data_mut(|data| {
        let held = data.get_temp_mut_or(response.id, (Grip::Last, band[0]));
        if begins {
            *held = if near(pressed, left) && !is_whole {
                (Grip::First, band[1])
            } else if near(pressed, right) && !is_whole {
                (Grip::Last, band[0])
            } else if (left..right).contains(&pressed.x) && !is_whole {
                (Grip::Band(from - band[0]), band[1] - band[0])
            } else {
                (Grip::Last, from)
            };
        }
        *held
    });
    let moved = match grip {
        Grip::First | Grip::Last => [origin.min(neuron), origin.max(neuron)],
        Grip::Band(held) => {
            let first = (neuron - held).clamp(0.0, (last - origin).max(0.0));
            [first, first + origin]
        }
    };
    let bits = |band: [f64; 2]| band.map(f64::to_bits);
    (bits(moved) != bits(band)).then_some(moved)
}
