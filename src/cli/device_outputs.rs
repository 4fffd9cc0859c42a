//! The numbers and notes of a patch, sent to devices with each frame that is shown.

use std::sync::{Arc, OnceLock};

use crate::engine::Frame;
use crate::io::Devices;
use crate::io::midi_out::MidiOut;
use crate::io::osc::OscOut;

/// Outputs for the numbers and notes of a patch. They open after the engine, whose inbox the devices need.
#[derive(Clone, Default)]
pub(super) struct Outs(Arc<OnceLock<Open>>);

struct Open {
    osc: Option<OscOut>,
    midi: Option<MidiOut>,
}

impl Outs {
    /// Outputs that are not open yet, and the watcher of frames that sends to them.
    pub(super) fn new() -> (Self, impl Fn(&Frame) + Send + 'static) {
        let outs = Self::default();
        let sender = outs.clone();
        (outs, move |frame: &Frame| sender.send(frame))
    }

    /// Opens the outputs of devices.
    pub(super) fn open(&self, devices: &Devices) {
        // Nothing else opens them.
        let _ = self.0.set(Open { osc: devices.osc_out().cloned(), midi: devices.midi_out().cloned() });
    }

    /// Sends the messages of a frame.
    fn send(&self, frame: &Frame) {
        let Some(open) = self.0.get() else { return };
        if let Some(osc) = open.osc.as_ref().filter(|_| !frame.messages.is_empty()) {
            let messages: Vec<(&str, f64)> =
                frame.messages.iter().map(|(address, value)| (&**address, *value)).collect();
            osc.send(&messages);
        }
        if let Some(midi) = &open.midi {
            midi.send(&frame.midi);
        }
    }
}
