//! Outgoing numbers of each latent frame: to OSC, to MIDI, and to the recorder.
//!
//! A message of OSC with several arguments, and the MIDI state of a node, are several numbers of one node.

use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::choice::choices;
use crate::program::cells::{Cells, Pixels};
use crate::program::op::Lanes;
use crate::program::serial::is_default;

/// An outgoing number, or a text or picture in its place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The node that sends it.
    pub node: Arc<str>,
    /// Its OSC address; the id of its node if it goes elsewhere.
    pub address: Arc<str>,
    /// The name of the device that it goes to; empty for all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub device: Arc<str>,
    /// Destination.
    #[serde(skip_serializing_if = "is_default")]
    pub to: To,
    /// One value per latent frame of the call; none for a text or picture.
    #[serde(serialize_with = "as_list", skip_serializing_if = "SmallVec::is_empty")]
    pub values: Lanes,
    /// Its texts or pictures, if it has no values.
    #[serde(flatten, skip_serializing_if = "Content::is_values")]
    pub content: Content,
}

/// Content of a message, one per latent frame of the call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Its values.
    #[default]
    Values,
    /// Texts.
    Texts(#[serde(serialize_with = "as_list")] SmallVec<[Arc<str>; 4]>),
    /// Small pictures or maps.
    Cells(#[serde(serialize_with = "as_list")] SmallVec<[Cells; 4]>),
}

impl Content {
    const fn is_values(&self) -> bool {
        matches!(self, Self::Values)
    }
}

impl Message {
    /// Count of latent frames.
    pub fn lanes(&self) -> usize {
        match &self.content {
            Content::Values => self.values.len(),
            Content::Texts(texts) => texts.len(),
            Content::Cells(cells) => cells.len(),
        }
    }

    /// True if `next` is the same message in the next latent frame.
    pub(crate) fn is_same(&self, next: &Self) -> bool {
        let content = std::mem::discriminant(&self.content) == std::mem::discriminant(&next.content);
        content && self.to == next.to && self.node == next.node
    }

    /// Adds the next latent frame.
    pub(crate) fn append(&mut self, next: &Self) {
        self.values.extend_from_slice(&next.values);
        match (&mut self.content, &next.content) {
            (Content::Texts(texts), Content::Texts(next)) => texts.extend(next.iter().cloned()),
            (Content::Cells(cells), Content::Cells(next)) => cells.extend(next.iter().cloned()),
            _ => {}
        }
    }

    /// Repeats the last latent frame, if there are only `lane` so far.
    pub(crate) fn fill(&mut self, lane: usize) {
        if self.lanes() > lane {
            return;
        }
        match &mut self.content {
            Content::Values => self.values.extend(self.values.last().copied()),
            Content::Texts(texts) => texts.extend(texts.last().cloned()),
            Content::Cells(cells) => cells.extend(cells.last().cloned()),
        }
    }
}

/// Destination of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// To another program, by OSC, as an argument of a message.
    Osc(Form),
    /// The number of times that the message of the node's arguments is sent by OSC; without it, once.
    Times,
    /// To boards, as a part of a line.
    Board(Wire),
    /// To a MIDI output, as one part of the state of its node.
    Midi(Part),
    /// To the recorder, which writes the frames at 0.5 and above.
    Video,
}

impl Default for To {
    fn default() -> Self {
        Self::Osc(Form::Float)
    }
}

choices! {
    /// The type of an OSC argument.
    #[derive(Default)]
    pub enum Form {
        /// 32-bit floats.
        #[default]
        Float = "float",
        /// 32-bit integers, rounded. A picture has 0 to 255.
        Int = "int",
        /// 64-bit floats.
        Double = "double",
        /// True or false. True from 0.5.
        Bool = "bool",
        /// Text.
        Text = "text",
        /// Bytes, 0 to 255 for 0 to 1.
        Blob = "blob",
        /// Nothing: the message is sent without this argument.
        None = "none",
    }
}

choices! {
    /// The form of a line to a board.
    #[derive(Default)]
    pub enum Wire {
        /// The name and its numbers. A picture has columns, rows, and a byte in two hexadecimal digits for each number.
        #[default]
        Text = "text",
        /// A JSON object. A picture has `columns`, `rows`, and integers from 0 to 255.
        Json = "json",
    }
}

