//! The light of a device: its colour, its sentence and its counts.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The time for which a loss keeps a light yellow.
const LOSS: Duration = Duration::from_secs(10);

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A MIDI input.
    Midi,
    /// A MIDI output.
    MidiOut,
    /// An audio input.
    Audio,
    /// An address that receives OSC.
    OscIn,
    /// An address that OSC goes to.
    OscOut,
    /// A serial port.
    Serial,
    /// Lamps or LEDs that levels go to.
    Lamps,
    /// A gamepad.
    Gamepad,
    /// The computer's keyboard.
    Keyboard,
}

impl Kind {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Midi => "MIDI",
            Self::MidiOut => "MIDI out",
            Self::Audio => "audio",
            Self::OscIn => "OSC",
            Self::OscOut => "OSC out",
            Self::Serial => "serial",
            Self::Lamps => "light",
            Self::Gamepad => "gamepad",
            Self::Keyboard => "keyboard",
        }
    }

    /// The name of one of its messages, and of several.
    const fn unit(self) -> (&'static str, &'static str) {
        match self {
            Self::Serial => ("line", "lines"),
            Self::OscOut => ("bundle", "bundles"),
            Self::Audio => ("level", "levels"),
            Self::Lamps => ("frame", "frames"),
            Self::Midi | Self::MidiOut | Self::OscIn | Self::Gamepad | Self::Keyboard => ("message", "messages"),
        }
    }

    /// True if bendrack sends to the device.
    const fn is_output(self) -> bool {
        matches!(self, Self::MidiOut | Self::OscOut | Self::Lamps)
    }
}

/// The state of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Open.
    Open,
    /// Open, and a board that greets has sent nothing for a second.
    Silent,
    /// Missing; it opens as soon as it appears.
    Waiting,
    /// Present, but not usable: the reason, and the next step. The device is tried again.
    Failed(String),
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Open => "open",
            Self::Silent => "silent",
            Self::Waiting => "waiting",
            Self::Failed(_) => "failed",
        })
    }
}

/// The colour of a light. docs/devices.md has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Open, and a message came.
    Green,
    /// Waiting, silent, invalid or losing.
    Yellow,
    /// Failed.
    Red,
}

impl Colour {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// Counts of a device since bendrack opened it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Messages that were read or sent.
    pub messages: u64,
    /// Messages that could not be read or sent.
    pub errors: u64,
    /// Packets that the system dropped; none where it does not count them.
    pub lost: Option<u64>,
    /// Names of controls that lost their place to a new one.
    pub evicted: u64,
    /// Events of a new name that had no place.
    pub refused: u64,
    /// Events beyond 64 of a control within a quarter of a second of the clock.
    pub excess: u64,
    /// Events that were dropped because too many waited for the engine.
    pub dropped: u64,
}

/// A text with the time since it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dated {
    /// The text.
    pub text: String,
    /// Seconds since then.
    pub secs_ago: f64,
}

/// The light of a device, at the time at which it was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Light {
    /// The kind of device.
    pub kind: Kind,
    /// Its name or address.
    pub name: String,
    /// The colour.
    #[serde(rename = "light")]
    pub colour: Colour,
    /// The state.
    pub state: State,
    /// The reason for the colour; with a failure, also the next step.
    pub reason: String,
    /// Advice that has no effect on the colour.
    pub advice: Option<String>,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// The last message.
    pub last_message: Option<Dated>,
    /// The last message that could not be read or sent: the problem, then the message.
    pub last_error: Option<Dated>,
}

impl Light {
    /// Its name for people. An address alone does not show its kind.
    pub fn title(&self) -> String {
        match self.kind {
            Kind::OscIn | Kind::OscOut => format!("{} {}", self.kind.title(), self.name),
            _ => self.name.clone(),
        }
    }

