//! The lines of a take, after its header: JSON arrays.

use std::collections::HashMap;
use std::sync::Arc;

use bendrack_nodes::input::Event;
use bendrack_nodes::node::sound::{BANDS, Hop};
use serde_json::{Value as Json, json};

use crate::engine::Checksum;

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// The latent frame of the events that follow.
    At(u64),
    /// The name of a control. Names are counted from 0, in the order of their lines.
    Name(Name),
    /// An event: the number of its name, and its numbers.
    Event(usize, Vec<f64>),
    /// A hundredth of a second of sound.
    Sound(Box<Hop>),
    /// Another patch, as its difference from the one before: JSON Patch (RFC 6902).
    Patch(json_patch::Patch),
    /// [`Entry::Make`](crate::engine::Entry::Make).
    Make(usize),
    /// So many model calls.
    Call(usize),
    /// [`Entry::Fail`](crate::engine::Entry::Fail).
    Fail,
    /// [`Entry::Show`](crate::engine::Entry::Show).
    Show(usize),
    /// The checksum of the pictures so far.
    Check(Checksum),
}

/// The name of a control.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// A MIDI controller: channel and number.
    Cc(u8, u8),
    /// A key: channel and number.
    Note(u8, u8),
    /// An OSC address.
    Osc(Arc<str>),
    /// A sensor.
    Sensor(Arc<str>),
}

impl Name {
    /// The name and the numbers of an event; none for sound.
    pub(super) fn of(event: &Event) -> Option<(Self, Vec<f64>)> {
        Some(match event {
            Event::Cc { channel, number, value } => (Self::Cc(*channel, *number), vec![*value]),
            Event::Note { channel, number, velocity } => (Self::Note(*channel, *number), vec![*velocity]),
            Event::Osc { address, numbers } => (Self::Osc(address.clone()), numbers.to_vec()),
            Event::Sensor { name, numbers } => (Self::Sensor(name.clone()), numbers.to_vec()),
            Event::Sound(_) => return None,
        })
    }

    /// The event of these numbers.
    pub(super) fn event(&self, numbers: &[f64]) -> Result<Event, String> {
        let one = || match numbers {
            [number] => Ok(*number),
            _ => Err(format!("{} numbers; a controller or key has one", numbers.len())),
        };
        Ok(match self {
            Self::Cc(channel, number) => Event::Cc { channel: *channel, number: *number, value: one()? },
            Self::Note(channel, number) => Event::Note { channel: *channel, number: *number, velocity: one()? },
            Self::Osc(address) => Event::Osc { address: address.clone(), numbers: numbers.into() },
            Self::Sensor(name) => Event::Sensor { name: name.clone(), numbers: numbers.into() },
        })
    }
}

/// The numbers of names, in the order of their first use.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Name, usize>);

impl Names {
    /// The number of a name; true if it is new.
    pub(super) fn number(&mut self, name: &Name) -> (usize, bool) {
        if let Some(number) = self.0.get(name) {
            return (*number, false);
        }
        let next = self.0.len();
        self.0.insert(name.clone(), next);
        (next, true)
    }
}

impl Line {
    /// The text of the line, without its end.
    pub(super) fn text(&self) -> String {
        let json = match self {
            Self::At(frame) => json!(["at", frame]),
            Self::Name(Name::Cc(channel, number)) => json!(["name", "cc", channel, number]),
            Self::Name(Name::Note(channel, number)) => json!(["name", "note", channel, number]),
            Self::Name(Name::Osc(address)) => json!(["name", "osc", &**address]),
            Self::Name(Name::Sensor(name)) => json!(["name", "sensor", &**name]),
            Self::Event(name, numbers) => return event_text(*name, numbers),
            Self::Sound(hop) => return sound_text(hop),
            Self::Patch(patch) => json!(["patch", patch]),
            Self::Make(frames) => json!(["make", frames]),
            Self::Call(count) => json!(["call", count]),
            Self::Fail => json!(["fail"]),
            Self::Show(frames) => json!(["show", frames]),
            Self::Check(Checksum { pictures, crc }) => json!(["check", pictures, format!("{crc:08x}")]),
        };
        json.to_string()
    }