/// A line of a frame to boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardLine {
    /// The name of the board; empty for all.
    pub device: Arc<str>,
    /// The line, with its end.
    pub line: Arc<[u8]>,
}

/// An OSC message of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct OscMessage {
    /// The name of the destination; empty for all.
    pub device: Arc<str>,
    /// The address.
    pub address: Arc<str>,
    /// The arguments.
    pub arguments: Vec<Argument>,
}

/// An argument of an OSC message.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// A number.
    Number(f64, Form),
    /// A text.
    Text(Arc<str>),
    /// A small picture or map.
    Pixels(Pixels, Form),
}

impl OscMessage {
    /// The first argument, if it is a number.
    pub fn number(&self) -> Option<f64> {
        match self.arguments.first()? {
            Argument::Number(number, _) => Some(*number),
            Argument::Text(_) | Argument::Pixels(..) => None,
        }
    }
}

/// OSC messages in a lane of a call. `is_sent` decides by the number of times that a message is sent, and `pixels` renders pictures.
pub fn osc(
    messages: &[Message],
    lane: usize,
    is_sent: impl Fn(u16) -> bool,
    pixels: impl Fn(&Cells) -> Pixels,
) -> Vec<OscMessage> {
    let message = |parts: &[Message]| {
        let is_argument = |part: &&Message| matches!(part.to, To::Osc(_));
        let first = parts.iter().find(is_argument)?;
        let times = parts.iter().find(|part| part.to == To::Times).and_then(|part| part.values.get(lane));
        // A cast saturates.
        if !is_sent(times.map_or(1, |times| times.round() as u16)) {
            return None;
        }
        let argument = |part: &Message| match (part.to, &part.content) {
            (To::Osc(Form::None) | To::Times | To::Board(_) | To::Midi(_) | To::Video, _) => None,
            (To::Osc(form), Content::Values) => part.values.get(lane).map(|x| Argument::Number(*x, form)),
            (To::Osc(_), Content::Texts(texts)) => texts.get(lane).cloned().map(Argument::Text),
            (To::Osc(form), Content::Cells(cells)) => {
                cells.get(lane).map(|cells| Argument::Pixels(pixels(cells), form))
            }
        };
        let arguments = parts.iter().filter_map(argument).collect();
        Some(OscMessage { device: first.device.clone(), address: first.address.clone(), arguments })
    };
    let one = |a: &Message, b: &Message| a.node == b.node && a.address == b.address;
    messages.chunk_by(one).filter_map(message).collect()
}

/// The most bytes of a name in a line.
const MOST_NAME: usize = 64;

/// Lines to boards in a lane of a call. `is_sent` decides by the number of times that a line is sent, and `pixels` renders pictures.
pub fn board_lines(
    messages: &[Message],
    lane: usize,
    is_sent: impl Fn(u16) -> bool,
    pixels: impl Fn(&Cells) -> Pixels,
) -> Vec<BoardLine> {
    let line = |parts: &[Message]| {
        let (first, wire) = parts.iter().find_map(|part| match part.to {
            To::Board(wire) => Some((part, wire)),
            _ => None,
        })?;
        let times = parts.iter().find(|part| part.to == To::Times).and_then(|part| part.values.get(lane));
        if !is_sent(times.map_or(1, |times| times.round() as u16)) {
            return None;
        }
        let name = board_name(&first.address);
        let line = if let Content::Cells(cells) = &first.content {
            let cells = cells.get(lane)?;
            picture_line(&name, (cells.width, cells.height), &pixels(cells), wire)
        } else {
            let parts = parts.iter().filter(|part| matches!(part.to, To::Board(_)));
            let numbers = parts.filter_map(|part| part.values.get(lane).copied());
            number_line(&name, &numbers.collect::<Vec<f64>>(), wire)
        };
        Some(BoardLine { device: first.device.clone(), line: line.into_bytes().into() })
    };
    let one = |a: &Message, b: &Message| a.node == b.node && a.address == b.address;
    messages.chunk_by(one).filter_map(line).collect()
}

/// A name in a line: one word.
fn board_name(name: &str) -> String {
    let is_in_name = |char: char| char.is_alphanumeric() || "_-./".contains(char);
    let mut word: String = name.trim().chars().map(|char| if is_in_name(char) { char } else { '_' }).collect();
    while word.len() > MOST_NAME {
        word.pop();
    }
    if word.is_empty() { "out".to_owned() } else { word }
}

