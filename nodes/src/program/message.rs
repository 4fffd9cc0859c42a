//! Outgoing numbers of each latent frame: to OSC, to MIDI, and to the recorder.

use std::sync::Arc;

use serde::Serialize;

use crate::program::op::Lanes;
use crate::program::serial::is_default;

/// An outgoing number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The node that sends it.
    pub node: Arc<str>,
    /// Its OSC address; the id of its node if it goes elsewhere.
    pub address: Arc<str>,
    /// Destination.
    #[serde(skip_serializing_if = "is_default")]
    pub to: To,
    /// One value per latent frame of the call.
    #[serde(serialize_with = "as_list")]
    pub values: Lanes,
}

/// Destination of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// To another program, by OSC.
    #[default]
    Osc,
    /// To a MIDI output, as one part of the state of its node.
    Midi(Part),
    /// To the recorder, which writes the frames at 0.5 and above.
    Video,
}

/// A part of the MIDI state of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Kind of message: 0 is a controller, 1 a controller of 14 bits, 2 a note.
    Kind,
    /// The channel, 1 to 16.
    Channel,
    /// The number of the controller or note, 0 to 127.
    Number,
    /// Value of the controller, or velocity of the note, 0 to 1.
    Value,
    /// 1 while the note is held.
    Gate,
    /// Number of note-ons in the latent frame.
    Hits,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] = [Self::Kind, Self::Channel, Self::Number, Self::Value, Self::Gate, Self::Hits];

    /// Its name in programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Channel => "channel",
            Self::Number => "number",
            Self::Value => "value",
            Self::Gate => "gate",
            Self::Hits => "hits",
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
}

impl Midi {
    /// Its parts as numbers, in the order of [`Part::ALL`].
    pub fn parts(self) -> [f64; 6] {
        match self {
            Self::Controller { channel, number, value, fine } => {
                [f64::from(u8::from(fine)), f64::from(channel), f64::from(number), value, 0.0, 0.0]
            }
            Self::Note { channel, number, velocity, held, hits } => {
                let gate = f64::from(u8::from(held));
                [2.0, f64::from(channel), f64::from(number), velocity, gate, f64::from(hits)]
            }
        }
    }

    /// The state with these parts, in the order of [`Part::ALL`]. Numbers out of range are clamped.
    pub fn of([kind, channel, number, value, gate, hits]: [f64; 6]) -> Self {
        // A cast saturates, and turns NaN into 0.
        let channel = (channel.round() as u8).clamp(1, 16);
        let number = number.round() as u8;
        let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        match kind.round() as u8 {
            2 => {
                let held = gate >= 0.5;
                Self::Note { channel, number: number.min(127), velocity: value, held, hits: hits.round() as u16 }
            }
            1 => Self::Controller { channel, number: number.min(31), value, fine: true },
            _ => Self::Controller { channel, number: number.min(127), value, fine: false },
        }
    }
}

/// MIDI states of the nodes in a lane of a call, one per node, in running order.
pub fn midi(messages: &[Message], lane: usize) -> impl Iterator<Item = (Arc<str>, Midi)> {
    let played = messages.chunk_by(|a, b| a.node == b.node);
    played.filter_map(move |parts| {
        let mut numbers = [0.0; Part::ALL.len()];
        let mut any = false;
        for message in parts {
            if let (To::Midi(part), Some(value)) = (message.to, message.values.get(lane)) {
                (numbers[part as usize], any) = (*value, true);
            }
        }
        any.then(|| (parts[0].node.clone(), Midi::of(numbers)))
    })
}

/// True if the frames of a lane of a call are written to the video. Without a recorder node, all are.
pub fn recorded(messages: &[Message], lane: usize) -> bool {
    let last = messages.iter().rev().find(|message| message.to == To::Video);
    last.and_then(|message| message.values.get(lane)).is_none_or(|on| *on >= 0.5)
}

pub(crate) fn as_list<S: serde::Serializer>(lanes: &Lanes, serializer: S) -> Result<S::Ok, S::Error> {
    lanes[..].serialize(serializer)
}
