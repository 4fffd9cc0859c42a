//! MIDI inputs: controllers and notes. Ports are reopened when they come back.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::str::FromStr;
use std::time::{Duration, Instant};

use bendrack_nodes::input;
use midir::{Ignore, MidiInput, MidiInputConnection, MidiInputPort, MidiOutput};

use super::activity::LightHandle;
use super::light::Kind;
use super::message::Message;
use super::midi_ports::{self, Ports, Watcher};
use super::worker::Worker;
use super::{DeviceContext, DeviceError};

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

/// A MIDI message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A control change.
    Cc {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        value: u8,
    },
    /// Note on; note off with velocity 0.
    Note {
        /// 1 to 16.
        channel: u8,
        /// 0 to 127.
        number: u8,
        /// 0 to 127.
        velocity: u8,
    },
    /// Note off for every note of a channel.
    AllNotesOff {
        /// 1 to 16.
        channel: u8,
    },
}

/// The effect of a byte in a MIDI stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The byte is part of an incomplete message, or of one without use here.
    Nothing,
    /// The byte completes a message.
    Event(Event),
    /// The byte belongs to no message.
    Stray,
}

/// Reads a MIDI stream byte by byte, with running status.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// The status byte of the message under way.
    status: Option<u8>,
    first: Option<u8>,
}

impl Parser {
    /// Takes the next byte.
    pub fn feed(&mut self, byte: u8) -> Step {
        match byte {
            // Real-time messages such as clock may stand within other messages.
            0xF8.. => return Step::Nothing,
            0x80.. => {
                (self.status, self.first) = (Some(byte), None);
                return Step::Nothing;
            }
            _ => {}
        }
        let Some(status) = self.status else { return Step::Stray };
        let channel = (status & 0x0F) + 1;
        let Some(first) = self.first else {
            let two = matches!(status & 0xF0, 0x80 | 0x90 | 0xA0 | 0xB0 | 0xE0);
            self.first = two.then_some(byte);
            return Step::Nothing;
        };
        self.first = None;
        match (status & 0xF0, first) {
            (0x80, number) => Step::Event(Event::Note { channel, number, velocity: 0 }),
            (0x90, number) => Step::Event(Event::Note { channel, number, velocity: byte }),
            // All sound off, all notes off.
            (0xB0, 120 | 123) => Step::Event(Event::AllNotesOff { channel }),
            (0xB0, number) => Step::Event(Event::Cc { channel, number, value: byte }),
            _ => Step::Nothing,
        }
    }
}

/// Applies the messages of one port.
struct Port {
    context: DeviceContext,
    light: LightHandle,
    parser: Parser,
    clock: PortClock,
    held: BTreeSet<(u8, u8)>,
}

impl Port {
    fn new(context: DeviceContext, light: LightHandle) -> Self {
        Port { context, light, parser: Parser::default(), clock: PortClock::default(), held: BTreeSet::new() }
    }

    /// Takes bytes that arrived at a time of the port's own clock, in microseconds.
    fn receive(&mut self, micros: u64, bytes: &[u8]) {
        let at = self.clock.time_of(micros, Instant::now());
        for &byte in bytes {
            match self.parser.feed(byte) {
                Step::Event(event) => self.apply(at, event),
                Step::Stray => self.light.count_error(format!("a stray byte, {byte}")),
                Step::Nothing => {}
            }
        }
    }

    fn apply(&mut self, at: Instant, event: Event) {
        match event {
            Event::Cc { channel, number, value } => {
                let part = f64::from(value) / 127.0;
                self.send(at, None, &[input::Event::Cc { channel, number, value: part }]);
            }
            Event::Note { channel, number, velocity: 0 } => {
                self.held.remove(&(channel, number));
                self.send(at, None, &[off((channel, number))]);
            }
            Event::Note { channel, number, velocity } => {
                let part = f64::from(velocity) / 127.0;
                self.held.insert((channel, number));
                self.send(at, None, &[input::Event::Note { channel, number, velocity: part }]);
            }
            Event::AllNotesOff { channel } => {
                let released: Vec<_> = self.held.extract_if(.., |key| key.0 == channel).map(off).collect();
                self.send(at, Some(Message::AllNotesOff(channel)), &released);
            }
        }
    }

    fn send(&self, at: Instant, message: Option<Message>, events: &[input::Event]) {
        self.context.send(&self.light, at, message, events);
    }

    /// Note off for every note that is on, for a port that is gone.
    fn release_notes(&mut self) {
        self.context.inbox.push(Instant::now(), std::mem::take(&mut self.held).into_iter().map(off));
    }
}

