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

/// The light of lines to any board, while none is open.
const ANY_BOARD: &str = "boards";

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
    /// Names in the patch that no flag gives, and names of boards that are not open.
    pub(super) unknown: Unknown,
    pub(super) unknown_boards: Unknown,
}

/// Names in the patch without a device, each with a red light. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown(Arc<Mutex<Names>>);

impl Unknown {
    /// Shows these names, and no longer those of before.
    fn show(&self, context: &DeviceContext, unknown: Names, problem: impl Fn(&(Kind, Arc<str>)) -> String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == unknown {
            return;
        }
        for (kind, name) in known.difference(&unknown) {
            context.light(*kind, name).remove();
        }
        for named in unknown.difference(&known) {
            context.light(named.0, &named.1).set(State::Failed(problem(named)));
        }
        *known = unknown;
    }
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
        let mut unknown = Names::new();
        for BoardLine { device, line } in lines {
            let is_chosen = |name: &Arc<str>| {
                let is_named = |name: &str| name.eq_ignore_ascii_case(device);
                device.is_empty() || is_named(name) || is_named(&self.context.names.of(name))
            };
            if !self.context.boards.send(is_chosen, line) && unknown.len() < MOST_UNKNOWN {
                let name = if device.is_empty() { ANY_BOARD.into() } else { device.clone() };
                unknown.insert((Kind::Serial, name));
            }
        }
        self.unknown_boards.show(&self.context, unknown, |(_, name)| {
            let name = if **name == *ANY_BOARD { String::new() } else { format!(" {name}") };
            format!("no board{name} is open; connect it, add --serial auto, or change `device` in the patch")
        });
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
        self.unknown.show(&self.context, unknown, |(kind, name)| {
            let flag = match kind {
                Kind::OscOut => "--osc-out",
                Kind::MidiOut => "--midi-out",
                _ => "--artnet, --sacn, --ddp or --dmx",
            };
            format!("no flag gives the device {name}; add {flag} with {name}=…, or change `device` in the patch")
        });
    }
}
