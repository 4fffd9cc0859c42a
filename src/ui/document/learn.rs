//! Assignment of controls: the next control that moves, and a click in the monitor of devices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bendrack_nodes::LIBRARY;
use bendrack_nodes::choice::Choice as _;
use bendrack_nodes::input::{Control, ControlId, ControlName, Controls};
use bendrack_nodes::library::modulate::lfo;
use bendrack_nodes::node::def::{Input, NodeDef};
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Cable, LevelEdit, MapMode, Node, Patch, Port};
use serde_json::{Value as Json, json};

use super::arrange::{free_place, place_beside};
use super::{Step, def_of};

/// Smallest travel that counts as a move, as a part of a control's range: a worn controller jitters by a step or two of
/// 127.
const LEAST_MOVE: f64 = 8.0 / 127.0;
/// Time in which the noise of controls is measured.
const QUIET: Duration = Duration::from_millis(250);
/// Moves are this much larger than the noise.
const ABOVE_NOISE: f64 = 3.0;
/// Messages of a relative encoder with the same number, after which it is known as one.
const SAME: u32 = 4;

/// The assignment of a learned control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearnMode {
    /// A new node that reads the control, and a cable.
    Cable,
    /// A map: neither node nor cable.
    Map,
    /// The fields of a node that reads such a control.
    Node,
}

/// A control that is being learned: the first one that moves.
#[derive(Debug)]
pub struct Learn {
    /// The input, or any port of the node whose control is learned.
    pub to: Port,
    /// The assignment.
    pub mode: LearnMode,
    begin: Instant,
    /// The range of each number so far.
    ranges: BTreeMap<(ControlId, usize), Range>,
    /// Keys that are on since the start.
    held: Vec<ControlId>,
}

/// The numbers of a control since the start.
#[derive(Debug)]
struct Range {
    low: f64,
    high: f64,
    /// The size of its noise.
    noise: f64,
    /// Messages in a row with the same number.
    same: u32,
    last: f64,
    /// Messages of the control so far.
    count: u32,
}

impl Learn {
    /// Starts to learn a control for an input or a node.
    pub fn new(to: Port, mode: LearnMode, controls: &Controls) -> Self {
        let held = controls.keys().map(|(key, _)| key.clone()).collect();
        let mut learn = Self { to, mode, begin: Instant::now(), ranges: BTreeMap::new(), held };
        for (control, index, number) in numbers(controls) {
            learn.range(&control, index, number).count = count(controls, &control, index);
        }
        learn
    }

    /// The control that moved furthest, once one moved further than jitter, among those that `fits`.
    pub fn detect(&mut self, controls: &Controls, fits: impl Fn(&ControlName) -> bool) -> Option<Assignment> {
        let pressed = controls.keys().map(|(key, _)| key).find(|key| !self.held.contains(key) && fits(&key.name));
        if let Some(key) = pressed {
            return Some(Assignment { control: named(key, controls), index: 0, number: 1.0, mode: None });
        }
        self.held.retain(|key| controls.key(key).is_some());
        let is_quiet = self.begin.elapsed() < QUIET;
        let mut furthest: Option<(f64, Assignment)> = None;
        for (control, index, number) in numbers(controls) {
            let is_clock = control.name == ControlName::Clock;
            let is_known = !matches!(control.name, ControlName::Osc { .. } | ControlName::Sensor { .. });
            let (is_cc, count) = (matches!(control.name, ControlName::Cc { .. }), count(controls, &control, index));
            let range = self.range(&control, index, number);
            let mode = if is_cc { range.encoder(number, count) } else { None };
            range.low = range.low.min(number);
            range.high = range.high.max(number);
            if is_quiet && !is_known {
                range.noise = range.high - range.low;
                continue;
            }
            let scale = if is_known { 1.0 } else { range.low.abs().max(range.high.abs()).max(1.0) };
            let least = (LEAST_MOVE * scale).max(ABOVE_NOISE * range.noise);
            let travel = (range.high - range.low) / least;
            let is_change = matches!(control.name, ControlName::Program { .. }) && travel > 0.0;
            let is_moved = travel >= 1.0 || is_change || mode.is_some();
            if is_moved && !is_clock && fits(&control.name) && furthest.as_ref().is_none_or(|(most, _)| travel > *most)
            {
                let largest = range.high.abs().max(range.low.abs());
                furthest = Some((travel, Assignment { control, index, number: largest, mode }));
            }
        }
        furthest.map(|(_, found)| Assignment { control: named(&found.control, controls), ..found })
    }

