//! Subpatches: what of the patch is shown, where the ports of an instance lead to, the way in and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bendrack_nodes::def::{Input, NodeDef};
use bendrack_nodes::error::Problem;
use bendrack_nodes::flat::INSTANCE;
use bendrack_nodes::patch::{Definition, Edit, Node, Patch, Port};
use bendrack_nodes::plan::{DEFAULT_DEPTH, MOST_NESTED};
use bendrack_nodes::value::Kind;
use eframe::egui::{Area, Button, Frame, Id, Order, RichText, Stroke, Ui, vec2};
use serde_json::Value as Json;

use crate::ui::document::{Step, def_of};
use crate::ui::theme;
use crate::ui::workspace::Desk;

/// The subpatch that a node is an instance of.
pub fn definition_of<'p>(patch: &'p Patch, id: &str) -> Option<&'p Definition> {
    patch.definitions.get(name_of(patch, id)?)
}

/// The id of the subpatch that a node is an instance of.
fn name_of<'p>(patch: &'p Patch, id: &str) -> Option<&'p str> {
    patch.nodes.get(id)?.kind.strip_prefix(INSTANCE)
}

/// A subpatch as if it were a patch.
pub fn shown(patch: &Patch, definition: &Definition) -> Patch {
    Patch {
        nodes: definition.nodes.clone(),
        cables: definition.cables.clone(),
        layout: definition.layout.clone(),
        definitions: patch.definitions.clone(),
        engine: patch.engine.clone(),
        ..Patch::default()
    }
}

/// The node and input that an input of a node stands for: of an instance, the first one within that it feeds.
pub fn knob<'p>(patch: &'p Patch, id: &str, name: &str) -> Option<(&'p Node, &'static Input)> {
    let (mut node, mut name) = (patch.nodes.get(id)?, name);
    for _ in 0..=MOST_NESTED {
        if let Some(def) = def_of(&node.kind) {
            return def.input(name).map(|(_, input)| (node, input));
        }
        let definition = patch.definitions.get(node.kind.strip_prefix(INSTANCE)?)?;
        let inlet = definition.inputs.iter().find(|inlet| inlet.name == name)?;
        let port = inlet.to.first()?;
        (node, name) = (definition.nodes.get(&port.node)?, &port.port);
    }
    None
}

/// What a knob or field says: of an instance, what is said within if the instance says nothing.
pub fn said<'p>(patch: &'p Patch, id: &str, name: &str) -> Option<&'p Json> {
    let own = patch.nodes.get(id)?.params.get(name);
    own.or_else(|| knob(patch, id, name).and_then(|(node, input)| node.params.get(input.name)))
}

/// How far a cable to this input moves its knob.
pub fn depth(patch: &Patch, port: &Port) -> f64 {
    let own = patch.nodes.get(&port.node).and_then(|node| node.depths.get(&port.port));
    let within = || knob(patch, &port.node, &port.port).and_then(|(node, input)| node.depths.get(input.name));
    own.or_else(within).copied().unwrap_or(DEFAULT_DEPTH)
}

/// The node that runs and its output, which an output of a node stands for: of an instance, `instance/node`.
pub fn resolve(patch: &Patch, port: &Port) -> Option<(String, String)> {
    outlet(patch, port).map(|(_, path, name)| (path, name))
}

/// The kind of the output of a node that runs, which an output of a node stands for.
pub fn output_within(patch: &Patch, port: &Port) -> Option<Kind> {
    let (node, _, name) = outlet(patch, port)?;
    def_of(&node.kind)?.output(&name).map(|(_, output)| output.kind)
}

fn outlet<'p>(patch: &'p Patch, port: &Port) -> Option<(&'p Node, String, String)> {
    let (mut node, mut path) = (patch.nodes.get(&port.node)?, port.node.clone());
    let mut name = port.port.as_str();
    for _ in 0..=MOST_NESTED {
        let Some(definition) = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name)) else {
            return Some((node, path, name.to_owned()));
        };
        let outlet = definition.outputs.iter().find(|outlet| outlet.name == name)?;
        node = definition.nodes.get(&outlet.from.node)?;
        path = format!("{path}/{}", outlet.from.node);
        name = &outlet.from.port;
    }
    None
}