    /// Reads a line. The error is its problem.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let values: Vec<Json> = serde_json::from_str(text).map_err(|error| format!("not a JSON array ({error})"))?;
        let (first, rest) = values.split_first().ok_or("an empty array")?;
        let numbers = |values: &[Json]| -> Result<Vec<f64>, String> {
            values.iter().map(|value| value.as_f64().ok_or_else(|| format!("{value} is not a number"))).collect()
        };
        if let Some(name) = first.as_u64() {
            return Ok(Self::Event(name as usize, numbers(rest)?));
        }
        let count = |value: &Json| value.as_u64().ok_or_else(|| format!("{value} is not a whole number"));
        Ok(match (first.as_str(), rest) {
            (Some("at"), [frame]) => Self::At(count(frame)?),
            (Some("f"), [name, rest @ ..]) => {
                let numbers = numbers(rest)?.into_iter().map(|number| f64::from(number as f32));
                Self::Event(count(name)? as usize, numbers.collect())
            }
            (Some("name"), [kind, rest @ ..]) => Self::Name(name(kind, rest)?),
            (Some("sound"), [bands]) => Self::Sound(Box::new(hop(bands)?)),
            (Some("patch"), [patch]) => {
                let patch = serde_json::from_value(patch.clone());
                Self::Patch(patch.map_err(|error| format!("not a JSON Patch ({error})"))?)
            }
            (Some("make"), [frames]) => Self::Make(count(frames)? as usize),
            (Some("call"), [calls]) => Self::Call(count(calls)? as usize),
            (Some("fail"), []) => Self::Fail,
            (Some("show"), [frames]) => Self::Show(count(frames)? as usize),
            (Some("check"), [pictures, crc]) => {
                let crc = crc.as_str().and_then(|crc| u32::from_str_radix(crc, 16).ok());
                let crc = crc.ok_or("a checksum is eight hexadecimal digits")?;
                Self::Check(Checksum { pictures: count(pictures)?, crc })
            }
            _ => return Err(format!("{first} is an unknown kind of line, or its values are wrong")),
        })
    }
}

/// The line of an event. Numbers of 32 bits, as OSC sends them, have half the digits, and a mark.
fn event_text(name: usize, numbers: &[f64]) -> String {
    let short: Vec<String> = numbers.iter().map(|number| format!("{:?}", *number as f32)).collect();
    let long: Vec<String> = numbers.iter().map(|number| json!(number).to_string()).collect();
    let is_same = |text: &str, number: f64| {
        text.parse::<f64>().is_ok_and(|read| f64::from(read as f32).to_bits() == number.to_bits())
    };
    let is_short = short.iter().zip(numbers).all(|(text, number)| is_same(text, *number));
    let joined = |first: &[&str], texts: &[String]| {
        let first = first.iter().map(|text| (*text).to_owned());
        format!("[{}]", first.chain(texts.iter().cloned()).collect::<Vec<_>>().join(","))
    };
    let name = name.to_string();
    let (short, long) = (joined(&["\"f\"", &name], &short), joined(&[&name], &long));
    if is_short && short.len() < long.len() { short } else { long }
}

/// The line of a hop: each band with the fewest digits that are read as the same 32 bits.
fn sound_text(hop: &Hop) -> String {
    let digits = |band: &f32| {
        let short = format!("{band:?}");
        // Digits are read as 64 bits and rounded then, which is another number for very few of them.
        let is_same = short.parse::<f64>().is_ok_and(|read| (read as f32).to_bits() == band.to_bits());
        if is_same { short } else { json!(band).to_string() }
    };
    format!("[\"sound\",[{}]]", hop.bands.iter().map(digits).collect::<Vec<_>>().join(","))
}

fn name(kind: &Json, rest: &[Json]) -> Result<Name, String> {
    let within = |value: &Json, low: u64, high: u64| {
        let number = value.as_u64().filter(|number| (low..=high).contains(number));
        number.map(|number| number as u8).ok_or_else(|| format!("{value} is not within {low} to {high}"))
    };
    Ok(match (kind.as_str(), rest) {
        (Some("cc"), [channel, number]) => Name::Cc(within(channel, 1, 16)?, within(number, 0, 127)?),
        (Some("note"), [channel, number]) => Name::Note(within(channel, 1, 16)?, within(number, 0, 127)?),
        (Some("osc"), [Json::String(address)]) => Name::Osc(address.as_str().into()),
        (Some("sensor"), [Json::String(name)]) => Name::Sensor(name.as_str().into()),
        _ => return Err(format!("{kind} is an unknown kind of control, or its values are wrong")),
    })
}

fn hop(bands: &Json) -> Result<Hop, String> {
    let numbers: Vec<f32> = (bands.as_array().into_iter().flatten())
        .filter_map(|band| band.as_f64().map(|band| band as f32))
        .filter(|band| band.is_finite())
        .collect();
    match <[f32; BANDS]>::try_from(numbers) {
        Ok(bands) => Ok(Hop { bands }),
        Err(numbers) => Err(format!("{} bands of sound instead of {BANDS}", numbers.len())),
    }
}
