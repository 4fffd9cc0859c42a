//! The state of mapped controls, for their lamps, rings and motors.

use serde::Serialize;

use crate::input::ControlId;
use crate::program::message::as_list;
use crate::program::op::Lanes;

/// The state of a control that turns a knob of the patch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mapped {
    /// The control.
    #[serde(flatten)]
    pub control: ControlId,
    /// Its part of its travel, 0 to 1, one per latent frame of the call.
    #[serde(serialize_with = "as_list")]
    pub parts: Lanes,
}
