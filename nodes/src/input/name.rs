//! Names of controls, and the devices that they belong to.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};

use super::{ComputerKey, GamepadPart};
use crate::choice::{Choice as _, choices, schema_of};
use crate::patch::number;

/// The name of a control: the part of a device that a message changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ControlName {
    /// A MIDI controller, in 7 or 14 bits.
    Cc {
        /// 1 to 16; 0 is every channel.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// A MIDI note.
    Note {
        /// 1 to 16; 0 is every channel.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// Pitch bend of a MIDI channel.
    PitchBend {
        /// 1 to 16; 0 is every channel.
        channel: u8,
    },
    /// Channel pressure (aftertouch) of a MIDI channel.
    Pressure {
        /// 1 to 16; 0 is every channel.
        channel: u8,
    },
    /// Polyphonic key pressure (aftertouch) of a MIDI note.
    KeyPressure {
        /// 1 to 16; 0 is every channel.
        channel: u8,
        /// 0 to 127.
        number: u8,
    },
    /// Program change of a MIDI channel.
    Program {
        /// 1 to 16; 0 is every channel.
        channel: u8,
    },
    /// A non-registered parameter (NRPN) of a MIDI channel.
    Nrpn {
        /// 1 to 16; 0 is every channel.
        channel: u8,
        /// 0 to 16383.
        number: u16,
    },
    /// A registered parameter (RPN) of a MIDI channel.
    Rpn {
        /// 1 to 16; 0 is every channel.
        channel: u8,
        /// 0 to 16383.
        number: u16,
    },
    /// The clock of a device: tempo in beats per minute, beat, and 1 while it runs. In a latent frame, the beat is that at
    /// the end of the frame.
    Clock,
    /// The presence of a device: 1 while it is connected and sends, 0 after it is gone or silent.
    Online,
    /// An OSC address.
    Osc {
        /// The address, such as `/1/fader1`.
        address: Arc<str>,
    },
    /// A sensor of a board.
    Sensor {
        /// Its name, as the board sends it.
        name: Arc<str>,
    },
    /// A part of a gamepad.
    Gamepad {
        /// The part.
        #[schemars(schema_with = "schema_of::<GamepadPart>")]
        part: GamepadPart,
    },
    /// A key of the computer's keyboard: 1 while it is held.
    Key {
        /// The key.
        #[schemars(schema_with = "schema_of::<ComputerKey>")]
        key: ComputerKey,
    },
}

impl ControlName {
    /// The MIDI channel, 1 to 16, or 0 for every channel; none if it is not of MIDI.
    pub fn channel(&self) -> Option<u8> {
        self.clone().channel_mut().copied()
    }

    fn channel_mut(&mut self) -> Option<&mut u8> {
        match self {
            Self::Cc { channel, .. }
            | Self::Note { channel, .. }
            | Self::PitchBend { channel }
            | Self::Pressure { channel }
            | Self::KeyPressure { channel, .. }
            | Self::Program { channel }
            | Self::Nrpn { channel, .. }
            | Self::Rpn { channel, .. } => Some(channel),
            Self::Clock
            | Self::Online
            | Self::Osc { .. }
            | Self::Sensor { .. }
            | Self::Gamepad { .. }
            | Self::Key { .. } => None,
        }
    }

    /// The same control on every MIDI channel; none if it is not of MIDI or already of every channel.
    fn omni(&self) -> Option<Self> {
        let mut omni = self.clone();
        let channel = omni.channel_mut().filter(|channel| **channel != 0)?;
        *channel = 0;
        Some(omni)
    }
}

impl fmt::Display for ControlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cc { number, .. } => write!(f, "CC {number}"),
            Self::Note { number, .. } => write!(f, "note {number}"),
            Self::PitchBend { .. } => f.write_str("pitch bend"),
            Self::Pressure { .. } => f.write_str("channel pressure"),
            Self::KeyPressure { number, .. } => write!(f, "pressure of note {number}"),
            Self::Program { .. } => f.write_str("program"),
            Self::Nrpn { number, .. } => write!(f, "NRPN {number}"),
            Self::Rpn { number, .. } => write!(f, "RPN {number}"),
            Self::Clock => f.write_str("clock"),
            Self::Online => f.write_str("online"),
            Self::Osc { address: name } | Self::Sensor { name } => f.write_str(name),
            Self::Gamepad { part } => write!(f, "gamepad {}", part.name().replace('_', " ")),
            Self::Key { key } => write!(f, "key {}", key.name().to_uppercase()),
        }?;
        match self.channel() {
            Some(0) => f.write_str(", every channel"),
            Some(channel) => write!(f, ", channel {channel}"),
            None => Ok(()),
        }
    }
}

