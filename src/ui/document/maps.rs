//! Maps: controls of devices that turn knobs without a node or a cable.

use bendrack_nodes::address::resolve_input;
use bendrack_nodes::choice::Choice;
use bendrack_nodes::input::ControlName;
use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{ControlMap, Edit, MapMode, MapSet, Patch, Port, Takeover, loaded};

use super::Step;
use super::learn::Assignment;

/// Ends of the numbers that boards and programs usually send, besides 1.
const ENDS: [f64; 6] = [100.0, 127.0, 255.0, 1023.0, 4095.0, 65535.0];

/// The first map of a knob.
pub fn map_of<'p>(patch: &'p Patch, port: &Port) -> Option<&'p ControlMap> {
    patch.maps.iter().find(|map| map.to == *port)
}

/// The step that maps a control to the whole travel of a knob and replaces its former maps.
pub fn map_step(patch: &Patch, to: &Port, input: Option<&Input>, assignment: &Assignment) -> Step {
    let mut maps: Vec<ControlMap> = patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
    let range = input.map_or([0.0, 1.0], |input| [input.soft.0, input.soft.1]);
    let is_button = input.is_some_and(|input| input.kind == Kind::Gate);
    let travel = match assignment.control.name {
        ControlName::PitchBend { .. } => [-1.0, 1.0],
        ControlName::Program { .. } => [0.0, 127.0],
        ControlName::Gamepad { part } => part.travel(),
        ControlName::Osc { .. } | ControlName::Sensor { .. } => {
            let largest = assignment.number.abs();
            [0.0, ENDS.into_iter().find(|end| *end >= largest).filter(|_| largest > 1.0).unwrap_or(1.0)]
        }
        _ => [0.0, 1.0],
    };
    maps.push(ControlMap {
        index: assignment.index as u32,
        input: travel,
        mode: assignment.mode.filter(|_| !is_button).unwrap_or_default(),
        ..ControlMap::new(assignment.control.clone(), to.clone(), range)
    });
    Step::new(format!("map of {to}"), vec![Edit::SetMaps { maps }])
}

/// The step that replaces the maps with those of a set, and a sentence about it.
pub fn load_step(patch: &Patch, set: &MapSet) -> (Step, String) {
    let (maps, missing) = set.split(|port| resolve_input(patch, &port.node, &port.port).is_some());
    let sentence = loaded(maps.len(), &missing);
    (Step::new("load maps", vec![Edit::SetMaps { maps }]), sentence)
}

/// The step that removes the maps of a knob; none if it has none.
pub fn unmap_step(patch: &Patch, to: &Port) -> Option<Step> {
    let maps: Vec<ControlMap> = patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
    (maps.len() < patch.maps.len()).then(|| Step::new(format!("remove the map of {to}"), vec![Edit::SetMaps { maps }]))
}

/// True if an input can have a map: a number, a choice or a button.
pub fn can_map(input: &Input) -> bool {
    matches!(input.kind, Kind::Number | Kind::Gate)
}

/// The description of a map.
pub fn describe(map: &ControlMap) -> String {
    let [low, high] = map.range;
    let device = map.from.device.as_deref().map_or_else(String::new, |device| format!(" of {device}"));
    let takeover = match (map.mode, map.takeover) {
        (MapMode::Absolute, Takeover::Jump)
        | (MapMode::Momentary | MapMode::Toggle | MapMode::Set | MapMode::Cycle, _) => String::new(),
        (MapMode::Absolute, takeover) => format!(", {}", takeover.name()),
        (mode, _) => format!(", {}", mode.name().replace('_', " ")),
    };
    format!("Map: {}{device}, from {low} to {high}{takeover}.", map.from.name)
}
