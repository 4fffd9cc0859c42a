//! Hands on cables: pulled out, plugged in, found under the pointer.

use bendrack_nodes::patch::{Cable, Edit, Port};
use eframe::egui::{self, Event, Id, Key, Modifiers, Pos2, Ui};
use egui_node_graph::NodeResponse;

use crate::ui::canvas::cable::{self, Lain};
use crate::ui::canvas::graph::Index;
use crate::ui::canvas::node::fits;
use crate::ui::canvas::palette::{Loose, Palette};
use crate::ui::canvas::reroute::{pull_out, put_on};
use crate::ui::canvas::{Canvas, Hand};
use crate::ui::document::Step;
use crate::ui::theme;
use crate::ui::workspace::{Desk, Spot};

/// The cable under the pointer, if no node and no port is.
pub(in crate::ui) fn hot_cable(ui: &Ui, desk: &Desk, cables: &[Lain]) -> Option<usize> {
    let at = ui.input(|i| i.pointer.hover_pos()).filter(|_| ui.rect_contains_pointer(ui.max_rect()))?;
    let busy = desk.scene.loose.is_some()
        || over_node(desk, at)
        || ui.input(|i| i.pointer.primary_down() && !i.pointer.primary_pressed());
    if busy || near_port(desk, at, theme::PORT * 2.0, |_| true).is_some() {
        return None;
    }
    let near = cables.iter().enumerate().map(|(i, cable)| (cable.distance(at), i));
    let (distance, i) = near.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (distance < theme::CABLE_NEAR).then_some(i)
}

/// What can be done with the cable under the pointer: right-click, Alt-click, Delete or X pull it out, M mutes it,
/// R puts a dot on it.
pub(in crate::ui) fn cables_ui(ui: &Ui, canvas: &Canvas, desk: &mut Desk, hot: Option<&Lain>) {
    let Some(cable) = hot else { return };
    let text = match desk.live.output(&cable.from) {
        _ if cable.mute => format!("{} → {}   muted: nothing flows. M lets it flow", cable.from, cable.to),
        Some(value) => format!("{} → {}   {value:.3}", cable.from, cable.to),
        None => format!("{} → {}", cable.from, cable.to),
    };
    egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), Id::new("cable"), egui::PopupAnchor::Pointer)
        .gap(12.0)
        .show(|ui| ui.label(text));
    if !ui.ctx().text_edit_focused() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::M)) {
        desk.mute(&cable.to);
    }
    let at = ui.input(|i| i.pointer.hover_pos());
    if let Some(at) = at.filter(|_| !ui.ctx().text_edit_focused())
        && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::R))
    {
        put_on(desk, &cable.to, canvas.place(at, desk.scene.zoom));
        return;
    }
    let pull = ui.input(|i| {
        let alt = i.modifiers.alt && i.pointer.primary_clicked();
        alt || i.pointer.secondary_clicked()
            || i.key_pressed(Key::X)
            || i.key_pressed(Key::Delete)
            || i.key_pressed(Key::Backspace)
    });
    if pull && !ui.ctx().text_edit_focused() {
        let edit = Edit::Disconnect { to: cable.to.clone() };
        desk.apply(Step::new(format!("pull out {}", cable.to), vec![edit]));
        // The same key must not delete the selected nodes, too.
        ui.input_mut(|i| {
            i.events.retain(|event| !matches!(event, Event::Key { key: Key::Delete | Key::Backspace, .. }));
        });
    }
}

/// The nearest port within `reach` that `wanted` takes.
pub(in crate::ui) fn near_port(desk: &Desk, at: Pos2, reach: f32, wanted: impl Fn(&Spot) -> bool) -> Option<&Spot> {
    let near = desk.scene.ports.iter().filter(|spot| wanted(spot)).map(|spot| (spot.at.distance(at), spot));
    near.filter(|(distance, _)| *distance <= reach).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, spot)| spot)
}

/// Whether the pointer is on a port that does not take a loose cable.
fn is_refused(desk: &Desk, at: Pos2, loose: &Loose) -> bool {
    near_port(desk, at, theme::PORT, |_| true).is_some_and(|spot| !fits(loose, spot))
}

