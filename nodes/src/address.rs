//! OSC addresses of knobs, switches and fields: `/bend/<node>/<input>` in the units of the input, and `/bend/n/<node>/<input>`
//! from 0 to 1 along the travel of a knob. An instance of a subpatch has the inputs of its subpatch.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::LIBRARY;
use crate::compile::params;
use crate::input::ON;
use crate::node::def::{Input, NodeDef};
use crate::node::value::{Kind, Value};
use crate::patch::{INSTANCE, Inlet, LevelEdit, MOST_NESTED, Node, Patch, Port};

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

/// The address of a knob, switch or choice of the patch itself, from 0 to 1.
pub fn of(port: &Port) -> String {
    format!("{ROOT}{PART}/{}/{}", port.node, port.port)
}

/// True if an address has the form of a knob's.
pub fn is_knob(address: &str) -> bool {
    Address::read(address).is_some()
}

/// The node and the declaration behind an input; of an instance, the first input in the subpatch that it feeds.
pub fn resolve_input<'p>(patch: &'p Patch, id: &str, name: &str) -> Option<(&'p Node, &'static Input)> {
    let (mut node, mut name) = (patch.nodes.get(id)?, name);
    for _ in 0..=MOST_NESTED {
        if let Some(def) = def_of(node) {
            return def.input(name).map(|(_, input)| (node, input));
        }
        let port = inlets(patch, node).iter().find(|inlet| inlet.name == name)?.to.first()?;
        node = patch.definitions.get(node.kind.strip_prefix(INSTANCE)?)?.nodes.get(&port.node)?;
        name = &port.port;
    }
    None
}

fn def_of(node: &Node) -> Option<&'static NodeDef> {
    LIBRARY.iter().find(|def| def.name == node.kind).copied()
}

/// The inputs of an instance of a subpatch; none of any other node.
fn inlets<'p>(patch: &'p Patch, node: &Node) -> &'p [Inlet] {
    let definition = node.kind.strip_prefix(INSTANCE).and_then(|name| patch.definitions.get(name));
    definition.map_or(&[], |definition| &definition.inputs)
}

/// The names of the inputs of a node.
fn names_of<'p>(patch: &'p Patch, node: &Node) -> Vec<&'p str> {
    let declared = def_of(node).into_iter().flat_map(|def| def.inputs).map(|input| input.name);
    declared.chain(inlets(patch, node).iter().map(|inlet| &*inlet.name)).collect()
}

