//! The devices' interface to the window. Tests implement [`DeviceLink`] without a device.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bendrack_nodes::input::ComputerKey;
use bendrack_nodes::patch::Device;

use crate::io::names::DeviceNames;
use crate::io::{Activity, ControlName, ControlState, Keyboard, Kind, LatestMessage, Light, Pressed, Request};

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
    /// The name of a port for patches.
    fn name_of(&self, port: &str) -> String;
    /// Gives a port a name for patches, or its own again.
    fn give_name(&self, port: &str, name: Option<&str>);
    /// Takes over the descriptions of the patch's devices.
    fn set_wanted(&self, devices: &BTreeMap<String, Device>);
    /// Takes the requests that are due.
    fn take_requests(&self) -> Vec<Request>;
    /// Presses or releases a key of the computer's keyboard.
    fn set_key(&self, key: ComputerKey, is_down: bool);
}

/// The devices of the program.
pub struct DeviceHandle {
    /// Counts, messages and controls.
    pub activity: Activity,
    /// Names.
    pub names: DeviceNames,
    /// The computer's keyboard.
    pub keyboard: RefCell<Keyboard>,
}

impl DeviceLink for DeviceHandle {
    fn lights(&self) -> Vec<Light> {
        self.activity.lights()
    }

    fn controls(&self) -> Vec<ControlState> {
        self.activity.controls()
    }

    fn messages(&self, kind: Kind, name: &str) -> Vec<LatestMessage> {
        self.activity.messages(kind, name)
    }

    fn pressed(&self, name: &ControlName) -> Pressed {
        self.activity.pressed(name)
    }

    fn name_of(&self, port: &str) -> String {
        self.names.of(&port.into()).to_string()
    }

    fn give_name(&self, port: &str, name: Option<&str>) {
        self.names.give(port, name);
    }

    fn set_wanted(&self, devices: &BTreeMap<String, Device>) {
        self.names.set_wanted(devices);
    }

    fn take_requests(&self) -> Vec<Request> {
        self.activity.take_requests()
    }

    fn set_key(&self, key: ComputerKey, is_down: bool) {
        self.keyboard.borrow_mut().set(key, is_down);
    }
}
