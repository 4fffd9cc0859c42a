//! Wiring: plugs and unplugs cables, and finds the one under the pointer.

use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, LevelEdit, Port};
use eframe::egui::{self, Event, Id, Key, Modifiers, Pos2, Ui};
use egui_node_graph::NodeResponse;

use crate::ui::canvas::cable::{self, DrawnCable};
use crate::ui::canvas::graph::Index;
use crate::ui::canvas::palette::Palette;
use crate::ui::canvas::reroute::{add_reroute, unplug};
use crate::ui::canvas::{Canvas, GraphResponse};
use crate::ui::document::ports::input_of;
use crate::ui::document::{Gesture, Step};
use crate::ui::theme;
use crate::ui::widgets::tooltip;
use crate::ui::workspace::PendingCable;
use crate::ui::workspace::{DrawnPort, Workspace};

/// The cable under the pointer, unless a node or port is there.
pub(in crate::ui) fn hovered_cable(ui: &Ui, workspace: &Workspace, cables: &[DrawnCable]) -> Option<usize> {
    let at = ui.input(|i| i.pointer.hover_pos()).filter(|_| ui.rect_contains_pointer(ui.max_rect()))?;
    let busy = workspace.frame.pending.is_some()
        || over_node(workspace, at)
        || ui.input(|i| i.pointer.primary_down() && !i.pointer.primary_pressed());
    if busy || near_port(workspace, at, theme::PORT * 2.0, |_| true).is_some() {
        return None;
    }
    let near = cables.iter().enumerate().map(|(i, cable)| (cable.distance(at), i));
    let (distance, i) = near.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (distance < theme::CABLE_NEAR).then_some(i)
}

/// The commands of the cable under the pointer. Right-click, Alt-click, Delete and X unplug it; M mutes it; R adds a
/// reroute.
pub(in crate::ui) fn cables_ui(ui: &Ui, canvas: &Canvas, workspace: &mut Workspace, hovered: Option<&DrawnCable>) {
    let Some(cable) = hovered else { return };
    let text = match workspace.playback.live.output(&cable.from) {
        _ if cable.mute => format!("{} → {}   muted. Key M unmutes", cable.from, cable.to),
        Some(value) => format!("{} → {}   {value:.3}", cable.from, cable.to),
        None => format!("{} → {}", cable.from, cable.to),
    };
    egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), Id::new("cable"), egui::PopupAnchor::Pointer)
        .gap(12.0)
        .show(|ui| ui.label(text));
    if !ui.ctx().text_edit_focused() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::M)) {
        workspace.editor.toggle_mute(&cable.to);
    }
    let at = ui.input(|i| i.pointer.hover_pos());
    if let Some(at) = at.filter(|_| canvas.reroutes) {
        add_reroute(workspace, &cable.to, canvas.place(at, workspace.frame.zoom));
        return;
    }
    let unplugs = ui.input(|i| {
        let alt = i.modifiers.alt && i.pointer.primary_clicked();
        alt || i.pointer.secondary_clicked()
            || i.key_pressed(Key::X)
            || i.key_pressed(Key::Delete)
            || i.key_pressed(Key::Backspace)
    });
    if unplugs && !ui.ctx().text_edit_focused() {
        workspace.editor.unplug(&cable.to);
        // The key must not also delete the selected nodes.
        ui.input_mut(|i| {
            i.events.retain(|event| !matches!(event, Event::Key { key: Key::Delete | Key::Backspace, .. }));
        });
    }
}

/// The hint of the port under the pointer: its help, its kind, its value, and the range and unit of its knob.
pub(in crate::ui) fn port_hint_ui(ui: &Ui, canvas: &Canvas, workspace: &Workspace) {
    let at = ui.input(|i| i.pointer.hover_pos().filter(|_| !i.pointer.any_down()));
    let Some(at) = at.filter(|at| canvas.contains(*at) && canvas.palette.is_none()) else { return };
    if ui.ctx().layer_id_at(at) != Some(ui.layer_id()) {
        return;
    }
    let reach = theme::PORT * 1.8 * workspace.frame.zoom.max(0.5);
    let Some(drawn) = near_port(workspace, at, reach, |_| true) else { return };
    let text = port_hint(workspace, drawn);
    egui::Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), Id::new("port"), egui::PopupAnchor::Pointer)
        .gap(12.0)
        .show(|ui| {
            ui.set_max_width(320.0);
            ui.label(tooltip(&text));
        });
}

fn port_hint(workspace: &Workspace, drawn: &DrawnPort) -> String {
    let (editor, port) = (&workspace.editor, &drawn.port);
    let mut lines = vec![format!("{}: {}", port.port.replace('_', " "), drawn.kind)];
    let number = |value: f64, unit: &str| format!("{value:.3} {unit}").trim_end().replace('-', "−");
    if drawn.output {
        let about = editor.def(&port.node).and_then(|def| def.output(&port.port)).map(|(_, output)| output.about);
        lines.extend(about.map(str::to_owned));
        lines.extend(workspace.playback.live.output(port).map(|value| format!("now {}", number(value, ""))));
        return lines.join("\n");
    }
    let Some(input) = input_of(editor.patch(), &port.node, &port.port) else { return lines.join("\n") };
    lines.push(input.about.to_owned());
    if input.kind == Kind::Number && input.choices.is_empty() {
        let base = workspace.knob_value(port, input);
        let now = workspace.modulated(port, input, base).unwrap_or(base);
        lines.push(format!(
            "now {}, {} to {}",
            number(now, input.unit),
            number(input.soft.0, ""),
            number(input.soft.1, input.unit)
        ));
    }
    lines.extend(editor.patch().cable_to(port).map(|cable| format!("from {}", cable.from)));
    lines.join("\n")
}

