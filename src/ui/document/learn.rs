//! Assignment of controls: MIDI learn for the next moved controller or played note, and a click in the monitor of
//! devices.

use std::collections::BTreeMap;

use bendrack_nodes::LIBRARY;
use bendrack_nodes::input::Controls;
use bendrack_nodes::library::midi::{self, cc};
use bendrack_nodes::node::def::{Input, MidiKind, NameKind, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, LevelEdit, Node, Patch, Port};
use serde_json::{Value as Json, json};

use super::{Step, def_of};
use crate::io::ControlName;
use crate::ui::theme;

/// Smallest travel that counts as a move: a worn controller jitters by a step or two of 127.
const LEAST_MOVE: f64 = 8.0 / 127.0;

/// The assignment that MIDI learn makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearnMode {
    /// A controller through a node and a cable, or as the number of a `midi.cc` node.
    Controller,
    /// A controller through a MIDI map: neither node nor cable.
    Map,
    /// A note, as the number of a `midi.note` node.
    Note,
}

/// MIDI learn in progress.
#[derive(Debug)]
pub struct MidiLearn {
    /// The input, or any port of the MIDI node whose number is learned.
    pub to: Port,
    /// The assignment.
    pub mode: LearnMode,
    /// The first value of each controller.
    first: BTreeMap<(u8, u8), f64>,
    /// Notes that are on since the start of MIDI learn.
    held: Vec<(u8, u8)>,
}

impl MidiLearn {
    /// Starts MIDI learn for an input.
    pub fn new(to: Port, mode: LearnMode, controls: &Controls) -> Self {
        let held = controls.notes().map(|(note, _)| note).collect();
        Self { to, mode, first: positions(controls).collect(), held }
    }

    /// Channel and number of the moved controller or the played note.
    pub fn detect(&mut self, controls: &Controls) -> Option<(u8, u8)> {
        if self.mode == LearnMode::Note {
            let note = controls.notes().map(|(note, _)| note).find(|note| !self.held.contains(note));
            self.held.retain(|note| controls.note(*note).is_some());
            return note;
        }
        let moved = |(controller, now): ((u8, u8), f64)| {
            let first = *self.first.entry(controller).or_insert(now);
            ((now - first).abs() >= LEAST_MOVE).then_some(controller)
        };
        positions(controls).find_map(moved)
    }
}

/// The controllers that have moved, with their positions.
fn positions(controls: &Controls) -> impl Iterator<Item = ((u8, u8), f64)> {
    controls.ccs().filter_map(|(controller, control)| Some((controller, control.last()?)))
}

/// The step that assigns a controller or note.
pub fn learn_step(patch: &Patch, to: &Port, input: Option<&Input>, (channel, number): (u8, u8)) -> Step<LevelEdit> {
    let learns = patch.nodes.get(&to.node).and_then(|node| def_of(&node.kind)).and_then(|def| def.learns);
    let set = |id: &str, name: &str, value: u8| LevelEdit::SetParam {
        id: id.to_owned(),
        name: name.to_owned(),
        value: Some(json!(value)),
    };
    if let Some(learns) = learns {
        let edits = vec![set(&to.node, learns.channel.name, channel), set(&to.node, learns.number.name, number)];
        return Step::new(format!("MIDI learn of {}", to.node), edits);
    }
    let id = patch.free_id(&format!("cc{number}"));
    let params = [(midi::CHANNEL.name.to_owned(), json!(channel)), (midi::NUMBER.name.to_owned(), json!(number))];
    let node = Node { params: params.into(), ..Node::new(cc::NODE.name) };
    let from = Port { node: id.clone(), port: cc::OUT.name.to_owned() };
    let mut edits = vec![
        LevelEdit::AddNode { id, node, pos: place_beside(patch, &to.node) },
        LevelEdit::Connect { cable: Cable::new(from, to.clone()) },
    ];
    // The controller covers the travel of the knob from its low end.
    if let Some(input) = input.filter(|input| input.kind == Kind::Number && !input.direct) {
        let low = match input.choices.first() {
            Some(first) => json!(first),
            None => json!(input.soft.0),
        };
        let (id, name) = (to.node.clone(), to.port.clone());
        edits.push(LevelEdit::SetParam { id: id.clone(), name: name.clone(), value: Some(low) });
        edits.push(LevelEdit::SetDepth { id, name, depth: Some(1.0) });
    }
    Step::new(format!("MIDI learn of {to}"), edits)
}

/// A free place to the left of a node.
fn place_beside(patch: &Patch, id: &str) -> [f64; 2] {
    let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
    free_place(patch, [x - f64::from(theme::NODE_WIDTH) - theme::GAP[0], y])
}