/// A control of a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct ControlId {
    /// The name of the control.
    #[serde(flatten)]
    pub name: ControlName,
    /// The name of the device; without one, every device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Arc<str>>,
}

impl ControlId {
    /// A control of every device.
    pub const fn any(name: ControlName) -> Self {
        Self { name, device: None }
    }

    /// The source itself, and those that include it: of every device, of every channel, of both.
    pub(super) fn lanes(&self) -> impl Iterator<Item = Self> + use<> {
        let omni = self.name.omni();
        let of = |name: &ControlName, device: Option<Arc<str>>| Self { name: name.clone(), device };
        let every_device = self.device.is_some().then(|| of(&self.name, None));
        let every_channel = omni.as_ref().map(|name| of(name, self.device.clone()));
        let both = omni.as_ref().filter(|_| self.device.is_some()).map(|name| of(name, None));
        [Some(self.clone()), every_device, every_channel, both].into_iter().flatten()
    }

    /// True if this source includes another.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let is_device = self.device.is_none() || self.device == other.device;
        is_device && (self.name == other.name || other.name.omni().as_ref() == Some(&self.name))
    }
}

/// The keys of a control in JSON. Numbers have every form that JSON has for whole ones.
#[derive(Deserialize)]
#[serde(expecting = "a control in braces")]
pub(crate) struct ControlForm {
    pub(crate) kind: ControlKind,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    pub(crate) channel: Option<u8>,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    pub(crate) number: Option<u16>,
    pub(crate) address: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) part: Option<GamepadPart>,
    pub(crate) key: Option<ComputerKey>,
    pub(crate) device: Option<Arc<str>>,
}

choices! {
    /// The kinds of controls.
    pub(crate) enum ControlKind {
        Cc = "cc",
        Note = "note",
        PitchBend = "pitch_bend",
        Pressure = "pressure",
        KeyPressure = "key_pressure",
        Program = "program",
        Nrpn = "nrpn",
        Rpn = "rpn",
        Clock = "clock",
        Online = "online",
        Osc = "osc",
        Sensor = "sensor",
        Gamepad = "gamepad",
        Key = "key",
    }
}

impl ControlForm {
    fn channel<E: Error>(&self) -> Result<u8, E> {
        self.channel.ok_or_else(|| E::missing_field("channel"))
    }

    fn number<E: Error>(&self) -> Result<u16, E> {
        self.number.ok_or_else(|| E::missing_field("number"))
    }

    fn byte<E: Error>(&self) -> Result<u8, E> {
        let number = self.number()?;
        let range = "a number from 0 to 127";
        u8::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number.into()), &range))
    }

    /// The control.
    ///
    /// # Errors
    ///
    /// Fails if a key of its kind is missing, or a number too large.
    pub(crate) fn control<E: Error>(self) -> Result<ControlId, E> {
        Ok(ControlId { name: self.control_name()?, device: self.device })
    }

    fn control_name<E: Error>(&self) -> Result<ControlName, E> {
        Ok(match self.kind {
            ControlKind::Cc => ControlName::Cc { channel: self.channel()?, number: self.byte()? },
            ControlKind::Note => ControlName::Note { channel: self.channel()?, number: self.byte()? },
            ControlKind::PitchBend => ControlName::PitchBend { channel: self.channel()? },
            ControlKind::Pressure => ControlName::Pressure { channel: self.channel()? },
            ControlKind::KeyPressure => ControlName::KeyPressure { channel: self.channel()?, number: self.byte()? },
            ControlKind::Program => ControlName::Program { channel: self.channel()? },
            ControlKind::Nrpn => ControlName::Nrpn { channel: self.channel()?, number: self.number()? },
            ControlKind::Rpn => ControlName::Rpn { channel: self.channel()?, number: self.number()? },
            ControlKind::Clock => ControlName::Clock,
            ControlKind::Online => ControlName::Online,
            ControlKind::Osc => {
                ControlName::Osc { address: self.address.clone().ok_or_else(|| E::missing_field("address"))? }
            }
            ControlKind::Sensor => {
                ControlName::Sensor { name: self.name.clone().ok_or_else(|| E::missing_field("name"))? }
            }
            ControlKind::Gamepad => ControlName::Gamepad { part: self.part.ok_or_else(|| E::missing_field("part"))? },
            ControlKind::Key => ControlName::Key { key: self.key.ok_or_else(|| E::missing_field("key"))? },
        })
    }
}

impl<'de> Deserialize<'de> for ControlId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ControlForm::deserialize(deserializer)?.control()
    }
}

impl<'de> Deserialize<'de> for ControlName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ControlForm::deserialize(deserializer)?.control_name()
    }
}

impl From<ControlName> for ControlId {
    fn from(name: ControlName) -> Self {
        Self::any(name)
    }
}