    fn range(&mut self, control: &ControlId, index: usize, number: f64) -> &mut Range {
        let new = || Range { low: number, high: number, noise: 0.0, same: 0, last: number, count: 0 };
        self.ranges.entry((control.clone(), index)).or_insert_with(new)
    }
}

impl Range {
    /// The coding of a relative encoder that turns left by single steps, from its messages so far.
    fn encoder(&mut self, number: f64, count: u32) -> Option<MapMode> {
        let new = count.wrapping_sub(self.count);
        self.same = if number.to_bits() == self.last.to_bits() { self.same.saturating_add(new) } else { 1 };
        (self.last, self.count) = (number, count);
        match (number * 127.0).round() as u8 {
            _ if self.same < SAME => None,
            127 => Some(MapMode::TwosComplement),
            63 => Some(MapMode::BinaryOffset),
            65 => Some(MapMode::SignedBit),
            1 => Some(MapMode::SignedBit2),
            _ => None,
        }
    }
}

/// The control, with its device only if another device has the same control.
fn named(control: &ControlId, controls: &Controls) -> ControlId {
    let others = controls.sent().map(|(other, _)| other).chain(controls.keys().map(|(key, _)| key));
    let is_shared = others.filter(|other| other.name == control.name).any(|other| other.device != control.device);
    ControlId { device: control.device.clone().filter(|_| is_shared), ..control.clone() }
}

/// Count of the messages of a control so far.
fn count(controls: &Controls, control: &ControlId, index: usize) -> u32 {
    controls.get(control, index).map_or(0, Control::count)
}

/// Every number of every control: the control, the index in its message, and the number.
fn numbers(controls: &Controls) -> impl Iterator<Item = (ControlId, usize, f64)> {
    controls.sent().flat_map(|(control, numbers)| {
        let numbered = numbers.iter().enumerate();
        numbered.filter_map(move |(index, number)| Some((control.clone(), index, number.last()?)))
    })
}

/// True if a node of this kind reads such a control.
pub fn reads(def: &NodeDef, name: &ControlName) -> bool {
    def.reads.is_some_and(|reads| (reads.values)(name).is_some())
}

/// The step that assigns a control to a node that reads it, or to an input through a new node and a cable; none if no node
/// reads such a control.
pub fn learn_step(patch: &Patch, to: &Port, input: Option<&Input>, assignment: &Assignment) -> Option<Step<LevelEdit>> {
    if let Some(params) = patch.nodes.get(&to.node).and_then(|node| assignment.params(def_of(&node.kind)?)) {
        let set = |(name, value)| LevelEdit::SetParam { id: to.node.clone(), name, value: Some(value) };
        return Some(Step::new(format!("learn {}", to.node), params.into_iter().map(set).collect()));
    }
    let (def, params) = LIBRARY.iter().find_map(|def| Some((*def, assignment.params(def)?)))?;
    let id = patch.free_id(&assignment.stem());
    let node = Node { params: params.into_iter().collect(), ..Node::new(def.name) };
    let from = Port { node: id.clone(), port: def.outputs.first()?.name.to_owned() };
    let mut edits = vec![
        LevelEdit::AddNode { id, node, pos: place_beside(patch, &to.node) },
        LevelEdit::Connect { cable: Cable::new(from, to.clone()) },
    ];
    // The control covers the travel of the knob from its low end.
    if let Some(input) = input.filter(|input| input.kind == Kind::Number && !input.direct) {
        let low = match input.choices.first() {
            Some(first) => json!(first),
            None => json!(input.soft.0),
        };
        let (id, name) = (to.node.clone(), to.port.clone());
        edits.push(LevelEdit::SetParam { id: id.clone(), name: name.clone(), value: Some(low) });
        edits.push(LevelEdit::SetDepth { id, name, depth: Some(1.0) });
    }
    Some(Step::new(format!("learn {to}"), edits))
}

/// The step that adds an LFO with a cable to a knob.
pub fn modulate(patch: &Patch, to: &Port) -> Step<LevelEdit> {
    let def = &lfo::NODE;
    let id = patch.free_id("lfo");
    let from = Port { node: id.clone(), port: def.outputs[0].name.to_owned() };
    let edits = vec![
        LevelEdit::AddNode { id, node: Node::new(def.name), pos: place_beside(patch, &to.node) },
        LevelEdit::Connect { cable: Cable::new(from, to.clone()) },
    ];
    Step::new(format!("add an LFO to {to}"), edits)
}

