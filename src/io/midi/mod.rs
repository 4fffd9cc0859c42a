//! MIDI inputs: controllers, notes and all other messages of channels, and the clock. Ports are reopened when they
//! come back.

mod clock;
mod controllers;
mod parser;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bendrack_nodes::input::{ControlId, ControlName, Event};
use midir::{Ignore, MidiInput, MidiInputConnection, MidiInputPort, MidiOutput};

use super::activity::LightHandle;
use super::light::Kind;
use super::message::Message as Kept;
use super::midi_ports::{self, Ports, Watcher};
use super::names::{self, DeviceNames};
use super::worker::{Worker, guarded};
use super::{DeviceContext, DeviceError};
use clock::{Clock, Position};
use controllers::Controllers;
use parser::{Message, Parser, Step};

/// The MIDI inputs to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MidiInputs {
    /// Every one.
    All,
    /// None.
    None,
    /// Those with this text in their name, in any case.
    Named(String),
}

impl FromStr for MidiInputs {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "all" => MidiInputs::All,
            "none" => MidiInputs::None,
            name => MidiInputs::Named(name.to_lowercase()),
        })
    }
}

/// Applies the messages of one port.
pub(super) struct Port {
    context: DeviceContext,
    light: LightHandle,
    parser: Parser,
    controllers: Controllers,
    clock: Clock,
    times: PortClock,
    held: BTreeSet<(u8, u8)>,
}

impl Port {
    pub(super) fn new(context: DeviceContext, light: LightHandle) -> Self {
        Port {
            context,
            light,
            parser: Parser::default(),
            controllers: Controllers::default(),
            clock: Clock::default(),
            times: PortClock::default(),
            held: BTreeSet::new(),
        }
    }

    /// Takes bytes that arrived at a time of the port's own clock, in microseconds.
    fn receive(&mut self, micros: u64, bytes: &[u8]) {
        let at = self.times.time_of(micros, Instant::now());
        for &byte in bytes {
            match self.parser.feed(byte) {
                Step::Message(message) => self.apply(at, message),
                Step::Stray => self.light.count_error(format!("a stray byte, {byte}")),
                Step::Nothing => {}
            }
        }
    }

    /// Takes a message of three bytes, of which short messages use fewer, at a time.
    pub(super) fn take(&mut self, at: Instant, bytes: [u8; 3]) {
        let length = match bytes[0] {
            0xF8.. => 1,
            0xC0..=0xDF => 2,
            _ => 3,
        };
        for &byte in &bytes[..length] {
            match self.parser.feed(byte) {
                Step::Message(message) => self.apply(at, message),
                Step::Stray => self.light.count_error(format!("a stray byte of MIDI, {byte}")),
                Step::Nothing => {}
            }
        }
    }

    fn apply(&mut self, at: Instant, message: Message) {
        let part = |value: u8| f64::from(value) / 127.0;
        match message {
            Message::Cc { channel, number, value } => {
                let (name, value) = self.controllers.change(at, channel, number, value);
                self.send(at, name, value);
            }
            Message::Note { channel, number, velocity } => {
                if velocity == 0 {
                    self.held.remove(&(channel, number));
                } else {
                    self.held.insert((channel, number));
                }
                self.send(at, ControlName::Note { channel, number }, part(velocity));
            }
            Message::KeyPressure { channel, number, value } => {
                self.send(at, ControlName::KeyPressure { channel, number }, part(value));
            }
            Message::Pressure { channel, value } => self.send(at, ControlName::Pressure { channel }, part(value)),
            Message::Program { channel, number } => {
                self.send(at, ControlName::Program { channel }, f64::from(number));
            }
            Message::PitchBend { channel, value } => {
                // The way down has 8192 steps, the way up 8191.
                let offset = f64::from(value) - 8192.0;
                let bend = if offset > 0.0 { offset / 8191.0 } else { offset / 8192.0 };
                self.send(at, ControlName::PitchBend { channel }, bend);
            }
            Message::AllNotesOff { channel } => {
                let released: Vec<_> = self.held.extract_if(.., |key| key.0 == channel).collect();
                let events: Vec<_> = released.into_iter().map(|key| self.off(key)).collect();
                self.context.send(&self.light, at, Some(Kept::AllNotesOff(channel)), &events);
            }
            Message::Clock | Message::Start | Message::Continue | Message::Stop | Message::SongPosition(_) => {
                if let Some(position) = self.clock.take(at, message) {
                    self.send_clock(position);
                }
            }
        }
    }