/// A free place at a point, or below it.
fn free_place(patch: &Patch, [x, y]: [f64; 2]) -> [f64; 2] {
    let width = f64::from(theme::NODE_WIDTH);
    // Height of the largest node that this module adds.
    let height = f64::from(theme::ROW) * 8.0;
    let taken = |y: f64| {
        patch.layout.values().any(|place| (place.pos[0] - x).abs() < width && (place.pos[1] - y).abs() < height)
    };
    let rows = std::iter::successors(Some(y), |y| Some(y + height));
    let y = rows.take(1000).find(|y| !taken(*y)).unwrap_or(y);
    [x, y]
}

/// A number for a node to receive: the name of the control, and the index in its messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The control.
    pub name: ControlName,
    /// The index of the number.
    pub index: usize,
}

impl Assignment {
    /// Parameters with which a node of this kind receives the number; none if it cannot.
    fn params(&self, def: &NodeDef) -> Option<Vec<(String, Json)>> {
        let midi = |kind, channel: u8, number: u8| {
            let learns = def.learns.filter(|learns| learns.kind == kind)?;
            Some(vec![(learns.channel.name.to_owned(), json!(channel)), (learns.number.name.to_owned(), json!(number))])
        };
        let named = |kind, name: &str| {
            let receives = def.receives.filter(|receives| receives.kind == kind)?;
            Some(vec![
                (receives.name.name.to_owned(), json!(name)),
                (receives.index.name.to_owned(), json!(self.index)),
            ])
        };
        match &self.name {
            ControlName::Cc { channel, number } => midi(MidiKind::Controller, *channel, *number),
            ControlName::Note { channel, number } => midi(MidiKind::Note, *channel, *number),
            ControlName::Osc { address } => named(NameKind::Address, address),
            ControlName::Sensor { name } => named(NameKind::Sensor, name),
        }
    }

    /// True if a node of this kind can receive the number.
    pub fn fits(&self, def: &NodeDef) -> bool {
        self.params(def).is_some()
    }

    /// Base of the id of a new node.
    fn stem(&self) -> String {
        let text = match &self.name {
            ControlName::Cc { number, .. } => return format!("cc{number}"),
            ControlName::Note { number, .. } => return format!("note{number}"),
            ControlName::Osc { address: text } | ControlName::Sensor { name: text } => text,
        };
        let last = text.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default().to_ascii_lowercase();
        let id: String = last.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(24).collect();
        if id.starts_with(|c: char| c.is_ascii_alphabetic()) { id } else { format!("in{id}") }
    }
}