/// The port that pulls a loose cable in: the nearest that takes it, unless the pointer is on one that does not.
fn magnet<'d>(desk: &'d Desk, at: Pos2, loose: &Loose) -> Option<&'d Spot> {
    let near = near_port(desk, at, theme::SNAP, |spot| fits(loose, spot));
    near.filter(|_| !is_refused(desk, at, loose))
}

/// The topmost node at a point.
pub(in crate::ui) fn node_at(canvas: &Canvas, desk: &Desk, at: Pos2) -> Option<String> {
    let dots = desk.scene.dots.iter().rev();
    let order = canvas.editor.node_order.iter().rev();
    let ids = order.filter_map(|node| canvas.editor.graph.nodes.get(*node)).map(|node| &node.user_data.id);
    dots.chain(ids).find(|id| desk.scene.rects.get(*id).is_some_and(|rect| rect.contains(at))).cloned()
}

fn over_node(desk: &Desk, at: Pos2) -> bool {
    desk.scene.rects.values().any(|rect| rect.contains(at))
}

/// Pulls cables out and plugs them in.
pub(in crate::ui) fn plug(ui: &Ui, canvas: &mut Canvas, desk: &mut Desk, hand: &Hand) {
    for response in &hand.responses {
        match response {
            NodeResponse::ConnectEventStarted(_, param) => {
                canvas.pulled = false;
                // The crate does not know cables from dots, so it takes their inputs for free ones.
                let port = Index::port(&canvas.editor.graph, *param).filter(|(.., output)| !output);
                if port.is_some_and(|(to, ..)| pull_out(canvas, desk, &to)) {
                    canvas.editor.connection_in_progress = None;
                }
            }
            NodeResponse::DisconnectEvent { input, .. } => {
                canvas.pulled = true;
                if let Some((to, ..)) = Index::port(&canvas.editor.graph, (*input).into()) {
                    desk.apply(Step {
                        gesture: Some("plug".into()),
                        ..Step::new(format!("pull out {to}"), vec![Edit::Disconnect { to }])
                    });
                }
            }
            _ => {}
        }
    }
    let Some(at) = ui.input(|i| i.pointer.latest_pos()) else { return };
    if let (Some(loose), None) = (&desk.scene.loose, &hand.let_go) {
        let start = desk.scene.ports.iter().find(|spot| spot.port == loose.port && spot.output == loose.from_output);
        let Some(start) = start.map(|spot| spot.at) else { return };
        let end = magnet(desk, at, loose).map_or(at, |spot| spot.at);
        ui.painter().add(cable::hanging(loose.kind, start, end, loose.from_output, desk.scene.zoom));
    }
    let Some(loose) = &hand.let_go else { return };
    let target = magnet(desk, at, loose).map(|spot| spot.port.clone());
    let target = target.or_else(|| free_port(canvas, desk, at, loose));
    match target {
        Some(port) => connect(desk, loose, port),
        None if canvas.pulled || over_node(desk, at) || !canvas.contains(at) => {}
        None => canvas.palette = Some(Palette::new(at, Some(loose.clone()))),
    }
}

/// The port of the node under the pointer that fits best: a free one, and of the same kind, if there is one.
fn free_port(canvas: &Canvas, desk: &Desk, at: Pos2, loose: &Loose) -> Option<Port> {
    let id = node_at(canvas, desk, at).filter(|id| *id != loose.port.node && !is_refused(desk, at, loose))?;
    let spots = desk.scene.ports.iter().filter(|spot| spot.port.node == id && fits(loose, spot));
    let best = spots.min_by_key(|spot| {
        let wired = !spot.output && desk.is_wired(&spot.port.node, &spot.port.port);
        (wired, spot.kind != loose.kind)
    });
    best.map(|spot| spot.port.clone())
}

fn connect(desk: &mut Desk, loose: &Loose, port: Port) {
    let (from, to) = if loose.from_output { (loose.port.clone(), port) } else { (port, loose.port.clone()) };
    if desk.patch().cable_to(&to).is_some_and(|cable| cable.from == from) {
        return;
    }
    let name = format!("plug {from} into {to}");
    let edits = vec![Edit::Connect { cable: Cable::new(from, to) }];
    desk.apply(Step { gesture: Some("plug".into()), ..Step::new(name, edits) });
}