    /// The control of this port's device.
    fn control(&self, name: ControlName) -> ControlId {
        ControlId { name, device: Some(self.light.name().clone()) }
    }

    fn send(&self, at: Instant, name: ControlName, number: f64) {
        self.context.send(&self.light, at, None, &[Event::new(self.control(name), &[number])]);
    }

    fn send_clock(&self, position: Position) {
        let event = Event::new(self.control(ControlName::Clock), &position.numbers());
        self.context.send(&self.light, position.at, None, &[event]);
    }

    /// The event of a key that is released.
    fn off(&self, (channel, number): (u8, u8)) -> Event {
        Event::new(self.control(ControlName::Note { channel, number }), &[0.0])
    }

    /// Note off for every note that is on, for a port that is gone.
    fn release_notes(&mut self) {
        let released: Vec<Event> = std::mem::take(&mut self.held).into_iter().map(|key| self.off(key)).collect();
        self.context.inbox.push(Instant::now(), self.context.named(&released));
    }
}

/// The clock of a port against that of this program.
#[derive(Clone, Copy, Debug, Default)]
struct PortClock {
    /// The time at which the port's clock is 0, as of the message with the shortest delay.
    zero: Option<Instant>,
}

impl PortClock {
    /// The longest delay of a message. A longer one is a clock that jumped.
    const MOST: Duration = Duration::from_millis(100);

    /// The time of a message that has `micros` on the port's clock and arrives `now`.
    fn time_of(&mut self, micros: u64, now: Instant) -> Instant {
        let stamp = Duration::from_micros(micros);
        let Some(arrived) = now.checked_sub(stamp) else { return now };
        let zero = self.zero.filter(|zero| arrived.saturating_duration_since(*zero) < Self::MOST);
        let zero = zero.map_or(arrived, |zero| zero.min(arrived));
        self.zero = Some(zero);
        (zero + stamp).min(now)
    }
}

/// Keeps MIDI inputs open.
pub(super) fn follow(wanted: &[MidiInputs], context: &DeviceContext) -> Option<Worker> {
    let is_all = wanted.contains(&MidiInputs::All);
    let named = wanted.iter().filter_map(|wanted| match wanted {
        MidiInputs::Named(text) => Some(text.clone()),
        MidiInputs::All | MidiInputs::None => None,
    });
    let (wanted, name) = if is_all {
        (vec![String::new()], "MIDI".to_owned())
    } else {
        let texts: Vec<String> = named.collect();
        let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
        (texts, format!("MIDI with {} in its name", quoted.join(" or ")))
    };
    if wanted.is_empty() {
        return None;
    }
    let light = context.light(Kind::Midi, &name);
    let mut watcher = Watcher::new(Inputs, &wanted, context, &light);
    Some(Worker::spawn(&light, move |stop| while !stop.after(watcher.poll()) {}))
}

/// MIDI inputs.
struct Inputs;

impl Ports for Inputs {
    type Client = MidiInput;
    type Open = MidiInputConnection<Port>;
    const KIND: Kind = Kind::Midi;

    fn client() -> Result<MidiInput, String> {
        midi_ports::client(MidiInput::new)
    }

    fn id(port: &MidiInputPort) -> String {
        port.id()
    }

    fn connect(
        &self,
        port: &MidiInputPort,
        context: &DeviceContext,
        light: &LightHandle,
    ) -> Result<Self::Open, String> {
        let mut input = Self::client()?;
        // System exclusive data and active sensing have no use here.
        input.ignore(Ignore::SysexAndActiveSense);
        let receive = |micros, bytes: &[u8], port: &mut Port| {
            let light = port.light.clone();
            guarded(&light, || port.receive(micros, bytes));
        };
        let data = Port::new(context.clone(), light.clone());
        input.connect(port, "in", receive, data).map_err(|error| format!("the port cannot be opened: {error}"))
    }

    fn close(open: Self::Open) {
        let (_, mut port) = open.close();
        port.release_notes();
    }
}

/// The names of the MIDI inputs.
///
/// # Errors
///
/// Fails if the system has no MIDI; the message has the next step.
pub fn inputs() -> Result<Vec<String>, DeviceError> {
    Ok(midi_ports::names(&midi_ports::client(MidiInput::new)?, &DeviceNames::open(&[], names::of_user()))
        .into_keys()
        .collect())
}

