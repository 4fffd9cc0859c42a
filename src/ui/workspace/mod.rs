//! What the panels of the window share: the document, the values now, what is selected, what hangs in the air.

pub mod images;
pub mod live;

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::def::Input;
use bendrack_nodes::error::Severity;
use bendrack_nodes::patch::{Edit, Patch, Port};
use bendrack_nodes::tick::Controls;
use bendrack_nodes::value::Kind;
use eframe::egui::layers::ShapeIdx;
use eframe::egui::{Pos2, Rect};
use serde_json::{Value as Json, json};

use crate::engine::Warning;
use crate::ui::canvas::palette::Loose;
use crate::ui::document::learn::Learn;
use crate::ui::document::subpatch::{self, Inside};
use crate::ui::document::{Document, Step};
use crate::ui::widgets::knob::Turn;
use crate::ui::workspace::images::Images;
use crate::ui::workspace::live::Live;

/// What the panels share.
pub struct Desk {
    /// The patch and its history.
    pub document: Document,
    /// What the ports say now.
    pub live: Live,
    /// The pictures and maps of the frame that is shown.
    pub images: Images,
    /// What came in from outside by now.
    pub controls: Controls,
    /// The ids of the selected nodes.
    pub selection: BTreeSet<String>,
    /// The frame that is selected; then no node is.
    pub frame: Option<usize>,
    /// Where in the patch the canvas is.
    pub inside: Inside,
    /// The ids of the nodes that show all of their inputs.
    pub open: BTreeSet<String>,
    /// What the engine complains of now.
    pub warnings: Vec<Warning>,
    /// What waits for a MIDI control.
    pub learn: Option<Learn>,
    /// What the canvas notes while it draws.
    pub scene: Scene,
}

/// What the canvas notes while it draws a frame.
#[derive(Default)]
pub struct Scene {
    /// The zoom, 1 is 100 %.
    pub zoom: f32,
    /// The ports, as they were drawn.
    pub ports: Vec<Spot>,
    /// The nodes, as they were drawn.
    pub rects: BTreeMap<String, Rect>,
    /// The nodes that were drawn as dots.
    pub dots: Vec<String>,
    /// The cable that hangs at the pointer.
    pub loose: Option<Loose>,
    /// How much the wheel was turned over a knob.
    pub wheel: f32,
    /// The pointer is over a knob of a node.
    pub over_knob: bool,
    /// Where the body of the node that is being drawn goes, beneath what is drawn on it.
    pub ground: Option<ShapeIdx>,
    /// The same of nodes without title: what the crate draws beneath them is taken away.
    pub bare: Vec<ShapeIdx>,
    /// The note that is being written, and whether its field is yet to be shown.
    pub writing: Option<(String, bool)>,
    /// Inputs and outputs of the node that is being drawn, whose ports are painted with its body.
    pub pending: Vec<Spot>,
    /// The outputs and inputs that have cables.
    wired: (BTreeSet<Port>, BTreeSet<Port>),
}

impl Scene {
    /// Notes which ports have cables.
    pub fn note_cables(&mut self, patch: &Patch) {
        let outputs = patch.cables.iter().map(|cable| cable.from.clone()).collect();
        self.wired = (outputs, patch.cables.iter().map(|cable| cable.to.clone()).collect());
    }

    /// Whether a port has a cable.
    pub fn is_wired(&self, port: &Port, output: bool) -> bool {
        if output { self.wired.0.contains(port) } else { self.wired.1.contains(port) }
    }
}

/// A port as it was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Which one.
    pub port: Port,
    /// What flows.
    pub kind: Kind,
    /// It is an output.
    pub output: bool,
    /// Where.
    pub at: Pos2,
}