/// The nearest port within `reach` that `wanted` accepts.
pub(in crate::ui) fn near_port(
    workspace: &Workspace,
    at: Pos2,
    reach: f32,
    wanted: impl Fn(&DrawnPort) -> bool,
) -> Option<&DrawnPort> {
    let near = workspace.frame.ports.iter().filter(|drawn| wanted(drawn)).map(|drawn| (drawn.at.distance(at), drawn));
    near.filter(|(distance, _)| *distance <= reach).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, drawn)| drawn)
}

/// True if the pointer is on a port that does not fit the pending cable.
fn is_refused(workspace: &Workspace, at: Pos2, pending: &PendingCable) -> bool {
    near_port(workspace, at, theme::PORT, |_| true).is_some_and(|drawn| !pending.fits(drawn))
}

/// The port that attracts a pending cable: the nearest that fits, unless the pointer is on another one.
fn magnet<'d>(workspace: &'d Workspace, at: Pos2, pending: &PendingCable) -> Option<&'d DrawnPort> {
    let near = near_port(workspace, at, theme::SNAP, |drawn| pending.fits(drawn));
    near.filter(|_| !is_refused(workspace, at, pending))
}

/// The topmost node at a point.
pub(in crate::ui) fn node_at(canvas: &Canvas, workspace: &Workspace, at: Pos2) -> Option<String> {
    let dots = workspace.frame.dots.iter().rev();
    let order = canvas.graph_editor.node_order.iter().rev();
    let ids = order.filter_map(|node| canvas.graph_editor.graph.nodes.get(*node)).map(|node| &node.user_data.id);
    dots.chain(ids).find(|id| workspace.frame.rects.get(*id).is_some_and(|rect| rect.contains(at))).cloned()
}

fn over_node(workspace: &Workspace, at: Pos2) -> bool {
    workspace.frame.rects.values().any(|rect| rect.contains(at))
}

/// Unplugs and plugs cables.
pub(in crate::ui) fn plug(ui: &Ui, canvas: &mut Canvas, workspace: &mut Workspace, response: &GraphResponse) {
    for response in &response.responses {
        match response {
            NodeResponse::ConnectEventStarted(_, param) => {
                canvas.unplugged = false;
                // The crate does not know the cables of dots and treats their inputs as free.
                let port = Index::port(&canvas.graph_editor.graph, *param).filter(|(.., output)| !output);
                if port.is_some_and(|(to, ..)| unplug(canvas, workspace, &to)) {
                    canvas.graph_editor.connection_in_progress = None;
                }
            }
            NodeResponse::DisconnectEvent { input, .. } => {
                canvas.unplugged = true;
                if let Some((to, ..)) = Index::port(&canvas.graph_editor.graph, (*input).into()) {
                    workspace.editor.apply(Step {
                        gesture: Some(Gesture::Hand("plug".into())),
                        ..Step::new(format!("disconnect {to}"), vec![LevelEdit::Disconnect { to }])
                    });
                }
            }
            _ => {}
        }
    }
    let Some(at) = ui.input(|i| i.pointer.latest_pos()) else { return };
    if let (Some(pending), None) = (&workspace.frame.pending, &response.dropped) {
        let start = workspace
            .frame
            .ports
            .iter()
            .find(|drawn| drawn.port == pending.port && drawn.output == pending.from_output);
        let Some(start) = start.map(|drawn| drawn.at) else { return };
        let end = magnet(workspace, at, pending).map_or(at, |drawn| drawn.at);
        ui.painter().add(cable::pending_shape(pending.kind, start, end, pending.from_output, workspace.frame.zoom));
    }
    let Some(pending) = &response.dropped else { return };
    let target = magnet(workspace, at, pending).map(|drawn| drawn.port.clone());
    let target = target.or_else(|| free_port(canvas, workspace, at, pending));
    match target {
        Some(port) => connect(workspace, pending, port),
        None if canvas.unplugged || over_node(workspace, at) || !canvas.contains(at) => {}
        None => canvas.palette = Some(Palette::new(at, Some(pending.clone()))),
    }
}

/// The best port of the node under the pointer: preferably free, then of the same kind.
fn free_port(canvas: &Canvas, workspace: &Workspace, at: Pos2, pending: &PendingCable) -> Option<Port> {
    let id =
        node_at(canvas, workspace, at).filter(|id| *id != pending.port.node && !is_refused(workspace, at, pending))?;
    let drawn_ports = workspace.frame.ports.iter().filter(|drawn| drawn.port.node == id && pending.fits(drawn));
    let best = drawn_ports.min_by_key(|drawn| {
        let wired = !drawn.output && workspace.editor.is_wired(&drawn.port.node, &drawn.port.port);
        (wired, drawn.kind != pending.kind)
    });
    best.map(|drawn| drawn.port.clone())
}

fn connect(workspace: &mut Workspace, pending: &PendingCable, port: Port) {
    let (from, to) = if pending.from_output { (pending.port.clone(), port) } else { (port, pending.port.clone()) };
    if workspace.editor.patch().cable_to(&to).is_some_and(|cable| cable.from == from) {
        return;
    }
    let name = format!("connect {from} to {to}");
    let edits = vec![LevelEdit::Connect { cable: Cable::new(from, to) }];
    workspace.editor.apply(Step { gesture: Some(Gesture::Hand("plug".into())), ..Step::new(name, edits) });
}
