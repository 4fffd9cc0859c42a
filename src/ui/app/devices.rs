//! The devices' interface to the window. Tests implement [`DeviceLink`] without a device.

use crate::io::{Activity, ControlName, ControlState, Kind, LatestMessage, Light, Pressed, Request};

/// The devices that are open or awaited. No call blocks.
pub trait DeviceLink {
    /// The light of each device.
    fn lights(&self) -> Vec<Light>;
    /// Every control that sent a message.
    fn controls(&self) -> Vec<ControlState>;
    /// The latest messages of a device, oldest first.
    fn messages(&self, kind: Kind, name: &str) -> Vec<LatestMessage>;
    /// The messages of a control so far.
    fn pressed(&self, name: &ControlName) -> Pressed;
    /// Takes the requests that are due.
    fn take_requests(&self) -> Vec<Request>;
}

impl DeviceLink for Activity {
    fn lights(&self) -> Vec<Light> {
        Self::lights(self)
    }

    fn controls(&self) -> Vec<ControlState> {
        Self::controls(self)
    }

    fn messages(&self, kind: Kind, name: &str) -> Vec<LatestMessage> {
        Self::messages(self, kind, name)
    }

    fn pressed(&self, name: &ControlName) -> Pressed {
        Self::pressed(self, name)
    }

    fn take_requests(&self) -> Vec<Request> {
        Self::take_requests(self)
    }
}
