//! MIDI maps: controllers that turn knobs without a node or a cable.

use bendrack_nodes::node::def::Input;
use bendrack_nodes::node::value::Kind;
use bendrack_nodes::patch::{Edit, MidiMap, Patch, Port};
use serde_json::Map;

use super::Step;

/// The MIDI map of a knob.
pub fn map_of<'p>(patch: &'p Patch, port: &Port) -> Option<&'p MidiMap> {
    patch.maps.iter().rfind(|map| map.to == *port)
}

/// The step that maps a controller to the whole travel of a knob and replaces its former map.
pub fn map_step(patch: &Patch, to: &Port, input: Option<&Input>, (channel, cc): (u8, u8)) -> Step {
    let mut maps: Vec<MidiMap> = patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
    let range = input.map_or([0.0, 1.0], |input| [input.soft.0, input.soft.1]);
    maps.push(MidiMap { channel, cc, to: to.clone(), range, rest: Map::new() });
    Step::new(format!("MIDI map of {to}"), vec![Edit::SetMaps { maps }])
}

/// The step that removes the map of a knob; none if it has none.
pub fn unmap_step(patch: &Patch, to: &Port) -> Option<Step> {
    let maps: Vec<MidiMap> = patch.maps.iter().filter(|map| map.to != *to).cloned().collect();
    (maps.len() < patch.maps.len()).then(|| Step::new(format!("remove MIDI map of {to}"), vec![Edit::SetMaps { maps }]))
}

/// True if an input can have a MIDI map: any number but a choice.
pub fn can_map(input: &Input) -> bool {
    input.kind == Kind::Number && input.choices.is_empty()
}

/// The description of a map.
pub fn describe(map: &MidiMap) -> String {
    format!("MIDI map: CC {} on channel {}, from {} to {}.", map.cc, map.channel, map.range[0], map.range[1])
}
