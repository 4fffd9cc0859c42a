//! Sending of a patch's numbers and notes to devices, with each shown frame.

use std::sync::{Arc, OnceLock};

use crate::engine::Frame;
use crate::io::Devices;
use crate::io::midi_out::MidiOut;
use crate::io::osc::OscOut;

/// OSC and MIDI outputs of a patch. They open after the engine, as devices need its inbox.
#[derive(Clone, Default)]
pub(super) struct DeviceOutputs(Arc<OnceLock<Open>>);

struct Open {
    osc: Option<OscOut>,
    midi: Option<MidiOut>,
}

impl DeviceOutputs {
    /// Closed outputs, and the function that sends the messages of each frame to them.
    pub(super) fn new() -> (Self, impl Fn(&Frame) + Send + 'static) {
        let outputs = Self::default();
        let sender = outputs.clone();
        (outputs, move |frame: &Frame| sender.send(frame))
    }

    /// Opens the outputs of devices.
    pub(super) fn open(&self, devices: &Devices) {
        // No other code opens them, so the cell is empty.
        let _ = self.0.set(Open { osc: devices.osc_out().cloned(), midi: devices.midi_out().cloned() });
    }

    /// Sends the messages of a frame.
    fn send(&self, frame: &Frame) {
        let Some(open) = self.0.get() else { return };
        if let Some(osc) = open.osc.as_ref().filter(|_| !frame.messages.is_empty()) {
            osc.send(&frame.messages);
        }
        if let Some(midi) = &open.midi {
            midi.send(&frame.midi);
        }
    }
}
