//! The sections of a training checkpoint: state dicts in a dict, such as the averaged weights beside those last trained.

use std::collections::BTreeSet;

use candle_core::{Result, bail};

use super::abbreviated;
use super::arena::{Arena, Value};

/// The set of weights that was read from a training checkpoint with several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The section that was chosen; `a.b` is section `b` within `a`.
    pub name: String,
    /// The sections that could have been chosen instead.
    pub others: Vec<String>,
}

/// Sections in the order of preference: averaged weights before those of the last training step.
const PREFERRED: [&str; 6] = ["generator_ema", "ema", "generator", "generator_lora", "model", "state_dict"];
const MAX_DEPTH: usize = 4;
/// The most sections that are searched in one dict.
const MAX_SECTIONS: usize = 32;
/// The most items that decide whether a dict is a section.
const MAX_LOOKED_AT: usize = 1 << 10;

/// The dict that holds the tensors: that of the section `wanted` if there are sections, else of the one preferred.
pub(super) fn state_dict<'a>(
    arena: &Arena<'a>,
    root: Value<'a>,
    wanted: Option<&str>,
) -> Result<(Value<'a>, Option<Section>)> {
    let mut value = root;
    let mut path: Vec<&str> = Vec::new();
    let mut wanted_parts = wanted.map(|wanted| wanted.split('.').collect::<Vec<_>>()).unwrap_or_default();
    wanted_parts.reverse();
    let mut others = BTreeSet::new();
    for _ in 0..MAX_DEPTH {
        let sections = sections(arena, value);
        let find = |name: &str| sections.iter().rfind(|(section, _)| *section == name).copied();
        let chosen = match wanted_parts.last().and_then(|name| find(name)) {
            Some(section) => {
                wanted_parts.pop();
                Some(section)
            }
            None => PREFERRED.into_iter().find_map(find),
        };
        let holds_tensors = arena.pairs(value).iter().any(|(_, value)| matches!(value, Value::Tensor(_)));
        let name_of = |section: &str| [path.as_slice(), &[section]].concat().join(".");
        match chosen {
            Some((section, inner)) => {
                others.extend(sections.iter().filter(|(name, _)| *name != section).map(|(name, _)| name_of(name)));
                path.push(section);
                value = inner;
            }
            None if holds_tensors => {
                let section = (!path.is_empty()).then(|| path.join("."));
                return match (section, wanted) {
                    (Some(name), Some(wanted)) if !wanted_parts.is_empty() => {
                        others.insert(name);
                        bail!("there is no section {wanted} in it; choose from {}", abbreviated(&others))
                    }
                    (Some(name), _) => Ok((value, Some(Section { name, others: others.into_iter().collect() }))),
                    (None, _) => Ok((value, None)),
                };
            }
            None => {
                others.extend(sections.iter().map(|(name, _)| name_of(name)));
                break;
            }
        }
    }
    if !others.is_empty() {
        let wanted = wanted.map_or_else(|| PREFERRED.join(" or "), str::to_owned);
        bail!("there is no section {wanted} in it; choose from {}", abbreviated(&others))
    }
    bail!("there is no state dict in it or under {}; give a file of weights", PREFERRED.join(", "))
}

/// The dicts in a dict which are state dicts or hold one, in order.
fn sections<'a>(arena: &Arena<'a>, dict: Value<'a>) -> Vec<(&'a str, Value<'a>)> {
    let is_section = |&(key, value): &(Value<'a>, Value<'a>)| {
        matches!(value, Value::Tensor(_)) || matches!(key, Value::Text(name) if PREFERRED.contains(&name))
    };
    let dicts = arena.pairs(dict).iter().filter_map(|&(key, value)| match (key, arena.pairs(value)) {
        (Value::Text(name), pairs) if !pairs.is_empty() => Some((name, value, pairs)),
        _ => None,
    });
    dicts
        .take(MAX_SECTIONS)
        .filter(|(name, _, pairs)| PREFERRED.contains(name) || pairs.iter().take(MAX_LOOKED_AT).any(is_section))
        .map(|(name, value, _)| (name, value))
        .collect()
}