impl Desk {
    /// A desk with this document on it.
    pub fn new(document: Document) -> Self {
        let mut live = Live::default();
        live.set_patch(&document.patch);
        live.look_at(&document.patch, &document.patch, &[]);
        Self {
            document,
            live,
            images: Images::default(),
            controls: Controls::default(),
            selection: BTreeSet::new(),
            frame: None,
            inside: Inside::default(),
            open: BTreeSet::new(),
            warnings: Vec::new(),
            learn: None,
            scene: Scene { zoom: 1.0, ..Scene::default() },
        }
    }

    /// What a knob or field says; nothing if nobody has said anything.
    pub fn param(&self, id: &str, name: &str) -> Option<&Json> {
        subpatch::said(self.patch(), id, name)
    }

    /// The number on a knob.
    pub fn number(&self, id: &str, name: &str, input: &Input) -> f64 {
        let said = self.param(id, name).and_then(|value| match value {
            Json::Bool(on) => Some(f64::from(u8::from(*on))),
            Json::String(name) => input.choices.iter().position(|choice| choice == name).map(|choice| choice as f64),
            value => value.as_f64(),
        });
        said.unwrap_or_else(|| crate::ui::widgets::knob::default_of(input)).clamp(input.hard.0, input.hard.1)
    }

    /// What is wrong with a node: in the patch, and in the engine that plays it.
    pub fn troubles(&self, id: &str) -> Vec<(Severity, String)> {
        let problems = self.problems_of(id).into_iter().map(|problem| {
            let suggestion = problem.suggestion.as_ref().map(|name| format!(" Did you mean {name:?}?"));
            (problem.severity, format!("{}.{}", problem.message, suggestion.unwrap_or_default()))
        });
        // What goes wrong within an instance is said of `instance/node`.
        let full = format!("{}{id}", self.prefix());
        let here =
            |node: &str| node.strip_prefix(full.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let warnings = self.warnings.iter().filter(move |warning| warning.node.as_deref().is_some_and(here));
        problems.chain(warnings.map(|warning| (Severity::Warning, format!("{}.", warning.sentence)))).collect()
    }

    /// Whether a cable ends at an input.
    pub fn is_wired(&self, id: &str, name: &str) -> bool {
        self.patch().cables.iter().any(|cable| cable.to.node == id && cable.to.port == name)
    }

    /// Waits for a MIDI control to be moved that is to turn this knob.
    /// With `map` it turns the knob itself, else through a node and a cable.
    pub fn learn(&mut self, id: &str, name: &str, map: bool) {
        let to = Port { node: id.to_owned(), port: name.to_owned() };
        let mut learn = Learn::new(to, false, &self.controls);
        learn.map = map;
        self.learn = Some(learn);
    }

    /// Sets a choice, a switch or a text, as a part of the gesture that does it.
    pub fn set(&mut self, id: &str, name: &str, value: Json) {
        self.param_step("set", id, name, Some(value));
    }

    /// Turns a knob, as a part of the gesture that turns it.
    pub fn turn(&mut self, id: &str, name: &str, turn: Turn) {
        let value = match turn {
            Turn::To(value) => Some(json!(value)),
            Turn::Reset => None,
        };
        self.param_step("turn", id, name, value);
    }

    fn param_step(&mut self, verb: &str, id: &str, name: &str, value: Option<Json>) {
        let edit = Edit::SetParam { id: id.to_owned(), name: name.to_owned(), value };
        self.apply(Step::part(format!("{verb} {name} of {id}"), vec![edit]));
    }

    /// Sets how far a cable moves a knob.
    pub fn set_depth(&mut self, id: &str, name: &str, depth: Option<f64>) {
        let edit = Edit::SetDepth { id: id.to_owned(), name: name.to_owned(), depth };
        self.apply(Step::part(format!("depth of {id}.{name}"), vec![edit]));
    }

    /// Lets nothing flow along the cable to an input, or lets it flow again.
    pub fn mute(&mut self, to: &Port) {
        let Some(cable) = self.patch().cable_to(to) else { return };
        let (verb, mute) = if cable.mute { ("unmute", false) } else { ("mute", true) };
        self.apply(Step::new(format!("{verb} {to}"), vec![Edit::Mute { to: to.clone(), mute }]));
    }

    /// Lets bends pass the selected nodes, or all of them if they all do already.
    pub fn bypass_selected(&mut self) {
        let nodes = &self.patch().nodes;
        let chosen: Vec<&String> = self.selection.iter().filter(|id| nodes.contains_key(*id)).collect();
        let bypass = chosen.iter().any(|id| !nodes[*id].bypass);
        let edits = chosen.into_iter().map(|id| Edit::Bypass { id: id.clone(), bypass }).collect();
        self.apply(Step::new("bypass", edits));
    }

    /// Deletes the selected nodes, or the selected frame.
    pub fn delete_selected(&mut self) {
        if self.selection.is_empty() {
            return self.delete_frame();
        }
        let nodes = &self.patch().nodes;
        let edits: Vec<Edit> = self
            .selection
            .iter()
            .filter(|id| nodes.contains_key(*id))
            .map(|id| Edit::RemoveNode { id: id.clone() })
            .collect();
        let name = match edits.len() {
            1 => format!("delete {}", self.selection.iter().next().map_or("", String::as_str)),
            n => format!("delete {n} nodes"),
        };
        if self.apply(Step::new(name, edits)) {
            self.selection.clear();
        }
    }

    /// Copies of the selected nodes beside them, with the cables among them; with `incoming`, also those that come from others.
    pub fn duplicate_selected(&mut self, incoming: bool) {
        let patch = std::sync::Arc::clone(self.patch());
        let mut taken = (*patch).clone();
        let mut copies = BTreeMap::new();
        let mut edits = Vec::new();
        for id in self.selection.iter().filter(|id| patch.nodes.contains_key(*id)) {
            let node = patch.nodes[id].clone();
            let copy = taken.free_id(id.trim_end_matches(|c: char| c.is_ascii_digit()));
            let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
            taken.nodes.insert(copy.clone(), node.clone());
            edits.push(Edit::AddNode { id: copy.clone(), node, pos: [x + 32.0, y + 32.0] });
            copies.insert(id.clone(), copy);
        }
        for cable in &patch.cables {
            let Some(to) = copies.get(&cable.to.node) else { continue };
            let from = copies.get(&cable.from.node).or(incoming.then_some(&cable.from.node));
            if let Some(from) = from {
                let mut cable = cable.clone();
                cable.from.node.clone_from(from);
                cable.to.node.clone_from(to);
                edits.push(Edit::Connect { cable });
            }
        }
        if self.apply(Step::new("duplicate", edits)) {
            self.selection = copies.into_values().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        Desk::new(Document::new(patch, None, Box::new(|_| ())))
    }

    #[test]
    fn duplicates_keep_the_cables_among_them_and_those_from_others_if_asked() {
        let mut desk = desk();
        desk.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
        let before = desk.document.patch.cables.len();
        desk.duplicate_selected(false);
        assert_eq!(desk.selection, ["lfo2".to_owned(), "rotate2".to_owned()].into());
        assert_eq!(desk.document.patch.cables.len(), before + 1, "lfo2 → rotate2");
        desk.document.undo();
        desk.selection = ["rotate".to_owned()].into();
        desk.duplicate_selected(true);
        assert_eq!(desk.document.patch.cables.len(), before + 2, "from the word and the LFO");
    }

    #[test]
    fn bypass_and_delete_are_one_step_each() {
        let mut desk = desk();
        let start = desk.document.patch.clone();
        desk.selection = ["lfo".to_owned(), "rotate".to_owned()].into();
        desk.bypass_selected();
        assert!(desk.document.patch.nodes["rotate"].bypass);
        desk.delete_selected();
        assert!(desk.selection.is_empty());
        assert!(!desk.document.patch.nodes.contains_key("lfo"));
        desk.document.undo();
        desk.document.undo();
        assert_eq!(desk.document.patch, start);
    }
}