/// The names of the MIDI outputs.
///
/// # Errors
///
/// Fails if the system has no MIDI; the message has the next step.
pub fn outputs() -> Result<Vec<String>, DeviceError> {
    Ok(midi_ports::names(&midi_ports::client(MidiOutput::new)?, &DeviceNames::open(&[], names::of_user()))
        .into_keys()
        .collect())
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::input::Control;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_move_controls_and_keys() {
        let context = DeviceContext::default();
        let mut port = Port::new(context.clone(), context.light(Kind::Midi, "keys"));
        let key = |channel, number| ControlName::Note { channel, number };
        let notes = || -> Vec<_> {
            let latest = context.inbox.latest();
            latest.keys().map(|(key, state)| (key.name.clone(), state.held().velocity)).collect()
        };
        port.receive(0, &[0xB1, 7, 127, 0x90, 60, 127, 0x90, 62, 1, 5]);
        assert_eq!(context.inbox.latest().cc((2, 7)).and_then(Control::last), Some(1.0));
        assert_eq!(notes(), [(key(1, 60), 1.0), (key(1, 62), 1.0 / 127.0)]);
        port.receive(10, &[0x80, 60, 0]);
        assert_eq!(notes().len(), 1);
        port.receive(20, &[0x91, 10, 9, 0xB0, 123, 0]);
        assert_eq!(notes(), [(key(2, 10), 9.0 / 127.0)]);
        port.release_notes();
        assert!(notes().is_empty());
        assert_eq!(context.activity.lights()[0].counts.messages, 6);
    }

    #[test]
    fn messages_have_the_times_of_the_port_without_the_delays_of_the_system() {
        let (start, mut clock) = (Instant::now() + Duration::from_secs(1000), PortClock::default());
        let at = |millis| start + Duration::from_millis(millis);
        // A message that arrives 5 ms late, then one in time: from there on, the port's clock counts.
        assert_eq!(clock.time_of(0, at(5)), at(5));
        assert_eq!(clock.time_of(20_000, at(20)), at(20));
        assert_eq!(clock.time_of(40_000, at(75)), at(40));
        // A clock that jumps begins again, and no message is of the future.
        assert_eq!(clock.time_of(50_000, at(900)), at(900));
        assert_eq!(clock.time_of(9_000_000, at(950)), at(950));
        assert_eq!(clock.time_of(u64::MAX, at(990)), at(990));
    }

    #[test]
    fn ten_thousand_malformed_messages_leave_a_port_that_reads() {
        let context = DeviceContext::default();
        let mut port = Port::new(context.clone(), context.light(Kind::Midi, "noise"));
        for seed in 0..10_000_u32 {
            let noise = (0..seed % 7).map(|i| (seed.wrapping_mul(2_654_435_761).rotate_left(5 * i) >> 24) as u8);
            // Never the status of a CC of channel 16, which is counted below.
            let bytes: Vec<u8> = noise.filter(|byte| byte & 0x0F != 0x0F).collect();
            port.receive(u64::from(seed), &bytes);
        }
        port.receive(10_000, &[0xF7, 0xBF, 20, 127]);
        assert_eq!(context.inbox.latest().cc((16, 20)).and_then(Control::last), Some(1.0));
        assert!(context.activity.lights()[0].counts.errors > 0);
        assert!(context.activity.controls().len() <= bendrack_nodes::input::MOST_NAMES);
    }

    proptest! {
        #[test]
        fn any_bytes_give_numbers_in_range(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let context = DeviceContext::default();
            let mut port = Port::new(context.clone(), context.light(Kind::Midi, "noise"));
            port.receive(0, &bytes);
            let controls = context.inbox.latest();
            for event in controls.events() {
                let Event::Control { control, numbers } = event else { panic!("{event:?}") };
                let channel = control.name.channel();
                prop_assert!(channel.is_none_or(|channel| (1..=16).contains(&channel)), "{:?}", control);
                let range = match control.name {
                    ControlName::PitchBend { .. } => -1.0..=1.0,
                    ControlName::Program { .. } => 0.0..=127.0,
                    ControlName::Clock => 0.0..=1e9,
                    _ => 0.0..=1.0,
                };
                prop_assert!(numbers.iter().all(|number| range.contains(number)), "{:?} {:?}", control, numbers);
            }
        }
    }
}
