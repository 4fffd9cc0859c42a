//! The patch as a graph of `egui_node_graph`. Each frame synchronises the graph from the patch, never the other way.
//!
//! The crate provides the interaction: dragging nodes and pulling cables. [`super::node`] and [`super::cable`] paint
//! over its boxes, ports and cables.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::node::def::NodeDef;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Patch, Port};
use eframe::egui::{Color32, Ui};
use egui_node_graph::{
    AnyParameterId, DataTypeTrait, Graph, GraphEditorState, InputId, InputParamKind, NodeDataTrait, NodeId,
    NodeOrientation, NodeResponse, NodeTemplateIter, NodeTemplateTrait, OutputId, UserResponseTrait, WidgetValueTrait,
};

use crate::ui::canvas::node;
use crate::ui::canvas::reroute::is_dot;
use crate::ui::canvas::row;
use crate::ui::canvas::row::shown_inputs;
use crate::ui::document::ports::{Named, PortKinds, ports};
use crate::ui::workspace::Workspace;

/// The editor of the crate with the types of the window.
pub type GraphEditor = GraphEditorState<Body, Socket, Slot, Template, Workspace>;
type NodeGraph = Graph<Body, Socket, Slot>;

/// The data of a node in the graph.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its id in the patch.
    pub id: String,
}

/// The type of a port: its kind and its side.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Socket {
    kind: Kind,
    output: bool,
}

impl PartialEq for Socket {
    /// Two ports are equal if a cable fits between them, as the crate joins ports of equal types.
    fn eq(&self, other: &Self) -> bool {
        match (self.output, other.output) {
            (true, false) => other.kind.accepts(self.kind),
            (false, true) => self.kind.accepts(other.kind),
            _ => self.kind == other.kind,
        }
    }
}

/// The value of an input in the graph: empty, as rows read the patch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slot;

/// A kind of node.
#[derive(Clone, Copy, Debug)]
pub struct Template(&'static NodeDef);

/// The library.
#[derive(Clone, Copy, Debug)]
pub struct Library;

/// The response of a row: none, as rows edit the patch.
#[derive(Clone, Copy, Debug)]
pub enum Nothing {}

impl UserResponseTrait for Nothing {}

impl NodeTemplateIter for Library {
    type Item = Template;

    fn all_kinds(&self) -> Vec<Template> {
        LIBRARY.iter().map(|def| Template(def)).collect()
    }
}

impl NodeTemplateTrait for Template {
    type NodeData = Body;
    type DataType = Socket;
    type ValueType = Slot;
    type UserState = Workspace;
    type CategoryType = &'static str;

    fn node_finder_label(&self, _: &mut Workspace) -> Cow<'_, str> {
        self.0.title.into()
    }

    fn node_finder_categories(&self, _: &mut Workspace) -> Vec<&'static str> {
        vec![self.0.family()]
    }

    fn node_graph_label(&self, _: &mut Workspace) -> String {
        // The body paints the title.
        String::new()
    }

    fn user_data(&self, workspace: &mut Workspace) -> Body {
        Body { id: workspace.editor.patch().free_id(stem(self.0)) }
    }

    fn build_node(&self, graph: &mut NodeGraph, _: &mut Workspace, node: NodeId) {
        let inputs = self.0.inputs.iter().map(|input| (input.name.to_owned(), input.kind)).collect::<Vec<_>>();
        let outputs = self.0.outputs.iter().map(|output| (output.name.to_owned(), output.kind)).collect::<Vec<_>>();
        add_ports(graph, node, &inputs, &outputs);
    }
}

impl DataTypeTrait<Workspace> for Socket {
    fn data_type_color(&self, _: &mut Workspace) -> Color32 {
        Color32::TRANSPARENT
    }

    fn name(&self) -> Cow<'_, str> {
        self.kind.name().into()
    }
}

impl WidgetValueTrait for Slot {
    type Response = Nothing;
    type UserState = Workspace;
    type NodeData = Body;

    fn value_widget(
        &mut self,
        name: &str,
        _: NodeId,
        ui: &mut Ui,
        workspace: &mut Workspace,
        body: &Body,
    ) -> Vec<Nothing> {
        row::input_row_ui(ui, workspace, &body.id, name);
        Vec::new()
    }

    fn value_widget_connected(
        &mut self,
        name: &str,
        _: NodeId,
        ui: &mut Ui,
        workspace: &mut Workspace,
        body: &Body,
    ) -> Vec<Nothing> {
        row::input_row_ui(ui, workspace, &body.id, name);
        Vec::new()
    }
}

impl NodeDataTrait for Body {
    type Response = Nothing;
    type UserState = Workspace;
    type DataType = Socket;
    type ValueType = Slot;

    fn top_bar_ui(
        &self,
        ui: &mut Ui,
        _: NodeId,
        _: &NodeGraph,
        workspace: &mut Workspace,
    ) -> Vec<NodeResponse<Nothing, Self>> {
        node::title_ui(ui, workspace, &self.id);
        Vec::new()
    }