    /// The counts above 0 as a sentence, such as `12 lines, 1 error`.
    pub fn counted(&self) -> String {
        let Counts { messages, errors, lost, evicted, refused, excess, dropped } = self.counts;
        let unit = self.kind.unit();
        let counted = [
            (errors, "error", "errors"),
            (lost.unwrap_or_default(), "packet lost", "packets lost"),
            (evicted, "name evicted", "names evicted"),
            (refused, "event refused", "events refused"),
            (excess, "event in excess", "events in excess"),
            (dropped, "event dropped", "events dropped"),
        ];
        let counted = counted.into_iter().filter(|(count, ..)| *count > 0);
        let all = std::iter::once((messages, unit.0, unit.1)).chain(counted);
        let texts = all.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// The reason for the colour of a light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason<'a> {
    Failed(&'a str),
    Waiting,
    /// Something was lost in the last seconds.
    Losing,
    /// Every message so far could not be read or sent.
    Invalid,
    /// A board that greets stopped.
    Stopped,
    Silent,
    Works,
}

impl<'a> Reason<'a> {
    /// The reason, by the first row of the table in docs/devices.md that holds.
    fn of(state: &'a State, counts: &Counts, since_loss: Option<Duration>) -> Self {
        match state {
            State::Failed(reason) => Self::Failed(reason),
            State::Waiting => Self::Waiting,
            State::Silent => Self::Stopped,
            State::Open if since_loss.is_some_and(|time| time < LOSS) => Self::Losing,
            State::Open if counts.messages > 0 => Self::Works,
            State::Open if counts.errors > 0 => Self::Invalid,
            State::Open => Self::Silent,
        }
    }

    const fn colour(self) -> Colour {
        match self {
            Self::Failed(_) => Colour::Red,
            Self::Waiting | Self::Losing | Self::Invalid | Self::Stopped | Self::Silent => Colour::Yellow,
            Self::Works => Colour::Green,
        }
    }

    fn sentence(self, kind: Kind) -> String {
        let (one, _) = kind.unit();
        match self {
            Self::Failed(reason) => reason.to_owned(),
            Self::Waiting => "waiting for the device; connect it, `bendrack devices` lists names".to_owned(),
            Self::Stopped => {
                "open, and the board is silent; check its program, its cable and its power, or reset it".to_owned()
            }
            Self::Losing if kind == Kind::Serial => {
                "lines were lost in the last ten seconds; send fewer, or read them faster on the board".to_owned()
            }
            Self::Losing => {
                "messages were lost in the last ten seconds; send fewer at once, or raise net.core.rmem_max".to_owned()
            }
            Self::Invalid if kind.is_output() => {
                format!("open, and no {one} could be sent so far; check the address and the network")
            }
            Self::Invalid if kind == Kind::Serial => {
                "open, and every line so far is invalid; check --baud, and docs/devices.md for the form of a line"
                    .to_owned()
            }
            Self::Invalid => format!("open, and every {one} so far is invalid"),
            Self::Silent if kind.is_output() => format!("open, and no {one} was sent yet"),
            Self::Silent if kind == Kind::OscIn => {
                format!("open, and no {one} came yet; check the sender's address and port, and the firewall")
            }
            Self::Silent => format!("open, and no {one} came yet"),
            Self::Works => "works".to_owned(),
        }
    }
}

/// The colour of a light, and the reason for it.
pub(super) fn colour(kind: Kind, state: &State, counts: &Counts, since_loss: Option<Duration>) -> (Colour, String) {
    let reason = Reason::of(state, counts, since_loss);
    (reason.colour(), reason.sentence(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the table of docs/devices.md.
    #[test]
    fn colours_are_those_of_the_table() {
        let (open, secs) = (State::Open, |secs| Some(Duration::from_secs(secs)));
        let counts = |messages, errors| Counts { messages, errors, ..Counts::default() };
        let failed = State::Failed("in use; close the other program".to_owned());
        for (state, counts, since_loss, expected, words) in [
            (&open, counts(1, 0), None, Colour::Green, "works"),
            (&open, counts(1, 5000), None, Colour::Green, "works"),
            (&open, counts(1, 0), secs(10), Colour::Green, "works"),
            (&open, counts(0, 0), None, Colour::Yellow, "no line came yet"),
            (&open, counts(0, 3), None, Colour::Yellow, "every line so far is invalid"),
            (&open, counts(9, 0), secs(9), Colour::Yellow, "lost"),
            (&open, counts(0, 3), secs(9), Colour::Yellow, "lost"),
            (&State::Waiting, counts(9, 0), None, Colour::Yellow, "waiting"),
            (&State::Silent, counts(9, 0), None, Colour::Yellow, "the board is silent"),
            (&failed, counts(9, 0), secs(1), Colour::Red, "close the other program"),
        ] {
            let (colour, reason) = colour(Kind::Serial, state, &counts, since_loss);
            assert_eq!(colour, expected, "{state:?} {counts:?} {since_loss:?}");
            assert!(reason.contains(words), "{reason}");
        }
        assert!(colour(Kind::OscOut, &open, &counts(0, 0), None).1.contains("no bundle was sent yet"));
    }

    #[test]
    fn a_light_is_written_as_json_with_every_count() {
        let light = Light {
            kind: Kind::OscIn,
            name: "127.0.0.1:9000".to_owned(),
            colour: Colour::Yellow,
            state: State::Failed("no".to_owned()),
            reason: "no".to_owned(),
            advice: None,
            counts: Counts { messages: 1, errors: 2, lost: Some(3), evicted: 4, refused: 5, excess: 6, dropped: 7 },
            last_message: Some(Dated { text: "/a 1".to_owned(), secs_ago: 0.5 }),
            last_error: None,
        };
        let expected = serde_json::json!({
            "kind": "osc_in", "name": "127.0.0.1:9000", "light": "yellow", "state": "failed", "reason": "no", "advice": null,
            "messages": 1, "errors": 2, "lost": 3, "evicted": 4, "refused": 5, "excess": 6, "dropped": 7,
            "last_message": { "text": "/a 1", "secs_ago": 0.5 }, "last_error": null
        });
        assert_eq!(serde_json::to_value(&light).expect("JSON"), expected);
        assert_eq!(
            light.counted(),
            "1 message, 2 errors, 3 packets lost, 4 names evicted, 5 events refused, 6 events in excess, 7 events dropped"
        );
    }
}
