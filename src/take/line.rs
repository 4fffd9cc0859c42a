//! The lines of a take, after its header: JSON arrays.

use std::collections::HashMap;
use std::sync::Arc;

use bendrack_nodes::input::{ControlId, ControlName, Event};
use bendrack_nodes::node::sound::{BANDS, Hop};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::engine::Checksum;

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// The latent frame of the events that follow.
    At(u64),
    /// The name of a control. Names are counted from 0, in the order of their lines.
    Name(ControlId),
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
    /// [`Entry::Forget`](crate::engine::Entry::Forget).
    Forget,
    /// [`Entry::Show`](crate::engine::Entry::Show).
    Show(usize),
    /// The checksum of the pictures so far.
    Check(Checksum),
}

/// The numbers of names, in the order of their first use.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<ControlId, usize>);

impl Names {
    /// The number of a name; true if it is new.
    pub(super) fn number(&mut self, name: &ControlId) -> (usize, bool) {
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
            Self::Name(control) => return name_text(control),
            Self::Event(name, numbers) => return event_text(*name, numbers),
            Self::Sound(hop) => return sound_text(hop),
            Self::Patch(patch) => json!(["patch", patch]),
            Self::Make(frames) => json!(["make", frames]),
            Self::Call(count) => json!(["call", count]),
            Self::Fail => json!(["fail"]),
            Self::Forget => json!(["forget"]),
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
            (Some("forget"), []) => Self::Forget,
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

/// The event of a control with these numbers.
///
/// # Errors
///
/// Fails for a control of MIDI with another count of numbers than its own.
pub(super) fn event(control: &ControlId, numbers: &[f64]) -> Result<Event, String> {
    let count = match control.name {
        ControlName::Osc { .. } | ControlName::Sensor { .. } => numbers.len(),
        ControlName::Clock => 3,
        _ => 1,
    };
    if numbers.len() != count {
        return Err(format!("{} numbers; {} has {count}", numbers.len(), control.name));
    }
    Ok(Event::new(control.clone(), numbers))
}

/// The line of a name: its kind and numbers or text, then the name of the device if it has one.
fn name_text(control: &ControlId) -> String {
    let mut values = match &control.name {
        ControlName::Cc { channel, number } => vec![json!("cc"), json!(channel), json!(number)],
        ControlName::Note { channel, number } => vec![json!("note"), json!(channel), json!(number)],
        ControlName::PitchBend { channel } => vec![json!("pitch_bend"), json!(channel)],
        ControlName::Pressure { channel } => vec![json!("pressure"), json!(channel)],
        ControlName::KeyPressure { channel, number } => vec![json!("key_pressure"), json!(channel), json!(number)],
        ControlName::Program { channel } => vec![json!("program"), json!(channel)],
        ControlName::Nrpn { channel, number } => vec![json!("nrpn"), json!(channel), json!(number)],
        ControlName::Rpn { channel, number } => vec![json!("rpn"), json!(channel), json!(number)],
        ControlName::Clock => vec![json!("clock")],
        ControlName::Online => vec![json!("online")],
        ControlName::Osc { address } => vec![json!("osc"), json!(&**address)],
        ControlName::Sensor { name } => vec![json!("sensor"), json!(&**name)],
        ControlName::Gamepad { part } => vec![json!("gamepad"), json!(part)],
        ControlName::Key { key } => vec![json!("key"), json!(key)],
    };
    values.insert(0, json!("name"));
    values.extend(control.device.as_deref().map(Json::from));
    Json::Array(values).to_string()
}

fn name(kind: &Json, rest: &[Json]) -> Result<ControlId, String> {
    let within = |value: &Json, low: u64, high: u64| {
        let number = value.as_u64().filter(|number| (low..=high).contains(number));
        number.map(|number| number as u16).ok_or_else(|| format!("{value} is not within {low} to {high}"))
    };
    let wrong = || format!("{kind} is an unknown kind of control, or its values are wrong");
    let channel = || within(rest.first().ok_or_else(wrong)?, 1, 16).map(|channel| channel as u8);
    let number = |high| within(rest.get(1).ok_or_else(wrong)?, 0, high);
    let text = || rest.first().and_then(Json::as_str).map(Arc::from).ok_or_else(wrong);
    let kind = kind.as_str().unwrap_or_default();
    let (name, count) = match kind {
        "cc" => (ControlName::Cc { channel: channel()?, number: number(127)? as u8 }, 2),
        "note" => (ControlName::Note { channel: channel()?, number: number(127)? as u8 }, 2),
        "pitch_bend" => (ControlName::PitchBend { channel: channel()? }, 1),
        "pressure" => (ControlName::Pressure { channel: channel()? }, 1),
        "key_pressure" => (ControlName::KeyPressure { channel: channel()?, number: number(127)? as u8 }, 2),
        "program" => (ControlName::Program { channel: channel()? }, 1),
        "nrpn" => (ControlName::Nrpn { channel: channel()?, number: number(0x3FFF)? }, 2),
        "rpn" => (ControlName::Rpn { channel: channel()?, number: number(0x3FFF)? }, 2),
        "clock" => (ControlName::Clock, 0),
        "online" => (ControlName::Online, 0),
        "osc" => (ControlName::Osc { address: text()? }, 1),
        "sensor" => (ControlName::Sensor { name: text()? }, 1),
        "gamepad" => (ControlName::Gamepad { part: choice(rest).ok_or_else(wrong)? }, 1),
        "key" => (ControlName::Key { key: choice(rest).ok_or_else(wrong)? }, 1),
        _ => return Err(wrong()),
    };
    let device = match &rest[count..] {
        [] => None,
        [Json::String(device)] => Some(device.as_str().into()),
        _ => return Err(wrong()),
    };
    Ok(ControlId { name, device })
}

/// A choice by its name.
fn choice<C: DeserializeOwned>(values: &[Json]) -> Option<C> {
    serde_json::from_value(values.first()?.clone()).ok()
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
