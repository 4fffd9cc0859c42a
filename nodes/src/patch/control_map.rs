//! Maps: controls of devices that turn knobs and press buttons.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

use super::{Port, number};
use crate::choice::{choices, schema_of};
use crate::input::{ComputerKey, ControlForm, ControlId, ControlKind, GamepadPart};

/// Travel of a relative encoder per step, by default: 128 steps from end to end.
pub const STEP: f64 = 1.0 / 128.0;
/// The longest smoothing of a map, in seconds.
pub const LONGEST_SMOOTHING: f64 = 60.0;
/// The number of banks.
pub const BANKS: u8 = 16;

/// A control of a device that turns a knob or presses a button.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ControlMap {
    /// The control.
    #[serde(flatten)]
    pub from: ControlId,
    /// Index of the number in the message of an OSC address or a sensor.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub index: u32,
    /// The knob.
    pub to: Port,
    /// Numbers of the control at the two ends of its travel.
    #[serde(default = "unit", serialize_with = "number::pair", skip_serializing_if = "is_unit")]
    pub input: [f64; 2],
    /// Positions of the knob at the two ends; a button is on from the middle on.
    #[serde(serialize_with = "number::pair")]
    pub range: [f64; 2],
    /// Effect of a message.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "schema_of::<MapMode>")]
    pub mode: MapMode,
    /// Start of a hand whose position differs from that of the knob.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "schema_of::<Takeover>")]
    pub takeover: Takeover,
    /// Positions of the knob between the ends.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schemars(schema_with = "schema_of::<Law>")]
    pub law: Law,
    /// Curve, −1 to 1: 0 is none, below 0 the knob rises late, above 0 early.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub curve: f64,
    /// Time in seconds in which the knob covers 90 % of a move. A jump from end to end is not smoothed.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub smooth: f64,
    /// Travel of a relative encoder per step, as a part of the range.
    #[serde(default = "step", skip_serializing_if = "is_step")]
    pub step: f64,
    /// The bank in which the map acts, 1 to 16; 0 is every bank.
    #[serde(default, skip_serializing_if = "is_every_bank")]
    pub bank: u8,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

choices! {
    /// Effect of a map's messages on its knob.
    #[derive(Default)]
    pub enum MapMode {
        /// The knob stands where the control stands. A button is on in the upper half of its travel.
        #[default]
        Absolute = "absolute",
        /// A relative encoder: 1 to 63 forward, 127 to 65 backward.
        TwosComplement = "twos_complement",
        /// A relative encoder: 65 to 127 forward, 63 to 0 backward.
        BinaryOffset = "binary_offset",
        /// A relative encoder: 1 to 63 forward, 65 to 127 backward.
        SignedBit = "signed_bit",
        /// A relative encoder: 65 to 127 forward, 1 to 63 backward.
        SignedBit2 = "signed_bit_2",
        /// The knob is at the end of the range while the control is pressed, else at the start.
        Momentary = "momentary",
        /// Each press moves the knob to the other end of the range.
        Toggle = "toggle",
        /// A press moves the knob to the end of the range. Several such maps of one knob are radio buttons.
        Set = "set",
        /// Each press moves the knob one step on, and from the end of the range to its start.
        Cycle = "cycle",
    }
}

choices! {
    /// Start of a hand whose position differs from that of the knob.
    #[derive(Default)]
    pub enum Takeover {
        /// The hand has no effect until it passes the position of the knob.
        #[default]
        Pickup = "pickup",
        /// The knob jumps to the hand, and has no other position once the control has sent a message.
        Jump = "jump",
        /// The knob moves in the direction of the hand, so that both arrive at the ends together.
        Scale = "scale",
    }
}

choices! {
    /// Positions of a knob between the ends of a map's range.
    #[derive(Default)]
    pub enum Law {
        /// As the knob's own travel: a logarithmic knob moves by factors.
        #[default]
        Knob = "knob",
        /// In equal steps.
        Linear = "linear",
    }
}

impl ControlMap {
    /// A map of a control with the numbers 0 to 1, with every setting at its default.
    pub fn new(from: impl Into<ControlId>, to: Port, range: [f64; 2]) -> Self {
        Self {
            from: from.into(),
            index: 0,
            to,
            input: unit(),
            range,
            mode: MapMode::default(),
            takeover: Takeover::default(),
            law: Law::default(),
            curve: 0.0,
            smooth: 0.0,
            step: STEP,
            bank: 0,
            rest: Map::new(),
        }
    }

    /// True if the map acts while this bank is chosen.
    pub(crate) const fn acts_in(&self, bank: u8) -> bool {
        self.bank == 0 || self.bank == bank
    }

    /// The same map with the nearest settings within their limits.
    pub(crate) fn within_limits(&self) -> Self {
        Self {
            curve: self.curve.clamp(-1.0, 1.0),
            smooth: self.smooth.clamp(0.0, LONGEST_SMOOTHING),
            step: self.step.clamp(0.0, 1.0),
            ..self.clone()
        }
    }
}

/// The keys of a map. Earlier files have `channel` and `cc` alone: such a knob jumps, in equal steps.
#[derive(Deserialize)]
#[serde(expecting = "a map in braces")]
struct MapForm {
    kind: Option<ControlKind>,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    channel: Option<u8>,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    number: Option<u16>,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    cc: Option<u8>,
    address: Option<Arc<str>>,
    name: Option<Arc<str>>,
    part: Option<GamepadPart>,
    key: Option<ComputerKey>,
    device: Option<Arc<str>>,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    index: Option<u32>,
    to: Port,
    #[serde(default = "unit")]
    input: [f64; 2],
    range: [f64; 2],
    #[serde(default)]
    mode: MapMode,
    takeover: Option<Takeover>,
    law: Option<Law>,
    #[serde(default)]
    curve: f64,
    #[serde(default)]
    smooth: f64,
    #[serde(default = "step")]
    step: f64,
    #[serde(default, deserialize_with = "number::whole_or_none")]
    bank: Option<u8>,
    #[serde(flatten)]
    rest: Map<String, Json>,
}

impl<'de> Deserialize<'de> for ControlMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = MapForm::deserialize(deserializer)?;
        let MapForm {
            channel,
            address,
            name,
            part,
            key,
            device,
            to,
            input,
            range,
            mode,
            curve,
            smooth,
            step,
            rest,
            ..
        } = form;
        let (kind, number, is_earlier) = match (form.kind, form.cc) {
            (None, Some(cc)) => (ControlKind::Cc, Some(cc.into()), true),
            (kind, _) => (kind.ok_or_else(|| D::Error::missing_field("kind"))?, form.number, false),
        };
        Ok(Self {
            from: ControlForm { kind, channel, number, address, name, part, key, device }.control()?,
            index: form.index.unwrap_or_default(),
            to,
            input,
            range,
            mode,
            takeover: form.takeover.unwrap_or(if is_earlier { Takeover::Jump } else { Takeover::default() }),
            law: form.law.unwrap_or(if is_earlier { Law::Linear } else { Law::default() }),
            curve,
            smooth,
            step,
            bank: form.bank.unwrap_or_default(),
            rest,
        })
    }
}

const fn unit() -> [f64; 2] {
    [0.0, 1.0]
}

fn is_unit(range: &[f64; 2]) -> bool {
    *range == unit()
}

const fn step() -> f64 {
    STEP
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_step(step: &f64) -> bool {
    *step == STEP || !step.is_finite()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_nothing(number: &f64) -> bool {
    *number == 0.0 || !number.is_finite()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(index: &u32) -> bool {
    *index == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_every_bank(bank: &u8) -> bool {
    *bank == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