/// The step that assigns a control to the selected node if it fits, or to a new one near `place`. Also returns the
/// node's id.
pub fn assign_step(
    patch: &Patch,
    selected: Option<&str>,
    assignment: &Assignment,
    place: [f64; 2],
) -> Option<(Step<LevelEdit>, String)> {
    let params_of = |id: &str| assignment.params(def_of(&patch.nodes.get(id)?.kind)?);
    if let Some((id, params)) = selected.and_then(|id| Some((id, params_of(id)?))) {
        let set = |(name, value)| LevelEdit::SetParam { id: id.to_owned(), name, value: Some(value) };
        return Some((Step::new(format!("learn {id}"), params.into_iter().map(set).collect()), id.to_owned()));
    }
    let (def, params) = LIBRARY.iter().find_map(|def| Some((*def, assignment.params(def)?)))?;
    let id = patch.free_id(&assignment.stem());
    let node = Node { params: params.into_iter().collect(), ..Node::new(def.name) };
    let edit = LevelEdit::AddNode { id: id.clone(), node, pos: free_place(patch, place) };
    Some((Step::new(format!("add {}", def.title), vec![edit]), id))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::compile::plan::Plan;
    use bendrack_nodes::input::Event;
    use bendrack_nodes::tick::{Inputs, Measurements, Memory};

    use super::*;

    fn cc(channel: u8, number: u8, value: f64) -> Event {
        Event::Cc { channel, number, value }
    }

    fn note(velocity: f64) -> Event {
        Event::Note { channel: 1, number: 60, velocity }
    }

    fn angle() -> Port {
        "rotate.angle".parse().unwrap()
    }

    #[test]
    fn jitter_is_ignored_and_a_move_is_detected() {
        let mut controls = Controls::default();
        controls.apply(&cc(1, 7, 0.5));
        let mut learn = MidiLearn::new(angle(), LearnMode::Controller, &controls);
        controls.apply(&cc(1, 7, 0.5 + 2.0 / 127.0));
        assert_eq!(learn.detect(&controls), None);
        // A new controller counts from its first value.
        controls.apply(&cc(2, 20, 0.4));
        assert_eq!(learn.detect(&controls), None);
        controls.apply(&cc(2, 20, 0.5));
        assert_eq!(learn.detect(&controls), Some((2, 20)));
    }

    #[test]
    fn a_held_note_is_detected_at_its_next_note_on() {
        let mut controls = Controls::default();
        controls.apply(&note(0.7));
        let mut learn = MidiLearn::new("pad.note".parse().unwrap(), LearnMode::Note, &controls);
        assert_eq!(learn.detect(&controls), None, "held since before the start");
        controls.apply(&note(0.0));
        controls.end_frame();
        assert_eq!(learn.detect(&controls), None);
        controls.apply(&note(0.7));
        assert_eq!(learn.detect(&controls), Some((1, 60)));
    }

    #[test]
    fn a_learned_controller_covers_the_travel_of_the_knob() {
        let mut patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let (_, input) = def_of("bend.rotate").unwrap().input("angle").unwrap();
        for edit in learn_step(&patch, &angle(), Some(input), (1, 20)).edits {
            patch.apply(edit).unwrap();
        }
        let (plan, problems) = Plan::compile(&patch, LIBRARY);
        assert_eq!(problems, []);
        let mut controls = Controls::default();
        for (value, degrees) in [(0.0, -180.0), (0.75, 90.0), (1.0, 180.0)] {
            controls.apply(&cc(1, 20, value));
            let (lanes, measurements) = ([Arc::new(controls.clone())], Measurements::new());
            let inputs = Inputs { lanes: &lanes, measurements: &measurements, first_frame: 0, dt_secs: 0.25 };
            let program = plan.as_ref().unwrap().program(&inputs, &mut Memory::default(), 1);
            let (_, angle) = program.bends[0].params.iter().next().expect("the angle");
            assert_eq!(angle[..], [degrees]);
        }
    }

    fn assignment(name: ControlName, index: usize) -> Assignment {
        Assignment { name, index }
    }

    #[test]
    fn a_control_is_assigned_to_the_selected_node_or_to_a_new_one() {
        let mut patch = Patch::default();
        let mut assign = |selected: Option<&str>, assignment: &Assignment| {
            let (step, id) = assign_step(&patch, selected, assignment, [0.0, 0.0]).unwrap();
            step.edits.into_iter().for_each(|edit| _ = patch.apply(edit).unwrap());
            let node = &patch.nodes[&id];
            (id.clone(), node.kind.clone(), node.params.clone(), patch.nodes.len())
        };
        let osc = |address: &str, index| assignment(ControlName::Osc { address: address.to_owned() }, index);
        let sensor = assignment(ControlName::Sensor { name: "imu.x".to_owned() }, 2);
        let (id, kind, params, _) = assign(None, &osc("/1/Fader 1", 0));
        assert_eq!((&*id, &*kind), ("fader1", "osc.in"));
        assert_eq!((&params["address"], &params["index"]), (&json!("/1/Fader 1"), &json!(0)));
        let (id, _, params, count) = assign(Some("fader1"), &osc("/xy", 1));
        assert_eq!((&*id, &params["address"], &params["index"], count), ("fader1", &json!("/xy"), &json!(1), 1));
        let (id, kind, params, count) = assign(Some("fader1"), &sensor);
        assert_eq!((&*id, &*kind, count), ("imux", "serial.in", 2), "the selected node receives no sensor");
        assert_eq!((&params["name"], &params["index"]), (&json!("imu.x"), &json!(2)));
        assert_eq!(assign(None, &osc("/1", 0)).0, "in1");
        let (id, kind, params, _) = assign(None, &assignment(ControlName::Cc { channel: 2, number: 7 }, 0));
        assert_eq!((&*id, &*kind, &params["channel"], &params["number"]), ("cc7", "midi.cc", &json!(2), &json!(7)));
        let (_, kind, _, count) = assign(None, &assignment(ControlName::Note { channel: 1, number: 36 }, 0));
        assert_eq!((&*kind, count), ("midi.note", 5));
        assert_eq!(Plan::compile(&patch, LIBRARY).1, []);
    }

    #[test]
    fn a_midi_node_learns_its_own_number() {
        let mut patch = Patch::default();
        let node = Node { kind: "midi.note".into(), ..Node::default() };
        patch.apply(LevelEdit::AddNode { id: "pad".into(), node, pos: [0.0, 0.0] }).unwrap();
        for edit in learn_step(&patch, &"pad.note".parse().unwrap(), None, (10, 36)).edits {
            patch.apply(edit).unwrap();
        }
        assert_eq!(patch.nodes["pad"].params["channel"], json!(10));
        assert_eq!(patch.nodes["pad"].params["note"], json!(36));
        assert_eq!(patch.nodes.len(), 1);
    }
}
