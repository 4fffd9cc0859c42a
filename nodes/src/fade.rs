//! Values between two settings of a knob, and between two snapshots.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::address::resolve_input;
use crate::node::def::{Curve, Input};
use crate::patch::{LevelEdit, Patch, Port};

/// The value of a knob at a part of the way, 0 to 1. A knob with [`Curve::Log`] changes by even ratios.
pub fn between(input: &Input, from: f64, to: f64, part: f64) -> f64 {
    let value = match input.curve {
        Curve::Log if from > 0.0 && to > 0.0 => from * (to / from).powf(part),
        Curve::Log | Curve::Linear => from + (to - from) * part,
    };
    if input.is_integer() { value.round() } else { value }
}

/// The edits that set every knob between the two snapshots of the patch's crossfader: 0 is the first, 1 the second. Choices, switches and
/// texts change in the middle. None without both snapshots.
pub fn crossfade(patch: &Patch, part: f64) -> Option<Vec<LevelEdit>> {
    let snapshot = |number: usize| patch.snapshots.get(number.checked_sub(1)?);
    let [first, second] = patch.stage.fade.map(snapshot);
    let (first, second) = (first?, second?);
    let part = part.clamp(0.0, 1.0);
    let ports: BTreeSet<&Port> = first.values.keys().chain(second.values.keys()).collect();
    let edits = ports.into_iter().filter_map(|port| {
        let (_, input) = resolve_input(patch, &port.node, &port.port)?;
        let value = match (first.values.get(port), second.values.get(port)) {
            (Some(a), Some(b)) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => json!(between(input, a, b, part)),
                _ => if part < 0.5 { a } else { b }.clone(),
            },
            (one, other) => one.or(other)?.clone(),
        };
        let now: Option<&Json> = patch.nodes.get(&port.node)?.params.get(&port.port);
        let edit = LevelEdit::SetParam { id: port.node.clone(), name: port.port.clone(), value: Some(value.clone()) };
        (now != Some(&value)).then_some(edit)
    });
    Some(edits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Snapshot;

    fn patch() -> Patch {
        let mut patch = Patch::from_json(include_str!("../../patches/first_bend.json")).expect("a patch");
        let snapshot = |rate: f64, amount: f64, shape: &str| Snapshot {
            name: shape.to_owned(),
            values: [("lfo.rate", json!(rate)), ("rotate.amount", json!(amount)), ("lfo.shape", json!(shape))]
                .map(|(port, value)| (port.parse().expect("a port"), value))
                .into(),
            rest: serde_json::Map::new(),
        };
        patch.snapshots = vec![snapshot(0.25, 0.0, "sine"), snapshot(4.0, 1.0, "square")];
        patch
    }

    fn at(part: f64) -> (f64, f64, String) {
        let mut patch = patch();
        for edit in crossfade(&patch, part).expect("two snapshots") {
            patch.apply(edit).expect("an edit");
        }
        let value = |id: &str, name: &str| patch.nodes[id].params[name].clone();
        let number = |id, name| value(id, name).as_f64().expect("a number");
        (number("lfo", "rate"), number("rotate", "amount"), value("lfo", "shape").as_str().expect("a text").to_owned())
    }

    #[test]
    fn a_crossfader_stands_between_two_snapshots() {
        assert_eq!(at(0.0), (0.25, 0.0, "sine".to_owned()));
        assert_eq!(at(0.5), (1.0, 0.5, "square".to_owned()), "a rate by even ratios");
        assert_eq!(at(7.0), (4.0, 1.0, "square".to_owned()));
        let mut alone = patch();
        alone.snapshots.pop();
        assert!(crossfade(&alone, 0.5).is_none());
    }
}