/// A number for a node or a map to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The control. Without a device, every device with such a control.
    pub control: ControlId,
    /// The index of the number in the message.
    pub index: usize,
    /// Its largest number so far.
    pub number: f64,
    /// The coding of a relative encoder.
    pub mode: Option<MapMode>,
}

impl Assignment {
    /// Parameters with which a node of this kind reads the number; none if it cannot.
    fn params(&self, def: &NodeDef) -> Option<Vec<(String, Json)>> {
        let reads = def.reads?;
        let values = (reads.values)(&self.control.name)?;
        let mut params: Vec<(String, Json)> =
            values.into_iter().map(|(input, value)| (input.name.to_owned(), value)).collect();
        params.extend(reads.index.map(|input| (input.name.to_owned(), json!(self.index))));
        if let Some(device) = &self.control.device {
            params.extend(reads.device.map(|input| (input.name.to_owned(), json!(&**device))));
        }
        Some(params)
    }

    /// True if a node of this kind can receive the number.
    pub fn fits(&self, def: &NodeDef) -> bool {
        self.params(def).is_some()
    }

    /// Base of the id of a new node.
    fn stem(&self) -> String {
        let text: &Arc<str> = match &self.control.name {
            ControlName::Cc { number, .. } => return format!("cc{number}"),
            ControlName::Note { number, .. } => return format!("note{number}"),
            ControlName::PitchBend { .. } => return "pitch".to_owned(),
            ControlName::Pressure { .. } | ControlName::KeyPressure { .. } => return "pressure".to_owned(),
            ControlName::Program { .. } => return "program".to_owned(),
            ControlName::Nrpn { number, .. } => return format!("nrpn{number}"),
            ControlName::Rpn { number, .. } => return format!("rpn{number}"),
            ControlName::Clock => return "clock".to_owned(),
            ControlName::Online => return "online".to_owned(),
            ControlName::Gamepad { part } => return part.name().to_owned(),
            ControlName::Key { key } => return format!("key_{}", key.name()),
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
    use bendrack_nodes::tick::{DenoisingStep, Inputs, Measurements, Memory};

    use super::*;

    fn cc(channel: u8, number: u8, value: f64) -> Event {
        Event::cc(channel, number, value)
    }

    fn note(velocity: f64) -> Event {
        Event::note(1, 60, velocity)
    }

    fn angle() -> Port {
        "rotate.angle".parse().unwrap()
    }

    #[test]
    fn jitter_is_ignored_and_a_move_is_detected() {
        let mut controls = Controls::default();
        controls.apply(&cc(1, 7, 0.5));
        let mut learn = Learn::new(angle(), LearnMode::Cable, &controls);
        controls.apply(&cc(1, 7, 0.5 + 2.0 / 127.0));
        assert_eq!(learn.detect(&controls, |_| true), None);
        // A new controller counts from its first value.
        controls.apply(&cc(2, 20, 0.4));
        assert_eq!(learn.detect(&controls, |_| true), None);
        controls.apply(&cc(2, 20, 0.5));
        controls.apply(&cc(2, 21, 0.1));
        controls.apply(&cc(1, 7, 0.6));
        let found = learn.detect(&controls, |_| true).expect("a control");
        assert_eq!(
            (found.control, found.mode),
            (ControlName::Cc { channel: 2, number: 20 }.into(), None),
            "it moved furthest"
        );
        let only = learn.detect(&controls, |name| *name == ControlName::Cc { channel: 1, number: 7 });
        assert_eq!(only.map(|found| found.control.name), Some(ControlName::Cc { channel: 1, number: 7 }));
    }

    #[test]
    fn a_noisy_sensor_waits_for_a_hand() {
        let mut controls = Controls::default();
        let board = Arc::from("board");
        let sensor = |name: &str, number: f64| Event::sensor(name, &[number]).on(&board);
        let mut learn = Learn::new(angle(), LearnMode::Map, &controls);
        for step in 0..6 {
            controls.extend(&[sensor("noise", f64::from(step % 3)), sensor("light", 300.0)]);
            assert_eq!(learn.detect(&controls, |_| true), None);
            std::thread::sleep(QUIET / 5);
        }
        controls.extend(&[sensor("noise", 3.0), sensor("light", 800.0)]);
        let found = learn.detect(&controls, |_| true).expect("a control");
        assert_eq!(found.control, ControlName::Sensor { name: "light".into() }.into());
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let step = super::super::maps::map_step(&patch, &angle(), None, &found);
        let [bendrack_nodes::patch::Edit::SetMaps { maps }] = &step.edits[..] else { panic!("one edit") };
        assert_eq!(maps[0].input, [0.0, 1023.0], "the range of its converter");
    }

    #[test]
    fn encoders_that_turn_left_are_known_by_their_coding() {
        for (byte, mode) in [
            (127.0, Some(MapMode::TwosComplement)),
            (63.0, Some(MapMode::BinaryOffset)),
            (65.0, Some(MapMode::SignedBit)),
            (1.0, Some(MapMode::SignedBit2)),
            (5.0, None),
        ] {
            let mut controls = Controls::default();
            let mut learn = Learn::new(angle(), LearnMode::Map, &controls);
            let mut found = None;
            for _ in 0..SAME {
                controls.apply(&cc(1, 16, byte / 127.0));
                found = learn.detect(&controls, |_| true);
                controls.end_frame();
            }
            assert_eq!(found.and_then(|found| found.mode), mode, "{byte}");
        }
    }

    #[test]
    fn two_devices_with_the_same_control_stay_two() {
        let mut controls = Controls::default();
        let (left, right) = (Arc::from("left"), Arc::from("right"));
        controls.extend(&[cc(1, 7, 0.5).on(&left), cc(1, 7, 0.5).on(&right), cc(1, 8, 0.5).on(&left)]);
        let mut learn = Learn::new(angle(), LearnMode::Map, &controls);
        controls.apply(&cc(1, 7, 0.9).on(&right));
        let found = learn.detect(&controls, |_| true).expect("a control").control;
        assert_eq!(found.device.as_deref(), Some("right"));
        let mut learn = Learn::new(angle(), LearnMode::Map, &controls);
        controls.apply(&cc(1, 8, 0.9).on(&left));
        assert_eq!(learn.detect(&controls, |_| true).expect("a control").control.device, None, "any such control");
    }

    #[test]
    fn a_held_note_is_detected_at_its_next_note_on() {
        let mut controls = Controls::default();
        controls.apply(&note(0.7));
        let mut learn = Learn::new("pad.note".parse().unwrap(), LearnMode::Node, &controls);
        assert_eq!(learn.detect(&controls, |_| true), None, "held since before the start");
        controls.apply(&note(0.0));
        controls.end_frame();
        assert_eq!(learn.detect(&controls, |_| true), None);
        controls.apply(&note(0.7));
        let found = learn.detect(&controls, |_| true).map(|found| found.control.name);
        assert_eq!(found, Some(ControlName::Note { channel: 1, number: 60 }));
    }

    #[test]
    fn a_learned_controller_covers_the_travel_of_the_knob() {
        let mut patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        let (_, input) = def_of("bend.rotate").unwrap().input("angle").unwrap();
        for edit in
            learn_step(&patch, &angle(), Some(input), &assignment(ControlName::Cc { channel: 1, number: 20 }, 0))
                .unwrap()
                .edits
        {
            patch.apply(edit).unwrap();
        }
        let (plan, problems) = Plan::compile(&patch, LIBRARY);
        assert_eq!(problems, []);
        let mut controls = Controls::default();
        for (value, degrees) in [(0.0, -180.0), (0.75, 90.0), (1.0, 180.0)] {
            controls.apply(&cc(1, 20, value));
            let (lanes, measurements) = ([Arc::new(controls.clone())], Measurements::new());
            let inputs = Inputs {
                lanes: &lanes,
                measurements: &measurements,
                first_frame: 0,
                dt_secs: 0.25,
                step: DenoisingStep::default(),
            };
            let program = plan.as_ref().unwrap().program(&inputs, &mut Memory::default(), 1);
            let (_, angle) = program.bends[0].params.iter().next().expect("the angle");
            assert_eq!(angle[..], [degrees]);
        }
    }

    fn assignment(name: ControlName, index: usize) -> Assignment {
        Assignment { control: name.into(), index, number: 1.0, mode: None }
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
        let osc = |address: &str, index| assignment(ControlName::Osc { address: address.into() }, index);
        let sensor = assignment(ControlName::Sensor { name: "imu.x".into() }, 2);
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
        for edit in learn_step(
            &patch,
            &"pad.note".parse().unwrap(),
            None,
            &assignment(ControlName::Note { channel: 10, number: 36 }, 0),
        )
        .unwrap()
        .edits
        {
            patch.apply(edit).unwrap();
        }
        assert_eq!(patch.nodes["pad"].params["channel"], json!(10));
        assert_eq!(patch.nodes["pad"].params["note"], json!(36));
        assert_eq!(patch.nodes.len(), 1);
    }
}
