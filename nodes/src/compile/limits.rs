//! Limits of a plan, and warnings for settings without effect.

use std::collections::BTreeMap;

use crate::compile::plan::{MOST_BENDS, MOST_DEEP, MOST_PARTS, MOST_TARGETS, Slot, Source};
use crate::diagnostics::{Code, Problem};
use crate::node::def::Output;
use crate::node::value::Kind;

/// Reports values beyond the limits, and settings without effect, of nodes in running order.
pub(crate) fn check(nodes: &[Slot], outputs: usize, problems: &mut Vec<Problem>) {
    weigh(nodes, outputs, problems);
    count_targets(nodes, outputs, problems);
    count_bends(nodes, outputs, problems);
    check_ranges(nodes, problems);
    check_sole(nodes, problems);
}

/// Reports pictures that are nested too deeply or have too many parts.
fn weigh(nodes: &[Slot], outputs: usize, problems: &mut Vec<Problem>) {
    let mut weights = vec![Weight::default(); outputs];
    for slot in nodes {
        let mut weight = Weight { deep: 1, parts: 1 };
        for source in arriving(slot, &[Kind::Picture, Kind::Map]) {
            weight.deep = weight.deep.max(weights[source.output].deep + 1);
            weight.parts += weights[source.output].parts;
        }
        if weight.deep > MOST_DEEP || weight.parts > MOST_PARTS {
            let message = format!(
                "{} nests too many pictures; the limit is {MOST_DEEP} levels and {MOST_PARTS} parts; remove some",
                slot.id
            );
            problems.push(Problem::error(Code::TooMany, &slot.pointer, message));
            // One message per picture: nodes that show it count from 0 again.
            weight = Weight::default();
        }
        weights[slot.outputs.clone()].fill(weight);
    }
}

/// Reports targets of too many nodes, as their number of parts has no other limit.
fn count_targets(nodes: &[Slot], outputs: usize, problems: &mut Vec<Problem>) {
    let mut counts = vec![0; outputs];
    let aims = |output: &Output| matches!(output.kind, Kind::Target | Kind::Any);
    for slot in nodes.iter().filter(|slot| slot.def.outputs.iter().any(aims)) {
        let mut count = 1 + arriving(slot, &[Kind::Target]).map(|source| counts[source.output]).sum::<usize>();
        if count > MOST_TARGETS {
            let message =
                format!("{} combines too many target nodes; the limit is {MOST_TARGETS}; remove some", slot.id);
            problems.push(Problem::error(Code::TooMany, &slot.pointer, message));
            // One message per target: nodes that narrow it count from 0 again.
            count = 0;
        }
        counts[slot.outputs.clone()].fill(count);
    }
}

/// Reports chains with too many bends, and models with too many.
fn count_bends(nodes: &[Slot], outputs: usize, problems: &mut Vec<Problem>) {
    let mut lengths = vec![0; outputs];
    let mut asked = 0;
    for slot in nodes {
        let before: usize = arriving(slot, &[Kind::Bend]).map(|source| lengths[source.output]).sum();
        let ends = !slot.def.outputs.iter().any(|output| matches!(output.kind, Kind::Bend | Kind::Any));
        asked += if ends { before } else { 0 };
        let mut length = if ends { asked } else { before + 1 };
        if length > MOST_BENDS {
            let message =
                format!("the chain up to {} has too many bends; the limit is {MOST_BENDS}; remove some", slot.id);
            problems.push(Problem::error(Code::TooMany, &slot.pointer, message));
            // One message per chain: its later bends count from 0 again.
            length = 0;
            asked = 0;
        }
        lengths[slot.outputs.clone()].fill(length);
    }
}

/// Reports ranges with a start above their end.
fn check_ranges(nodes: &[Slot], problems: &mut Vec<Problem>) {
    for slot in nodes {
        for (last, input) in slot.feeds.iter().zip(slot.def.inputs) {
            let Some((index, begins)) = input.begins.and_then(|name| slot.def.input(name)) else { continue };
            if let (Some(first), Some(last)) = (slot.feeds[index].constant(), last.constant())
                && first.round() > last.round()
            {
                let message = format!(
                    "{} {first} is above {} {last}, so the target is empty; swap the two",
                    begins.name, input.name
                );
                let pointer = format!("{}/params/{}", slot.pointer, input.name);
                problems.push(Problem::warning(Code::NoEffect, pointer, message));
            }
        }
    }
}

/// Reports values that a later node overrides, as a program has one of them.
fn check_sole(nodes: &[Slot], problems: &mut Vec<Problem>) {
    let mut latest: BTreeMap<(&str, &str), &Slot> = BTreeMap::new();
    for slot in nodes.iter().rev() {
        let inputs = slot.feeds.iter().zip(slot.def.inputs);
        for (_, input) in inputs.filter(|(feed, input)| input.unique && (feed.base.is_some() || feed.cable.is_some())) {
            let winner = *latest.entry((slot.def.name, input.name)).or_insert(slot);
            if winner.id != slot.id {
                let (id, winner) = (&slot.id, &winner.id);
                let message =
                    format!("{id} and {winner} both set the {}; {winner} is used; delete the other", input.name);
                problems.push(Problem::warning(Code::NoEffect, &slot.pointer, message));
            }
        }
    }
}

/// Levels of nested pictures, and count of parts, of the picture on an output.
#[derive(Clone, Copy, Default)]
struct Weight {
    deep: usize,
    parts: usize,
}

/// The cables of these kinds that arrive at a node.
fn arriving<'a>(slot: &'a Slot, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Source> {
    slot.feeds.iter().filter_map(|feed| feed.cable.as_ref()).filter(|cable| kinds.contains(&cable.kind))
}
