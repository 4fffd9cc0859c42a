//! Messages as they are kept for a person to read. Their text is written when it is read.

use std::borrow::Cow;
use std::fmt;

use bendrack_nodes::choice::Choice as _;
use bendrack_nodes::input::{ControlName, Event};

/// The most bytes of a message or its quote that are kept.
const MOST_BYTES: usize = 120;
/// The most numbers of a message in its text.
const MOST_NUMBERS: usize = 16;

/// A message that a device sent, or that it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    /// An event of MIDI or OSC.
    Event(Event),
    /// A line of a board.
    Line(Box<[u8]>),
    /// The level of sound; 1 for a sine at full scale.
    Level(f32),
    /// The count of messages in a bundle.
    Messages(usize),
    /// The count of levels in a frame of light.
    Levels(usize),
    /// A MIDI message.
    Bytes([u8; 3]),
    /// All notes off, of this channel.
    AllNotesOff(u8),
}

impl Message {
    /// A line of a board, of which the beginning is kept.
    pub(super) fn line(line: &[u8]) -> Self {
        Self::Line(beginning(line))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => write_event(f, event),
            Self::Line(line) => f.write_str(String::from_utf8_lossy(line).trim()),
            Self::Level(level) => write!(f, "{:.0} dB", 20.0 * level.log10()),
            Self::Messages(1) => f.write_str("1 message"),
            Self::Messages(count) => write!(f, "{count} messages"),
            Self::Levels(count) => write!(f, "{count} levels"),
            Self::Bytes(bytes) => write!(f, "{bytes:02X?}"),
            Self::AllNotesOff(channel) => write!(f, "channel {channel} all notes off"),
        }
    }
}

fn write_event(f: &mut fmt::Formatter<'_>, event: &Event) -> fmt::Result {
    let Event::Control { control, numbers } = event else { return f.write_str("sound") };
    let first = numbers.first().copied().unwrap_or_default();
    // A value of MIDI is a part of 127, or finer.
    let midi = (first * 127.0 * 100.0).round() / 100.0;
    if let Some(channel) = control.name.channel() {
        write!(f, "channel {channel} ")?;
    }
    match control.name {
        ControlName::Cc { number, .. } => write!(f, "controller {number}: {midi}"),
        ControlName::Note { number, .. } if first <= 0.0 => write!(f, "note {number} off"),
        ControlName::Note { number, .. } => write!(f, "note {number} on, velocity {midi}"),
        ControlName::PitchBend { .. } => write!(f, "pitch bend {first:.3}"),
        ControlName::Pressure { .. } => write!(f, "pressure {midi}"),
        ControlName::KeyPressure { number, .. } => write!(f, "pressure of note {number}: {midi}"),
        ControlName::Program { .. } => write!(f, "program {first}"),
        ControlName::Nrpn { number, .. } => write!(f, "NRPN {number}: {midi}"),
        ControlName::Rpn { number, .. } => write!(f, "RPN {number}: {midi}"),
        ControlName::Gamepad { part } => write!(f, "{} {first:.3}", part.name().replace('_', " ")),
        ControlName::Key { .. } => write!(f, "{} {}", control.name, if first >= 0.5 { "down" } else { "up" }),
        ControlName::Online => f.write_str(if first >= 0.5 { "online" } else { "gone" }),
        ControlName::Clock => {
            write!(f, "clock")?;
            let names = ["beats per minute", "beat", "running"];
            numbers.iter().zip(names).try_for_each(|(number, name)| write!(f, ", {name} {number:.2}"))
        }
        ControlName::Osc { address: ref name } | ControlName::Sensor { ref name } => {
            f.write_str(name)?;
            numbers.iter().take(MOST_NUMBERS).try_for_each(|number| write!(f, " {number}"))?;
            f.write_str(if numbers.len() > MOST_NUMBERS { " …" } else { "" })
        }
    }
}

/// A message that could not be read or sent: the reason, and the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    reason: Cow<'static, str>,
    quote: Box<[u8]>,
}

impl Problem {
    /// A problem with the message that has it, of which the beginning is kept.
    pub(super) fn of(reason: impl Into<Cow<'static, str>>, message: &[u8]) -> Self {
        Self { reason: reason.into(), quote: beginning(message) }
    }
}

impl From<&'static str> for Problem {
    fn from(reason: &'static str) -> Self {
        Self::of(reason, b"")
    }
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self::of(reason, b"")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        let quote = String::from_utf8_lossy(&self.quote);
        // A packet ends in zeros.
        let quote = quote.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if quote.is_empty() { Ok(()) } else { write!(f, ": {quote}") }
    }
}

fn beginning(message: &[u8]) -> Box<[u8]> {
    message[..message.len().min(MOST_BYTES)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_came_and_a_problem_with_its_reason() {
        let osc = |count: usize| Event::osc("/a", &vec![0.5; count]);
        let note = |velocity| Event::note(10, 36, velocity);
        let table: [(Message, &str); 10] = [
            (Message::Event(osc(0)), "/a"),
            (Message::Event(osc(2)), "/a 0.5 0.5"),
            (Message::Event(Event::cc(1, 7, 64.0 / 127.0)), "channel 1 controller 7: 64"),
            (Message::Event(note(1.0)), "channel 10 note 36 on, velocity 127"),
            (Message::Event(note(0.0)), "channel 10 note 36 off"),
            (Message::AllNotesOff(3), "channel 3 all notes off"),
            (Message::line(b"touch 0.5\r"), "touch 0.5"),
            (Message::Level(0.1), "-20 dB"),
            (Message::Messages(1), "1 message"),
            (Message::Bytes([0x90, 60, 127]), "[90, 3C, 7F]"),
        ];
        for (message, text) in table {
            assert_eq!(message.to_string(), text);
        }
        assert_eq!(Message::Event(osc(100)).to_string().len(), "/a".len() + 16 * " 0.5".len() + " …".len());
        assert_eq!(Problem::of("no number", b" 512\r\n").to_string(), "no number: 512");
        assert_eq!(Problem::from("a line that is too long").to_string(), "a line that is too long");
        assert_eq!(Problem::of("bad", &[0xff; 5000]).to_string().chars().count(), "bad: ".len() + MOST_BYTES);
    }
}