/// What a node is called: by its own title, that of its kind, or that of its subpatch.
pub fn title<'p>(patch: &'p Patch, id: &'p str) -> &'p str {
    let Some(node) = patch.nodes.get(id) else { return id };
    let own = Some(node.title.as_str()).filter(|title| !title.is_empty());
    let kind = || def_of(&node.kind).map(|def| def.title);
    let within =
        || definition_of(patch, id).map(|definition| definition.title.as_str()).filter(|title| !title.is_empty());
    own.or_else(kind).or_else(within).unwrap_or_else(|| node.kind.strip_prefix(INSTANCE).unwrap_or(&node.kind))
}

/// How many instances of a subpatch are in a patch, those within subpatches counted once each.
fn instances(patch: &Patch, name: &str) -> usize {
    let within = patch.definitions.values().flat_map(|definition| definition.nodes.values());
    let all = patch.nodes.values().chain(within);
    all.filter(|node| node.kind.strip_prefix(INSTANCE) == Some(name)).count()
}

/// The way back, over the upper left corner of the canvas: from the patch to the subpatch that is shown.
pub fn way_ui(ui: &mut Ui, desk: &mut Desk) {
    let Some((name, _)) = &desk.inside.shown else { return };
    let count = instances(&desk.document.patch, name);
    let (mut steps, mut scope) = (vec!["Patch".to_owned()], Arc::clone(&desk.document.patch));
    for id in &desk.inside.path {
        steps.push(format!("{} {id}", title(&scope, id)));
        let Some(definition) = definition_of(&scope, id) else { break };
        scope = Arc::new(shown(&desk.document.patch, definition));
    }
    let at = ui.max_rect().left_top() + vec2(theme::UNIT, theme::UNIT);
    let area = Area::new(Id::new("way")).order(Order::Middle).fixed_pos(at);
    let chosen = area.show(ui.ctx(), |ui| {
        let frame = Frame::new().fill(theme::TITLE).stroke(Stroke::new(1.0, theme::LINE)).corner_radius(4);
        frame
            .inner_margin(theme::UNIT / 2.0)
            .show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = theme::UNIT / 2.0;
                    let mut chosen = None;
                    for (deep, step) in steps.iter().enumerate() {
                        if deep + 1 == steps.len() {
                            ui.label(RichText::new(step).color(theme::TEXT));
                        } else {
                            let button = ui.add(Button::new(step).frame_when_inactive(false));
                            chosen =
                                if button.on_hover_text("U goes out by one").clicked() { Some(deep) } else { chosen };
                            ui.label(RichText::new("›").color(theme::WEAK));
                        }
                    }
                    if count > 1 {
                        let text = format!("   what is changed here is changed in all {count}");
                        ui.label(RichText::new(text).size(theme::SMALL).color(theme::WARNING));
                    }
                    chosen
                })
                .inner
            })
            .inner
    });
    if let Some(deep) = chosen.inner {
        let path = desk.inside.path.iter().take(deep).cloned().collect();
        desk.go_to(path);
    }
}

/// What the ids of the nodes within the innermost of these instances begin with where they run.
pub fn prefix(path: &[String]) -> String {
    path.iter().flat_map(|id| [id.as_str(), "/"]).collect()
}

/// Where the canvas is: the instances that were gone into, and the innermost as a patch.
#[derive(Default)]
pub struct Inside {
    /// The ids of the instances, the outermost first.
    pub path: Vec<String>,
    /// The id of the subpatch, and the subpatch as a patch.
    shown: Option<(String, Arc<Patch>)>,
    revision: u64,
    /// How often the canvas went elsewhere.
    pub visits: u64,
}

impl Desk {
    /// What the canvas shows: the patch, or the subpatch that was gone into.
    pub fn patch(&self) -> &Arc<Patch> {
        self.inside.shown.as_ref().map_or(&self.document.patch, |(_, patch)| patch)
    }

    /// Makes a step in what is shown.
    pub fn apply(&mut self, mut step: Step) -> bool {
        if let Some((id, _)) = &self.inside.shown {
            let within = |edit| Edit::Within { id: id.clone(), edit: Box::new(edit) };
            step.edits = step.edits.into_iter().map(within).collect();
        }
        let done = self.document.apply(step);
        self.refresh();
        done
    }

