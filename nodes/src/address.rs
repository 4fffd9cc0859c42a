//! OSC addresses of knobs, switches and fields: `/bend/<node>/<input>` in the units of the input, and `/bend/n/<node>/<input>`
//! from 0 to 1 along the travel of a knob.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::LIBRARY;
use crate::compile::params;
use crate::compile::plan::Plan;
use crate::input::ON;
use crate::node::def::{Curve, Input};
use crate::node::value::{Kind, Value};
use crate::patch::{LevelEdit, Patch};

/// The beginning of every address of a knob.
const ROOT: &str = "/bend/";
/// The first part of addresses from 0 to 1.
const PART: &str = "n";

/// The argument of a message to a knob.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A message without one.
    Press,
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
}

/// A message to a knob that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnobError {
    /// The address is that of no node in the patch.
    NoNode,
    /// The node lacks the input, or the input does not take the argument: the reason, and the next step.
    Unfit(String),
}

/// An address of a knob.
struct Address<'a> {
    node: &'a str,
    input: &'a str,
    /// True for numbers from 0 to 1.
    is_part: bool,
}

impl<'a> Address<'a> {
    fn read(address: &'a str) -> Option<Self> {
        let mut parts = address.strip_prefix(ROOT)?.split('/');
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some(node), Some(input), None, None] => Some(Self { node, input, is_part: false }),
            [Some(PART), Some(node), Some(input), None] => Some(Self { node, input, is_part: true }),
            _ => None,
        }
    }
}

/// True if an address has the form of a knob's.
pub fn is_knob(address: &str) -> bool {
    Address::read(address).is_some()
}

/// The edit of a message to a knob, switch or field of the patch itself.
///
/// # Errors
///
/// Fails if the patch lacks the node, the node the input, or the input does not take the argument.
pub fn edit(patch: &Patch, address: &str, argument: &Argument) -> Result<LevelEdit, KnobError> {
    let Address { node: id, input: name, is_part } = Address::read(address).ok_or(KnobError::NoNode)?;
    let node = patch.nodes.get(id).ok_or(KnobError::NoNode)?;
    let def = LIBRARY.iter().find(|def| def.name == node.kind);
    let input = def.and_then(|def| def.inputs.iter().find(|input| input.name == name));
    let unfit = |why: String| KnobError::Unfit(format!("{id}.{name}: {why}"));
    let input = input.ok_or_else(|| {
        let names = def.map(|def| def.inputs.iter().map(|input| input.name).collect::<Vec<_>>().join(", "));
        unfit(format!(
            "no such input; {id} has {}",
            names.filter(|names| !names.is_empty()).unwrap_or("none".to_owned())
        ))
    })?;
    let value = value(input, argument, is_part).map_err(unfit)?;
    params::read(input, &value, String::new()).map_err(|problem| unfit(problem.message))?;
    let is_default = input.default_json() == Some(value.clone());
    Ok(LevelEdit::SetParam { id: id.to_owned(), name: name.to_owned(), value: (!is_default).then_some(value) })
}

fn value(input: &Input, argument: &Argument, is_part: bool) -> Result<Json, String> {
    let choices = input.choices;
    match (input.kind, argument) {
        (Kind::Number, Argument::Number(number)) if !choices.is_empty() => {
            let index = if is_part { number.clamp(0.0, 1.0) * (choices.len() - 1) as f64 } else { *number }.round();
            let choice = (index >= 0.0).then(|| choices.get(index as usize)).flatten();
            choice.map(|choice| json!(choice)).ok_or_else(|| wrong_choice(&number.to_string(), choices))
        }
        (Kind::Number, Argument::Text(text)) if !choices.is_empty() => {
            let choice = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text));
            choice.map(|choice| json!(choice)).ok_or_else(|| wrong_choice(text, choices))
        }
        (Kind::Number, Argument::Number(number)) => {
            let number = if is_part { along(input, number.clamp(0.0, 1.0)) } else { *number };
            Ok(json!(short(number.clamp(input.hard.0, input.hard.1))))
        }
        (Kind::Gate, Argument::Number(number)) => Ok(json!(*number >= ON)),
        (Kind::Text, Argument::Text(text)) if !is_part => Ok(json!(&**text)),
        (Kind::Number | Kind::Gate, _) => Err("no number; send one".to_owned()),
        (Kind::Text, _) => Err("no text; send one".to_owned()),
        (kind, _) => Err(format!("a {kind} has no knob; connect a cable")),
    }
}