    fn output_ui(
        &self,
        ui: &mut Ui,
        _: NodeId,
        _: &NodeGraph,
        workspace: &mut Workspace,
        name: &str,
    ) -> Vec<NodeResponse<Nothing, Self>> {
        row::output_row_ui(ui, workspace, &self.id, name);
        Vec::new()
    }

    fn bottom_ui(
        &self,
        ui: &mut Ui,
        _: NodeId,
        _: &NodeGraph,
        workspace: &mut Workspace,
    ) -> Vec<NodeResponse<Nothing, Self>> {
        node::bottom_ui(ui, workspace, &self.id);
        Vec::new()
    }

    fn can_delete(&self, _: NodeId, _: &NodeGraph, _: &mut Workspace) -> bool {
        false
    }

    fn can_flip(&self, _: NodeId, _: &NodeGraph, _: &mut Workspace) -> bool {
        false
    }
}

/// The base of the id of a new node: the last word of its kind.
pub fn stem(def: &NodeDef) -> &'static str {
    let name = def.name.rsplit('.').next().unwrap_or(def.name);
    name.rsplit('_').next().unwrap_or(name)
}

/// The graph nodes of the patch nodes.
#[derive(Default)]
pub struct Index {
    nodes: BTreeMap<String, NodeId>,
    /// The content revision and the unfolded nodes of the last synchronisation.
    rows: (u64, BTreeSet<String>),
}

impl Index {
    /// Port in the patch and kind of a port of the graph; true for an output.
    pub fn port(graph: &NodeGraph, param: AnyParameterId) -> Option<(Port, Kind, bool)> {
        let (node, name, kind, output) = match param {
            AnyParameterId::Input(input) => {
                let param = graph.try_get_input(input)?;
                let name = graph.nodes.get(param.node)?.inputs.iter().find(|(_, id)| *id == input)?;
                (param.node, &name.0, param.typ.kind, false)
            }
            AnyParameterId::Output(output) => {
                let param = graph.try_get_output(output)?;
                let name = graph.nodes.get(param.node)?.outputs.iter().find(|(_, id)| *id == output)?;
                (param.node, &name.0, param.typ.kind, true)
            }
        };
        let id = graph.nodes.get(node)?.user_data.id.clone();
        Some((Port { node: id, port: name.clone() }, kind, output))
    }

    /// Updates the nodes, rows and cables of the graph from the patch.
    pub fn sync(
        &mut self,
        graph_editor: &mut GraphEditor,
        patch: &Patch,
        kinds: &PortKinds,
        unfolded: &BTreeSet<String>,
        revision: u64,
    ) {
        if self.rows.0 != revision || self.rows.1 != *unfolded {
            self.rows = (revision, unfolded.clone());
            let rows = |id: &String| (id.clone(), rows(patch, kinds, id, unfolded.contains(id)));
            self.sync_nodes(graph_editor, &patch.nodes.keys().filter(|id| !is_dot(patch, id)).map(rows).collect());
        }
        // The crate edits its connections, so each frame replaces all of them.
        graph_editor.graph.connections.clear();
        for cable in &patch.cables {
            let port = |node: &str| self.nodes.get(node).and_then(|node| graph_editor.graph.nodes.get(*node));
            let output = port(&cable.from.node).and_then(|node| node.get_output(&cable.from.port).ok());
            let input = port(&cable.to.node).and_then(|node| node.get_input(&cable.to.port).ok());
            if let (Some(output), Some(input)) = (output, input) {
                graph_editor.graph.add_connection(output, input);
            }
        }
    }

    /// Removes nodes whose rows changed, and adds new ones.
    fn sync_nodes(&mut self, graph_editor: &mut GraphEditor, rows: &BTreeMap<String, (Named, Named)>) {
        let graph = &graph_editor.graph;
        let is_stale =
            |(id, node): &(&String, &NodeId)| rows.get(*id).is_none_or(|rows| !has_rows(graph, **node, rows));
        let stale: Vec<String> = self.nodes.iter().filter(is_stale).map(|(id, _)| id.clone()).collect();
        for id in stale {
            if let Some(node) = self.nodes.remove(&id) {
                remove(graph_editor, node);
            }
        }
        for (id, rows) in rows {
            if !self.nodes.contains_key(id) {
                self.nodes.insert(id.clone(), add(graph_editor, id, rows));
            }
        }
    }

    /// Updates the positions of the nodes from the patch.
    pub fn place(&self, graph_editor: &mut GraphEditor, patch: &Patch, zoom: f32) {
        for (id, node) in &self.nodes {
            let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
            let at = eframe::egui::pos2(x as f32, y as f32) * zoom;
            graph_editor.node_positions.insert(*node, at);
        }
    }
}

/// The inputs and outputs of a node that have rows.
fn rows(patch: &Patch, kinds: &PortKinds, id: &str, unfolded: bool) -> (Named, Named) {
    let (inputs, (_, outputs)) = (shown_inputs(patch, id, unfolded), ports(patch, id));
    let resolved = |named: Named, output| {
        named.into_iter().map(|(name, _)| (name.clone(), kinds.get(id, &name, output))).collect::<Named>()
    };
    (resolved(inputs, false), resolved(outputs, true))
}

