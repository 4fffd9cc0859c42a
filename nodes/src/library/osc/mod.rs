//! Numbers from and to other applications by OSC; texts and pictures to them.

pub mod input;
pub mod output;
pub mod picture;

use crate::node::def::Input;

/// Name of a destination.
pub const DEVICE: Input = Input::text("device", "", "Name of a destination of --osc-out; empty sends to all.");