fn wrong_choice(value: &str, choices: &[&str]) -> String {
    let last = choices.len().saturating_sub(1);
    format!("{value} is not a choice; send 0 to {last}, or one of {}", choices.join(", "))
}

/// The number at a part of the travel.
fn along(input: &Input, part: f64) -> f64 {
    let (low, high) = input.soft;
    match input.curve {
        Curve::Log if low > 0.0 => low * (high / low).powf(part),
        Curve::Log | Curve::Linear => low * (1.0 - part) + high * part,
    }
}

/// A number with seven digits: 0.1 as a float is 0.1, not 0.10000000149.
fn short(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}

/// The part of the travel at a number; the inverse of [`along`].
fn part_at(input: &Input, number: f64) -> f64 {
    let (low, high) = input.soft;
    let part = match input.curve {
        Curve::Log if low > 0.0 => (number.max(low) / low).ln() / (high / low).ln(),
        Curve::Log | Curve::Linear => (number - low) / (high - low),
    };
    if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
}

/// A knob, switch or field, at one of its addresses.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob<'p> {
    /// Its address.
    pub address: Arc<str>,
    /// Its values.
    pub range: Range,
    /// Its value in the patch; none for a text of a grammar.
    pub value: Option<Json>,
    /// Its help.
    pub about: &'p str,
}

/// The values of a knob.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Numbers from the low end of its travel to the high end.
    Numbers(f64, f64),
    /// Names.
    Choices(&'static [&'static str]),
    /// True or false.
    Switch,
    /// Any text.
    Text,
}

/// All knobs, switches and fields of the patch itself. A number or choice has two addresses, and a switch too.
pub fn knobs(plan: &Plan) -> impl Iterator<Item = Knob<'_>> {
    let nodes = plan.nodes.iter().filter(|slot| !slot.id.contains('/'));
    let ports = nodes.flat_map(|slot| slot.def.inputs.iter().zip(&slot.feeds).map(move |port| (&*slot.id, port)));
    ports.flat_map(|(id, (input, feed))| {
        let number = match &feed.base {
            Some(Value::Number(number)) => Some(*number),
            Some(Value::Gate(gate)) => Some(f64::from(u8::from(gate.on))),
            _ => None,
        };
        let count = input.choices.len();
        let (range, value) = match input.kind {
            Kind::Number if count > 0 => {
                let choice = number.and_then(|index| input.choices.get(index as usize));
                (Some(Range::Choices(input.choices)), choice.map(|choice| json!(choice)))
            }
            Kind::Number => (Some(Range::Numbers(input.soft.0, input.soft.1)), number.map(|number| json!(number))),
            Kind::Gate => (Some(Range::Switch), number.map(|number| json!(number >= ON))),
            Kind::Text => match &feed.base {
                Some(Value::Text(text)) => (Some(Range::Text), Some(json!(&**text))),
                _ => (Some(Range::Text), None),
            },
            _ => (None, None),
        };
        let part = matches!(input.kind, Kind::Number | Kind::Gate).then(|| {
            let part = match input.kind {
                Kind::Gate => number,
                _ if count > 0 => number.map(|index| index / (count - 1).max(1) as f64),
                _ => number.map(|number| part_at(input, number)),
            };
            let address = format!("{ROOT}{PART}/{id}/{}", input.name).into();
            Knob { address, range: Range::Numbers(0.0, 1.0), value: part.map(|part| json!(part)), about: input.about }
        });
        let address = || format!("{ROOT}{id}/{}", input.name).into();
        let own = range.map(|range| Knob { address: address(), range, value, about: input.about });
        own.into_iter().chain(part)
    })
}