/// True if a node of the graph has exactly these inputs and outputs.
fn has_rows(graph: &NodeGraph, node: NodeId, (inputs, outputs): &(Named, Named)) -> bool {
    let Some(node) = graph.nodes.get(node) else { return false };
    let input = |(name, id): &(String, InputId)| Some((name.clone(), graph.try_get_input(*id)?.typ.kind));
    let output = |(name, id): &(String, OutputId)| Some((name.clone(), graph.try_get_output(*id)?.typ.kind));
    node.inputs.iter().map(input).eq(inputs.iter().cloned().map(Some))
        && node.outputs.iter().map(output).eq(outputs.iter().cloned().map(Some))
}

fn add(graph_editor: &mut GraphEditor, id: &str, (inputs, outputs): &(Named, Named)) -> NodeId {
    let body = Body { id: id.to_owned() };
    let node = graph_editor.graph.add_node(String::new(), body, |graph, node| add_ports(graph, node, inputs, outputs));
    graph_editor.node_positions.insert(node, eframe::egui::Pos2::ZERO);
    graph_editor.node_orientations.insert(node, NodeOrientation::LeftToRight);
    graph_editor.node_order.push(node);
    node
}

fn add_ports(graph: &mut NodeGraph, node: NodeId, inputs: &[(String, Kind)], outputs: &[(String, Kind)]) {
    for (name, kind) in inputs {
        let socket = Socket { kind: *kind, output: false };
        graph.add_input_param(node, name.clone(), socket, Slot, InputParamKind::ConnectionOrConstant, true);
    }
    for (name, kind) in outputs {
        graph.add_output_param(node, name.clone(), Socket { kind: *kind, output: true });
    }
}

fn remove(graph_editor: &mut GraphEditor, node: NodeId) {
    graph_editor.graph.remove_node(node);
    graph_editor.node_positions.remove(node);
    graph_editor.node_orientations.remove(node);
    graph_editor.node_order.retain(|other| *other != node);
    if graph_editor.connection_in_progress.is_some_and(|(from, _)| from == node) {
        graph_editor.connection_in_progress = None;
    }
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::compile::plan::Plan;

    use super::*;

    fn first_bend() -> Patch {
        Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap()
    }

    fn kinds(patch: &Patch) -> PortKinds {
        PortKinds::new(patch, "", &Plan::compile_resolved(patch, LIBRARY).2)
    }

    #[test]
    fn the_graph_follows_the_patch() {
        let (mut graph_editor, mut index) = (GraphEditor::default(), Index::default());
        let mut patch = first_bend();
        index.sync(&mut graph_editor, &patch, &kinds(&patch), &BTreeSet::new(), 1);
        assert_eq!(graph_editor.graph.nodes.len(), patch.nodes.len());
        assert_eq!(graph_editor.graph.connections.len(), patch.cables.len());

        let before = graph_editor.graph.nodes.keys().collect::<Vec<_>>();
        index.sync(&mut graph_editor, &patch, &kinds(&patch), &BTreeSet::new(), 2);
        assert_eq!(graph_editor.graph.nodes.keys().collect::<Vec<_>>(), before, "unchanged nodes stay");

        patch.apply(bendrack_nodes::patch::LevelEdit::RemoveNode { id: "word".into() }).unwrap();
        index.sync(&mut graph_editor, &patch, &kinds(&patch), &BTreeSet::new(), 3);
        assert_eq!(graph_editor.graph.nodes.len(), patch.nodes.len());
        assert_eq!(graph_editor.graph.connections.len(), patch.cables.len());
        assert_eq!(graph_editor.node_order.len(), patch.nodes.len());
    }

    #[test]
    fn an_unknown_node_has_the_ports_of_its_cables() {
        let mut patch = first_bend();
        patch.nodes.get_mut("lfo").unwrap().kind = "modulate.wobble".into();
        assert_eq!(ports(&patch, "lfo"), (vec![], vec![("out".into(), Kind::Number)]));
        let (mut graph_editor, mut index) = (GraphEditor::default(), Index::default());
        index.sync(&mut graph_editor, &patch, &kinds(&patch), &BTreeSet::new(), 4);
        assert_eq!(graph_editor.graph.connections.len(), patch.cables.len());
    }

    #[test]
    fn ports_are_equal_if_a_cable_fits() {
        let socket = |kind, output| Socket { kind, output };
        assert_eq!(socket(Kind::Map, true), socket(Kind::Picture, false));
        assert_eq!(socket(Kind::Picture, false), socket(Kind::Map, true));
        assert_ne!(socket(Kind::Picture, true), socket(Kind::Map, false));
        assert_eq!(socket(Kind::Gate, true), socket(Kind::Number, false));
        assert_ne!(socket(Kind::Text, true), socket(Kind::Number, false));
    }
}