/// The event of a key that is released.
fn off((channel, number): (u8, u8)) -> input::Event {
    input::Event::Note { channel, number, velocity: 0.0 }
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
pub(super) fn follow(wanted: &MidiInputs, context: &DeviceContext) -> Option<Worker> {
    let (wanted, name) = match wanted {
        MidiInputs::None => return None,
        MidiInputs::All => (String::new(), "MIDI".to_owned()),
        MidiInputs::Named(text) => (text.clone(), format!("MIDI with {text:?} in its name")),
    };
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
        input.ignore(Ignore::All);
        let receive = |micros, bytes: &[u8], port: &mut Port| port.receive(micros, bytes);
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
    Ok(midi_ports::names(&midi_ports::client(MidiInput::new)?).into_keys().collect())
}

/// The names of the MIDI outputs.
///
/// # Errors
///
/// Fails if the system has no MIDI; the message has the next step.
pub fn outputs() -> Result<Vec<String>, DeviceError> {
    Ok(midi_ports::names(&midi_ports::client(MidiOutput::new)?).into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(bytes: &[u8]) -> (Vec<Event>, usize) {
        let (mut parser, mut events, mut stray) = (Parser::default(), Vec::new(), 0);
        for &byte in bytes {
            match parser.feed(byte) {
                Step::Event(event) => events.push(event),
                Step::Stray => stray += 1,
                Step::Nothing => {}
            }
        }
        (events, stray)
    }

    fn cc(channel: u8, number: u8, value: u8) -> Event {
        Event::Cc { channel, number, value }
    }

    fn note(channel: u8, number: u8, velocity: u8) -> Event {
        Event::Note { channel, number, velocity }
    }

    #[test]
    fn messages_are_read() {
        assert_eq!(events(&[0xB0, 1, 64]).0, [cc(1, 1, 64)]);
        assert_eq!(events(&[0xBF, 127, 127]).0, [cc(16, 127, 127)]);
        assert_eq!(
            events(&[0x92, 60, 100, 0x82, 60, 64, 0x92, 61, 0]).0,
            [note(3, 60, 100), note(3, 60, 0), note(3, 61, 0)]
        );
        assert_eq!(events(&[0xB4, 123, 0]).0, [Event::AllNotesOff { channel: 5 }]);
    }

    #[test]
    fn running_status_clock_and_other_messages_are_no_trouble() {
        assert_eq!(events(&[0xB0, 1, 0xF8, 2, 1, 3, 0xFE]).0, [cc(1, 1, 2), cc(1, 1, 3)]);
        let others = [0xE0, 1, 2, 0xC0, 5, 6, 0xD0, 7, 0xA0, 1, 2, 0xF0, 0x7E, 1, 2, 3, 4, 5, 0xF7];
        assert_eq!(events(&others), (vec![], 0));
        assert_eq!(events(&[1, 2, 3, 0xB0, 4, 5]), (vec![cc(1, 4, 5)], 3));
    }

    #[test]
    fn messages_move_controls_and_keys() {
        let context = DeviceContext::default();
        let mut port = Port::new(context.clone(), context.light(Kind::Midi, "keys"));
        let notes =
            || -> Vec<_> { context.inbox.latest().notes().map(|(key, state)| (key, state.held().velocity)).collect() };
        port.receive(0, &[0xB1, 7, 127, 0x90, 60, 127, 0x90, 62, 1, 5]);
        assert_eq!(context.inbox.latest().cc((2, 7)).and_then(input::Control::last), Some(1.0));
        assert_eq!(notes(), [((1, 60), 1.0), ((1, 62), 1.0 / 127.0)]);
        port.receive(10, &[0x80, 60, 0]);
        assert_eq!(notes().len(), 1);
        port.receive(20, &[0x91, 10, 9, 0xB0, 123, 0]);
        assert_eq!(notes(), [((2, 10), 9.0 / 127.0)]);
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

    proptest! {
        #[test]
        fn any_bytes_give_numbers_in_range(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let context = DeviceContext::default();
            let mut port = Port::new(context.clone(), context.light(Kind::Midi, "noise"));
            port.receive(0, &bytes);
            let controls = context.inbox.latest();
            let ccs = controls.ccs().filter_map(|(key, control)| Some((key, control.last()?)));
            let notes = controls.notes().map(|(key, state)| (key, state.held().velocity));
            for ((channel, number), value) in ccs.chain(notes) {
                prop_assert!((1..=16).contains(&channel) && number < 128 && (0.0..=1.0).contains(&value));
            }
        }
    }
}