/// The addresses of [`knobs`].
pub fn addresses(plan: &Plan) -> impl Iterator<Item = Arc<str>> {
    knobs(plan).map(|knob| knob.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch() -> Patch {
        let text = r#"{ "format": "bendrack-patch", "version": 1, "nodes": {
            "lfo": { "type": "modulate.lfo" }, "osc": { "type": "osc.in" }, "clock": { "type": "midi.clock" } } }"#;
        serde_json::from_str(text).expect("a patch")
    }

    fn set(address: &str, argument: &Argument) -> Result<Option<Json>, KnobError> {
        edit(&patch(), address, argument).map(|edit| match edit {
            LevelEdit::SetParam { value, .. } => value,
            other => panic!("{other:?}"),
        })
    }

    fn input(node: &str, name: &str) -> &'static Input {
        let def = LIBRARY.iter().find(|def| def.name == node).expect("a node");
        def.inputs.iter().find(|input| input.name == name).expect("an input")
    }

    #[test]
    fn numbers_choices_switches_and_texts_have_addresses() {
        let number = Argument::Number;
        let text = |text: &str| Argument::Text(text.into());
        let rate = input("modulate.lfo", "rate");
        assert_eq!(set("/bend/lfo/rate", &number(f64::from(0.1_f32))), Ok(Some(json!(0.1))));
        assert_eq!(set("/bend/lfo/rate", &number(1e9)), Ok(Some(json!(rate.hard.1))));
        assert_eq!(set("/bend/n/lfo/rate", &number(0.0)), Ok(Some(json!(rate.soft.0))));
        assert_eq!(set("/bend/n/lfo/rate", &number(7.0)), Ok(Some(json!(rate.soft.1))));
        let shapes = input("modulate.lfo", "shape").choices;
        assert_eq!(set("/bend/lfo/shape", &number(1.0)), Ok(Some(json!(shapes[1]))));
        assert_eq!(set("/bend/n/lfo/shape", &number(1.0)), Ok(shapes.last().map(|shape| json!(shape))));
        assert_eq!(set("/bend/lfo/shape", &text(&shapes[1].to_uppercase())), Ok(Some(json!(shapes[1]))));
        assert_eq!(set("/bend/clock/sync", &number(0.0)), Ok(Some(json!(false))));
        assert_eq!(set("/bend/clock/sync", &number(1.0)), Ok(None), "the default is not written");
        assert_eq!(set("/bend/osc/address", &text("/x")), Ok(Some(json!("/x"))));
    }

    #[test]
    fn a_wrong_address_or_argument_has_a_reason() {
        for address in ["/bend/1", "/bend/no/rate", "/bend/n/no/rate", "/bend/a/b/c", "/other/lfo/rate"] {
            assert_eq!(set(address, &Argument::Number(0.0)), Err(KnobError::NoNode), "{address}");
        }
        for (address, argument, part) in [
            ("/bend/lfo/rat", Argument::Number(0.0), "no such input; lfo has "),
            ("/bend/lfo/rate", Argument::Text("x".into()), "send one"),
            ("/bend/lfo/rate", Argument::Press, "send one"),
            ("/bend/lfo/shape", Argument::Number(99.0), "99 is not a choice"),
            ("/bend/lfo/shape", Argument::Number(-1.0), "-1 is not a choice"),
            ("/bend/osc/address", Argument::Number(1.0), "no text"),
        ] {
            let Err(KnobError::Unfit(why)) = set(address, &argument) else { panic!("{address}") };
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn every_address_of_a_plan_sets_something() {
        let plan = Plan::compile(&patch(), LIBRARY).0.expect("a plan");
        let all: Vec<_> = addresses(&plan).collect();
        assert!(all.iter().any(|address| &**address == "/bend/n/lfo/rate"), "{all:?}");
        assert!(!all.iter().any(|address| &**address == "/bend/n/osc/address"), "{all:?}");
        for Knob { address, value, .. } in knobs(&plan) {
            // The value of a number leads back to itself.
            if let Some(number) = value.as_ref().and_then(Json::as_f64).filter(|_| !address.starts_with("/bend/n/")) {
                let set = set(&address, &Argument::Number(number)).expect("it is set");
                assert_eq!(set, None, "{address}");
            }
            let is_set =
                [Argument::Number(0.0), Argument::Text("/x".into())].map(|argument| set(&address, &argument).is_ok());
            assert_ne!(is_set, [false, false], "{address}");
        }
    }
}
