//! The outputs of the settings, and the devices that a patch names.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bendrack_nodes::input::ControlId;
use bendrack_nodes::program::light::Channels;
use bendrack_nodes::program::message::{BoardLine, OscMessage, Played};

use super::DeviceContext;
use super::lamps::LampOut;
use super::light::{Kind, State};
use super::midi_out::{MidiFeedback, MidiOut};
use super::osc::OscOut;

/// The most messages of unknown names that are looked at.
const MOST_UNKNOWN: usize = 64;

/// Names of devices, by the kind of node that has them.
pub(super) type Names = BTreeSet<(Kind, Arc<str>)>;

/// The outputs that are open or awaited. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    pub(super) osc: Vec<OscOut>,
    pub(super) midi: Vec<MidiOut>,
    pub(super) feedback: Vec<MidiFeedback>,
    pub(super) lamps: Vec<LampOut>,
    pub(super) context: DeviceContext,
    /// Names in the patch that no flag gives.
    pub(super) unknown: Arc<Mutex<Names>>,
}

impl Outputs {
    /// The OSC outputs.
    pub fn osc(&self) -> &[OscOut] {
        &self.osc
    }

    /// The MIDI outputs.
    pub fn midi(&self) -> &[MidiOut] {
        &self.midi
    }

    /// The lamps.
    pub fn lamps(&self) -> &[LampOut] {
        &self.lamps
    }

    /// Shows the state of mapped controls on their controllers, without waiting.
    pub fn show(&self, mapped: &[(ControlId, f64)]) {
        self.feedback.iter().for_each(|feedback| feedback.show(mapped));
    }

    /// Sends the messages, the MIDI state and the levels of a frame, without waiting.
    pub fn send(&self, messages: &[OscMessage], midi: &[Played], levels: &[Channels]) {
        self.osc.iter().for_each(|osc| osc.send(messages));
        self.midi.iter().for_each(|out| out.send(midi));
        self.lamps.iter().for_each(|lamps| lamps.send(levels));
        self.show_unknown(messages, midi, levels);
    }

    /// Sends the lines of a frame to boards, without waiting.
    pub fn send_to_boards(&self, lines: &[BoardLine]) {
        for BoardLine { device, line } in lines {
            self.context.boards.send(device, line);
        }
    }

    /// Sets a light for each name in the patch that no flag gives.
    fn show_unknown(&self, messages: &[OscMessage], midi: &[Played], levels: &[Channels]) {
        let osc = messages.iter().map(|message| (Kind::OscOut, &message.device));
        let midi = midi.iter().map(|played| (Kind::MidiOut, &played.device));
        let lamps = levels.iter().map(|levels| (Kind::Lamps, &levels.device));
        let named = osc.chain(midi).chain(lamps).filter(|(_, name)| !name.is_empty());
        let is_unknown = |(kind, name): &(Kind, &Arc<str>)| match kind {
            Kind::OscOut => !self.osc.iter().any(|osc| osc.is_meant(name)),
            Kind::MidiOut => !self.midi.iter().any(|midi| midi.is_meant(name)),
            _ => !self.lamps.iter().any(|lamps| lamps.is_meant(name)),
        };
        let unknown = named.filter(is_unknown).map(|(kind, name)| (kind, name.clone())).take(MOST_UNKNOWN).collect();
        let mut known = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == unknown {
            return;
        }
        for (kind, name) in known.difference(&unknown) {
            self.context.light(*kind, name).remove();
        }
        for (kind, name) in unknown.difference(&known) {
            let flag = match kind {
                Kind::OscOut => "--osc-out",
                Kind::MidiOut => "--midi-out",
                _ => "--artnet, --sacn, --ddp or --dmx",
            };
            let problem =
                format!("no flag gives the device {name}; add {flag} with {name}=…, or change `device` in the patch");
            self.context.light(*kind, name).set(State::Failed(problem));
        }
        *known = unknown;
    }
}
