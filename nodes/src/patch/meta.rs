//! The statements of a patch about itself: metadata, requirements, settings of the run, devices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::number;
use crate::choice::schema_of;
use crate::program::Scheduler;

/// Default tempo, in beats per minute.
pub const DEFAULT_TEMPO: f64 = 120.0;

/// Metadata of a patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an object in braces")]
pub struct Meta {
    /// A unique name of the patch, such as a ULID.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Author.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// License, such as `CC-BY-4.0`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub license: String,
    /// Time of creation, in UTC: `2026-11-21T18:00:00Z`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// Time of the last change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// Description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Tags, a few words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The ids of the patches that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// A small picture, a PNG in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Requirements of a patch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an object in braces")]
pub struct Requires {
    /// The families of models that it was made on, such as `mini` or `longlive`. Others may render it differently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Requires {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Settings of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an object in braces")]
#[schemars(rename = "Engine")]
pub struct EngineSettings {
    /// The seed of the video and of everything random in the patch.
    #[serde(default, deserialize_with = "number::whole")]
    pub seed: u64,
    /// Tempo in beats per minute, unless a node sets it.
    #[serde(default = "tempo", skip_serializing_if = "is_default_tempo")]
    pub tempo: f64,
    /// Master depth, 0 to 1: at 0 the model runs as without bends.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub master: f64,
    /// Denoising steps of a chunk, 1 to 100; without a number, those of the model.
    #[serde(default, deserialize_with = "number::whole_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub steps: Option<u64>,
    /// Pictures of a clip, one more than a multiple of four. With it every model makes clips of this length; without it, models that
    /// stream make chunk after chunk.
    #[serde(default, deserialize_with = "number::whole_or_none", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub length: Option<u64>,
    /// Scheduler of clips; without one, UniPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema_of::<Scheduler>")]
    pub scheduler: Option<Scheduler>,
    /// Timestep shift of clips: above 1, more steps at high noise. Without a number, that of the model.
    #[serde(default, skip_serializing_if = "is_nothing")]
    #[schemars(with = "f64")]
    pub shift: Option<f64>,
    /// Guidance scale of clips: 1 is the prompt alone. Without a number, that of the model.
    #[serde(default, skip_serializing_if = "is_nothing")]
    #[schemars(with = "f64")]
    pub guidance: Option<f64>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            seed: 0,
            tempo: DEFAULT_TEMPO,
            master: whole(),
            steps: None,
            length: None,
            scheduler: None,
            shift: None,
            guidance: None,
            rest: Map::new(),
        }
    }
}

/// The settings of clips: those of [`EngineSettings`] of the same names.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClipSettings {
    /// Pictures of a clip.
    pub length: Option<u64>,
    /// Scheduler.
    pub scheduler: Option<Scheduler>,
    /// Timestep shift.
    pub shift: Option<f64>,
    /// Guidance scale.
    pub guidance: Option<f64>,
}

impl EngineSettings {
    /// The settings of clips.
    pub const fn clip(&self) -> ClipSettings {
        ClipSettings { length: self.length, scheduler: self.scheduler, shift: self.shift, guidance: self.guidance }
    }
}

/// True without a number, and for one that cannot be written.
#[expect(clippy::ref_option, reason = "serde asks for it")]
fn is_nothing(number: &Option<f64>) -> bool {
    number.is_none_or(|number| !number.is_finite())
}

const fn whole() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_whole(master: &f64) -> bool {
    *master == whole() || !master.is_finite()
}

const fn tempo() -> f64 {
    DEFAULT_TEMPO
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_default_tempo(tempo: &f64) -> bool {
    // A tempo that is not finite cannot be written; the plan uses the default for it.
    *tempo == DEFAULT_TEMPO || !tempo.is_finite()
}

/// A device that a patch asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a device in braces")]
pub struct Device {
    /// Kind of device.
    pub kind: DeviceKind,
    /// Label.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Identification: `name`, `vid`, `pid`, `serial`.
    #[serde(rename = "match", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known_by: BTreeMap<String, String>,
    /// Keys unknown to this version.
    #[serde(flatten)]
    pub rest: Map<String, Json>,
}

/// Kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A MIDI controller or keyboard.
    MidiIn,
    /// An instrument or a program that receives MIDI.
    MidiOut,
    /// A program or phone that sends OSC.
    OscIn,
    /// A program that receives OSC.
    OscOut,
    /// A board on a serial line.
    Serial,
    /// A microphone or line.
    Audio,
}