/// The largest number in a line.
const LARGEST: f64 = 1e9;

fn number_line(name: &str, numbers: &[f64], wire: Wire) -> String {
    // Four decimals; −0 becomes 0.
    let short = |number: &f64| (number.clamp(-LARGEST, LARGEST) * 1e4).round() / 1e4 + 0.0;
    let numbers: Vec<f64> = numbers.iter().map(|number| if number.is_nan() { 0.0 } else { short(number) }).collect();
    match (wire, &numbers[..]) {
        (Wire::Text, numbers) => {
            let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
            format!("{name} {}\n", numbers.join(" "))
        }
        (Wire::Json, [number]) => format!("{}\n", serde_json::json!({ name: number })),
        (Wire::Json, numbers) => format!("{}\n", serde_json::json!({ name: numbers })),
    }
}

fn picture_line(name: &str, (columns, rows): (u16, u16), pixels: &Pixels, wire: Wire) -> String {
    let bytes: Vec<u8> = match pixels {
        // A cast saturates, and turns NaN into 0.
        Pixels::Grey(greys) => greys.iter().map(|grey| (grey * 255.0).round() as u8).collect(),
        Pixels::Rgb(bytes) => bytes.clone(),
    };
    match wire {
        Wire::Text => {
            let digits: String = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(hex_digit).collect();
            format!("{name} {columns} {rows} {digits}\n")
        }
        Wire::Json => {
            format!("{}\n", serde_json::json!({ name: { "columns": columns, "rows": rows, "cells": bytes } }))
        }
    }
}

fn hex_digit(number: u8) -> char {
    char::from_digit(number.into(), 16).unwrap_or('0')
}

/// A part of the MIDI state of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Kind of message: 0 is a controller, 1 a controller of 14 bits, 2 a note, 3 a clock.
    Kind,
    /// The channel, 1 to 16.
    Channel,
    /// The number of the controller or note, 0 to 127.
    Number,
    /// Value of the controller, or velocity of the note, 0 to 1.
    Value,
    /// 1 while the note is held, or the clock runs.
    Gate,
    /// Number of note-ons, or starts, in the latent frame.
    Hits,
    /// Beat of a clock at the beginning of the latent frame, from its start.
    Beat,
    /// Beats of a clock in the latent frame.
    Beats,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 8] =
        [Self::Kind, Self::Channel, Self::Number, Self::Value, Self::Gate, Self::Hits, Self::Beat, Self::Beats];

    /// Its name in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Channel => "channel",
            Self::Number => "number",
            Self::Value => "value",
            Self::Gate => "gate",
            Self::Hits => "hits",
            Self::Beat => "beat",
            Self::Beats => "beats",
        }
    }
}

/// MIDI state of a node at a latent frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Midi {
    /// A controller with its value.
    Controller {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127; up to 31 if it is fine.
        number: u8,
        /// 0 to 1.
        value: f64,
        /// In 14 bits instead of 7.
        fine: bool,
    },
    /// A note, on or off.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// Velocity, 0 to 1.
        velocity: f64,
        /// True if it is on at the end of the latent frame.
        held: bool,
        /// Number of note-ons in the latent frame.
        hits: u16,
    },
    /// A clock of 24 ticks a beat.
    Clock {
        /// True while it runs.
        runs: bool,
        /// True if it starts from the beginning in the latent frame.
        starts: bool,
        /// Its beat at the beginning of the latent frame, from its start.
        beat: f64,
        /// Its beats in the latent frame.
        beats: f64,
    },
}

impl Midi {
    /// Its parts as numbers.
    pub fn parts(self) -> impl Iterator<Item = (Part, f64)> {
        let gate = |on| f64::from(u8::from(on));
        let (kind, channel, number, value, held, hits, clock) = match self {
            Self::Controller { channel, number, value, fine } => (gate(fine), channel, number, value, 0.0, 0, None),
            Self::Note { channel, number, velocity, held, hits } => {
                (2.0, channel, number, velocity, gate(held), hits, None)
            }
            Self::Clock { runs, starts, beat, beats } => {
                (3.0, 1, 0, 0.0, gate(runs), u16::from(starts), Some([(Part::Beat, beat), (Part::Beats, beats)]))
            }
        };
        let parts = [
            (Part::Kind, kind),
            (Part::Channel, f64::from(channel)),
            (Part::Number, f64::from(number)),
            (Part::Value, value),
            (Part::Gate, held),
            (Part::Hits, f64::from(hits)),
        ];
        parts.into_iter().chain(clock.into_iter().flatten())
    }