/// The edit of a message to a knob, switch or field of the patch itself.
///
/// # Errors
///
/// Fails if the patch lacks the node, the node the input, or the input does not take the argument.
pub fn edit(patch: &Patch, address: &str, argument: &Argument) -> Result<LevelEdit, KnobError> {
    let Address { node: id, input: name, is_part } = Address::read(address).ok_or(KnobError::NoNode)?;
    let node = patch.nodes.get(id).ok_or(KnobError::NoNode)?;
    let unfit = |why: String| KnobError::Unfit(format!("{id}.{name}: {why}"));
    let (within, input) = resolve_input(patch, id, name).ok_or_else(|| {
        let names = Some(names_of(patch, node).join(", ")).filter(|names| !names.is_empty());
        unfit(format!("no such input; {id} has {}", names.unwrap_or("none".to_owned())))
    })?;
    let value = value(input, argument, is_part).map_err(unfit)?;
    params::read(input, &value, String::new()).map_err(|problem| unfit(problem.message))?;
    // Without a value of its own, an instance has that of the subpatch.
    let is_own = std::ptr::eq(node, within);
    let inner = within.params.get(input.name).filter(|_| !is_own).cloned();
    let is_default = inner.or_else(|| input.default_json()) == Some(value.clone());
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
            let number = if is_part { input.along(number.clamp(0.0, 1.0)) } else { *number };
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

/// A number with seven digits: 0.1 as a float is 0.1, not 0.10000000149.
fn short(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
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
pub fn knobs(patch: &Patch) -> impl Iterator<Item = Knob<'_>> {
    patch.nodes.iter().flat_map(move |(id, node)| {
        names_of(patch, node).into_iter().flat_map(move |name| knobs_of(patch, (id, node), name))
    })
}

/// The knob of an input, at each of its addresses.
fn knobs_of<'p>(
    patch: &'p Patch,
    (id, node): (&str, &'p Node),
    name: &str,
) -> impl Iterator<Item = Knob<'p>> + use<'p> {
    let own = resolve_input(patch, id, name).and_then(|(within, input)| {
        let about = inlets(patch, node).iter().find(|inlet| inlet.name == name).map_or("", |inlet| &*inlet.about);
        let about = if about.is_empty() { input.about } else { about };
        let json = node.params.get(name).or_else(|| within.params.get(input.name));
        let base = json.and_then(|json| params::read(input, json, String::new()).ok()).map(|(value, _)| value);
        let (range, value, part) = values(input, base.or_else(|| params::preset(input)))?;
        let address = format!("{ROOT}{id}/{name}").into();
        let part = part.map(|part| Knob {
            address: format!("{ROOT}{PART}/{id}/{name}").into(),
            range: Range::Numbers(0.0, 1.0),
            value: part.map(|part| json!(part)),
            about,
        });
        Some([Some(Knob { address, range, value, about }), part])
    });
    own.into_iter().flatten().flatten()
}

/// The values of an input, its value, and for a number or switch the part of its travel; none without a knob.
#[expect(clippy::option_option, reason = "a number may have no value")]
fn values(input: &Input, base: Option<Value>) -> Option<(Range, Option<Json>, Option<Option<f64>>)> {
    let number = base.as_ref().and_then(Value::number);
    let count = input.choices.len();
    Some(match input.kind {
        Kind::Number if count > 0 => {
            let choice = number.and_then(|index| input.choices.get(index as usize));
            let part = number.map(|index| index / (count - 1).max(1) as f64);
            (Range::Choices(input.choices), choice.map(|choice| json!(choice)), Some(part))
        }
        Kind::Number => {
            let part = number.map(|number| input.part_at(number));
            (Range::Numbers(input.soft.0, input.soft.1), number.map(|number| json!(number)), Some(part))
        }
        Kind::Gate => {
            let number = Some(number.unwrap_or(0.0));
            (Range::Switch, number.map(|number| json!(number >= ON)), Some(number))
        }
        Kind::Text => match base {
            Some(Value::Text(text)) => (Range::Text, Some(json!(&*text)), None),
            _ => (Range::Text, None, None),
        },
        _ => return None,
    })
}

/// The addresses of [`knobs`].
pub fn addresses(patch: &Patch) -> impl Iterator<Item = Arc<str>> {
    knobs(patch).map(|knob| knob.address)
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
        assert_eq!(of(&"lfo.rate".parse().expect("a port")), "/bend/n/lfo/rate");
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
    fn an_instance_has_the_inputs_of_its_subpatch() {
        let text = r#"{ "format": "bendrack-patch", "version": 1,
            "nodes": { "left": { "type": "sub.wobble" }, "right": { "type": "sub.wobble", "params": { "speed": 0.5 } } },
            "definitions": { "wobble": {
                "inputs": [ { "name": "speed", "to": ["lfo.rate"], "about": "Speed of the wobble." } ],
                "nodes": { "lfo": { "type": "modulate.lfo", "params": { "rate": 0.25 } } } } } }"#;
        let patch: Patch = serde_json::from_str(text).expect("a patch");
        let value = |address: &str| {
            let knob = knobs(&patch).find(|knob| &*knob.address == address).expect("a knob");
            assert_eq!(knob.about, "Speed of the wobble.");
            knob.value.expect("a value")
        };
        assert_eq!((value("/bend/left/speed"), value("/bend/right/speed")), (json!(0.25), json!(0.5)));
        assert!(value("/bend/n/left/speed").as_f64().is_some_and(|part| part > 0.0 && part < 1.0));
        let set = |address: &str, number| edit(&patch, address, &Argument::Number(number));
        let edit =
            |value: Option<Json>| Ok(LevelEdit::SetParam { id: "left".to_owned(), name: "speed".to_owned(), value });
        assert_eq!(set("/bend/left/speed", 3.0), edit(Some(json!(3.0))));
        assert_eq!(set("/bend/left/speed", 0.25), edit(None), "the subpatch has it");
        let Err(KnobError::Unfit(why)) = set("/bend/left/rate", 1.0) else { panic!("no such input") };
        assert!(why.ends_with("left has speed"), "{why}");
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
    fn every_address_of_a_patch_sets_something() {
        let patch = patch();
        let all: Vec<_> = addresses(&patch).collect();
        assert!(all.iter().any(|address| &**address == "/bend/n/lfo/rate"), "{all:?}");
        assert!(!all.iter().any(|address| &**address == "/bend/n/osc/address"), "{all:?}");
        for Knob { address, value, .. } in knobs(&patch) {
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