    /// The kind of a node that is shown.
    pub fn def(&self, id: &str) -> Option<&'static NodeDef> {
        def_of(&self.patch().nodes.get(id)?.kind)
    }

    /// Goes into an instance; whether the node is one.
    pub fn enter(&mut self, id: &str) -> bool {
        if definition_of(self.patch(), id).is_none() || self.inside.path.len() >= MOST_NESTED {
            return false;
        }
        let path = self.inside.path.iter().cloned().chain([id.to_owned()]).collect();
        self.go_to(path);
        true
    }

    /// The names under which a port of a node that is shown is a port of its subpatch; none in the patch itself.
    pub fn outward(&self, port: &Port, output: bool) -> Option<&str> {
        let (name, _) = self.inside.shown.as_ref()?;
        let definition = self.document.patch.definitions.get(name)?;
        if output {
            return definition.outputs.iter().find(|outlet| outlet.from == *port).map(|outlet| outlet.name.as_str());
        }
        definition.inputs.iter().find(|inlet| inlet.to.contains(port)).map(|inlet| inlet.name.as_str())
    }

    /// The instance of a subpatch that is selected, if nothing else is.
    pub fn selected_instance(&self) -> Option<String> {
        let id = self.selection.first().filter(|_| self.selection.len() == 1)?;
        definition_of(self.patch(), id).map(|_| id.clone())
    }

    /// Goes out of the subpatch that is shown.
    pub fn leave(&mut self) {
        if let Some((last, path)) = self.inside.path.clone().split_last() {
            self.go_to(path.to_vec());
            self.selection = [last.clone()].into();
        }
    }

    /// Whether the number on an output is an old one, as the node gives one that is not finite: here, or in the engine.
    pub fn is_held(&self, port: &Port) -> bool {
        if self.live.is_held(port) {
            return true;
        }
        if self.warnings.is_empty() {
            return false;
        }
        let Some((node, name)) = resolve(self.patch(), port) else { return false };
        let full = format!("{}{node}", self.prefix());
        self.warnings.iter().any(|warning| {
            let said = warning.sentence.split_once(" is not a finite number").map(|(port, _)| port);
            warning.node.as_deref() == Some(full.as_str()) && said == Some(name.as_str())
        })
    }

    /// Goes to the innermost of these instances; with none, to the patch.
    pub fn go_to(&mut self, path: Vec<String>) {
        self.inside = Inside { path, shown: None, revision: u64::MAX, visits: self.inside.visits + 1 };
        self.selection.clear();
        self.open.clear();
        self.frame = None;
        self.learn = None;
        self.scene.writing = None;
        self.live.forget();
        self.refresh();
        self.look();
    }

    /// Grows with every change of what is shown.
    pub fn revision(&self) -> u64 {
        self.document.revision() + (self.inside.visits << 32)
    }

    /// What is shown follows the patch. Where an instance is gone that was gone into, so is the way to it.
    pub fn refresh(&mut self) {
        let revision = self.document.revision();
        if self.inside.path.is_empty() || self.inside.revision == revision {
            if self.inside.path.is_empty() {
                self.inside.shown = None;
            }
            return;
        }
        self.inside.revision = revision;
        let whole = Arc::clone(&self.document.patch);
        let (mut nodes, mut found, mut deep) = (&whole.nodes, None, 0);
        for id in &self.inside.path {
            let name = nodes.get(id).and_then(|node| node.kind.strip_prefix(INSTANCE));
            let Some((name, definition)) = name.and_then(|name| whole.definitions.get_key_value(name)) else { break };
            nodes = &definition.nodes;
            found = Some((name, definition));
            deep += 1;
        }
        self.inside.path.truncate(deep);
        self.inside.shown = found.map(|(name, definition)| (name.clone(), Arc::new(shown(&whole, definition))));
    }

    /// Lets the live values be those of what is shown.
    pub fn look(&mut self) {
        let patch = Arc::clone(self.patch());
        self.live.look_at(&self.document.patch, &patch, &self.inside.path);
    }

    /// Gives places to nodes of what is shown that have none: no step, as in the patch itself.
    pub fn lay_out(&mut self, places: BTreeMap<String, [f64; 2]>) {
        let within = self.inside.shown.as_ref().map(|(id, _)| id.clone());
        self.document.lay_out(within.as_deref(), places);
        self.refresh();
    }

    /// The problems that concern a node that is shown: itself, and if it is an instance what is wrong within.
    pub fn problems_of(&self, id: &str) -> Vec<&Problem> {
        let within = self.inside.shown.as_ref().map(|(id, _)| id.as_str());
        let inner = name_of(self.patch(), id).map(|name| format!("/definitions/{name}/"));
        let concerns = |problem: &&Problem| {
            self.document.nodes_of(problem, within).contains(id)
                || inner.as_ref().is_some_and(|inner| problem.pointer.starts_with(inner.as_str()))
        };
        self.document.problems.iter().filter(concerns).collect()
    }

    /// What the ids of the nodes that are shown begin with where they run.
    pub fn prefix(&self) -> String {
        prefix(&self.inside.path)
    }
}