    /// The state with these parts, in the order of [`Part::ALL`]. Numbers out of range are clamped.
    pub fn of([kind, channel, number, value, gate, hits, beat, beats]: [f64; Part::ALL.len()]) -> Self {
        // A cast saturates, and turns NaN into 0.
        let channel = (channel.round() as u8).clamp(1, 16);
        let number = number.round() as u8;
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        match kind.round() as u8 {
            3 => {
                let positive = |x: f64| if x.is_finite() { x.max(0.0) } else { 0.0 };
                Self::Clock { runs: gate >= 0.5, starts: hits >= 0.5, beat: positive(beat), beats: positive(beats) }
            }
            2 => {
                let held = gate >= 0.5;
                Self::Note { channel, number: number.min(127), velocity: value, held, hits: hits.round() as u16 }
            }
            1 => Self::Controller { channel, number: number.min(31), value, fine: true },
            _ => Self::Controller { channel, number: number.min(127), value, fine: false },
        }
    }
}

/// The MIDI state of a node, and the output that plays it.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The node.
    pub node: Arc<str>,
    /// The name of the output; empty for all.
    pub device: Arc<str>,
    /// The state.
    pub midi: Midi,
}

/// MIDI states of the nodes in a lane of a call, one per node, in running order.
pub fn midi(messages: &[Message], lane: usize) -> impl Iterator<Item = Played> {
    let played = messages.chunk_by(|a, b| a.node == b.node);
    played.filter_map(move |parts| {
        let mut numbers = [0.0; Part::ALL.len()];
        let mut any = false;
        for message in parts {
            if let (To::Midi(part), Some(value)) = (message.to, message.values.get(lane)) {
                (numbers[part as usize], any) = (*value, true);
            }
        }
        let (node, device) = (&parts[0].node, &parts[0].device);
        any.then(|| Played { node: node.clone(), device: device.clone(), midi: Midi::of(numbers) })
    })
}

/// True if the frames of a lane of a call are written to the video. Without a recorder node, all are.
pub fn recorded(messages: &[Message], lane: usize) -> bool {
    let last = messages.iter().rev().find(|message| message.to == To::Video);
    last.and_then(|message| message.values.get(lane)).is_none_or(|on| *on >= 0.5)
}

pub(crate) fn as_list<T: Serialize, const N: usize, S: serde::Serializer>(
    lanes: &SmallVec<[T; N]>,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    [T; N]: smallvec::Array<Item = T>,
{
    lanes[..].serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_boards_are_short_and_whole() {
        let nan = f64::NAN;
        assert_eq!(number_line("gate", &[1.0], Wire::Text), "gate 1\n");
        assert_eq!(number_line("xy", &[0.123_456, -0.000_01, 100.0, nan], Wire::Text), "xy 0.1235 0 100 0\n");
        assert_eq!(number_line("big", &[1e300, f64::NEG_INFINITY], Wire::Text), "big 1000000000 -1000000000\n");
        assert_eq!(number_line("gate", &[0.25], Wire::Json), "{\"gate\":0.25}\n");
        assert_eq!(number_line("xy", &[0.1, nan], Wire::Json), "{\"xy\":[0.1,0.0]}\n");
        let grey = Pixels::Grey(vec![0.0, 1.0, 0.5, 2.0]);
        assert_eq!(picture_line("map", (2, 2), &grey, Wire::Text), "map 2 2 00ff80ff\n");
        let rgb = Pixels::Rgb(vec![1, 2, 255]);
        let json = "{\"map\":{\"columns\":1,\"rows\":1,\"cells\":[1,2,255]}}\n";
        assert_eq!(picture_line("map", (1, 1), &rgb, Wire::Json), json);
    }

    #[test]
    fn a_name_cannot_begin_another_line() {
        assert_eq!(board_name(" a b\nled 1 "), "a_b_led_1");
        assert_eq!((board_name(""), board_name(&"é".repeat(99)).len()), ("out".to_owned(), MOST_NAME));
    }
}
