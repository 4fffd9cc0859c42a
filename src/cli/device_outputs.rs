//! Sending of a patch's numbers, notes and levels to devices, with each shown frame.

use std::sync::{Arc, OnceLock};

use crate::engine::Frame;
use crate::io::{Devices, Outputs};

/// The outputs of a patch. They open after the engine, as devices need its inbox.
#[derive(Clone, Default)]
pub(super) struct DeviceOutputs(Arc<OnceLock<Outputs>>);

impl DeviceOutputs {
    /// Closed outputs, and the function that sends the messages of each frame to them.
    pub(super) fn new() -> (Self, impl Fn(&Frame) + Send + 'static) {
        let outputs = Self::default();
        let sender = outputs.clone();
        let send = move |frame: &Frame| {
            if let Some(open) = sender.0.get() {
                open.send(&frame.messages, &frame.midi, &frame.lights);
                open.show(&frame.mapped);
                open.send_to_boards(&frame.board_lines);
            }
        };
        (outputs, send)
    }

    /// Opens the outputs of devices.
    pub(super) fn open(&self, devices: &Devices) {
        // No other code opens them, so the cell is empty.
        let _ = self.0.set(devices.outputs().clone());
    }
}
